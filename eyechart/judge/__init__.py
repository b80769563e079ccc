"""Claims, the evidence they are decided by, verdicts and gates."""
