"""How a behavior says what it needs: roles of image sets, views, a contract. Names only; nothing is loaded here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from eyechart.views import ORIGINAL, View
from eyechart.zoo import Role

validation = Role.VALIDATION
shifted = Role.SHIFTED

Behavior = TypeVar("Behavior", bound=Callable[..., object])


@dataclass(frozen=True, slots=True)
class Needs:
    """What one behavior needs of every model: image sets of these roles, each under these views."""

    roles: tuple[Role, ...]
    views: tuple[View, ...]
    contract: str


def needs(*roles: Role, views: Sequence[View] = (), contract: str = "") -> Callable[[Behavior], Behavior]:
    """Declare what a behavior needs; it becomes one claim for each model × image set of a role × view.

    With `contract`, the claim is about that contract's outcome on the image set.
    """

    def declare(behavior: Behavior) -> Behavior:
        behavior.needs = Needs(roles, tuple(views), contract)  # type: ignore[attr-defined]  # read by `needs_of`
        return behavior

    return declare


def needs_of(behavior: Callable[..., object]) -> Needs | None:
    """What `needs` declared, or None for a test that is no behavior."""
    found = getattr(behavior, "needs", None)
    return found if isinstance(found, Needs) else None


@dataclass(frozen=True, slots=True)
class Claim:
    """One behavior, about one model, on one image set under one view.

    `behavior` is the test's id without the model: `test_calibration.py::test_confidence_matches_accuracy[sketch]`.
    `versus` names the baseline where the claim is the twin, that this model is no worse than it.
    """

    model: str
    behavior: str
    image_set: str
    view: str = str(ORIGINAL)
    contract: str = ""
    sentence: str = ""
    versus: str | None = None

    @property
    def property(self) -> str:
        """The property judged: the behavior's file, `test_calibration.py` → `calibration`."""
        return self.behavior.partition(".py")[0].removeprefix("test_")
