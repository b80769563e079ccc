"""Checkpoints: where they come from, what preprocessing they own, and how their answers are read out."""
