"""Where needs are met: image sets indexed once, checkpoints loaded once, and the key of every need."""

from __future__ import annotations

import contextlib
import importlib
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from eyechart.checkpoints.checkpoint import Resolved
from eyechart.checkpoints.readouts import Readout, readout
from eyechart.checkpoints.sources import hub
from eyechart.checkpoints.sources.base import Surroundings
from eyechart.checkpoints.sources.named import content_named
from eyechart.digest import digest
from eyechart.errors import BlockedError, DeviceError, EyechartError, NotApplicableError, SpecError
from eyechart.images.entries import labels_of
from eyechart.images.image_set import ImageSet
from eyechart.images.views import View
from eyechart.measures.predictions import FEW, Bools
from eyechart.predict.answering import Job
from eyechart.predict.contracts import Finding
from eyechart.predict.needs import FEATURES, Address, Need, protocol_of
from eyechart.predict.recorded import RecordedAnswers
from eyechart.predict.run import Run, versions
from eyechart.predict.searches import Found
from eyechart.predict.tables import is_condensed
from eyechart.progress import Progress
from eyechart.recordings.spec import RecordedSpec
from eyechart.zoo.indexing import read_image_set, read_training_images

if TYPE_CHECKING:
    from eyechart.checkpoints.checkpoint import Checkpoint
    from eyechart.checkpoints.sources import LiveSpec

EFFORTS = "efforts"
"""Records of the store: what one answer of a checkpoint takes, under its identity."""

TRAINING = ":train"
"""Behind the name of a transfer task: the images that its probes learn from."""


