"""Files that a spec names, wherever in it and however: they count by content, whatever the library does with them."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from eyechart.checkpoints.entries import ModelEntry
from eyechart.digest import digest, known_digest

PREFIXES = ("local-dir:", "file://", "file:")
"""What timm, open_clip and URLs put before the name of a file or folder of this machine."""


def content_named(spec: ModelEntry, root: Path) -> str:
    """Digest the files that a source's own keys name; empty where they name none.

    A path starts at `root`, as all paths of `models.yaml` do, or where the process was started, as libraries take
    it. Of a folder, the files in it count, not what lies deeper.
    """
    own = spec.model_dump(mode="json", exclude=set(ModelEntry.model_fields))
    paths = dict.fromkeys(path for text in _texts(own) for path in _paths(text, root))
    return digest([_content(path) for path in paths]) if paths else ""


def _texts(values: Any) -> Iterator[str]:
    if isinstance(values, str):
        yield values
    elif isinstance(values, Mapping | list | tuple):
        for value in values.values() if isinstance(values, Mapping) else values:
            yield from _texts(value)


def _paths(text: str, root: Path) -> Iterator[Path]:
    """What a text names on this disk. A word alone names no folder: it is more likely the name of something else."""
    name = text
    for prefix in PREFIXES:
        name = name.removeprefix(prefix)
    for start in (root, Path.cwd()):
        try:
            path = (start / Path(name).expanduser()).resolve()
            if path.is_file() or (path.is_dir() and (name != text or os.sep in name or "/" in name)):
                yield path
        except (OSError, RuntimeError, ValueError):
            continue  # no name that this system has


def _content(path: Path) -> Any:
    if path.is_file():
        return known_digest(path)
    return [[each.name, known_digest(each)] for each in sorted(path.iterdir()) if each.is_file()]
