"""Data sets: one loader per published format, all giving the same table (`tables.Instance`)."""
