"""`models.yaml`, read and checked: a `Zoo` of model specs and the image sets they are judged on.

Reading imports no model library. A mistake is a `SpecError` that names file, line, key, value and what is allowed.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from eyechart.entries import Entry
from eyechart.errors import BlockedError, SpecError, nearest
from eyechart.images.entries import Labels, MappedLabels, Part, PixelsEntry, Role, labels_of
from eyechart.images.labels import READ_OUT, LabelSpace
from eyechart.images.readers.computed import ComputedSet
from eyechart.images.readers.derived import DerivedSet
from eyechart.images.remote import is_url
from eyechart.recordings.spec import RecordedSpec
from eyechart.zoo.explaining import explained, line_of
from eyechart.zoo.image_sets import ImageSetSpec, Readers
from eyechart.zoo.levels import GateEntry
from eyechart.zoo.margins import MarginEntry, check_margins
from eyechart.zoo.models import ModelSpec
from eyechart.zoo.places import folder_of_paths
from eyechart.zoo.protocol import ProtocolEntry
from eyechart.zoo.suite import SuiteEntry
from eyechart.zoo.yaml import YAMLError, load

__all__ = ["BoundOverride", "ImageSetSpec", "Role", "Zoo", "read_zoo"]


Findings = Literal["arxiv-2311.09215"]
"""Whose findings the models of a zoo are: a study names its models, and what it found is about no others."""

IMPLICIT_SEVERITIES = (1, 3, 5)
"""Of the corrupted copies that a zoo gets without asking: three tell how accuracy falls, at 3/5 of the cost."""


class BoundOverride(Entry):
    """A project's own bound for one behavior, with its own reason."""

    at_most: float | None = Field(default=None, allow_inf_nan=False)
    at_least: float | None = Field(default=None, allow_inf_nan=False)
    reason: str = Field(min_length=1)

    @model_validator(mode="after")
    def _one_bound(self) -> BoundOverride:
        if (self.at_most is None) == (self.at_least is None):
            raise ValueError("give exactly one of at_most and at_least")
        return self


class _ZooEntry(Entry):
    image_sets: dict[str, Readers] = Field(min_length=1)
    models: dict[str, Annotated[ModelSpec, Field(discriminator="source")]] = Field(min_length=1)
    bounds: dict[str, BoundOverride] = {}
    margins: dict[str, MarginEntry] = {}
    gate: GateEntry = GateEntry()
    protocol: ProtocolEntry = ProtocolEntry()
    findings: Findings | None = None
    behaviors: SuiteEntry = SuiteEntry()

    @model_validator(mode="after")
    def _margins_in_their_units(self) -> _ZooEntry:
        check_margins(self.margins)
        return self


class _File(Entry):
    zoos: dict[str, _ZooEntry] = Field(min_length=1)


