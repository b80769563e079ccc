"""How a behavior says what it needs: roles of image sets, views, parts, a contract. Names only; nothing is loaded."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Literal, TypeVar

from eyechart.images.views import ORIGINAL, View
from eyechart.predict.needs import Need
from eyechart.zoo.zoo import Role, Zoo

validation = Role.VALIDATION
shifted = Role.SHIFTED
relabeled = Role.RELABELED
corrupted = Role.CORRUPTED
cue_conflict = Role.CUE_CONFLICT
factors = Role.FACTORS
synthetic = Role.SYNTHETIC
transfer = Role.TRANSFER

Behavior = TypeVar("Behavior", bound=Callable[..., object])
Each = Literal["", "factor", "category", "corruption", "group"]
Pairs = Sequence[tuple[str, str]]
"""(the model that a claim is about, the one it is compared with)"""

LIVE = "checkpoint"
"""The fixture that a behavior asks for to judge by itself what the loaded model does."""

PREDICTED = frozenset({"evidence", "other", "contract"})
"""Fixtures that hand out what the predict phase left."""

EVERYTHING = "all"
"""The group of all transfer tasks, where there are several groups."""


@dataclass(frozen=True, slots=True)
class Grid:
    """Views at several amounts: this project's, and the paper's for zoos with `protocol: {views: paper}`."""

    usual: tuple[View, ...]
    paper: tuple[View, ...]

    def of(self, zoo: Zoo) -> tuple[View, ...]:
        """The views that a zoo is judged under."""
        return self.paper if zoo.protocol.views == "paper" else self.usual


@dataclass(frozen=True, slots=True)
class Needs:
    """What one behavior needs of every model; see `needs`."""

    roles: tuple[Role, ...]
    views: Grid
    together: bool
    contract: str
    each: Each
    search: str
    pairs: bool
    between: tuple[tuple[str, str], ...]
    about: tuple[str, ...]
    sets: tuple[str, ...]
    label_space: str
    twin: bool
    since: int
    until: int | None

    @property
    def finding(self) -> bool:
        """Whether it is about models by name, and so only about zoos that hold them."""
        return bool(self.between or self.about)


def needs(
    *roles: Role,
    views: Sequence[View] | Grid = (),
    together: bool = False,
    contract: str = "",
    each: Each = "",
    search: str = "",
    pairs: bool = False,
    between: Pairs = (),
    about: Sequence[str] = (),
    sets: Sequence[str] = (),
    label_space: str = "",
    twin: bool = True,
    since: int = 1,
    until: int | None = None,
) -> Callable[[Behavior], Behavior]:
    """Declare what a behavior needs; it becomes one claim for each model × image set of a role, or with none a model.

    views        one claim for each of these views, or with `together` one about all of them
    contract     the claim is about that contract's outcome on the image set
    each         one claim for each factor, category or corruption of an image set, or for each group of transfer tasks
    search       the claim is about the smallest change that breaks the bound in this text: `shift > 0.05`
    pairs        one claim for each two models of a zoo
    between      one claim for each of these pairs of models, in zoos that say which findings they are about
    about        likewise for single models
    sets         only image sets of these names
    label_space  only image sets in this label space
    twin         whether it is compared with a baseline; False where another behavior's comparison says the same
    since, until  of a shipped behavior: the first and the last version of the suite that it is of
    """
    grid = views if isinstance(views, Grid) else Grid(tuple(views), tuple(views))

    def declare(behavior: Behavior) -> Behavior:
        named = (tuple(between), tuple(about), tuple(sets))
        behavior.needs = Needs(  # type: ignore[attr-defined]  # read by `needs_of`
            roles, grid, together, contract, each, search, pairs, *named, label_space, twin, since, until
        )
        return behavior

    return declare


def needs_of(behavior: Callable[..., object]) -> Needs | None:
    """What `needs` declared, or None for a test that is no behavior."""
    declared = getattr(behavior, "needs", None)
    return declared if isinstance(declared, Needs) else None


@dataclass(frozen=True, slots=True)
class Subject:
    """What one claim is about, whichever model: an image set, a part of it, views, and perhaps a second model.

    `sets` are the image sets of a group; `only` the models it is about, or empty for all; `reference` the set of
    unchanged images that a shifted one is compared with.
    """

    image_set: str | None
    part: str = ""
    views: tuple[str, ...] = ()
    versus: str | None = None
    only: tuple[str, ...] = ()
    sets: tuple[str, ...] = ()
    reference: str = ""

    def is_about(self, model: str) -> bool:
        """Whether the claim is made of this model."""
        return not self.only or model in self.only

    @property
    def name(self) -> str:
        """`imagenet-x-texture`: what stands in the brackets of a test's id, behind the model."""
        views = self.views if len(self.views) == 1 else ()
        second = [f"vs-{self.versus}"] if self.versus else []
        return "-".join([*filter(None, [self.image_set, self.part]), *views, *second])


