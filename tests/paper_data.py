"""The paper's image sets in miniature: a few pictures each, in exactly the published layouts, and what must come out.

Pictures say what they want to be called (tests/coded.py). What is right is worked out here from published files alone.
"""

from __future__ import annotations

import csv
import importlib.util
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from eyechart.images.corruptions import CORRUPTIONS
from eyechart.images.cue_conflict import CATEGORIES
from tests.coded import ALONE, CLASSES, FIRST, SECOND, picture
from tests.image_files import put, shard

CORRUPTED_IMAGES = 60
"""Of each corruption and severity: enough for a model that is always wrong to be told from AlexNet."""
FOGGY = 1 / 4
"""Share of them that is misnamed in fog at the two highest severities; all else is named."""
CORRUPTED = 1
"""The note of corrupted pictures."""
TRANSFER_IMAGES, TRANSFER_ERRORS = 12, 3
"""Of each task's test images."""

MAPPING = {"Shirt": [841], "Sweatshirt": [841], "Wolf": [269, 270, 271, 272], "Banana": [954]}
"""Four of PUG-ImageNet's 151 classes, two of them with one ImageNet class."""

LEVELS = {
    "Worlds": "world_name", "Camera_Pitch": "camera_pitch", "Camera_Yaw": "camera_yaw", "Camera_Roll": "camera_roll",
    "Object_Pitch": "character_rotation_pitch", "Object_Yaw": "character_rotation_yaw",
    "Object_Roll": "character_rotation_roll", "Object_Scale": "character_scale",
    "Object_Texture": "character_texture", "Scene_Light": "scene_light",
}  # fmt: skip
"""Factor of PUG-ImageNet → the column of its published table that tells the level."""


def published(package: str, *parts: str) -> Path:
    """A file of an installed package."""
    return Path(importlib.util.find_spec(package).submodule_search_locations[0]).joinpath(*parts)


def wnids(name: str = "imagenet") -> list[str]:
    """Classes of ImageNet, or of its 200-class subsets `imagenet_a` and `imagenet_r`."""
    return published("timm", "data", "_info", f"{name}_synsets.txt").read_text().split()


@dataclass
class Expected:
    """What must come out of the pictures, worked out by hand: name of an image set → number."""

    accuracy: dict[str, float] = field(default_factory=dict)
    drop: dict[str, float] = field(default_factory=dict)
    gap: dict[str, float] = field(default_factory=dict)
    factors: dict[str, tuple[int, int]] = field(default_factory=dict)
    """Factor → images, and how many of them are misnamed."""
    shape: tuple[int, int] = (0, 0)
    """Decisions by shape, and by texture."""


def write(root: Path, sets: Mapping[str, Any]) -> Expected:
    """Write every image set of the paper's zoo under `root`."""
    expected = Expected()
    validation = _validation(root / "imagenet/val", expected)
    _numbered(root / "imagenetv2-matched-frequency-format-val", expected)
    for name in ("imagenet-a", "imagenet-r"):
        _masked(root, name, validation, expected)
    _sketch(root / "imagenet-sketch", expected)
    _hard(root / "imagenet-hard/data/validation-00000-of-00001.parquet", expected)
    _corrupted(root / "imagenet-c")
    _cues(root / "cue-conflict", expected)
    _rendered(root / "PUG_IMAGENET", sets["pug-imagenet"]["factors"])
    for spec in sets.values():
        if spec["role"] == "transfer":
            _task(root, spec["path"], spec["train"], spec["label_space"]["classes"])
    return expected


@dataclass(frozen=True)
class Shown:
    """One validation image: its file, class, and the two answers its picture asks for."""

    file: str
    label: int
    first: int
    second: int


