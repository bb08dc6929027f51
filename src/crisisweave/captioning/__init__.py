"""Captioning: image features → prefix → causal language model → candidates → the one nearest to the image."""
