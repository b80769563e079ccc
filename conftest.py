"""Pytest's door in a clone: everything behind it is the plugin that an installed Eyechart has too."""

pytest_plugins = ["eyechart.fixtures.plugin"]
