"""What a reader may ask of the zoo that declares its image set: paths, classes, and other sets by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from eyechart.images.image_set import ImageSet
from eyechart.images.labels import LabelSpace
from eyechart.store import Store


@dataclass(frozen=True)
class Around:
    """The surroundings of one image set.

    path     a path that the set's entry gives → where it is
    labels   name of an image set → its classes; raises BlockedError where they are in a file that is missing
    indexed  name of another image set → that set, without a limit; raises BlockedError where it is blocked
    store    where indexes and rendered images are kept
    """

    path: Callable[[str], Path]
    labels: Callable[[str], LabelSpace]
    indexed: Callable[[str], ImageSet]
    store: Store
