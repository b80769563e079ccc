"""What changed between two runs, or between two models of one run: `eyechart compare`."""
