"""Joint encoders before any label is seen: trained on pairs of text and image, or taken from a hub."""
