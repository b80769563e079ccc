"""What all readers of real images share: from listed images to a fingerprinted set, or why it is blocked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from eyechart.digest import bytes_digest, digest
from eyechart.errors import BlockedError
from eyechart.images import decoding
from eyechart.images.cue_conflict import cues
from eyechart.images.entries import PixelsEntry, Role
from eyechart.images.image_set import ImageSet
from eyechart.images.labels import LabelSpace
from eyechart.images.views import Image
from eyechart.measures.predictions import Ints

SHOWN = 5
"""Names in a message; the rest are counted."""


@dataclass(frozen=True)
class Listed:
    """Images as a layout lists them, one entry each.

    keys         names, unique within the set
    labels       classes, as indices; or several for an image of which any is right
    digests      of the bytes of each image's file
    faults       why a file cannot be read, or empty
    content      row → the bytes of that image's file
    annotations  name → one value an image
    notes        what was tolerated, such as files that the layout has no place for
    """

    keys: Sequence[str]
    labels: Sequence[Sequence[int]]
    digests: Sequence[str]
    faults: Sequence[str]
    content: Callable[[int], bytes]
    annotations: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    notes: Sequence[str] = ()


def assemble(name: str, spec: PixelsEntry, space: LabelSpace, listed: Listed) -> ImageSet:
    """Make the set, in the order of its keys, whatever order the layout lists them in.

    Raises BlockedError for a number of images other than `count`, for more unreadable ones than `allow_unreadable`,
    listing them, and for a name that is no text.
    """
    _complete(name, spec, len(listed.keys))
    _require_text(name, listed.keys)
    bad = [row for row, fault in enumerate(listed.faults) if fault]
    unreadable = [f"{listed.keys[row]} ({listed.faults[row]})" for row in bad]
    if len(bad) > spec.allow_unreadable:
        raise BlockedError(
            f"image set {name!r}: {len(bad)} of {len(listed.keys)} images cannot be read: "
            f"{some(unreadable)}. "
            f"Replace them, or state `allow_unreadable: {len(bad)}` in models.yaml"
        )
    rows = sorted(set(range(len(listed.keys))) - set(bad), key=lambda row: listed.keys[row])
    keys = [listed.keys[row] for row in rows]
    labels = [tuple(listed.labels[row]) for row in rows]

    def read(wanted: Ints) -> list[Image]:
        return [_decoded(name, listed, rows[row], spec.orientation) for row in wanted]

    content = [listed.digests[row] for row in rows]
    left_out = f"{len(bad)} unreadable images left out (allow_unreadable: {spec.allow_unreadable})" if bad else ""
    annotations = {column: [values[row] for row in rows] for column, values in listed.annotations.items()}
    columns = {column: np.array(values) for column, values in annotations.items()}
    return ImageSet(
        name=name,
        label_space=space.name,
        keys=np.array(keys, dtype=np.str_),
        labels=np.array([each[0] for each in labels], dtype=np.int64),
        annotations={**columns, **cue_columns(spec.role, space, keys)},
        fingerprint=digest(keys, labels, content, space.name, spec.orientation, decoding.VERSION),
        read=read,
        also=also_right(keys, labels, space),
        cropped=spec.cropped,
        unreadable=tuple(unreadable),
        notes=tuple(filter(None, [left_out, _copies(keys, content), *listed.notes, _classes_without(space, labels)])),
        digests=lambda wanted: [content[row] for row in wanted],
        orientation=spec.orientation,
    )


def _copies(keys: Sequence[str], digests: Sequence[str]) -> str:
    """Say which images are there under several names, as copies or as links: each name is judged."""
    first: dict[str, str] = {}
    copies = [(key, first[each]) for key, each in zip(keys, digests, strict=True) if first.setdefault(each, key) != key]
    if not copies:
        return ""
    return f"{len(copies):,} images are copies of others by content, such as {copies[0][0]} of {copies[0][1]}"


def _classes_without(space: LabelSpace, labels: Sequence[tuple[int, ...]]) -> str:
    """Say which classes are declared and shown by no image."""
    shown = {each for right in labels for each in right}
    without = [name for index, name in enumerate(space.names) if index not in shown]
    if not without:
        return ""
    return f"{len(without):,} of {len(space):,} classes have no image: {some(without)}"


def _require_text(name: str, keys: Sequence[str]) -> None:
    """Raise BlockedError for file names whose bytes are no UTF-8: no table and no report could name them."""
    strange = [key for key in keys if not key.isascii() and key.encode("utf-8", "ignore").decode("utf-8") != key]
    if strange:
        raise BlockedError(
            f"image set {name!r}: {len(strange)} file names are no UTF-8 text, rename them: {some(strange)}"
        )


def also_right(keys: Sequence[str], labels: Sequence[tuple[int, ...]], space: LabelSpace) -> dict[str, tuple[int, ...]]:
    """Key → classes that are right besides the first label: its other labels, and what the space cannot tell apart."""
    further = dict.fromkeys(one for one, _ in space.also)
    alike = {one: tuple(other for first, other in space.also if first == one) for one in further}
    both = {
        key: (*each[1:], *(other for one in each for other in alike.get(one, ())))
        for key, each in zip(keys, labels, strict=True)
    }
    return {key: others for key, others in both.items() if others}


def cue_columns(role: Role, space: LabelSpace, keys: Sequence[str]) -> dict[str, Any]:
    """The two cues that the names of cue-conflict images tell, as annotations; nothing for other sets.

    `shape` and `texture` are (n,) classes, `content_image` and `texture_image` (n,) names of photographs.
    """
    if role is not Role.CUE_CONFLICT or space.name != "cue-conflict-16":
        return {}
    named = [cues(key) for key in keys]
    index_of = {category: index for index, category in enumerate(space.names)}
    return {
        "shape": np.array([index_of[each[0]] for each in named], dtype=np.int64),
        "texture": np.array([index_of[each[1]] for each in named], dtype=np.int64),
        "content_image": np.array([each[2] for each in named], dtype=np.str_),
        "texture_image": np.array([each[3] for each in named], dtype=np.str_),
    }


def require_unique(name: str, keys: Sequence[str]) -> None:
    """Raise BlockedError for a key that names two images."""
    twice = [key for key, count in Counter(keys).items() if count > 1]
    if twice:
        raise BlockedError(f"image set {name!r}: {len(twice)} keys name more than one image: {some(twice)}")


def _complete(name: str, spec: PixelsEntry, count: int) -> None:
    if count == 0:
        raise BlockedError(f"image set {name!r} is empty: {spec.path} holds no image in the layout {spec.reader!r}")  # type: ignore[attr-defined]  # every reader's spec names it
    if spec.count is not None and count != spec.count:
        word = "incomplete" if count < spec.count else "not the published one"
        raise BlockedError(f"image set {name!r} is {word}: {count:,} images, expected {spec.count:,}")


def _decoded(name: str, listed: Listed, row: int, orientation: decoding.Orientation) -> Image:
    try:
        content = listed.content(row)
        if bytes_digest(content) != listed.digests[row]:
            raise BlockedError(
                f"image set {name!r}: {listed.keys[row]} is another file than when the set was indexed. Run again; "
                "if that does not help, `eyechart check-data --verify` looks at every file"
            )
        return decoding.decode(content, orientation)
    except (decoding.DecodeError, OSError) as error:
        raise BlockedError(f"image set {name!r}: {listed.keys[row]} cannot be read any more: {error}") from error


def some(names: Sequence[str]) -> str:
    """Write the first few names, and how many more there are."""
    more = f", and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more
