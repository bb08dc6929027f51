"""CrisisWeave: reproducible, explainable classification of crisis tweets with images."""

__version__ = "0.1.0"
