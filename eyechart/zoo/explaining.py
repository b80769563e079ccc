"""What the schema finds wrong with `models.yaml`, in words: file, line, key, what was found there, what is allowed."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from eyechart.errors import nearest
from eyechart.zoo.image_sets import READERS
from eyechart.zoo.models import SOURCES

LONGEST = 200
"""Characters of a value that a message repeats."""

_NO_MAPPING = ("model_type", "model_attributes_type", "dict_type", "union_tag_not_found")


def explained(file: Path, data: Any, error: dict[str, Any]) -> str:
    """Say in one sentence what pydantic's `error` about `data`, which was read from `file`, is about."""
    keys = [key for i, key in enumerate(error["loc"]) if not (key in (*SOURCES, *READERS) and i == 4)]
    is_key = keys[-1:] == ["[key]"]
    named = ".".join(map(str, keys[:-1] if is_key else keys)) or "(top level)"
    where = f"{file}:{line_of(data, keys)}: {named}"
    if is_key:
        return f"{where}: this key is {_shortened(error['input'])}, expected text: write it in quotes"
    if error["type"].startswith("union_tag"):
        return f"{where}{_kind(error, in_image_sets='image_sets' in keys)}"
    return f"{where}: {_words(error)}"


def line_of(data: Any, keys: Sequence[Any]) -> int:
    """Line of a key of a file, or of the nearest above it: what is merged in (`<<`) has none of its own."""
    line, node = 1, data
    for key in keys:
        try:
            line = node.lc.data[key][0] + 1
            node = node[key]
        except (AttributeError, KeyError, TypeError, IndexError):
            break
    return line


def _words(error: dict[str, Any]) -> str:
    kind, found, context = error["type"], error["input"], error.get("ctx", {})
    if kind == "missing":
        return "this key is missing"
    if kind in ("literal_error", "enum"):
        return f"{_shortened(found)} is unknown: {nearest(str(found)[:LONGEST], _quoted(context['expected']))}"
    if kind == "value_error":
        return str(context["error"])
    if kind in _NO_MAPPING and not isinstance(found, Mapping):
        return f"found {_shortened(found)}, expected keys and their values"
    return f"found {_shortened(found)}: {error['msg']}"


def _kind(error: dict[str, Any], *, in_image_sets: bool) -> str:
    """Say that no source or reader goes by this name, or that none is named."""
    found = error["input"]
    if error["type"] == "union_tag_invalid":
        kind, allowed = (".reader:", READERS) if in_image_sets else (": source", SOURCES)
        tag = str(error["ctx"]["tag"])
        return f"{kind} {_shortened(tag)} is unknown: {nearest(tag[:LONGEST], allowed)}"
    if not isinstance(found, Mapping):
        return f": {_words(error)}"
    close = difflib.get_close_matches("source", map(str, found), n=1)
    meant = f" (found {close[0]!r})" if close else ""
    return f": the key 'source' is missing{meant}: {nearest('', SOURCES)}"


def _shortened(value: object) -> str:
    text = repr(value)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}… ({len(text):,} characters)"


def _quoted(text: str) -> list[str]:
    return re.findall(r"'([^']*)'", text)
