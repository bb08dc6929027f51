"""Images: checking and decoding hostile files, and the memory-mapped store that every method reads."""
