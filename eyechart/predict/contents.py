"""What lies in a store: sizes by kind and by model, and what no declared model needs any more."""

from __future__ import annotations

import contextlib
import io
import shutil
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from eyechart.checkpoints.checkpoint import Resolved
from eyechart.checkpoints.sources.base import COMPILED, PRECISIONS
from eyechart.digest import digest
from eyechart.errors import BlockedError, NotApplicableError, SpecError, StoreError
from eyechart.miniature.fingerprints import recorded
from eyechart.predict.locating import TRAINING, Locator
from eyechart.predict.run import Run, Settings
from eyechart.predict.tables import read_meta
from eyechart.progress import Progress
from eyechart.store import Store
from eyechart.store.setting_aside import DAMAGED
from eyechart.store.sizes import size_of
from eyechart.store.writing import TEMPORARY
from eyechart.zoo.zoo import Zoo

USERS = "users"
NEVER_FINISHED = "never finished (a run of the same models would go on here)"


@dataclass(frozen=True, slots=True)
class Leftover:
    """Something that can go, and why."""

    path: Path
    why: str
    size: int


@dataclass(slots=True)
class Holding:
    """What a store holds of one model: how many tables, of which image sets, their bytes, when the last was made."""

    tables: int = 0
    size: int = 0
    made: str = ""
    image_sets: set[str] = field(default_factory=set)


def kinds(root: Path) -> dict[str, tuple[int, int]]:
    """Count the entries and the bytes of each part of a store."""
    folders = sorted(path for path in root.iterdir() if path.is_dir()) if root.is_dir() else []
    return {folder.name: (sum(1 for _ in folder.iterdir()), size_of(folder)) for folder in folders}


def holdings(root: Path) -> dict[str, Holding]:
    """What the store holds of each model, by the name it was predicted under."""
    holding_of: dict[str, Holding] = defaultdict(Holding)
    for path, meta in _tables(root):
        if meta is not None:
            held = holding_of[str(meta["model"])]
            held.tables += 1
            held.size += path.stat().st_size
            held.made = max(held.made, str(meta.get("made", "")))
            held.image_sets.add(str(meta["image_set"]))
    return dict(sorted(holding_of.items()))


def leftovers(root: Path, zoos: Sequence[Zoo]) -> list[Leftover]:
    """Find what no model of `zoos` needs: its predictions are of a checkpoint that none of them is.

    A model whose checkpoint is not known without loading it (its weights are missing, a library was updated) keeps
    what was predicted under its name. Pinned baselines are copies, and are never listed; nor are the parts of tables
    that looks began for a declared model, which later looks go on from.
    """
    identities, unknown = _declared(root, zoos)
    unused = []
    for path, meta in _tables(root):
        why = _why_unused(meta, identities, unknown)
        if why:
            unused.append(Leftover(path, why, size_of(path)))
    for path in sorted((root / "partial").glob("*")):
        about = Store(root).read_json(f"partial/{path.name}", "about")
        if about is None or _why_unused(about, identities, unknown):
            unused.append(Leftover(path, NEVER_FINISHED, size_of(path)))
    return unused + list(_scraps(root))


def note_user(store: Store, file: Path) -> None:
    """Note that a `models.yaml` is judged with a store, so that nobody tidies away what its models need."""
    key = digest(str(file))
    with contextlib.suppress(StoreError):  # a store that cannot be written to is not tidied either
        if store.read_json(USERS, key) is None:  # a warm run writes nothing
            store.write_json(USERS, key, {"file": str(file)})


def users_of(store: Store) -> tuple[list[Path], list[Path]]:
    """Every `models.yaml` that was judged with a store: those that are there, and those that are not any more."""
    keys = sorted(path.stem for path in (store.root / USERS).glob("*.json"))
    read = (store.read_json(USERS, key, lambda record: Path(record["file"])) for key in keys)
    files = [file for file in read if file is not None]
    return [file for file in files if file.is_file()], [file for file in files if not file.is_file()]


def remove(items: Iterable[Leftover]) -> None:
    """Remove what was found. Hold the store (`Store.writing`) meanwhile."""
    for item in items:
        if item.path.is_dir():
            shutil.rmtree(item.path, ignore_errors=True)
        else:
            item.path.unlink(missing_ok=True)


def _tables(root: Path) -> Iterator[tuple[Path, dict[str, Any] | None]]:
    """Tables of predictions, with what each says of how it was made (None: damaged, or not said)."""
    for path in sorted((root / "predictions").glob("*.parquet")):
        try:
            yield path, read_meta(path)
        except SpecError:
            yield path, None


def _why_unused(meta: dict[str, Any] | None, identities: set[str], unknown: set[tuple[str, str]]) -> str:
    if meta is None:
        return "damaged, written by an earlier version, or it does not say what it is"
    checkpoint = meta.get("checkpoint")  # a recording has none: it goes by its name
    if checkpoint and _identity_of(checkpoint) in identities:
        return ""
    if (meta["model"], meta["image_set"].removesuffix(TRAINING)) in unknown:
        return ""
    return f"no declared model is the {meta['model']} of {str(meta.get('made', '?'))[:10]}"


def _identity_of(checkpoint: dict[str, Any]) -> str | None:
    """Identity of the checkpoint that a table names; None for a description that this version does not have."""
    try:
        return Resolved.from_json(checkpoint).identity
    except (TypeError, LookupError):
        return None


def _declared(root: Path, zoos: Sequence[Zoo]) -> tuple[set[str], set[tuple[str, str]]]:
    """Identities of the declared checkpoints; and (model, image set) of those whose checkpoint is not known."""
    identities, unknown = set(), set()
    for zoo in zoos:
        precisions = [f"{precision}{compiled}" for precision in PRECISIONS for compiled in ("", COMPILED)]
        runs = [Run(zoo, Settings(root, precision=precision)) for precision in precisions]
        locators = [Locator(run, Progress(io.StringIO())) for run in runs]
        for model in zoo.models:
            known = {identity for locator in locators if (identity := _identity(locator, model))}
            identities |= known
            if not known:
                unknown |= {(model, image_set) for image_set in zoo.image_sets}
    return identities, unknown


def _identity(locator: Locator, model: str) -> str | None:
    try:
        resolved = locator.known(model)
    except (BlockedError, NotApplicableError):
        return None
    return None if resolved is None else resolved.identity


def _scraps(root: Path) -> Iterator[Leftover]:
    """Half-written files, damaged ones, and renderings of an earlier version."""
    published = {f"{name}-{each['all']}" for name, each in recorded().items()}
    for path in sorted(root.rglob(f"{TEMPORARY}*")):
        yield Leftover(path, "half-written", size_of(path))
    for path in sorted((root / DAMAGED).glob("*/*")):
        yield Leftover(path, "set aside: damaged, or written by an earlier version", size_of(path))
    for path in sorted((root / "images").glob("*")):
        if path.name not in published and path.name.rpartition("-")[0] in recorded():
            yield Leftover(path, "rendered by another version", size_of(path))


def usable(root: Path) -> Store:
    """Open a store that is there. Raises SpecError where there is none."""
    if not root.is_dir():
        raise SpecError(f"store {root}: there is none; say where it is: --store DIR")
    return Store(root)