def _validation(root: Path, expected: Expected) -> list[Shown]:
    """Images that ImageNet-X and ReaL know, some that they do not, some of classes of ImageNet-A and -R."""
    rows = published("imagenet_x", "annotations", "filename_label.csv").read_text().splitlines()[1:]
    labels = {file: int(label) for file, label in (row.split(",") for row in rows)}
    told = published("imagenet_x", "annotations", "imagenet_x_val_top_factor.jsonl").read_text().splitlines()
    prototypes = set(published("imagenet_x", "annotations", "prototypical_paths.csv").read_text().split())
    annotated = {each["file_name"]: each for each in map(json.loads, told) if each["file_name"] not in prototypes}
    lists = json.loads(published("timm", "data", "_info", "imagenet_real_labels.json").read_text())
    real = {f"ILSVRC2012_val_{number:08d}.JPEG": each for number, each in enumerate(lists, 1)}
    factors = sorted(
        key for key, value in annotated[next(iter(annotated))].items() if value in (0, 1) and key != "class"
    )

    chosen = [
        file for factor in factors for file in [name for name, each in annotated.items() if each[factor] == 1][:4]
    ]
    chosen += [name for name in labels if name not in annotated and labels[name] not in real[name]][:4]
    several = [name for name in labels if len(real[name]) > 1 and labels[name] in real[name]][:4]
    chosen += [name for name in labels if not real[name]][:4]
    small = set(wnids("imagenet_a")) & set(wnids("imagenet_r"))
    classes = [index for index, wnid in enumerate(wnids()) if wnid in small][:12]
    chosen += [next(name for name, label in labels.items() if label == index) for index in classes]
    shown = []
    for number, file in enumerate(dict.fromkeys([*chosen, *several])):
        label = labels[file]
        other = next(each for each in real[file] if each != label) if file in several else (label + 77) % CLASSES
        first, second = (other, label) if number % 4 == 0 or file in several else (label, other)
        shown.append(Shown(file, label, first, second))
        put(root / wnids()[label] / file, picture(first, second))
    wrong = {each.file: each.first != each.label for each in shown}
    expected.accuracy["imagenet-1k"] = 1 - sum(wrong.values()) / len(shown)
    known = [each for each in shown if real[each.file]]
    expected.accuracy["imagenet-real"] = sum(each.first in real[each.file] for each in known) / len(known)
    parts = {factor: [name for name in wrong if annotated.get(name, {}).get(factor) == 1] for factor in factors}
    expected.factors = {factor: (len(names), sum(wrong[name] for name in names)) for factor, names in parts.items()}
    inside = [name for name in wrong if name in annotated]
    expected.factors["all"] = (len(inside), sum(wrong[name] for name in inside))
    return shown


def _numbered(root: Path, expected: Expected) -> None:
    """Folders are integers; sorted as text, `10` would be the second class."""
    for number in (0, 2, 10, 100, 999):
        put(root / str(number) / "a.jpeg", picture(number))
        put(root / str(number) / "b.jpeg", picture(number if number != 100 else 3))
    expected.accuracy["imagenet-v2"] = 9 / 10


def _masked(root: Path, name: str, validation: Sequence[Shown], expected: Expected) -> None:
    """Answers outside the 200 classes do not count: the best of those inside does, and its share of them."""
    names = wnids(name.replace("-", "_"))
    inside = [index for index, wnid in enumerate(wnids()) if wnid in names]
    outside = next(index for index in range(CLASSES) if index not in inside)
    kinds = [(inside[0], inside[1]), (outside, inside[0]), (inside[1], inside[0])]  # right, right once masked, wrong
    for number, (first, second) in enumerate(kinds):
        folder = root / name / wnids()[inside[0]]
        put(folder / f"{number}.000116_digital clock _ x_0.86.jpg", picture(first, second))
    expected.accuracy[name] = 2 / 3
    both = math.exp(FIRST) / (math.exp(FIRST) + math.exp(SECOND) + 198)
    one = math.exp(SECOND) / (math.exp(SECOND) + 199)
    expected.gap[name] = (2 * both + one) / 3 - 2 / 3
    clean = [each for each in validation if each.label in inside]
    right = [(each.first if each.first in inside else each.second) == each.label for each in clean]
    expected.drop[name] = sum(right) / len(right) - 2 / 3


def _sketch(root: Path, expected: Expected) -> None:
    """The best of all 1,000 classes counts."""
    for number in range(8):
        put(root / wnids()[number] / f"sketch_{number}.JPEG", picture(number if number < 6 else 600, number))
    expected.accuracy["imagenet-sketch"] = 6 / 8


