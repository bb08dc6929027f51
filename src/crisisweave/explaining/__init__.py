"""The steps that explain trained runs and score their explanations."""
