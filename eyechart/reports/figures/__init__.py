"""Figures of a run: rows of numbers first, kept as CSV, then drawings of those rows alone."""
