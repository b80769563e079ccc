"""Transfer tasks whose test images are among their training images, byte for byte: those images decide nothing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from eyechart.errors import NotApplicableError
from eyechart.judge.claims import EVERYTHING, Claim, needs, subjects, transfer
from eyechart.judge.evidence import Evidence
from eyechart.measures import mean_accuracy
from eyechart.predict.needs import Need
from eyechart.predict.run import Run
from tests import coded
from tests.image_files import predicted, put, zoo_of

TRAINING, TEST = 30, 12
CLASSES = {"names": ["c0", "c1", "c2"]}
PROBE = "probe(logistic)"
SHARED = {"fresh": 0, "partly": 4, "leaked": TEST}
"""Task → how many of its test images are training images too."""


def write_task(root: Path, shared: int) -> None:
    """Three classes; a shared image has the bytes of a training image under another name."""
    files = [("train", number, number) for number in range(TRAINING)]
    files += [("test", number, number if number < shared else TRAINING + number) for number in range(TEST)]
    for split, number, note in files:
        put(root / split / f"c{number % 3}" / f"{split}-{number}.png", coded.picture(number % 3, note, coded.ALONE))


def run_of(folder: Path, *tasks: str) -> Run:
    """Predict for the tasks with a checkpoint whose features tell the classes apart."""
    sets = {}
    for task in tasks:
        write_task(folder / task, SHARED[task])
        paths = {"path": f"{task}/test", "train": f"{task}/train"}
        sets[task] = {"role": "transfer", "group": task, "reader": "folder", **paths, "label_space": CLASSES}
    zoo = zoo_of(folder, sets, {"toy": coded.model()})
    return predicted(zoo, folder / "store", {Need("toy", task, PROBE) for task in tasks})


def evidence_of(run: Run, group: str) -> tuple[Claim, Evidence]:
    """A claim about a group of tasks, and what it is judged on."""

    @needs(transfer, each="group")
    def behavior() -> None:
        """Say nothing."""

    about = next(each for each in subjects(behavior.needs, run.zoo) if each.part == group)
    claim = Claim("toy", "test_transferability.py::test_group", about)
    return claim, Evidence(run, claim, "toy")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """All three tasks, predicted cold."""
    return run_of(tmp_path_factory.mktemp("overlap"), *SHARED)


def test_a_task_that_is_known_by_heart_is_not_applicable(run: Run):
    """With the reason and the number; it is neither passed nor failed nor blocked, and nothing is answered for it."""
    with pytest.raises(NotApplicableError, match=r"all 12 images of 'leaked' are training images too, byte for byte"):
        run.predictions(Need("toy", "leaked", PROBE))
    assert run.image_sets["leaked"]["seen_in_training"] == TEST
    assert run.cost.answers == TRAINING + 2 * TEST, "of the other two tasks, whose training images are the same"


def test_shared_images_are_left_out_of_the_others_and_counted(run: Run):
    """By their bytes: under another name they are the same images; and those that stay keep their labels."""
    need = Need("toy", "partly", PROBE)
    found = run.predictions(need)
    assert found.keys.tolist() == sorted(f"c{number % 3}/test-{number}.png" for number in range(4, TEST))
    assert [f"c{label}" for label in found.labels.tolist()] == [key.partition("/")[0] for key in found.keys.tolist()]
    assert found.correct.all()
    assert "4 of 12 images of 'partly' are training images too, byte for byte" in run.notes(need)


def test_a_task_of_fresh_images_is_judged_whole(run: Run):
    """And nothing is noted."""
    need = Need("toy", "fresh", PROBE)
    assert len(run.predictions(need)) == TEST
    assert run.notes(need) == ""


def test_a_group_is_judged_without_the_task_that_is_known_by_heart(run: Run):
    """The mean is that of the others, and the verdict says which is missing; a group of nothing else has no mean."""
    claim, evidence = evidence_of(run, EVERYTHING)
    assert [task.image_set for task in evidence.tasks] == ["fresh", "partly"]
    assert mean_accuracy(evidence.tasks).value == 1.0
    notes = [run.notes(need) for need in sorted(claim.needs(run.zoo))]
    assert any("all 12 images of 'leaked'" in note for note in notes)
    with pytest.raises(NotApplicableError, match="all 12 images of 'leaked'"):
        _ = evidence_of(run, "leaked")[1].tasks


def test_a_warm_run_says_the_same(run: Run):
    """Another process reads the same from the store, and answers nothing."""
    again = predicted(run.zoo, run.settings.store, {Need("toy", task, PROBE) for task in SHARED})
    assert again.cost.answers == 0
    assert {name: about.get("seen_in_training") for name, about in again.image_sets.items() if name in SHARED} == {
        "fresh": None,
        "partly": 4,
        "leaked": TEST,
    }
    worker = Run(run.zoo, run.settings)
    worker.adopt(again.dump())
    need = Need("toy", "partly", PROBE)
    assert np.array_equal(worker.predictions(need).keys, run.predictions(need).keys)
    assert worker.learned_by_heart("leaked")
    assert not worker.learned_by_heart("partly")