class Locator:
    """Says where each need of a run is met, or why it never can be; loads each checkpoint at most once."""

    def __init__(self, run: Run, progress: Progress) -> None:
        """Locate for `run`, telling `progress` what takes a while."""
        self.run = run
        self._progress = progress
        run.store.tell = progress.say
        self._images: dict[str, ImageSet] = {}
        self._checkpoints: dict[str, Checkpoint] = {}
        self._unseen: dict[str, Bools] = {}
        self._said: set[str] = set()

    def images(self, name: str) -> ImageSet:
        """Index an image set, or the training images of one, once. Raises BlockedError where it cannot be."""
        if name not in self._images:
            run = self.run
            read = read_training_images if name.endswith(TRAINING) else read_image_set
            images = read(run.zoo, name.removesuffix(TRAINING), run.store, run.settings.limit)
            run.store.keep_index(images.index, lambda: index_of(images))
            self._images[name] = images
            run.image_sets[name] = {"count": len(images), "fingerprint": images.fingerprint, "index": images.index}
            run.image_sets[name].update(_remarks(images))
        return self._images[name]

    def unseen(self, task: str) -> Bools:
        """(n,) which images of a transfer task its probes do not learn from, by the bytes of their files.

        Raises NotApplicableError where they learn from all of them, BlockedError where images are not there.
        """
        if task not in self._unseen:
            images = self.images(task)
            self._unseen[task] = ~images.among(self.images(task + TRAINING))
            self.run.image_sets[task].update(_seen_in_training(images, ~self._unseen[task]))
        if not self._unseen[task].any():
            raise NotApplicableError(self.run.image_sets[task]["notes"][-1])
        return self._unseen[task]

    def checkpoint(self, model: str) -> Checkpoint:
        """Load a checkpoint, once, and keep what it resolved to, so that a warm run need not load it.

        Raises BlockedError where it cannot be loaded.
        """
        if model not in self._checkpoints:
            run, spec = self.run, self.live(model)
            around = Surroundings(
                root=run.zoo.folder,
                labels=labels_of(spec.label_space),
                device=run.settings.device,
                precision=run.settings.precision,
                cached=run.store.array,
            )
            self._progress.say(f"loading {model}")
            try:
                with hub.fetching(model, self._progress.say) if hub.fetches(spec) else contextlib.nullcontext():
                    self._checkpoints[model] = loaded = _source(spec).load(spec, around)
            except DeviceError:
                raise
            except SpecError as error:  # a typo in one model's entry is no fault of the others
                raise BlockedError(f"{run.zoo.file}: zoos.{run.zoo.name}.models.{model}: {error}") from error
            except EyechartError:
                raise
            except Exception as error:  # a library's own failure blocks this model; the others go on
                raise BlockedError(f"it cannot be loaded: {type(error).__name__}: {error}") from error
            run.store.write_json("resolved", self._resolution_key(model), asdict(loaded.resolved))
            self._keep_effort(loaded)
            if loaded.note:
                self._progress.say(f"{model}: weights {loaded.note}")
            run.cost.loads[model] = run.cost.loads.get(model, 0) + 1
        return self._checkpoints[model]

    def _keep_effort(self, loaded: Checkpoint) -> None:
        """Keep what an answer of this checkpoint takes, for the reports; nothing is judged by it."""
        key, store = loaded.resolved.identity, self.run.store
        if loaded.effort is not None and store.read_json(EFFORTS, key) is None:
            with contextlib.suppress(Exception):  # a network that cannot be counted is judged like any other
                store.write_json(EFFORTS, key, asdict(loaded.effort()))

    def live(self, model: str) -> LiveSpec:
        """The spec of a model that can be asked. Raises NotApplicableError for recorded predictions."""
        spec = self.run.zoo.models[model]
        if isinstance(spec, RecordedSpec):
            raise NotApplicableError(f"{model}: its predictions were recorded elsewhere, there is no model to ask")
        return spec

    def is_recorded(self, model: str) -> bool:
        """Whether a model is a recording."""
        return isinstance(self.run.zoo.models[model], RecordedSpec)

    def locate(self, need: Need) -> bool:
        """Whether a need is met already, or never can be; notes its address in both cases."""
        run = self.run
        if need in run.addresses:
            return True
        try:
            if self.is_recorded(need.model):
                RecordedAnswers(run).require(need)
            images = self.images(need.image_set)
            if images.of and need.is_table:
                return self._locate_part(need)
            if self.is_recorded(need.model):
                return RecordedAnswers(run).locate(need, images)
            if need.is_probe:
                self.unseen(need.image_set)
            resolved = self.known(need.model)
            if resolved is None:
                return False
            key = self.key(resolved, need)
            if self._is_there(need, key):
                self.meet(need, key)
        except (BlockedError, NotApplicableError) as error:
            run.addresses.refuse(need, error)
        return need in run.addresses

    def begin(self, need: Need) -> bool:
        """Whether it is known where a table is, complete or in parts, or why there never is one; notes it.

        False where nothing was ever predicted under its key.
        """
        if self.locate(need):
            return True
        resolved, whole = self.known(need.model), self.whole(need)
        if resolved is None or self.run.store.partial(key := self.key(resolved, whole)) is None:
            return False
        self.run.addresses.begin(whole, key)
        self.run.addresses.share(need, whole)
        return True

    def _is_there(self, need: Need, key: str) -> bool:
        store = self.run.store
        if need.is_table:
            keys = self.images(need.image_set).keys
            there = store.has_table(key, keys[self.unseen(need.image_set)] if need.is_probe else keys)
            if there and self.run.asks_logits(need) and is_condensed(store.columns(key)):
                self._say_once(
                    f"{need.model} on {need.image_set} under {need.view}: a claim asks for all logits, which the store "
                    "did not keep; predicting them anew"
                )
                return False
            return there
        if need.contract:
            return store.read_json("contracts", key, Finding.from_json) is not None
        outcome = store.read_json("searches", key, Found.from_json)
        return outcome is not None and (not outcome.examples or store.read_picture(key) is not None)

    def lacks_logits(self, need: Need) -> bool:
        """Whether a need is met by a table that keeps the best answers in place of logits."""
        address = self.run.addresses.get(need, Address())
        if not need.is_table or not address.key or address.partly:
            return False
        with contextlib.suppress(BlockedError):
            return is_condensed(self.run.store.columns(address.key))
        return False

    def _say_once(self, message: str) -> None:
        if message not in self._said:
            self._said.add(message)
            self._progress.say(message)

    def whole(self, need: Need) -> Need:
        """The need whose predictions meet this one: for a part of an image set, that for the whole."""
        if not need.is_table:
            return need
        return replace(need, image_set=self.images(need.image_set).of or need.image_set)

    def key(self, resolved: Resolved, need: Need) -> str:
        """The key of what meets a need, a digest of all that decides it.

        Raises BlockedError where a model cannot be asked so, NotApplicableError where its source never can.
        """
        images = self.images(need.image_set)
        cropped = ["cropped"] if images.cropped else []
        if need.view == FEATURES:
            return digest(resolved.identity, images.fingerprint, FEATURES, *cropped)
        if need.is_probe:
            from eyechart.predict import probes

            if resolved.no_features:
                raise NotApplicableError(f"a linear probe needs features: {resolved.no_features}")
            learned = self.images(need.image_set + TRAINING)
            how = probes.identity(protocol_of(need))
            fewer = [] if self.unseen(need.image_set).all() else ["unseen"]
            return digest(resolved.identity, images.fingerprint, learned.fingerprint, how, *cropped, *fewer)
        through = self.readout(need).identity
        if through and resolved.answers == "labels":
            raise NotApplicableError(f"its answers are labels only, which cannot be read out as {images.label_space!r}")
        if need.contract:
            from eyechart.predict.contracts import source_of

            return digest(resolved.identity, images.fingerprint, source_of(need.contract))
        if need.search:
            from eyechart.predict.searches import search_source

            return digest(resolved.identity, images.fingerprint, search_source(need.search), through, *cropped)
        resolved.geometry(View.parse(need.view))
        return digest(resolved.identity, images.fingerprint, need.view, *filter(None, [through]), *cropped)

    def meet(self, need: Need, key: str) -> None:
        """Note that a need is met, and which of its classes the model can never name."""
        asks_classes = need.view != FEATURES and not need.is_probe
        self.run.addresses.meet(need, key, note=self.readout(need).note if asks_classes else "")

    def job(self, need: Need) -> Job:
        """What it takes to meet a need. Raises BlockedError or NotApplicableError where that is not to be had."""
        checkpoint, images = self.checkpoint(need.model), self.images(need.image_set)
        readout = None if need.view == FEATURES or need.is_probe else self.readout(need)
        return Job(need, self.key(checkpoint.resolved, need), checkpoint, images, readout, self._keeps_logits(need))

    def _keeps_logits(self, need: Need) -> bool:
        if not need.is_table or need.view == FEATURES:
            return True
        return self.run.asks_logits(need) or len(self.run.zoo.labels(need.image_set)) <= FEW

    def readout(self, need: Need) -> Readout:
        """How a model's answers become answers in the image set's label space."""
        zoo = self.run.zoo
        return readout(labels_of(self.live(need.model).label_space), zoo.labels(need.image_set))

    def known(self, model: str) -> Resolved | None:
        """What a live model resolves to, if that is known without loading it.

        Raises BlockedError where its weights are missing, NotApplicableError for recorded predictions.
        """
        resolved = self.run.store.read_json("resolved", self._resolution_key(model), Resolved.from_json)
        if resolved is None:
            return None
        self.run.fingerprints[model] = resolved.identity
        if resolved.assumed:
            self.run.assumptions[model] = resolved.assumed
        return resolved

    def _resolution_key(self, model: str) -> str:
        """Key of what a checkpoint resolves to: its entry in `models.yaml`, its files by content, library versions."""
        spec, root = self.live(model), self.run.zoo.folder
        weights = _source(spec).weights(spec, root)
        entry = spec.model_dump(mode="json", exclude={"known_failures", "expected", "weights"})
        classes = labels_of(spec.label_space).names
        libraries = versions(_source(spec).LIBRARIES)
        return digest(entry, weights, content_named(spec, root), classes, self.run.settings.precision, libraries)

    def _locate_part(self, need: Need) -> bool:
        """Whether the predictions for the whole of a part are there; they are the part's too."""
        if self.locate(self.whole(need)):
            self.run.addresses.share(need, self.whole(need))
        return need in self.run.addresses


