"""Scores, calibration, intervals, paired tests, tables and the leakage audit."""
