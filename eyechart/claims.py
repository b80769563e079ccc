"""What behaviors are declared with: the roles of image sets, and `needs`. A door to `eyechart.judge.claims`."""

from eyechart.judge.claims import (
    Grid,
    corrupted,
    cue_conflict,
    factors,
    needs,
    relabeled,
    shifted,
    synthetic,
    transfer,
    validation,
)

__all__ = [
    "Grid",
    "corrupted",
    "cue_conflict",
    "factors",
    "needs",
    "relabeled",
    "shifted",
    "synthetic",
    "transfer",
    "validation",
]
