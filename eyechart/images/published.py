"""What is published about the 50,000 ImageNet validation images by file name: labels, factors, ReaL labels.

Read from the packages that publish them (imagenet-x, timm); nothing of it is kept here.
"""

from __future__ import annotations

import importlib.util
import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

import numpy as np
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.json
from numpy.typing import NDArray

from eyechart.errors import BlockedError

FACTORS = (
    "color", "darker", "brighter", "larger", "smaller", "object_blocking", "person_blocking", "partial_view",
    "pose", "shape", "subcategory", "texture", "pattern", "style", "background", "multiple_objects",
)  # fmt: skip
"""The 16 factors of ImageNet-X (Idrissi et al. 2022), in the order of the paper's figure (arXiv 2311.09215)."""

VALIDATION_IMAGES = 50_000


@dataclass(frozen=True)
class Annotations:
    """What is known of some images of another set.

    labels   key → classes of which any is right, or None where the other set's labels stay
    keys     images that are annotated; the others are no part of the derived set
    columns  name → (n,) values, in the order of `keys`
    """

    keys: tuple[str, ...]
    labels: MappingProxyType[str, tuple[int, ...]] | None
    columns: MappingProxyType[str, NDArray[Any]]


@cache
def imagenet_labels() -> MappingProxyType[str, int]:
    """File name → class (0-based) of every ImageNet validation image, from the package imagenet-x.

    Raises BlockedError where that is not installed.
    """
    table = pyarrow.csv.read_csv(_package("imagenet_x", "annotations", "filename_label.csv"))
    pairs = zip(table["file_name"].to_pylist(), table["label"].to_pylist(), strict=True)
    return MappingProxyType(dict(pairs))


@cache
def imagenet_x(which: str = "top") -> Annotations:
    """Factors of ImageNet-X: one column of truth values a factor, without the class prototypes (46,110 images).

    `which` is "top" (one factor an image, the paper's) or "multi" (all that apply).
    Raises BlockedError where the package is not installed.
    """
    table = pyarrow.json.read_json(_package("imagenet_x", "annotations", f"imagenet_x_val_{which}_factor.jsonl"))
    prototypes = pyarrow.csv.read_csv(_package("imagenet_x", "annotations", "prototypical_paths.csv"))["file_name"]
    table = table.filter(pc.invert(pc.is_in(table["file_name"], prototypes.combine_chunks())))
    columns = {factor: table[factor].to_numpy().astype(np.bool_) for factor in FACTORS}
    return Annotations(tuple(table["file_name"].to_pylist()), None, MappingProxyType(columns))


@cache
def real() -> Annotations:
    """ReaL labels (Beyer et al. 2020) from timm: images without any label are left out, 46,837 remain.

    The list's first entry belongs to validation image 1. Raises BlockedError where the file has another length.
    """
    lists = json.loads(_package("timm", "data", "_info", "imagenet_real_labels.json").read_text(encoding="utf-8"))
    if len(lists) != VALIDATION_IMAGES:
        raise BlockedError(f"timm's ReaL labels are {len(lists)} lists, expected {VALIDATION_IMAGES:,}")
    names = {f"ILSVRC2012_val_{number:08d}.JPEG": tuple(each) for number, each in enumerate(lists, 1) if each}
    return Annotations(tuple(names), MappingProxyType(names), MappingProxyType({}))


def annotations_named(name: Literal["imagenet-x", "imagenet-x-multi", "real"]) -> Annotations:
    """Read published annotations by the name `models.yaml` gives them."""
    if name == "real":
        return real()
    return imagenet_x("multi" if name == "imagenet-x-multi" else "top")


def _package(package: str, *parts: str) -> Path:
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise BlockedError(
            f"{package!r} is not installed, and {parts[-1]} is read from it: pip install {package.replace('_', '-')}"
        )
    path = Path(spec.submodule_search_locations[0]).joinpath(*parts)
    if not path.is_file():
        raise BlockedError(f"the installed {package!r} has no {'/'.join(parts)}: another version is needed")
    return path
