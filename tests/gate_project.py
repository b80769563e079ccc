"""A small project of its own for the tests of gates: a few behaviors, and checkpoints whose answers are made up.

Its store is filled by hand, so a run has nothing to predict and takes a second.
"""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from eyechart.checkpoints.checkpoint import Resolved
from eyechart.checkpoints.preprocessing import Geometry, Preprocessing
from eyechart.miniature.classes import CLASS_NAMES
from eyechart.miniature.fingerprints import recorded
from eyechart.predict.needs import Need
from eyechart.predict.predictor import Predictor
from eyechart.predict.run import Run, Settings
from eyechart.progress import Progress
from eyechart.store import Store
from eyechart.zoo.zoo import read_zoo
from tests.harness import ROOT, pytest_run

CLASSES = len(CLASS_NAMES)
SETS = {"validation": "validation", "sketch": "shifted"}

BEHAVIORS = {
    "test_accuracy.py": '''
from eyechart.claims import needs, shifted, validation
from eyechart.measures import accuracy

@needs(validation, shifted)
def test_names_images(predictions, require):
    """Most images are named."""
    require(accuracy(predictions), at_least=0.60)
''',
    "test_calibration.py": '''
from eyechart.claims import needs, validation
from eyechart.measures import calibration_error

@needs(validation)
def test_confidence(predictions, require):
    """It knows how sure it is."""
    require(calibration_error(predictions), at_most=0.05)
''',
    "test_invariance.py": '''
from eyechart.claims import needs, validation
from eyechart.measures import accuracy_drop, answers_kept
from eyechart.views import relative_shift, scale

@needs(validation, views=[relative_shift(1 / 16), scale(1.25)])
def test_drop(predictions, changed, require):
    """A change costs little."""
    require(accuracy_drop(predictions, changed), at_most=0.05)

@needs(validation, views=[scale(1.25)])
def test_kept(predictions, changed, require):
    """A change changes few answers."""
    require(answers_kept(predictions, changed), at_least=0.80)
''',
}
"""Two sets of the first claim, one of the second, two views of the third, one of the fourth: six claims a model."""

NEEDS = [("validation", "original"), ("sketch", "original"), ("validation", "relative_shift(0.0625)"),
         ("validation", "scale(1.25)")]  # fmt: skip


@dataclass(frozen=True)
class Toy:
    """A checkpoint: how often it is right, by how much its confidence overstates that, its precision and input."""

    accuracy: float = 0.85
    overstates: float = 0.0
    precision: str = "fp32"
    resize: int | None = None
    seed: int = 0


@dataclass(frozen=True)
class Judged:
    """What a run of pytest left behind."""

    code: int
    text: str
    reports: Path

    @cached_property
    def records(self) -> list[dict[str, Any]]:
        """All records of `verdicts.json`."""
        return json.loads((self.reports / "verdicts.json").read_text())["verdicts"]

    def claims(self, model: str | None = None, versus: str | None = None) -> dict[str, dict[str, Any]]:
        """Behavior → record, of one model, compared with one baseline or with none."""
        return {
            f"{record['model']} {record['behavior']}" if model is None else record["behavior"]: record
            for record in self.records
            if record["verdict"] != "reported" and record["versus"] == versus and model in (None, record["model"])
        }


