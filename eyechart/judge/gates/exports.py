"""A pinned baseline as one file, for another machine: a zip of its tables behind a manifest that says what it is.

The manifest proves itself, and names every file with its size and digest. On arrival nothing is believed: every file
is checked against the manifest, and every table against the digests that it carries itself, before any is put in place.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import re
import shutil
import tempfile
import zipfile
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

from eyechart.errors import SpecError, printable
from eyechart.images.remote import is_url
from eyechart.judge.gates.pins import free, pinned_record, pins, put
from eyechart.predict.tables import read_meta
from eyechart.store.proof import UNREADABLE, open_table, sealed_record, unsealed_record
from eyechart.store.writing import atomically

FORMAT, VERSION = "eyechart-baseline", 1
MANIFEST = "manifest.json"
LARGEST_MANIFEST = 1 << 24
"""Bytes of a manifest that is read: some 60,000 tables."""

_TABLE = re.compile(r"predictions/[\w-]+\.parquet", re.ASCII)
_CHUNK = 1 << 20
_DAY = (1980, 1, 1, 0, 0, 0)
"""Of every file in the zip, so that the same baseline is the same file."""


def export(name: str, store: Path, file: Path, *, replace: bool = False) -> dict[str, Any]:
    """Write the pinned baseline `name` as one file, whole or not at all; returns its manifest.

    Raises SpecError where there is no such baseline or it is damaged, and where the file is there already or cannot be
    written.
    """
    if file.exists() and not replace:
        raise SpecError(f"{file} is there already; --replace writes it anew")
    record = pinned_record(name, store)
    tables = sorted((pins(store) / name / "predictions").glob("*.parquet"))
    if len(tables) != record["tables"]:
        raise SpecError(f"baseline {name!r}: {record['tables']} tables were pinned, {len(tables)} are in {pins(store)}")
    for path in tables:
        _require_sound(path, path)
    manifest = {
        "format": FORMAT,
        "version": VERSION,
        "eyechart": metadata.version("eyechart"),
        "baseline": record,
        **_contents(tables),
        "files": {f"predictions/{path.name}": _facts(path) for path in tables},
    }
    try:
        atomically(file, functools.partial(_pack, manifest, tables))
    except OSError as error:
        raise SpecError(f"{file}: cannot be written ({error.strerror or error})") from error
    return manifest


def _contents(tables: list[Path]) -> dict[str, Any]:
    """What tables say of what they are about and were made with: image sets with their views, and versions."""
    sets: dict[str, dict[str, Any]] = {}
    versions: dict[str, set[str]] = {}
    for meta in filter(None, map(read_meta, tables)):
        about = sets.setdefault(meta["image_set"], {**meta["images"], "views": []})
        about["views"] = sorted({*about["views"], meta["view"]})
        for library, version in meta.get("versions", {}).items():
            versions.setdefault(library, set()).add(version)
    return {"image_sets": sets, "versions": {library: sorted(each) for library, each in versions.items()}}


def _facts(path: Path) -> dict[str, Any]:
    with path.open("rb") as stream:
        return {"bytes": path.stat().st_size, "sha256": hashlib.file_digest(stream, "sha256").hexdigest()}


def _pack(manifest: dict[str, Any], tables: list[Path], target: Path) -> None:
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:  # the tables are compressed already
        archive.writestr(zipfile.ZipInfo(MANIFEST, _DAY), sealed_record(manifest, MANIFEST))
        for path in tables:
            entry = zipfile.ZipInfo(f"predictions/{path.name}", _DAY)
            entry.file_size = path.stat().st_size
            with path.open("rb") as source, archive.open(entry, "w") as copy:
                shutil.copyfileobj(source, copy, _CHUNK)


def import_(source: str, store: Path, *, name: str = "", replace: bool = False) -> dict[str, Any]:
    """Pin the baseline in a file, or at a URL that fsspec reads, as `name` or as what it is called; gives its manifest.

    Raises SpecError, and leaves nothing behind, where the file is not there, is no baseline or one of another version,
    or is not in every byte what was exported; and for a name that is taken.
    """
    with _local(source) as file:
        try:
            with zipfile.ZipFile(file) as archive:
                manifest = _manifest(archive)
                record = {**manifest["baseline"], "name": name or manifest["baseline"]["name"]}
                target = free(record["name"], store, replace=replace)
                put(target, record, functools.partial(_unpack, archive, manifest))
        except (*UNREADABLE, zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
            raise SpecError(
                f"{source}: is no baseline that `eyechart baseline export` wrote, whole: {error}"
            ) from error
    return {**manifest, "baseline": record}


@contextlib.contextmanager
def _local(source: str) -> Iterator[Path]:
    """A file, or a copy of what is at a URL."""
    if not is_url(source):
        file = Path(source).expanduser()
        if not file.is_file():
            raise SpecError(f"{source}: there is no such file; `eyechart baseline export NAME FILE` writes one")
        yield file
        return
    import fsspec

    with tempfile.TemporaryDirectory(prefix="eyechart-") as folder:
        copy = Path(folder) / "baseline"
        try:
            with fsspec.open(source, "rb") as stream, copy.open("wb") as target:
                shutil.copyfileobj(stream, target, _CHUNK)
        except Exception as error:  # every storage has errors of its own
            raise SpecError(f"{source}: cannot be read ({type(error).__name__}: {error})") from error
        yield copy


def _manifest(archive: zipfile.ZipFile) -> dict[str, Any]:
    """Read the manifest, and check that the zip holds what it names and nothing else. Raises UNREADABLE."""
    entries = archive.infolist()
    if not entries or entries[0].filename != MANIFEST or entries[0].file_size > LARGEST_MANIFEST:
        raise ValueError(f"it does not begin with {MANIFEST}")
    manifest = unsealed_record(archive.read(entries[0]), MANIFEST)
    if manifest.get("format") != FORMAT:
        raise ValueError(f"its format is {manifest.get('format')!r}, expected {FORMAT!r}")
    if manifest.get("version") != VERSION:
        raise ValueError(
            f"it is of version {manifest.get('version')!r}, written by eyechart {manifest.get('eyechart')}; this is "
            f"eyechart {metadata.version('eyechart')}, which reads version {VERSION}"
        )
    files = manifest["files"]
    for entry in entries[1:]:
        if not _TABLE.fullmatch(entry.filename) or entry.filename not in files:
            raise ValueError(f"it holds {printable(entry.filename)!r}, which its manifest does not name")
        if entry.compress_type != zipfile.ZIP_STORED or entry.file_size != files[entry.filename]["bytes"]:
            raise ValueError(f"{entry.filename} is not as long as its manifest says")
    if sorted(entry.filename for entry in entries[1:]) != sorted(files):
        raise ValueError("its manifest names files that it does not hold, or holds twice")
    return manifest


def _unpack(archive: zipfile.ZipFile, manifest: dict[str, Any], folder: Path) -> None:
    """Copy the tables into a folder and check each. Raises ValueError or SpecError for one that is another."""
    for name, facts in manifest["files"].items():
        copy = folder / Path(name).name
        with archive.open(name) as source, copy.open("wb") as target:
            shutil.copyfileobj(source, target, _CHUNK)
        if _facts(copy) != facts:
            raise ValueError(f"{name} is not what was exported: its digest is another")
        _require_sound(copy, name)
        if open_table(copy).meta["name"] != name:
            raise ValueError(f"{name} was written as {open_table(copy).meta['name']}")


def _require_sound(path: Path, called: object) -> None:
    """Raise SpecError for a table that does not prove itself."""
    try:
        open_table(path).check()
    except UNREADABLE as error:
        raise SpecError(f"{called}: {error}") from error