class Zoo(BaseModel):
    """Models and the image sets they are judged on. Relative paths resolve against `file`'s folder.

    `images` is where the real image sets are (`--data`); paths of image sets are looked for there first.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    file: Path
    image_sets: dict[str, ImageSetSpec]
    models: dict[str, ModelSpec]
    bounds: dict[str, BoundOverride]
    images: Path | str | None = None
    margins: dict[str, MarginEntry] = {}
    gate: GateEntry = GateEntry()
    protocol: ProtocolEntry = ProtocolEntry()
    findings: Findings | None = None
    stands_for: dict[str, str] = {}
    behaviors: SuiteEntry = SuiteEntry()

    @property
    def folder(self) -> Path:
        """Where relative paths of this zoo's file start."""
        return folder_of_paths(self.file)

    def path(self, relative: str) -> Path:
        """Resolve a path of this zoo's file."""
        return (self.folder / Path(relative).expanduser()).resolve()

    def image_path(self, relative: str) -> Path:
        """Resolve a path of an image set: under `images` where there is such a file, else as `path` does."""
        if not isinstance(self.images, Path) or (
            not (self.images / relative).exists() and self.path(relative).exists()
        ):
            return self.path(relative)
        return (self.images / Path(relative).expanduser()).resolve()

    def url(self, relative: str) -> str:
        """Where a path of an image set is a URL, or starts at `images` that are at one: that URL; else nothing."""
        if is_url(relative):
            return relative
        return f"{self.images.rstrip('/')}/{relative}" if isinstance(self.images, str) else ""

    def places(self, relative: str) -> tuple[Path, ...]:
        """Where a recorded file is looked for: beside this zoo's file, then where the real image sets are."""
        return tuple(dict.fromkeys([self.path(relative), self.image_path(relative)]))

    def labels(self, name: str) -> LabelSpace:
        """The label space of an image set. Raises BlockedError where it is in a file that is missing."""
        spec = self.image_sets[name]
        if isinstance(spec, DerivedSet | ComputedSet):
            return self.labels(spec.of)
        return labels_of(spec.label_space, self.image_path)

    def with_checkpoint(self, model: str, name: str, weights: Path) -> Zoo:
        """Add `name`: what `models.yaml` says of `model`, with other weights. Raises SpecError where it has no file."""
        spec = self.models[model]
        if not hasattr(spec, "weights"):
            raise SpecError(f"--checkpoint: {model!r} has source {spec.source!r}, which takes no weights file")
        if name in self.models and name != model:
            raise SpecError(
                f"--checkpoint {name}=…: {name!r} is another model of zoo {self.name!r}; give another NAME="
            )
        named = spec.model_copy(update={"weights": str(weights)})  # a tag still says whose preprocessing it has
        # in its place, so that it makes the claims that `model` makes; that one may still be the baseline
        both = {name: named, **({} if name == model else {model: spec})}
        order = dict.fromkeys([name if each == model else each for each in self.models] + list(both))
        models = {each: both.get(each) or self.models[each] for each in order}
        return self.model_copy(update={"models": models, "stands_for": {name: model} if name != model else {}})

    @property
    def judged(self) -> list[str]:
        """Models that claims are about: all but those that another stands for."""
        return [name for name in self.models if name not in self.stands_for.values()]

    def sets_with(self, roles: tuple[Role, ...]) -> list[str]:
        """Name the image sets that play one of these roles, in the file's order."""
        return [name for name, spec in self.image_sets.items() if spec.role in roles]

    def parts(self, name: str, kind: Part | Literal["category"]) -> tuple[str, ...]:
        """Name the factors, corruptions or categories of an image set, without looking at its images."""
        if kind == "category":
            return self.labels(name).names
        return self.image_sets[name].parts(kind, name)

    def space_name(self, name: str) -> str:
        """Name of an image set's label space, where it is one that ships; empty for a user's own."""
        spec = self.image_sets[name]
        if of := getattr(spec, "of", ""):
            return self.space_name(of)
        space = getattr(spec, "label_space", "")
        return space if isinstance(space, str) else ""

    def whole_of(self, name: str) -> str:
        """Name of the image set that this one is a part of; empty for a set of its own."""
        spec = self.image_sets[name]
        return spec.of if isinstance(spec, DerivedSet) else ""

    def reference(self, name: str) -> str:
        """Name of the validation set that shows the classes of this one; empty where there is none.

        A set whose label space is in a missing file has none, since its classes are not known.
        """
        try:
            classes = set(self.labels(name).names)
            held = {other: set(self.labels(other).names) for other in self.sets_with((Role.VALIDATION,))}
        except BlockedError:
            return ""
        return next((other for other, names in held.items() if classes <= names), "")


def read_zoo(file: Path, name: str | None = None, usual: str = "miniature") -> Zoo:
    """Read zoo `name` from `file` (YAML, the schema of `models.yaml`); without a name the only one, or else `usual`.

    Raises SpecError where the file is missing, is not YAML, does not fit the schema, or has no such zoo.
    """
    data, zoos = _read(file)
    if name is None:
        name = next(iter(zoos)) if len(zoos) == 1 else usual
    if name not in zoos:
        raise SpecError(f"{file}: zoo {name!r} is unknown: {nearest(name, zoos)}")
    return _zoo(file, name, data, zoos)


