"""What a run leaves for people and programs: `verdicts.json`, the matrix and the pages."""