def subjects(declared: Needs, zoo: Zoo, *, with_reference: bool = False) -> list[Subject]:
    """List what a behavior makes claims about in a zoo, whichever model; nothing where the zoo has no such role."""
    version = zoo.behaviors.version
    if (declared.finding and zoo.findings is None) or not declared.since <= version <= (declared.until or version):
        return []
    names = [name for name in zoo.sets_with(declared.roles) if _fits(declared, zoo, name)]
    about = _groups(zoo, names) if declared.each == "group" else [Subject(name) for name in names]
    if not declared.roles:
        about = [Subject(None)]
    if declared.each and declared.each != "group":
        about = [Subject(name, part) for name in names for part in zoo.parts(name, declared.each)]
    if with_reference:
        about = [replace(one, reference=zoo.reference(one.image_set or "")) for one in about]
        about = [one for one in about if one.reference]
    views = tuple(map(str, declared.views.of(zoo)))
    if views:
        choices = [views] if declared.together else [(view,) for view in views]
        about = [replace(one, views=choice) for one in about for choice in choices]
    if declared.pairs or declared.between:
        pairs = declared.between or [(second, first) for first, second in combinations(zoo.judged, 2)]
        present = [(first, second) for first, second in pairs if {first, second} <= set(zoo.models)]
        seconds = dict.fromkeys(second for _, second in present)
        firsts = {name: tuple(first for first, second in present if second == name) for name in seconds}
        return [replace(one, versus=second, only=firsts[second]) for one in about for second in seconds]
    return [replace(one, only=declared.about) for one in about]


def _fits(declared: Needs, zoo: Zoo, name: str) -> bool:
    named = not declared.sets or name in declared.sets
    return named and (not declared.label_space or zoo.space_name(name) == declared.label_space)


def _groups(zoo: Zoo, names: Sequence[str]) -> list[Subject]:
    groups = dict.fromkeys(filter(None, (zoo.image_sets[name].group for name in names)))
    grouped = [
        Subject(None, group, sets=tuple(n for n in names if zoo.image_sets[n].group == group)) for group in groups
    ]
    return grouped if len(grouped) == 1 or not names else [*grouped, Subject(None, EVERYTHING, sets=tuple(names))]


@dataclass(frozen=True, slots=True)
class Claim:
    """One behavior, about one model and one subject.

    `behavior` is the test's id without the model: `test_calibration.py::test_confidence_matches_accuracy[sketch]`.
    `versus` names the second model that a claim compares with. In the twin of a claim (`twin`) that is the baseline,
    and the claim is that this model is no worse. `uses` are the names of the fixtures its behavior asks for.
    """

    model: str
    behavior: str
    subject: Subject
    contract: str = ""
    search: str = ""
    sentence: str = ""
    versus: str | None = None
    twin: bool = False
    uses: frozenset[str] = frozenset()

    @property
    def image_set(self) -> str | None:
        """Name of the image set, or None for a claim about a group of them."""
        return self.subject.image_set

    @property
    def view(self) -> str | None:
        """Text of the one view of a claim; None where it is about several."""
        return (self.subject.views or (str(ORIGINAL),))[0] if len(self.subject.views) < 2 else None

    @property
    def place(self) -> str:
        """`validation under scale(1.25)`: where it was measured, in words."""
        tasks = f"the {self.subject.part} tasks" if self.subject.part else "the checkpoint itself"
        where = self.subject.image_set or tasks
        part = f" ({self.subject.part})" if self.subject.image_set and self.subject.part else ""
        under = f" under {self.view}" if self.view != str(ORIGINAL) and self.view else ""
        return f"{where}{part}{under}{f', beside {self.versus}' if self.versus and not self.twin else ''}"

    @property
    def live(self) -> bool:
        """Whether it is judged on the loaded model."""
        return LIVE in self.uses

    def needs(self, zoo: Zoo) -> set[Need]:
        """Everything that must be predicted before this claim can be judged; nothing for one about the loaded model."""
        if self.live and not self.uses & PREDICTED:
            return set()
        models = [self.model, *([self.versus] if self.versus and not self.twin else [])]
        return {need for model in models for need in self._needs_of(model, zoo)}

    def _needs_of(self, model: str, zoo: Zoo) -> set[Need]:
        subject, name = self.subject, self.subject.image_set
        probe = f"probe({zoo.protocol.probe})"
        if name is None:
            return {Need(model, task, probe) for task in subject.sets}
        if zoo.image_sets[name].role is Role.TRANSFER:
            return {Need(model, name, probe)}
        if self.contract:
            return {Need(model, name, contract=self.contract)}
        needed = {Need(model, name), *(Need(model, name, view) for view in subject.views)}
        if self.search:
            needed.add(Need(model, name, search=self.search))
        if subject.reference:
            needed.add(Need(model, subject.reference))
        of = zoo.whole_of(name)
        if "overall" in self.uses and of and zoo.protocol.error_ratio == "validation":
            needed.add(Need(model, of))
        return needed

    @property
    def property(self) -> str:
        """The property judged: the behavior's file, `test_calibration.py` → `calibration`."""
        return self.behavior.partition(".py")[0].removeprefix("eyechart/").removeprefix("test_")
