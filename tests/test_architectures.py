"""Logits are those of the library's own model behind its own transform; docs/architectures.md has the long table."""

from __future__ import annotations

import pytest

from benchmarks.architectures import APART, TOLERANCE, compared


@pytest.mark.slow
def test_logits_are_the_librarys_own():
    """Of a transformer with a wider head, and of a network whose images are squashed: far apart, and told alike."""
    entries = ["vit_tiny_patch16_224.augreg_in21k", "convnextv2_nano.fcmae_ft_in22k_in1k_384"]
    for entry, difference, apart, _ in compared(entries):
        assert difference < TOLERANCE, entry
        assert apart > APART, entry
