"""Fetching: the one part of the project that goes to the network, and what says what is here.

Data come by the registry (`config/sources/`), weights by pinned revision. Everything is verified before it is
put in place, by a rename.
"""
