"""Lists of which class an image shows, in the forms people have them: by file name, or ILSVRC's by number.

A list is a CSV or Parquet table with a column of names and one of classes (`file,label`; Kaggle's
`ImageId,PredictionString`), lines such as `ILSVRC2012_val_00000001.JPEG 65`, or ILSVRC's own ground truth, one class
number a line.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np

from eyechart.errors import BlockedError
from eyechart.images.decoding import suffixes
from eyechart.images.joining import match
from eyechart.images.labels import LabelSpace
from eyechart.images.published import VALIDATION_IMAGES, real
from eyechart.images.tables import read_table

NAMES = ("file", "filename", "file_name", "filepath", "path", "image", "image_id", "imageid", "image_name", "img",
         "key", "name", "id")  # fmt: skip
"""Columns that may name images, in any case; the first that is there does."""

LABELS = ("label", "labels", "class", "class_name", "class_id", "wnid", "synset", "target", "category", "ground_truth",
          "predictionstring")  # fmt: skip
"""Columns that may hold classes."""

BOXES = "predictionstring"
"""Kaggle's: a class and four numbers of a box, for each box."""

LARGEST = 1 << 28
"""Bytes of a list at most: a hundred times that of ImageNet's training images."""

AGREEING = 0.5
"""Share of ImageNet's validation images whose class must be among the ReaL labels; of the true classes about .9 are."""

ENOUGH = 20
"""Images that tell a list in ImageNet's order from one in another."""

_NUMBER = re.compile(r"\d{1,9}")
_WNID = re.compile(r"n\d{8}")


@dataclass(frozen=True)
class GroundTruth:
    """Classes by image, in the order of their list.

    names   of images, as the list has them
    labels  of each, as they are written
    lines   where each is written
    """

    file: Path
    names: tuple[str, ...]
    labels: tuple[str, ...]
    lines: tuple[int, ...]


def read_ground_truth(file: Path, class_ids: Path | None = None) -> GroundTruth:
    """Read a list of classes; `class_ids` says which class each number of it is (`class_numbers`).

    Raises BlockedError for a list of another form, an image that is listed twice, a number that `class_ids` lacks, and
    a list of numbers alone without `class_ids`: ILSVRC's numbers are in an order of their own.
    """
    try:
        listed = list(_listed(file, by_number=class_ids is not None))
    except (OSError, ValueError, csv.Error) as error:
        raise BlockedError(f"labels {file} cannot be read: {error}") from error
    first: dict[str, int] = {}
    for line, name, _ in listed:
        if first.setdefault(name, line) != line:
            raise BlockedError(f"labels {file}: line {line} lists {name!r} again, which line {first[name]} does")
    lines, names, labels = zip(*listed, strict=True) if listed else ((), (), ())
    if class_ids is not None:
        class_of = class_numbers(class_ids)
        for line, label in zip(lines, labels, strict=True):
            if _plain(label) not in class_of:
                raise BlockedError(f"labels {file}: line {line} says {label!r}, which {class_ids} does not explain")
        labels = tuple(class_of[_plain(label)] for label in labels)
    return GroundTruth(file, tuple(names), tuple(labels), tuple(lines))


def _plain(label: str) -> str:
    return str(int(label)) if _NUMBER.fullmatch(label) else label


def labeled(truth: GroundTruth, keys: Sequence[str], space: LabelSpace) -> tuple[list[int], list[str]]:
    """The class of each image, and what is to be said of the list.

    Raises BlockedError for images that are not listed, for classes outside the space, with their lines, and for
    ImageNet's validation images where the classes are not theirs.
    """
    rows = match(keys, truth.names)
    lost = [key for key, row in zip(keys, rows.tolist(), strict=True) if row < 0]
    if lost:
        written = f"; its first is {truth.names[0]!r}" if truth.names else ""
        raise BlockedError(
            f"labels {truth.file} lacks {len(lost):,} of {len(keys):,} images, such as {lost[0]}: it lists "
            f"{len(truth.names):,}{written}"
        )
    line_of = dict(zip(reversed(truth.labels), reversed(truth.lines), strict=True))
    index = space.indices(truth.labels, f"labels {truth.file}", lambda label: f" (line {line_of[label]})")
    labels = [index[truth.labels[row]] for row in rows]
    if space.name == "imagenet-1k":
        _require_imagenets(truth.file, keys, labels)
    spare = sorted(set(range(len(truth.names))) - set(rows.tolist()))
    if not spare:
        return labels, []
    few = ", ".join(truth.names[row] for row in spare[:3])
    listed = f"{len(spare):,} of the {len(truth.names):,} images that {truth.file.name} lists"
    return labels, [f"{listed} are not here, such as {few}"]


def class_numbers(file: Path) -> dict[str, str]:
    """Class number, as it is written → class: from ILSVRC's `meta.mat`, or lines of a class and its number.

    Raises BlockedError for another form, and for a number that is there twice.
    """
    try:
        pairs = list(_matlab(file) if file.suffix == ".mat" else _numbered(file))
    except Exception as error:  # SciPy raises many kinds for files that are no MATLAB
        raise BlockedError(f"class_ids {file} cannot be read: {error}") from error
    numbers = dict(pairs)
    if len(numbers) < len(pairs):
        raise BlockedError(f"class_ids {file} gives a number to two classes")
    return numbers


def _matlab(file: Path) -> Iterator[tuple[str, str]]:
    from scipy.io import loadmat

    synsets = loadmat(file, squeeze_me=True)["synsets"]
    for number, wnid in zip(synsets["ILSVRC2012_ID"].tolist(), synsets["WNID"].tolist(), strict=True):
        yield str(int(number)), str(wnid)


