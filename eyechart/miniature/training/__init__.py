"""Trains the models of the miniature zoo; nothing that judges imports it."""
