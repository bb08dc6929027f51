"""Balancing of modalities in training, and measures of how a model uses them (thesis, chapter 5)."""
