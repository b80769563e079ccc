"""The noun `LabelSpace`: the classes an output means."""

from __future__ import annotations

import functools
import importlib.util
import json
import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from eyechart.digest import digest
from eyechart.errors import BlockedError, SpecError, nearest
from eyechart.images.cue_conflict import CATEGORIES

SPACES = (
    "miniature",
    "miniature-count",
    "miniature-where",
    "miniature-rotation",
    "imagenet-1k",
    "imagenet-1k-background",
    "imagenet-12k",
    "imagenet-21k",
    "imagenet-22k",
    "imagenet-22k-ms",
    "imagenet-21k-miil",
    "imagenet-21k-miil-w21",
    "imagenet-a-200",
    "imagenet-r-200",
    "cue-conflict-16",
)
READ_OUT = ("imagenet-a-200", "imagenet-r-200", "cue-conflict-16")
"""Spaces of image sets that answers in imagenet-1k are read out in."""

_SYNSETS = {
    "imagenet-1k": "imagenet_synsets.txt",
    "imagenet-a-200": "imagenet_a_synsets.txt",
    "imagenet-r-200": "imagenet_r_synsets.txt",
    "imagenet-12k": "imagenet12k_synsets.txt",
    "imagenet-21k": "imagenet21k_goog_synsets.txt",
    "imagenet-22k": "imagenet22k_synsets.txt",
    "imagenet-22k-ms": "imagenet22k_ms_synsets.txt",
    "imagenet-21k-miil": "imagenet21k_miil_synsets.txt",
    "imagenet-21k-miil-w21": "imagenet21k_miil_w21_synsets.txt",
}
LEVELED = ("imagenet-21k-miil", "imagenet-21k-miil-w21")
"""Spaces of ImageNet-21k-P, whose published heads have a softmax for each level of WordNet (arXiv 2104.10972)."""
WIDER = ("imagenet-12k", "imagenet-21k", "imagenet-22k", "imagenet-22k-ms", *LEVELED)
"""Spaces of heads that were trained on more of ImageNet than its 1,000 classes, of which most lack a few."""

_WNID = re.compile(r"n\d{8}")

LONGEST = 100
"""Characters of a class that a message repeats, and more than any class number has."""


@dataclass(frozen=True, slots=True)
class LabelSpace:
    """Classes in the order of a checkpoint's outputs.

    `names` are what folders and prompts call them; a space that is only counted names its classes by number.
    A space that is read out of another has a `rule` and, for each class, the `members` of `parent` it stands for.
    `also` lists (class, further class that is right where it is shown), for classes that no output can tell apart.
    """

    name: str
    names: tuple[str, ...]
    rule: Literal["", "mean", "map"] = ""
    parent: str = ""
    members: tuple[tuple[int, ...], ...] = ()
    also: tuple[tuple[int, int], ...] = ()

    def __len__(self) -> int:
        """Count the classes."""
        return len(self.names)

    def indices(self, written: Sequence[str], what: str, where: Callable[[str], str] | None = None) -> dict[str, int]:
        """Map class names, as folders and files write them, to indices.

        Names that are all of this space count as names, in whatever form of Unicode they are written; otherwise names
        that are all digits count as numbers, so that folder `10` is class 10 however folders sort. `what` begins the
        message, `where` says in it where a class is written.
        Raises BlockedError that lists the classes outside this space, the nearest match offered.
        """
        wanted = sorted(set(written))
        index_of = {name: index for index, name in enumerate(self.names)}
        if not index_of.keys() >= set(wanted):  # macOS writes ü as u and two dots
            composed = {unicodedata.normalize("NFC", name): index for name, index in index_of.items()}
            alike = {name: composed.get(unicodedata.normalize("NFC", name), -1) for name in wanted}
            index_of = {name: index for name, index in alike.items() if index >= 0} | index_of
        outside = [name for name in wanted if name not in index_of]
        if outside and all(name.isdecimal() for name in wanted):
            # of thousands of digits Python makes no number
            index_of = {name: int(name) if len(name) < LONGEST else len(self) for name in wanted}
            outside = [name for name in wanted if index_of[name] >= len(self)]
        if outside:
            few = ", ".join(f"{name[:LONGEST]!r}{where(name) if where else ''}" for name in outside[:3])
            raise BlockedError(
                f"{what}: {len(outside)} of {len(wanted)} classes are outside label space {self.name!r} "
                f"({len(self)} classes), such as {few}: {self._meant(outside[0][:LONGEST])}"
            )
        return {name: index_of[name] for name in wanted}

    def _meant(self, written: str) -> str:
        """Say which class may be meant by a name outside this space, and what tells the two apart."""
        if written == str(len(self)):
            return f"classes are numbered from 0, so that the last is {len(self) - 1}"
        plain = _plain(written)
        close = next((name for name in self.names if plain and _plain(name) == plain), None)
        if close is not None:
            return f"did you mean {close!r}? The two differ in case, spaces or signs between words only"
        return nearest(written, self.names)[:200]


