"""How Hypothesis explores here: the same examples every time, shrunk, so that a verdict never depends on luck."""

from __future__ import annotations

from hypothesis import HealthCheck, Phase, settings


def steady(examples: int) -> settings:
    """Settings for at most so many examples: nothing is drawn by chance, remembered, or given up for being slow."""
    return settings(
        derandomize=True, database=None, deadline=None, max_examples=examples, print_blob=False,
        phases=[Phase.explicit, Phase.generate, Phase.shrink], suppress_health_check=list(HealthCheck),
    )  # fmt: skip
