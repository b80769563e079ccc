"""Predictions made elsewhere: the files people publish them in, and the tables and image sets they make."""