@dataclass(frozen=True)
class Project:
    """A folder with behaviors, a `models.yaml` and a store."""

    root: Path

    @property
    def store(self) -> Path:
        """Its store."""
        return self.root / "store"

    def declare(self, models: Mapping[str, Mapping[str, Any]], **zoo: Any) -> Path:
        """Write `models.yaml`: each model's own keys on top of what all have."""
        common = {"source": "python", "factory": "nowhere:load", "label_space": "miniature"}
        sets = {name: {"role": role, "reader": "rendered", "label_space": "miniature"} for name, role in SETS.items()}
        entries = {name: {**common, "version": name, **more} for name, more in models.items()}
        path = self.root / "models.yaml"
        path.write_text(json.dumps({"zoos": {"miniature": {"image_sets": sets, "models": entries, **zoo}}}, indent=1))
        return path

    def fill(self, toys: Mapping[str, Toy], images: int = 3000, sets: tuple[str, ...] = tuple(SETS)) -> None:
        """Declare these checkpoints and store what they answer for `images` images of each set."""
        self.declare({name: {} for name in toys})
        for name in sets:
            _index(self.store, name, images)
        for name, toy in toys.items():
            self.answer(name, toy)

    def answer(self, name: str, toy: Toy) -> None:
        """Store the answers of one declared checkpoint."""
        settings = Settings(self.store, device="cpu", precision=toy.precision)
        run = Run(read_zoo(self.root / "models.yaml", "miniature"), settings)
        predictor = Predictor(run, Progress(io.StringIO()))
        spec = run.zoo.models[name]
        preprocessing = Preprocessing(Geometry(None, toy.resize and (toy.resize, toy.resize)), (), ())
        resolved = Resolved("python", "logits", spec.version, "", preprocessing, 1, CLASSES, toy.precision)
        run.store.write_json("resolved", predictor.locator._resolution_key(name), asdict(resolved))
        for image_set, view in NEEDS:
            images = predictor.locator.images(image_set)
            need = Need(name, image_set, view)
            key = predictor.locator.key(resolved, need)
            run.store.write_part(key, 0, answers(toy, images.keys, images.labels, view), {})
            meta = {
                "model": name, "image_set": image_set, "view": view, "views_version": 1, "checkpoint": asdict(resolved),
                "images": {"count": len(images), "fingerprint": images.fingerprint, "limit": None},
            }  # fmt: skip
            run.store.finish(key, meta, images.keys, {})

    def pytest(
        self, *arguments: object, reports: str = "reports", store: Path | None = None, cache: bool = False,
        new_process: bool = False,
    ) -> Judged:  # fmt: skip
        """Run pytest here; `cache` lets it remember what failed."""
        run = pytest_run(*arguments, "--store", store or self.store, "--reports", self.root / reports,
                         *([] if cache else ["-p", "no:cacheprovider"]),
                         root=self.root, new_process=new_process)  # fmt: skip
        return Judged(run.returncode, run.stdout + run.stderr, self.root / reports)


def project(folder: Path, behaviors: Mapping[str, str] = BEHAVIORS) -> Project:
    """Make a project with these behaviors (file name → text)."""
    (folder / "behaviors").mkdir(parents=True)
    for name in ("conftest.py", "pyproject.toml"):
        shutil.copy(ROOT / name, folder)
    for name, text in behaviors.items():
        (folder / "behaviors" / name).write_text(text)
    return Project(folder)


def answers(toy: Toy, keys: np.ndarray, labels: np.ndarray, view: str) -> pa.Table:
    """Answers of a toy: images are equally hard for all toys, so that two of them err together.

    Its confidence varies around its accuracy and is right on average, but for what it overstates.
    """
    count = len(keys)
    hardness = np.random.default_rng(7).permutation(count) / count
    luck = np.random.default_rng([toy.seed, len(view)]).uniform(-0.05, 0.05, count)
    chance = np.clip(toy.accuracy + np.random.default_rng(8).uniform(-0.1, 0.1, count), 0.02, 0.98)
    # the order of hardness, blurred by luck, decides which images of about the same chance are right
    blurred = np.clip(hardness + luck, 0, 1)
    right = (np.argsort(np.argsort(blurred)) + 0.5) / count < chance
    confidence = np.clip(chance + toy.overstates, 0.1, 0.999)
    predicted = np.where(right, labels, (labels + 1) % CLASSES)
    logits = np.repeat(np.log((1 - confidence) / (CLASSES - 1))[:, None], CLASSES, axis=1)
    logits[np.arange(count), predicted] = np.log(confidence)
    values = pa.array(logits.astype(np.float32).ravel())
    return pa.table(
        {
            "key": list(keys), "label": labels, "predicted": predicted, "confidence": confidence,
            "logits": pa.FixedSizeListArray.from_arrays(values, CLASSES),
        }
    )  # fmt: skip


def better(toy: Toy, by: float) -> Toy:
    """The same checkpoint, but for its accuracy."""
    return replace(toy, accuracy=toy.accuracy + by)


def _index(store: Path, name: str, images: int) -> None:
    """Write an image set's index without any pixels: nothing will ask for them."""
    keys = [f"{name}/{number:06d}" for number in range(images)]
    table = pa.table({"key": keys, "label": np.arange(images) % CLASSES})
    index = f"images/{name}-{recorded()[name]['all']}/index.parquet"
    Store(store).write_table(index, table, {"fingerprint": f"{name}-{images}"})
