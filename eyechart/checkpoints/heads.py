"""What the number of a checkpoint's outputs says: ImageNet's label spaces by their size, and heads that are none."""

from __future__ import annotations

from collections.abc import Mapping

SPACE_OF: Mapping[int, str] = {
    1_000: "imagenet-1k",
    1_001: "imagenet-1k-background",
    10_450: "imagenet-21k-miil-w21",
    11_221: "imagenet-21k-miil",
    11_821: "imagenet-12k",
    21_841: "imagenet-22k",
    21_842: "imagenet-22k-ms",
    21_843: "imagenet-21k",
}
"""Outputs → the label space of ImageNet with so many classes, as timm tells them apart."""

UNREADABLE: Mapping[int, str] = {
    19_168: "timm has no list of the classes of ImageNet's winter release",
    115_217: "timm has no list of Bamboo's classes",
}
"""Outputs that cannot be read out as ImageNet's classes, and why."""


def advice(outputs: int, classes: int) -> str:
    """Which key maps a head of so many outputs to `classes` classes, or why none does; empty where nothing is known."""
    if outputs == classes:
        return ""
    if outputs in UNREADABLE:
        return f"{outputs:,} outputs cannot be read out as other classes: {UNREADABLE[outputs]}"
    if outputs == 1_001:
        return (
            "1,001 outputs are a background class and ImageNet's 1,000, as TensorFlow exports have them: state "
            "`label_space: imagenet-1k-background`"
        )
    if outputs in SPACE_OF:
        return (
            f"{outputs:,} outputs: state `label_space: {SPACE_OF[outputs]}`, of which ImageNet's are read out by wnid"
        )
    if outputs == classes + 1:
        return "one output more than classes: is it a background class? State `label_space: {names: [background, …]}`"
    return ""
