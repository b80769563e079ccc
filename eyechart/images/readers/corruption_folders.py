"""Layout `corruption-folders`: `<corruption>/<severity>/<class>/<file>`, as ImageNet-C is published."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

from pydantic import Field

from eyechart.errors import BlockedError, nearest
from eyechart.images.corruptions import CORRUPTIONS
from eyechart.images.entries import Part, PixelsEntry
from eyechart.images.image_set import ImageSet
from eyechart.images.readers.around import Around
from eyechart.images.readers.assembling import assemble
from eyechart.images.readers.folder import Contents, by_folder, contents_of, existing, listed
from eyechart.images.walking import folders_in


class CorruptionFoldersSet(PixelsEntry):
    """Folders of corrupted copies of the same images. `corruptions` and `severities` choose some of them.

    Annotations: `corruption` (str), `severity` (int), `image` (the uncorrupted image's `<class>/<file>`).
    """

    reader: Literal["corruption-folders"]
    corruptions: tuple[str, ...] | None = None
    severities: tuple[int, ...] = Field(default=(1, 2, 3, 4, 5), min_length=1)

    def parts(self, kind: Part, name: str) -> tuple[str, ...]:
        """Name the corruptions: those that are chosen, or the published 15."""
        return (self.corruptions or CORRUPTIONS) if kind == "corruption" else super().parts(kind, name)


def read(name: str, spec: CorruptionFoldersSet, around: Around) -> ImageSet:
    """Index the chosen corruptions.

    Raises BlockedError as the folder layout does, and where the chosen (corruption, severity) pairs are not all
    there with the same images each.
    """
    root = existing(name, around.path(spec.path))
    present = folders_in(root)
    chosen = spec.corruptions or tuple(present)
    for corruption in chosen:
        if corruption not in present:
            raise BlockedError(f"image set {name!r}: {root} has no {corruption!r}: {nearest(corruption, present)}")
    folders = [root / corruption / str(severity) for corruption in chosen for severity in spec.severities]
    missing = [folder.relative_to(root).as_posix() for folder in folders if not folder.is_dir()]
    if missing:
        raise BlockedError(f"image set {name!r}: {root} lacks {', '.join(missing[:5])} ({len(missing)} folders in all)")
    in_folders = [contents_of(folder, 2) for folder in folders]
    contents = Contents(
        sorted(path for each in in_folders for path in each.images),
        [path for each in in_folders for path in each.elsewhere],
        [path for each in in_folders for path in each.others],
    )
    space = around.labels(name)
    labels = by_folder(name, root, contents.images, space)
    copies = listed(root, contents.images, labels, ("corruption", "severity"), around.store)
    corruptions, severities = copies.annotations["corruption"], copies.annotations["severity"]
    images = ["/".join(key.split("/")[2:]) for key in copies.keys]
    _same_images(name, corruptions, severities, images)
    columns = {"corruption": corruptions, "severity": [int(each) for each in severities], "image": images}
    listing = replace(copies, annotations=columns, notes=contents.left_out(root))
    return assemble(name, spec, space, listing)


def _same_images(name: str, corruptions: Sequence[str], severities: Sequence[str], images: Sequence[str]) -> None:
    """Raise BlockedError unless every corruption and severity shows the same images."""
    shown: dict[tuple[str, str], set[str]] = {}
    for corruption, severity, image in zip(corruptions, severities, images, strict=True):
        shown.setdefault((corruption, severity), set()).add(image)
    everything = set().union(*shown.values())
    for (corruption, severity), some in shown.items():
        if some != everything:
            lost = sorted(everything - some)
            raise BlockedError(
                f"image set {name!r}: {corruption}/{severity} lacks {len(lost)} of {len(everything)} images that "
                f"others have, such as {lost[0]}"
            )
