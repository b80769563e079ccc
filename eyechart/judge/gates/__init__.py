"""Gates: what turns measurements into a decision somebody can rely on.

Baselines and margins, stopping early, what a run can decide before it starts, tighter bounds after it. Plain functions
of stored predictions; nothing here runs a model or knows pytest.
"""