def _numbered(file: Path) -> Iterator[tuple[str, str]]:
    for line, text in _lines(file):
        first, second = [*text.replace(",", " ").split()[:2], "", ""][:2]
        if _NUMBER.fullmatch(first) is None:
            first, second = second, first
        if _NUMBER.fullmatch(first) is None or not second:
            raise ValueError(f"expected a class and its number in line {line}, found {text[:100]!r}")
        yield str(int(first)), second


def _listed(file: Path, *, by_number: bool) -> Iterator[tuple[int, str, str]]:
    """Line, image and class of each row. Raises ValueError."""
    if file.suffix == ".parquet":
        table = read_table(file)
        columns = list(zip(*(table[name].to_pylist() for name in table.column_names), strict=True))
        rows = [(1, list(table.column_names)), *((row, list(map(str, each))) for row, each in enumerate(columns, 1))]
    else:
        lines = list(_lines(file))
        if lines and all(_NUMBER.fullmatch(text) for _, text in lines):
            yield from _by_number(lines, explained=by_number)
            return
        rows = list(_cells(lines))
    name_at, label_at, start = _columns(rows)
    for line, cells in rows[start:]:
        if len(cells) <= max(name_at, label_at):
            raise ValueError(f"line {line} holds {len(cells)} values, the first {len(rows[0][1])}")
        label = cells[label_at].strip()
        if start and rows[0][1][label_at].strip().lower() == BOXES:
            label = _only_class(label, line)
        if not label:
            raise ValueError(f"line {line} has no class")
        yield line, cells[name_at].strip(), label


def _lines(file: Path) -> Iterator[tuple[int, str]]:
    if (size := file.stat().st_size) > LARGEST:
        raise ValueError(f"it takes {size:,} bytes, a list of classes at most {LARGEST:,}")
    for number, text in enumerate(file.read_text(encoding="utf-8-sig").splitlines(), 1):
        if text.strip():
            yield number, text.strip()


def _by_number(lines: Sequence[tuple[int, str]], *, explained: bool) -> Iterator[tuple[int, str, str]]:
    if len(lines) != VALIDATION_IMAGES:
        raise ValueError(
            f"it holds {len(lines):,} numbers and no file names: ILSVRC's list has {VALIDATION_IMAGES:,}, and any "
            "other must say which image a class is of"
        )
    if not explained:
        raise ValueError(
            "it holds numbers and no file names, as ILSVRC's ground truth does, whose numbers 1 to 1000 are in an "
            "order of their own. Say `class_ids: FILE`, the meta.mat beside it or lines of a class and its number"
        )
    for row, (line, text) in enumerate(lines, 1):
        yield line, f"ILSVRC2012_val_{row:08d}", text


def _cells(lines: Sequence[tuple[int, str]]) -> Iterator[tuple[int, list[str]]]:
    """Cells of each line: between tabs, commas or semicolons, whichever the first has; else a name and its class."""
    first = lines[0][1] if lines else ""
    delimiter = next((sign for sign in "\t,;" if sign in first), None)
    if delimiter is None:
        yield from ((line, text.rsplit(None, 1)) for line, text in lines)
    else:
        numbers = [line for line, _ in lines]
        yield from zip(numbers, csv.reader([text for _, text in lines], delimiter=delimiter), strict=True)


def _columns(rows: Sequence[tuple[int, list[str]]]) -> tuple[int, int, int]:
    """Where names and classes are, and whether the first row says so. Raises ValueError where nothing does."""
    if not rows:
        raise ValueError("it is empty")
    first = [cell.strip() for cell in rows[0][1]]
    lower = [cell.lower() for cell in first]
    name = next((lower.index(each) for each in NAMES if each in lower), None)
    label = next((lower.index(each) for each in LABELS if each in lower), None)
    if name is not None and label is not None:
        return name, label, 1
    if len(first) > 1 and (PurePosixPath(first[0]).suffix.lower() in suffixes() or first[0].startswith("ILSVRC2012_")):
        return 0, 1, 0
    raise ValueError(
        f"expected columns of names ({', '.join(NAMES)}) and classes ({', '.join(LABELS)}), or lines that begin with "
        f"the name of an image file; found {rows[0][1]!r}"[:600]
    )


def _only_class(boxes: str, line: int) -> str:
    """The class of an image by its boxes, which all show it. Raises ValueError for several."""
    classes = sorted({word for word in boxes.split() if _WNID.fullmatch(word)})
    if len(classes) != 1:
        raise ValueError(f"line {line} names {len(classes)} classes, expected one wnid: {boxes[:100]!r}")
    return classes[0]


def _require_imagenets(file: Path, keys: Sequence[str], labels: Sequence[int]) -> None:
    """Raise BlockedError where ImageNet's validation images have classes that they hardly ever show.

    Numbers in another order than that of sorted wnids are the classes of other images. ReaL's labels come with timm.
    """
    right: Mapping[str, tuple[int, ...]] = real().labels or {}
    names = [f"{PurePosixPath(key).stem}.JPEG" for key in keys]
    agree = [label in right[name] for name, label in zip(names, labels, strict=True) if name in right]
    if len(agree) >= ENOUGH and np.mean(agree) < AGREEING:
        raise BlockedError(
            f"labels {file}: only {np.mean(agree):.1%} of {len(agree):,} ImageNet validation images show the class "
            "that it says (by ReaL's labels): it is of others, or its numbers are not 0 to 999 in the order of sorted "
            "wnids. ILSVRC's own numbers, 1 to 1000, need `class_ids: FILE`"
        )
