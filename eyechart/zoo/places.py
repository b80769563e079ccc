"""Where things are, by one rule for pytest and every subcommand: `models.yaml`, the store, the reports.

`models.yaml` is the one that is given, else the one in the current folder or the nearest above it, else the one that
ships. Store and reports are beside that file, and in the current folder for the one that ships.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from eyechart.images.remote import is_url
from eyechart.store.mirror import local_folder

PACKAGE = Path(__file__).resolve().parents[1]
MODELS = "models.yaml"
SHIPPED_MODELS = PACKAGE / MODELS
"""In a clone these two are links to the files that it is made of; in an installed package they are the files."""

SHIPPED_BEHAVIORS = (PACKAGE / "behaviors").resolve()


@dataclass(frozen=True, slots=True)
class Places:
    """Absolute paths: the file that is read, the folder of the project, its store, its reports."""

    models: Path
    root: Path
    store: Path
    reports: Path


def places(
    here: Path, models: Path | str | None = None, store: Path | str | None = None, reports: Path | str | None = None
) -> Places:
    """Apply the rule in the folder `here` to what was given; given paths start at `here`."""
    file = _absolute(here, models) if models else _nearest(here)
    root = here if file.resolve().parent == PACKAGE or file == SHIPPED_MODELS else file.parent
    return Places(
        models=file,
        root=root,
        store=_store(here, root, store),
        reports=_absolute(here, reports) if reports else root / "reports",
    )


def _store(here: Path, root: Path, given: Path | str | None) -> Path:
    if isinstance(given, str) and is_url(given):
        return local_folder(given, root / ".eyechart" / "stores")
    return _absolute(here, given) if given else root / ".eyechart" / "store"


def images_at(given: str | None, here: Path) -> Path | str | None:
    """Where relative paths of image sets start: a folder, or a URL as it was given."""
    if given and not is_url(given):
        return _absolute(here, given).resolve()
    return given or None


def folder_of_paths(file: Path) -> Path:
    """Folder at which relative paths in `file` start: its own; for the file that ships, what holds the package."""
    return PACKAGE.parent if file.parent == PACKAGE else file.parent


def _nearest(here: Path) -> Path:
    above = (folder / MODELS for folder in (here, *here.parents))
    return next((file for file in above if file.is_file()), SHIPPED_MODELS)


def _absolute(here: Path, path: Path | str) -> Path:
    return (here / Path(path).expanduser()).absolute()