def read_zoos(file: Path) -> list[Zoo]:
    """Read all zoos of a file. Raises SpecError as `read_zoo` does."""
    data, zoos = _read(file)
    return [_zoo(file, name, data, zoos) for name in zoos]


def _zoo(file: Path, name: str, data: Any, zoos: Mapping[str, Any]) -> Zoo:
    zoo = Zoo(name=name, file=file.resolve(), **{**dict(zoos[name]), "models": _with_label_spaces(zoos[name])})
    _check(zoo, data)
    return zoo.model_copy(update={"image_sets": {**zoo.image_sets, **_corrupted_copies(zoo)}})


def _read(file: Path) -> tuple[Any, Mapping[str, Any]]:
    try:
        with file.open(encoding="utf-8") as stream:
            data = load(stream)
    except OSError as error:
        raise SpecError(f"{file}: cannot be read ({error.strerror})") from error
    except (UnicodeDecodeError, YAMLError) as error:
        raise SpecError(f"{file}: not valid YAML: {error}") from error
    try:
        return data, _File.model_validate(data).zoos
    except ValidationError as error:
        raise SpecError("\n".join(explained(file, data, dict(e)) for e in error.errors())) from error


def _with_label_spaces(entry: _ZooEntry) -> dict[str, ModelSpec]:
    """Give live models that state no label space that of the image sets, where they all have one; else imagenet-1k.

    Sets that are read out of ImageNet's classes count as those. Sets for probes do not count.
    """
    sets = [spec for spec in entry.image_sets.values() if spec.role is not Role.TRANSFER]
    stated = [spec.label_space for spec in sets if not isinstance(spec, (DerivedSet, ComputedSet))]
    read_out: tuple[Labels, ...] = READ_OUT
    spaces = {"imagenet-1k" if isinstance(each, MappedLabels) or each in read_out else each for each in stated}
    space = spaces.pop() if len(spaces) == 1 else "imagenet-1k"
    return {
        name: spec
        if isinstance(spec, RecordedSpec) or "label_space" in spec.model_fields_set
        else spec.model_copy(update={"label_space": space})
        for name, spec in entry.models.items()
    }


def _corrupted_copies(zoo: Zoo) -> dict[str, ComputedSet]:
    """What a zoo that says nothing of corruptions is judged on: corrupted copies of its own validation images.

    Rendered and recorded sets have none: the miniature says itself what it corrupts, and names have no pixels.
    """
    if zoo.sets_with((Role.CORRUPTED,)):
        return {}
    own = [name for name in zoo.sets_with((Role.VALIDATION,)) if isinstance(zoo.image_sets[name], PixelsEntry)]
    return {
        f"{name}-corrupted": ComputedSet(
            role=Role.CORRUPTED, reader="computed", of=name, severities=IMPLICIT_SEVERITIES
        )
        for name in own
        if f"{name}-corrupted" not in zoo.image_sets
    }


def _check(zoo: Zoo, data: Any) -> None:
    """Raise SpecError for a label space, or an image set under `of`, that is unknown."""
    for kind, entries in (("image_sets", zoo.image_sets), ("models", zoo.models)):
        for key, spec in entries.items():
            keys = ["zoos", zoo.name, kind, key]
            where = f"{zoo.file}:{line_of(data, keys)}: {'.'.join(keys)}"
            try:
                if isinstance(named := getattr(spec, "label_space", None), str):
                    labels_of(named)
            except SpecError as error:
                raise SpecError(f"{where}: {error}") from error
            if isinstance(spec, DerivedSet | ComputedSet):
                independent = [name for name, other in zoo.image_sets.items() if not hasattr(other, "of")]
                if spec.of not in independent:
                    raise SpecError(
                        f"{where}.of: {spec.of!r} is no image set of its own: {nearest(spec.of, independent)}"
                    )
