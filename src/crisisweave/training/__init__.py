"""The one training loop, and the steps that train and score."""
