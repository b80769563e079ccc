"""Files of an image set's folder, links followed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path


def files_under(root: Path) -> Iterator[Path]:
    """Find every entry under a folder that is neither hidden nor a folder itself, links to folders followed.

    Raises OSError for a link that leads back to a folder it is in, and for a folder that cannot be read.
    """
    folders = [(root, frozenset({os.path.realpath(root)}))]
    while folders:
        folder, above = folders.pop()
        with os.scandir(folder) as entries:
            for entry in entries:
                path = folder / entry.name
                if entry.name.startswith("."):
                    continue
                if not entry.is_dir():
                    yield path
                    continue
                real = os.path.realpath(path)
                if real in above:
                    raise OSError(f"{path} is a link to {real}, and so in itself: remove that link")
                folders.append((path, above | {real}))
