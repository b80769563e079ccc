"""How long predicting takes, kept in the store, so that a later run can say beforehand what it will cost."""

from __future__ import annotations

import contextlib
from collections import defaultdict
from collections.abc import Callable

from eyechart.digest import digest
from eyechart.errors import StoreError
from eyechart.predict.run import Run

Part = tuple[str, str]
"""`("model", name)` or `("set", name)`."""


def filled(images: int, batch: int) -> int:
    """How many images are answered to have answers to `images`, the last batch filled up."""
    return -(-images // batch) * batch


class Pace:
    """Seconds per image in a batch of each model, and per crop of each set, on this run's device at its precision.

    A batch that is filled up costs as much as a full one, so its pace is that of all its images.
    """

    def __init__(self, run: Run, answered: Callable[[int, str], None] = lambda *_: None) -> None:
        """Time the predict phase of `run`; `answered` is told how many answers a model has given."""
        self._run, self._answered = run, answered
        self._seconds: dict[Part, float] = defaultdict(float)
        self._images: dict[Part, int] = defaultdict(int)
        self._batch: dict[Part, int] = {}

    def answering(self, name: str, images: int, batch: int, seconds: float) -> None:
        """Note what a model took to answer so many images, in batches of one size."""
        self._batch[("model", name)] = batch
        self._note(("model", name), filled(images, batch), seconds)
        self._answered(images, name)

    def reading(self, name: str, crops: int, seconds: float) -> None:
        """Note what it took to read images of a set and make so many crops of them."""
        self._note(("set", name), crops, seconds)

    def _note(self, part: Part, images: int, seconds: float) -> None:
        self._seconds[part] += seconds
        self._images[part] += images

    def keep(self) -> None:
        """Store what was timed. A store that cannot be written to does without."""
        for part, seconds in self._seconds.items():
            with contextlib.suppress(StoreError):
                pace = {"seconds_per_image": seconds / self._images[part], "batch": self._batch.get(part, 1)}
                self._run.store.write_json("pace", self._key(part), pace)

    def stored(self, part: Part) -> float | None:
        """Seconds per image that an earlier run, or this one, kept; None where nothing was timed."""
        record = self._run.store.read_json("pace", self._key(part))
        return None if record is None else float(record["seconds_per_image"])

    def batch(self, part: Part) -> int:
        """Images that were answered at once, as far as an earlier run, or this one, kept it."""
        record = self._run.store.read_json("pace", self._key(part))
        return 1 if record is None else int(record.get("batch", 1))

    def _key(self, part: Part) -> str:
        kind, name = part
        zoo, settings = self._run.zoo, self._run.settings
        entry = (zoo.models if kind == "model" else zoo.image_sets)[name].model_dump(
            mode="json", exclude={"known_failures"}
        )
        return digest(kind, entry, settings.device, settings.precision)
