"""Encoders by name: text and image encoders with their tokenizer and transform."""
