"""How much worse than a baseline a checkpoint may be: a margin for each measure, with its reason."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Container, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import Field, model_validator

from eyechart.entries import Entry
from eyechart.errors import NotApplicableError, nearest


@dataclass(frozen=True, slots=True)
class Margin:
    """A loss that does not matter yet, in the measure's own unit, and why."""

    amount: float
    reason: str


_POINT = "one point is the smallest loss that users of a classifier report"

DEFAULTS: Mapping[str, Margin] = {
    "top1": Margin(0.01, _POINT),
    "top1_drop": Margin(0.01, "a change may cost one point of accuracy more than it did: as much as accuracy itself"),
    "worst_top1_drop": Margin(0.02, "the worst of several changes varies more than one of them"),
    "top1_drop_between_sets": Margin(0.02, "the sets show other images, so that their difference varies more"),
    "top1_by_level": Margin(0.01, _POINT),
    "worst_level_top1": Margin(0.02, "the worst of several levels varies more than one of them"),
    "worst_factor_top1": Margin(0.02, "the worst factor has few images; two points are what a larger one can show"),
    "top1_over_guessing": Margin(0.01, "what a guess gets right is the same for both: as much as accuracy itself"),
    "mean_top1": Margin(0.01, "one point on the mean of all tasks; a single one may lose more"),
    "agreement": Margin(0.01, "one more changed answer in a hundred is as visible as one point of accuracy"),
    "least_agreement": Margin(0.02, "the worst of several changes varies more than one of them"),
    "ece": Margin(0.01, "a fifth of the bound that a calibrated checkpoint keeps, 0.05"),
    "confidence_gap": Margin(0.01, _POINT.replace("loss", "gap")),
    "factor_error": Margin(0.02, "factors have few images; two points are what the largest of them can show"),
    "mean_corruption_error": Margin(0.01, _POINT),
    "mce": Margin(0.01, "one percent of AlexNet's errors"),
    "error_ratio": Margin(0.1, "a tenth of the whole set's error rate"),
    "mean_error_ratio": Margin(0.1, "a tenth of the whole set's error rate, as for one factor"),
    "factor_lead": Margin(0.2, "a lead is a difference of error ratios, each of which may move by a tenth"),
    "shape_bias": Margin(0.05, "two trainings of one recipe differ by a few points"),
    "cue_decisions": Margin(0.05, "two trainings of one recipe differ by a few points"),
    "error_consistency": Margin(0.05, "two trainings of one recipe differ by a few points"),
}
"""Margins where `models.yaml` gives none, by the name of the measure.

`ece` stands for all `ece_…`, and a measure for the lead of one checkpoint over another in it (`top1` for `top1_lead`).
"""

SHARES = frozenset(
    ("top1", "top1_drop", "worst_top1_drop", "agreement", "least_agreement", "ece", "confidence_gap", "factor_error",
     "mean_corruption_error", "shape_bias", "cue_decisions", "top1_drop_between_sets", "top1_by_level",
     "worst_level_top1", "worst_factor_top1", "top1_over_guessing", "mean_top1")
)  # fmt: skip
"""Measures that lie between 0 and 1 (or -1 and 1), so that a margin of 1 or more is a mistake in its unit."""


class MarginEntry(Entry):
    """`margins: {top1: {margin: 0.005, reason: "…"}}` of a zoo in `models.yaml`."""

    margin: float = Field(gt=0.0, allow_inf_nan=False)
    reason: str = Field(min_length=1)

    @model_validator(mode="before")
    @classmethod
    def _right_way_round(cls, data: Any) -> Any:
        margin = data.get("margin") if isinstance(data, Mapping) else None
        if isinstance(margin, (int, float)) and not margin > 0:
            raise ValueError(
                f"a margin is how much worse than the baseline is still allowed: expected more than 0, found {margin}. "
                "(No number of images can show that a checkpoint is not worse at all.)"
            )
        return data


def check_margins(margins: Mapping[str, MarginEntry]) -> None:
    """Raise ValueError for a margin of a share that is written in points, and for a misspelled measure.

    A project may have measures of its own, so only a name that nearly is one of `DEFAULTS` is taken for a mistake.
    """
    for measure, entry in margins.items():
        if is_share(measure) and entry.margin >= 1.0:
            raise ValueError(
                f"{measure} is a share, so its margin is one too: expected less than 1, found {entry.margin:g} "
                f"(is {entry.margin / 100:g} meant, which is {entry.margin:g} points?)"
            )
        if _named(measure, DEFAULTS) is None and difflib.get_close_matches(measure, DEFAULTS, cutoff=0.8):
            raise ValueError(f"margins: no measure is called {measure!r}; {nearest(measure, DEFAULTS)}")


def unused(margins: Collection[str], measures: Iterable[str]) -> list[str]:
    """Names of `margins` that none of these measures goes by, so that they decided nothing."""
    used = {_named(measure, margins) for measure in measures}
    return [name for name in margins if name not in used]


def is_share(measure: str) -> bool:
    """Whether a measure is a share of images, so that a hundredth of it is a point."""
    return _named(measure, SHARES) is not None


def margin_of(measure: str, own: Mapping[str, MarginEntry]) -> Margin:
    """Margin of a measure: the zoo's own, or the default.

    Raises NotApplicableError for a measure that has neither: a margin is a decision, and cannot be guessed.
    """
    name = _named(measure, own)
    if name is not None:
        return Margin(own[name].margin, own[name].reason)
    name = _named(measure, DEFAULTS)
    if name is None:
        raise NotApplicableError(
            f"no margin says how much worse than the baseline {measure!r} may be; "
            f"declare it in models.yaml: margins: {{{measure}: {{margin: …, reason: …}}}}"
        )
    return DEFAULTS[name]


def _named(measure: str, names: Container[str]) -> str | None:
    """Name that a measure goes by among `names`: its own, or what it leads in, or `ece` for all calibration errors."""
    of_one = measure.removesuffix("_lead")
    family = "ece" if of_one.startswith("ece_") else of_one
    return next((name for name in (measure, of_one, family) if name in names), None)
