"""Pages that open from disk: what was found, on which data, and how sure it is."""
