"""Layout `shards`: WebDataset tar files, as CLIP_benchmark publishes its data sets."""

from __future__ import annotations

import os
import tarfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Any, Literal

import numpy as np

from eyechart.digest import bytes_digest
from eyechart.errors import BlockedError
from eyechart.images import decoding
from eyechart.images.arrays import array_of
from eyechart.images.entries import PixelsEntry
from eyechart.images.files import facts_of, file_facts
from eyechart.images.image_set import ImageSet
from eyechart.images.readers.around import Around
from eyechart.images.readers.assembling import Listed, assemble, require_unique
from eyechart.images.readers.folder import existing, unread
from eyechart.images.walking import SYSTEMS_OWN

VERSION = 3
"""Part of the name that what is known of a shard is kept under: raise it when the same shard is read otherwise."""

LONGEST_LABEL = 1 << 10
"""Bytes of a class at most; it is a number."""

_END = 1024
"""Bytes of zeros that end a tar file; a shard without them was cut short, though its members may look complete."""


class ShardsSet(PixelsEntry):
    """A folder of tar files (`0.tar`, `1.tar`, … and possibly `nshards.txt`), or one tar file.

    A sample is the members with one name before the first dot: an image and its class in `.cls` (a number).
    """

    reader: Literal["shards"]


def read(name: str, spec: ShardsSet, around: Around) -> ImageSet:
    """Index the shards; an index is kept by content. Raises BlockedError where a shard is missing or damaged."""
    shards = _shards(name, existing(name, around.path(spec.path)))
    root = shards[0].parent
    samples: list[dict[str, Any]] = []
    for shard, facts in zip(shards, facts_of(root, shards, around.store, file_facts), strict=True):
        key = f"{facts.digest}-{VERSION}"
        record = around.store.read_json("shards", key)
        if record is None:
            record = {"samples": _samples(name, shard)}
            around.store.write_json("shards", key, record)
        samples += [{**sample, "shard": str(shard)} for sample in record["samples"]]
    space = around.labels(name)
    index = space.indices([each["label"] for each in samples], f"image set {name!r}: {root}") if samples else {}
    keys = [f"{Path(each['shard']).stem}/{each['key']}" for each in samples]
    require_unique(name, keys)
    listed = Listed(
        keys=keys,
        labels=[(index[each["label"]],) for each in samples],
        digests=[each["digest"] for each in samples],
        faults=[each["fault"] for each in samples],
        content=lambda row: _member(samples[row]),
        notes=unread(_others(around.path(spec.path)), root, "no .tar, and not read"),
    )
    return assemble(name, spec, space, listed)


def _shards(name: str, shard: Path) -> Sequence[Path]:
    if shard.is_file():
        return [shard]
    shards = sorted(shard.glob("*.tar"), key=lambda path: (len(path.stem), path.stem))
    if not shards:
        raise BlockedError(f"image set {name!r}: {shard} holds no .tar file")
    counted = shard / "nshards.txt"
    if counted.is_file():
        with counted.open("rb") as stream:
            count = stream.read(20).decode("utf-8", "replace").strip()
        if not count.isdecimal() or int(count) != len(shards):
            raise BlockedError(
                f"image set {name!r}: {shard} holds {len(shards)} shards, its nshards.txt says {count or 'nothing'}"
            )
    return shards


def _others(folder: Path) -> list[Path]:
    """Find what lies beside the shards of a folder and is none."""
    inside = sorted(folder.iterdir()) if folder.is_dir() else []
    known = {"nshards.txt", *SYSTEMS_OWN}
    return [path for path in inside if path.suffix != ".tar" and path.name.lower() not in known and path.name[0] != "."]


def _samples(name: str, shard: Path) -> list[dict[str, Any]]:
    """List the samples of one shard: key, label, and where its image's bytes are."""
    parts: dict[str, dict[str, tarfile.TarInfo]] = {}
    try:
        with tarfile.open(shard, "r:") as tar:
            for member in tar:
                if member.isfile():
                    path = PurePosixPath(member.name)
                    stem, _, kind = path.name.partition(".")
                    members = parts.setdefault((path.parent / stem).as_posix(), {})
                    if kind.lower() in members:
                        raise ValueError(f"it holds {member.name} more than once, and only one of them can be meant")
                    members[kind.lower()] = member
            _whole(shard)
            told = _images() | {*_LABELS}  # what makes members of one name a sample; a shard may hold other things
            return [_sample(tar, key, members) for key, members in parts.items() if not told.isdisjoint(members)]
    except (tarfile.TarError, EOFError, OSError, ValueError) as error:
        raise BlockedError(f"image set {name!r}: shard {shard} cannot be read: {error}") from error


_LABELS = ("cls", "npy")


@cache
def _images() -> frozenset[str]:
    """What members that are images end in."""
    return frozenset(suffix.removeprefix(".") for suffix in decoding.suffixes())


def _sample(tar: tarfile.TarFile, key: str, members: dict[str, tarfile.TarInfo]) -> dict[str, Any]:
    kinds = sorted(_images() & set(members))
    if len(kinds) != 1:
        raise ValueError(f"sample {key} has {' and '.join(kinds) or 'no'} images, only {', '.join(sorted(members))}")
    image = members[kinds[0]]
    sample = {"key": key, "label": _label(tar, key, members), "offset": image.offset_data, "size": image.size}
    if image.issparse() or image.size > decoding.LARGEST_FILE:
        fault = f"it takes {image.size:,} bytes{' with holes' * image.issparse()}, no image is stored so"
        return {**sample, "digest": "", "fault": fault}
    content = _bytes(tar, image)
    return {**sample, "digest": bytes_digest(content), "fault": decoding.fault(content)}


def _label(tar: tarfile.TarFile, key: str, members: dict[str, tarfile.TarInfo]) -> str:
    kind = next((kind for kind in _LABELS if kind in members), None)
    if kind is None:
        raise ValueError(f"sample {key} has no class (.cls or .npy), only {', '.join(sorted(members))}")
    if members[kind].size > LONGEST_LABEL:
        raise ValueError(f"the class of sample {key} takes {members[kind].size:,} bytes, expected a number")
    content = _bytes(tar, members[kind])
    if kind == "cls":
        return content.decode("utf-8").strip()
    label = array_of(content)
    if label.size != 1 or not np.issubdtype(label.dtype, np.integer):
        raise ValueError(f"the class of sample {key} is {label.dtype} {label.shape}, expected one whole number")
    return str(int(label.reshape(())))


def _bytes(tar: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    stream = tar.extractfile(member)
    content = stream.read() if stream else b""
    if len(content) != member.size:
        raise EOFError(f"{member.name} is cut short: {len(content)} of {member.size} bytes")
    return content


def _whole(shard: Path) -> None:
    with shard.open("rb") as stream:
        stream.seek(-min(_END, shard.stat().st_size), os.SEEK_END)
        if stream.read().strip(b"\0"):
            raise EOFError("it is cut short: the end of a tar file is missing")


def _member(sample: dict[str, Any]) -> bytes:
    with Path(sample["shard"]).open("rb") as stream:
        stream.seek(sample["offset"])
        return stream.read(sample["size"])
