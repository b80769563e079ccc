"""`eyechart check-data`: which image sets of a zoo are there and whole."""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from eyechart.commands.options import add_places, placed
from eyechart.commands.saying import say
from eyechart.errors import EyechartError, SpecError, nearest
from eyechart.images.entries import PixelsEntry
from eyechart.images.image_set import ImageSet
from eyechart.images.readers.computed import ComputedSet
from eyechart.predict.run import Run, Settings
from eyechart.store import Store
from eyechart.zoo.indexing import read_image_set
from eyechart.zoo.places import images_at
from eyechart.zoo.zoo import Zoo, read_zoo


def add_check_data(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the subcommand `check-data`."""
    check = commands.add_parser("check-data", help="say which image sets of a zoo are there and whole")
    check.add_argument("--data", metavar="DIR", help="where the real image sets are (or EYECHART_IMAGES)")
    check.add_argument("--zoo", help="zoo whose image sets are checked (default: the only one, else paper)")
    add_places(check, "models", "store")
    check.add_argument("--set", action="append", metavar="NAME", dest="sets", help="check only this one (repeatable)")
    check.add_argument("--verify", action="store_true", help="read every file again, whatever is known of it")
    check.set_defaults(run=_check_data)


def _check_data(options: argparse.Namespace) -> int:
    where = placed(options)
    settings = Settings(where.store.resolve(), images_at(options.data or os.environ.get("EYECHART_IMAGES"), Path.cwd()))
    zoo = Run(read_zoo(where.models, options.zoo, usual="paper"), settings).zoo
    store = Store(settings.store, say)
    for name in options.sets or ():
        if name not in zoo.image_sets:
            raise SpecError(f"--set {name!r} is not in zoo {zoo.name!r}: {nearest(name, zoo.image_sets)}")
    # what is computed has no files of its own that could be missing
    on_disk = [name for name, spec in zoo.image_sets.items() if not isinstance(spec, ComputedSet)]
    names = list(options.sets or on_disk)
    say(f"zoo {zoo.name}, images under {settings.images or zoo.folder}")
    known = _forgotten(zoo, names, store) if options.verify else {}
    faults = {name: check_set(zoo, name, store, known.get(name, "")) for name in names}
    bad = [name for name, sound in faults.items() if not sound]
    say(
        f"{len(names) - len(bad)} of {len(names)} image sets are there and whole"
        + (f"; not {', '.join(bad)}" * bool(bad))
    )
    return 1 if bad else 0


def check_set(zoo: Zoo, name: str, store: Store, known: str = "") -> bool:
    """Print what there is of one image set, and of its training images; returns whether it is whole.

    `known` is the fingerprint that it had before its files were forgotten.
    """
    spec = zoo.image_sets[name]
    try:
        image_set = read_image_set(_lenient(zoo, name), name, store, None)
        problems = [*_problems(image_set, spec), *_blocked(zoo, name, store)]
        classes = f"{len(set(image_set.labels.tolist()))} of {len(zoo.labels(name))} classes"
    except EyechartError as error:
        is_there = isinstance(spec, PixelsEntry) and not zoo.url(spec.path) and zoo.image_path(spec.path).exists()
        say(f"  {name:24} {'BAD' if is_there else 'MISSING':7}  {error}")
        return _check_training(zoo, name, store) and False
    expected = f" of {count:,}" if (count := getattr(spec, "count", None)) else ""
    say(
        f"  {name:24} {'ok' if not problems else 'BAD':7}  {len(image_set):,}{expected} images, {classes}, "
        f"{len(image_set.unreadable)} unreadable, fingerprint {image_set.fingerprint}"
    )
    # what is tolerated for the sake of this list is no remark on the set
    for problem in [*problems, *(note for note in image_set.notes if "(allow_" not in note)]:
        say(f"  {'':24}          {problem}")
    if known and known != image_set.fingerprint:
        say(f"  {name:24} CHANGED  its files were changed in place without a trace; it is another set now")
    return _check_training(zoo, name, store) and not problems


def _check_training(zoo: Zoo, name: str, store: Store) -> bool:
    spec = zoo.image_sets[name]
    if not isinstance(spec, PixelsEntry) or spec.train is None:
        return True
    training = f"{name} (train)"
    learned = spec.model_copy(update={"path": spec.train, "count": None, "train": None})
    return check_set(zoo.model_copy(update={"image_sets": {**zoo.image_sets, training: learned}}), training, store)


def _lenient(zoo: Zoo, name: str) -> Zoo:
    """Tolerate everything, so that everything can be told at once."""
    all_of_it = {"count": None, "allow_unreadable": sys.maxsize, "allow_missing": 0.999999}
    lenient = zoo.image_sets[name].model_copy(update=all_of_it)
    return zoo.model_copy(update={"image_sets": {**zoo.image_sets, name: lenient}})


def _forgotten(zoo: Zoo, names: Sequence[str], store: Store) -> dict[str, str]:
    """Forget what is known of all files, so that they are read again; returns the fingerprints that sets had."""
    fingerprints = {}
    if (store.root / "files").exists():
        for name in names:
            with contextlib.suppress(EyechartError):
                fingerprints[name] = read_image_set(_lenient(zoo, name), name, store, None).fingerprint
    for kind in ("files", "shards", "parquet-images", "remote"):
        shutil.rmtree(store.root / kind, ignore_errors=True)
    return fingerprints


def _problems(image_set: ImageSet, spec: object) -> list[str]:
    if not isinstance(spec, PixelsEntry):
        return []
    problems = []
    count = len(image_set) + len(image_set.unreadable)
    if spec.count is not None and count != spec.count:
        off = f"{spec.count - count:,} missing" if count < spec.count else f"{count - spec.count:,} too many"
        problems.append(f"{count:,} images, expected {spec.count:,}: {off}")
    if len(image_set.unreadable) > spec.allow_unreadable:
        problems += [f"cannot be read: {each}" for each in image_set.unreadable]
    return problems


def _blocked(zoo: Zoo, name: str, store: Store) -> list[str]:
    """What would block claims on a part of another set."""
    try:
        if zoo.image_sets[name].reader == "derived":
            read_image_set(zoo, name, store, None)
    except EyechartError as error:
        return [str(error)]
    return []
