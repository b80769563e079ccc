"""Proof of the harness: the judge is judged here, on models known to be bad."""