def _hard(path: Path, expected: Expected) -> None:
    """As on the hub: lists of labels, of which any is right; some are filled up with -1."""
    labels = [[3], [3, 5], [5, 3], [5, -1, -1], [7, 8, 9]]
    answers = [3, 3, 3, 3, 8]
    images = [{"bytes": picture(answer), "path": None} for answer in answers]
    columns = {"image": images, "label": labels, "origin": ["x"] * 5, "english_label": [["a"]] * 5}
    path.parent.mkdir(parents=True)
    pq.write_table(pa.table(columns), path)
    expected.accuracy["imagenet-hard"] = 4 / 5


def _corrupted(root: Path) -> None:
    """15 corruptions at 5 severities of the same images."""
    for corruption in CORRUPTIONS:
        for severity in range(1, 6):
            lost = CORRUPTED_IMAGES * FOGGY if corruption == "fog" and severity > 3 else 0
            for number in range(CORRUPTED_IMAGES):
                label = number % 10
                asked = label if number >= lost else label + 300
                file = root / corruption / str(severity) / wnids()[label] / f"ILSVRC2012_val_{number:08d}.JPEG"
                put(file, picture(asked, 500, ALONE + CORRUPTED))


def _cues(root: Path, expected: Expected) -> None:
    """The mean probability of a category's classes decides: one knife beats two of a hundred dogs."""
    by_shape, by_texture = 0, 0
    knife, dog = CATEGORIES["knife"][0], CATEGORIES["dog"][0]
    for place, shape in enumerate(CATEGORIES):
        texture = list(CATEGORIES)[(place + 1) % len(CATEGORIES)]
        one, other = CATEGORIES[shape][0], CATEGORIES[texture][0]
        put(root / shape / f"{shape}1-{texture}1.png", picture(one, note=ALONE))
        put(root / shape / f"{shape}2-{texture}2.png", picture(other, note=ALONE))
        put(root / shape / f"{shape}3-{shape}2.png", picture(one, note=ALONE))  # both cues agree: left out
        by_shape, by_texture = by_shape + 1, by_texture + 1
    put(root / "knife" / "knife4-dog1.png", picture(dog, knife))
    put(root / "dog" / "dog4-knife1.png", picture(dog, knife))
    expected.shape = (by_shape + 1, by_texture + 1)


def _rendered(root: Path, factors: Sequence[str]) -> None:
    """The best of all 1,000 classes is mapped; one that maps to nothing is wrong, 841 is right for both its names.

    Of each factor two levels: at the first only the banana is misnamed, at the second the wolf too. Folders do not tell
    the level, the table that is published with them does.
    """
    asked = {"Shirt": (841, 841), "Sweatshirt": (841, 841), "Wolf": (271, 0), "Banana": (0, 0)}
    rows = []
    for factor in factors:
        for name in MAPPING:
            for level, answer in enumerate(asked[name]):
                file = f"{factor}/{name}/{factor}_{name}_{level}.png"
                put(root / file, picture(answer, 954))
                told = {LEVELS[each]: level if each == factor else 0 for each in factors}
                rows.append({"filename": file, "character_name": name, "character_label": name, **told})
    (root / "class_to_imagenet_idx.json").write_text(json.dumps(MAPPING))
    with (root / "labels_pug_imagenet.csv").open("w", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def _task(root: Path, path: str, train: str, classes: int) -> None:
    """Shards as CLIP_benchmark publishes them; of the test images some show another class than they say."""
    few = min(classes, 3)
    for place, count, errors in ((train, 30, 0), (path, TRANSFER_IMAGES, TRANSFER_ERRORS)):
        samples = {
            f"s{number:07d}": {
                "cls": str(number % few).encode(),
                # a second answer that does not count makes test images others than training images
                "png": picture((number + (number < errors)) % few, 500 + number + count, ALONE + number % 3),
            }
            for number in range(count)
        }
        shard(root / place / "0.tar", samples)
        put(root / place / "nshards.txt", b"1")
