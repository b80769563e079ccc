"""Files of an image set's folder, links followed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

SYSTEMS_OWN = frozenset({".ds_store", "thumbs.db", "ehthumbs.db", "desktop.ini", "__macosx"})
"""What systems leave in folders by themselves, and archives of theirs carry along; nobody put it there."""


def files_under(root: Path) -> Iterator[Path]:
    """Find every entry under a folder that is no folder itself, links to folders followed.

    Hidden folders are passed over, and so is what systems leave by themselves.
    Raises OSError for a link that leads back to a folder it is in, and for a folder that cannot be read.
    """
    folders = [(root, frozenset({os.path.realpath(root)}))]
    while folders:
        folder, above = folders.pop()
        with os.scandir(folder) as entries:
            for entry in entries:
                path = folder / entry.name
                if entry.name.lower() in SYSTEMS_OWN or entry.name.startswith("._"):
                    continue
                if not entry.is_dir():
                    yield path
                    continue
                if entry.name.startswith("."):
                    continue
                real = os.path.realpath(path)
                if real in above:
                    raise OSError(f"{path} is a link to {real}, and so in itself: remove that link")
                folders.append((path, above | {real}))


def folders_in(root: Path) -> list[str]:
    """Name the folders directly in a folder, sorted, but for those that `files_under` passes over."""
    names = (path.name for path in root.iterdir() if path.is_dir())
    return sorted(name for name in names if not name.startswith(".") and name.lower() not in SYSTEMS_OWN)
