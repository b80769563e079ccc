"""Where the paper's way and the better way differ, and which of them a zoo takes."""

from __future__ import annotations

from typing import Literal

from eyechart.entries import Entry


class ProtocolEntry(Entry):
    """`protocol` of a zoo in `models.yaml`: where the paper's way and the better way differ, which one is taken.

    views        "relative": amounts that mean the same for every image size; "paper": pixels, with black let in (§3.7)
    probe        "logistic": multinomial logistic regression, strength chosen on held-out training images;
                 "clip-benchmark": the training that the paper follows (§3.5)
    error_ratio  "annotated": over the annotated images, as in the paper's figure; "validation": over the whole
                 validation set, as in its text (§3.1)
    """

    views: Literal["relative", "paper"] = "relative"
    probe: Literal["logistic", "clip-benchmark"] = "logistic"
    error_ratio: Literal["annotated", "validation"] = "annotated"
