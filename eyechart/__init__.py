"""Behavior tests for vision models: what unit tests are to code, for a checkpoint."""
