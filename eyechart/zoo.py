"""`models.yaml`, read and checked: a `Zoo` of model specs and the image sets they are judged on.

Reading imports no model library. A mistake is a `SpecError` that names file, line, key, value and what is allowed.
"""

from __future__ import annotations

import re
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from eyechart.errors import SpecError, nearest
from eyechart.gates.levels import GateEntry
from eyechart.gates.margins import MarginEntry, check_units
from eyechart.schema import Entry, Labels, labels_of
from eyechart.sources import SOURCES, ModelSpec


class Role(StrEnum):
    """What an image set is for; a behavior asks for images by role, never by name."""

    VALIDATION = "validation"
    SHIFTED = "shifted"
    RELABELED = "relabeled"
    CORRUPTED = "corrupted"
    CUE_CONFLICT = "cue-conflict"
    FACTORS = "factors"
    SYNTHETIC = "synthetic"
    TRANSFER = "transfer"


class BoundOverride(Entry):
    """A project's own bound for one behavior, with its own reason."""

    at_most: float | None = None
    at_least: float | None = None
    reason: str = Field(min_length=1)

    @model_validator(mode="after")
    def _one_bound(self) -> BoundOverride:
        if (self.at_most is None) == (self.at_least is None):
            raise ValueError("give exactly one of at_most and at_least")
        return self


class ImageSetSpec(Entry):
    """Where an image set's pixels and labels come from, and what it is for."""

    role: Role
    reader: Literal["rendered", "folder"]
    path: str | None = None
    label_space: Labels = "miniature"

    @model_validator(mode="after")
    def _reader_has_what_it_needs(self) -> ImageSetSpec:
        if self.reader == "folder" and not (self.path and self.label_space):
            raise ValueError("reader 'folder' needs the keys 'path' and 'label_space'")
        return self


class _ZooEntry(Entry):
    image_sets: dict[str, ImageSetSpec] = Field(min_length=1)
    models: dict[str, Annotated[ModelSpec, Field(discriminator="source")]] = Field(min_length=1)
    bounds: dict[str, BoundOverride] = {}
    margins: dict[str, MarginEntry] = {}
    gate: GateEntry = GateEntry()

    @model_validator(mode="after")
    def _margins_in_their_units(self) -> _ZooEntry:
        check_units(self.margins)
        return self


class _File(Entry):
    zoos: dict[str, _ZooEntry] = Field(min_length=1)


class Zoo(BaseModel):
    """Models and the image sets they are judged on. Relative paths resolve against `file`'s folder."""

    model_config = ConfigDict(frozen=True)

    name: str
    file: Path
    image_sets: dict[str, ImageSetSpec]
    models: dict[str, ModelSpec]
    bounds: dict[str, BoundOverride]
    margins: dict[str, MarginEntry] = {}
    gate: GateEntry = GateEntry()

    def path(self, relative: str) -> Path:
        """Resolve a path of this zoo's file."""
        return (self.file.parent / Path(relative).expanduser()).resolve()

    def sets_with(self, roles: tuple[Role, ...]) -> list[str]:
        """Name the image sets that play one of these roles, in the file's order."""
        return [name for name, spec in self.image_sets.items() if spec.role in roles]


def read_zoo(file: Path, name: str) -> Zoo:
    """Read zoo `name` from `file` (YAML, the schema of `models.yaml`).

    Raises SpecError where the file is missing, is not YAML, does not fit the schema, or has no such zoo.
    """
    try:
        with file.open(encoding="utf-8") as stream:
            data = YAML(typ="rt").load(stream)
    except OSError as error:
        raise SpecError(f"{file}: cannot be read ({error.strerror})") from error
    except YAMLError as error:
        raise SpecError(f"{file}: not valid YAML: {error}") from error
    try:
        zoos = _File.model_validate(data).zoos
    except ValidationError as error:
        raise SpecError("\n".join(_explain(file, data, dict(e)) for e in error.errors())) from error
    if name not in zoos:
        raise SpecError(f"{file}: zoo {name!r} is unknown: {nearest(name, zoos)}")
    zoo = Zoo(name=name, file=file.resolve(), **dict(zoos[name]))
    for key, spec in {**zoo.image_sets, **zoo.models}.items():
        try:
            labels_of(spec.label_space)
        except SpecError as error:
            raise SpecError(f"{file}: zoos.{name}.*.{key}: {error}") from error
    return zoo


def _explain(file: Path, data: Any, error: dict[str, Any]) -> str:
    """One sentence: file, line, key, what was found there, what is allowed."""
    keys = [key for i, key in enumerate(error["loc"]) if not (key in SOURCES and i == 4)]
    line, node = 0, data
    for key in keys:
        try:
            line = node.lc.data[key][0] + 1
            node = node[key]
        except (AttributeError, KeyError, TypeError, IndexError):
            break
    where = f"{file}:{line}: {'.'.join(map(str, keys)) or '(top level)'}"
    context = error.get("ctx", {})
    if error["type"] == "missing":
        return f"{where}: this key is missing"
    if error["type"] in ("literal_error", "enum"):
        return f"{where}: {error['input']!r} is unknown: {nearest(str(error['input']), _quoted(context['expected']))}"
    if error["type"] == "union_tag_invalid":
        return f"{where}: source {context['tag']!r} is unknown: {nearest(context['tag'], SOURCES)}"
    if error["type"] == "union_tag_not_found":
        return f"{where}: the key 'source' is missing: {nearest('', SOURCES)}"
    if error["type"] == "value_error":
        return f"{where}: {context['error']}"
    return f"{where}: found {error['input']!r}: {error['msg']}"


def _quoted(text: str) -> list[str]:
    return re.findall(r"'([^']*)'", text)
