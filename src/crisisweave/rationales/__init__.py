"""Rationales: the words and the image patches on which a class is decided."""