def _plain(name: str) -> str:
    """Reduce a name to its letters and digits, case apart."""
    return "".join(filter(str.isalnum, unicodedata.normalize("NFKC", name).casefold()))


@functools.cache
def label_space(name: str) -> LabelSpace:
    """Look a label space up by the name `models.yaml` gives it.

    Raises SpecError for an unknown name.
    """
    if name == "miniature":
        from eyechart.miniature.classes import CLASS_NAMES

        return LabelSpace(name, tuple(CLASS_NAMES))
    if name in ("miniature-count", "miniature-where", "miniature-rotation"):
        from eyechart.miniature.recipes import COUNTS, PLACES, TURNS

        return LabelSpace(name, {"count": COUNTS, "where": PLACES, "rotation": TURNS}[name.removeprefix("miniature-")])
    if name in _SYNSETS:
        return LabelSpace(name, tuple(_timm_file(_SYNSETS[name]).split()))
    if name == "imagenet-1k-background":
        return LabelSpace(name, ("background", *label_space("imagenet-1k").names))
    if name == "cue-conflict-16":
        return LabelSpace(name, tuple(CATEGORIES), "mean", "imagenet-1k", tuple(CATEGORIES.values()))
    raise SpecError(f"label_space {name!r} is unknown: {nearest(name, SPACES)}")


def named_space(names: Sequence[str]) -> LabelSpace:
    """Make a space of the user's own class names; two with the same names in the same order are one space."""
    return LabelSpace(f"own-{digest(*names)[:8]}", tuple(names))


def counted_space(count: int) -> LabelSpace:
    """Make a space of `count` classes that have numbers only."""
    return LabelSpace(f"classes-{count}", tuple(map(str, range(count))))


def mapped_space(file: Path, shared: Literal["both", "last"]) -> LabelSpace:
    """Read a space whose classes stand for several ImageNet classes: {class name: [ImageNet index, ...]} as JSON.

    The rule is PUG-ImageNet's: the answer is the best of all 1,000 classes, mapped; an answer that maps to no class is
    wrong. An index under two names goes to the later one by name. In the published rule (`shared="last"`) an image of
    the earlier can then never be right (Shirt, whose 841 is Sweatshirt's too); with "both" either answer is right.
    Raises BlockedError where the file cannot be read or is something else.
    """
    try:
        mapping = json.loads(file.read_text(encoding="utf-8"))
        names = tuple(sorted(mapping))
        owner = {int(index): position for position, name in enumerate(names) for index in mapping[name]}
    except (OSError, ValueError, TypeError) as error:
        raise BlockedError(
            f"label space {file}: expected a JSON file of class name → ImageNet indices ({error})"
        ) from error
    if not names or not all(0 <= index < 1000 for index in owner):
        raise BlockedError(f"label space {file}: expected ImageNet indices from 0 to 999, found {sorted(owner)[-3:]}")
    members: list[tuple[int, ...]] = [
        tuple(sorted(i for i, position in owner.items() if position == c)) for c in range(len(names))
    ]
    also = tuple(
        (position, owner[int(index)])
        for position, name in enumerate(names)
        for index in mapping[name]
        if owner[int(index)] != position and shared == "both"
    )
    title = f"mapped-{len(names)}-{digest(mapping, shared)[:8]}"
    return LabelSpace(title, names, "map", "imagenet-1k", tuple(members), also)


def words_of(wnid: str) -> str:
    """The first name that WordNet gives a class of ImageNet (n02084071: dog). Raises KeyError for no such class."""
    return _lemmas()[wnid].partition(",")[0]


@functools.cache
def _lemmas() -> dict[str, str]:
    rows = (line.partition("\t") for line in _timm_file("imagenet_synset_to_lemma.txt").splitlines())
    return {wnid: lemmas for wnid, _, lemmas in rows}


@functools.cache
def spoken(names: tuple[str, ...]) -> tuple[str, ...]:
    """Say class names as people do: an ImageNet id by the first name that WordNet has for it, others as they are."""
    try:
        return tuple(_lemmas().get(name, name).partition(",")[0] if _WNID.fullmatch(name) else name for name in names)
    except (BlockedError, OSError):  # without timm the ids stay
        return names


def _timm_file(name: str) -> str:
    # Found without importing timm: a run over a warm store must not pay for torch.
    spec = importlib.util.find_spec("timm")
    if spec is None or not spec.submodule_search_locations:
        raise BlockedError(f"ImageNet's label spaces are read from timm's {name}, and timm is not installed")
    path = Path(spec.submodule_search_locations[0]) / "data" / "_info" / name
    return path.read_text(encoding="utf-8")
