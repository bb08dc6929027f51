"""Classes for new tweets: a trained run or an exported folder in, class and probabilities out."""

from crisisweave.prediction.folder import load

__all__ = ["load"]
