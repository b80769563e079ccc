"""Cue-conflict images (Geirhos et al. 2019): their 16 categories, and the two cues that a file name tells."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

from eyechart.errors import BlockedError

_DOGS_LEFT_OUT = {192, 204, 227, 242, 251, 258, 260, 264}
_BIRDS = ((8, 8), (10, 16), (18, 20), (22, 24), (80, 83), (87, 96), (98, 100), (127, 133), (135, 145))

CATEGORIES: dict[str, tuple[int, ...]] = {
    "airplane": (404,),
    "bear": (294, 295, 296, 297),
    "bicycle": (444, 671),
    "bird": tuple(index for first, last in _BIRDS for index in range(first, last + 1)),
    "boat": (472, 554, 625, 814, 914),
    "bottle": (440, 720, 737, 898, 899, 901, 907),
    "car": (436, 511, 817),
    "cat": tuple(range(281, 287)),
    "chair": (423, 559, 765, 857),
    "clock": (409, 530, 892),
    "dog": tuple(index for index in range(152, 269) if index not in _DOGS_LEFT_OUT),
    "elephant": (385, 386),
    "keyboard": (508, 878),
    "knife": (499,),
    "oven": (766,),
    "truck": (555, 569, 656, 675, 717, 734, 864, 867),
}
"""Category → the ImageNet classes (0-based) that count as it: 207 in all, as the published evaluation maps them."""

_NAME = re.compile(r"(?:^|_)(?P<shape>[a-z]+)(?P<content>\d+)-(?P<texture>[a-z]+)(?P<style>\d+)$")


def cues(key: str) -> tuple[str, str, str, str]:
    """Read shape, texture, and the photographs that gave them: `cat/cat7-dog2.png` → cat, dog, cat7, dog2.

    Raises BlockedError for a name of another form, or with a category that is none of the 16.
    """
    name = _NAME.search(PurePosixPath(key).stem)
    if not name or name["shape"] not in CATEGORIES or name["texture"] not in CATEGORIES:
        raise BlockedError(
            f"{key!r} does not name two cues: expected <shape><number>-<texture><number> with categories of "
            f"{', '.join(CATEGORIES)}"
        )
    shape, texture = name["shape"], name["texture"]
    return shape, texture, shape + name["content"], texture + name["style"]