def index_of(images: ImageSet) -> pa.Table:
    """What is known of a set's images, in columns: key, label, also, and its annotations."""
    keys = images.keys.tolist()
    also = pa.array([list(images.also.get(key, ())) for key in keys], pa.list_(pa.int64()))
    columns = {
        name: values.tolist() if values.dtype.kind == "U" else values for name, values in images.annotations.items()
    }
    return pa.table({**columns, "key": keys, "label": images.labels, "also": also})


def _remarks(images: ImageSet) -> dict[str, Any]:
    """What a run tells of an image set besides its count, its fingerprint and the key of its index."""
    remarks = {"of": images.of, "several_labels": len(images.also), "notes": list(images.notes)}
    return {name: value for name, value in remarks.items() if value}


def _seen_in_training(images: ImageSet, seen: Bools) -> dict[str, Any]:
    """What a run tells of a transfer task besides, where some of its images are training images too."""
    count, too = int(seen.sum()), f"images of {images.name!r} are training images too, byte for byte"
    if not count:
        return {}
    if count == len(images):
        note = f"all {count:,} {too}: what is known by heart measures no transfer"
    else:
        note = f"{count:,} of {len(images):,} {too}, and left out"
    return {"seen_in_training": count, "notes": [*images.notes, note]}


def _source(spec: LiveSpec) -> Any:
    return importlib.import_module(f"eyechart.checkpoints.sources.{spec.source}")
