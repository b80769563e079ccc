"""Claims that cannot be judged say why, and stop no other: everything that is wrong is in one zoo, and one run."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from eyechart.images.corruptions import CORRUPTIONS
from eyechart.images.cue_conflict import CATEGORIES
from eyechart.images.labels import label_space
from eyechart.images.readers.computed import ComputedSet
from eyechart.zoo.zoo import Role, read_zoo
from tests.coded import ALONE, CLASSES, Reader, model, picture, told
from tests.harness import ROOT, Judged, collected, run_pytest
from tests.image_files import put, shard, zoo_of
from tests.recordings import recorded

NAMES = label_space("imagenet-1k").names[:10]
OWN = {"label_space": {"names": list(NAMES)}}
UNDECIDED = "truck"
"""The category whose images are called a third thing by everyone."""
FACTORS = ("dark", "small", "never", "unknown")
"""The third is said of no image; the fourth no table tells."""
STRANGE = 3
"""The note of pictures that have no features."""

SETS: dict[str, Any] = {
    "parts": {"role": "validation", "reader": "folder", "path": "parts", **OWN},
    "found": {"role": "factors", "reader": "manifest", "path": "found.csv", "factors": list(FACTORS), **OWN},
    "cue-conflict": {"role": "cue-conflict", "reader": "folder", "path": "cues", "label_space": "cue-conflict-16"},
    "fine": {
        "role": "transfer",
        "reader": "shards",
        "path": "fine/test",
        "train": "fine/train",
        "group": "good",
        **OWN,
    },
    "one-class": {
        "role": "transfer",
        "reader": "shards",
        "path": "one/test",
        "train": "one/train",
        "group": "bad",
        **OWN,
    },
    "strange": {
        "role": "transfer",
        "reader": "shards",
        "path": "odd/test",
        "train": "odd/train",
        "group": "odd",
        **OWN,
    },
    "phone": {"role": "cue-conflict", "label_space": "cue-conflict-16"},
    "no-cells": {"role": "corrupted", "label_space": {"classes": 2}},
}
OF_ONES_OWN = {
    "image_sets": {"parts": SETS["parts"]},
    "models": {"stubborn": model("stubborn", label_space="imagenet-1k")},
}
"""The smallest zoo there is."""

MODELS = {
    "saint": model(),
    "nan-features": {"source": "python", "factory": "tests.test_bad_claims:without_numbers", "version": "1"},
    "no-features": {"source": "python", "factory": "tests.test_bad_claims:without_features", "version": "1"},
    "first-half": {**recorded(phone="first.csv", no_cells="cells.csv"), "allow_missing": 0.6},
    "second-half": {**recorded(phone="second.csv"), "allow_missing": 0.6},
    "both-halves": recorded(phone="both.csv"),  # with it, most recordings name each image
}


class Gaps(Reader):
    """A saint whose features are no numbers for some pictures."""

    def features(self, images: np.ndarray) -> np.ndarray:
        """(n, DIMENSIONS)."""
        return np.where((told(images).note % ALONE == STRANGE)[:, None], np.nan, super().features(images))


def without_numbers() -> Reader:
    """Factory of a model whose features are not always numbers."""
    return Gaps()


def without_features() -> Any:
    """Factory of a model that has none."""
    return Reader().__call__


def table(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    """Write a CSV file."""
    with path.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def task(folder: Path, split: str, classes: int, note: int = 0) -> None:
    """Write the shards of one split: of each class some pictures, of which every fifth has a note."""
    numbers = range(12 * classes)
    samples = {
        f"{split}{number:03d}": {
            "png": picture(number % classes, CLASSES - 1 - (split == "train"), note=ALONE + note * (number % 5 == 0)),
            "cls": str(number % classes).encode(),
        }
        for number in numbers
    }
    shard(folder / split / "0.tar", samples)


@pytest.fixture(scope="module")
def zoo(tmp_path_factory) -> Path:
    """The folder of a zoo in which a lot is wrong."""
    root = tmp_path_factory.mktemp("bad")
    for number in range(100):
        put(root / "parts" / NAMES[number % 10] / f"{number}.png", picture(number % 10, note=ALONE))
    rows = []
    for number in range(120):
        # every third image is dark; of those, every second asks for a wrong answer
        dark, label = number % 3 == 0, number % 10
        put(root / "shots" / f"{number}.png", picture((label + 1) % 10 if number % 6 == 0 else label, note=ALONE))
        rows.append(
            {
                "path": f"shots/{number}.png",
                "label": NAMES[label],
                "dark": int(dark),
                "small": number % 4 // 3,
                "never": 0,
            }
        )
    table(root / "found.csv", rows)
    categories = list(CATEGORIES)
    names = []
    for place, shape in enumerate(categories):
        for number in range(1, 9):
            texture = categories[(place + number) % 16]
            asked = categories[(place + 9) % 16] if shape == UNDECIDED else shape
            name = f"{shape}/{shape}{number}-{texture}{number}.png"
            put(root / "cues" / name, picture(CATEGORIES[asked][0], note=ALONE))
            names.append((name, shape))
    task(root / "fine", "train", 5), task(root / "fine", "test", 5)
    task(root / "one", "train", 1), task(root / "one", "test", 2)
    task(root / "odd", "train", 5, STRANGE), task(root / "odd", "test", 5)
    decisions = [{"imagename": Path(name).name, "object_response": shape, "category": shape} for name, shape in names]
    table(root / "first.csv", decisions[::2])
    table(root / "second.csv", decisions[1::2])
    table(root / "both.csv", decisions)
    table(root / "cells.csv", [{"key": f"fog/1/{number}.png", "predicted": 0, "label": 0} for number in range(4)])
    (root / "models.yaml").write_text(
        json.dumps({"zoos": {"bad": {"image_sets": SETS, "models": MODELS}, "own": OF_ONES_OWN}})
    )
    return root


def arguments(zoo: Path, name: str = "bad", behaviors: str = "") -> list[object]:
    """Of a run over all behaviors, or those of one file."""
    named = ["--models", zoo / "models.yaml", "--zoo", name, "--store", zoo / "store"]
    return [ROOT / "behaviors" / behaviors, *named]


@pytest.fixture(scope="module")
def judged(zoo) -> Judged:
    """One run."""
    return run_pytest(*arguments(zoo), reports=zoo / "reports")


def test_every_claim_is_in_the_report(zoo, judged):
    """Whatever is wrong, each claim that was collected is judged, blocked or not applicable."""
    assert not judged.run["lost"]
    made = [(each["model"], each["behavior"]) for each in judged.claims]
    assert len(made) == len(set(made))
    assert set(made) == collected(*arguments(zoo))


def found(judged: Judged, name: str, behavior: str) -> dict[str, Any]:
    """The record of one claim."""
    (record,) = [each for each in judged.claims if each["model"] == name and each["behavior"].endswith(f"::{behavior}")]
    return record


RATIO = "test_a_factor_costs_at_most_twice_the_usual_errors"

BLOCKED = {
    "a factor that no image has": ("saint", f"{RATIO}[found-never]", "no image has the factor"),
    "no image to name": ("saint", "test_images_with_a_factor_are_named[found-never]", "no images (n = 0)"),
    "a factor that no table tells": (
        "saint", f"{RATIO}[found-unknown]", "no annotation of 'found' tells 'unknown'; it has dark, never, small"),
    "the worst of factors, one of them unknown": ("saint", "test_no_factor_is_a_blind_spot[found]", "tells 'unknown'"),
    "a category that nobody decided": (
        "saint", f"test_shape_counts_in_every_category[cue-conflict-{UNDECIDED}]",
        "no answer names the shape's or the texture's class"),
    "a task with one class": (
        "saint", "test_features_serve_another_task[one-class]",
        "image set 'one-class': all 12 train images show class 0: a transfer task with one class"),
    "a group with such a task": ("saint", "test_features_serve_a_group_of_tasks[all]", "image set 'one-class': all 12"),
    "features that are no numbers": (
        "nan-features", "test_features_serve_another_task[strange]",
        "image set 'strange': features of 12 of 60 train images are not finite, the first of 0/train000"),
    "recordings of other images": (
        "second-half", "test_two_checkpoints_find_the_same_images_hard[phone-vs-first-half]",
        "cannot be paired image by image: 64 images of second-half on phone (original) are missing from the other"),
    "a live model where there are no pixels": (
        "saint", "test_shape_counts_beside_texture[phone]", "'phone' has no pixels, so only recorded models"),
}  # fmt: skip


@pytest.mark.parametrize("what", BLOCKED)
def test_what_should_have_been_measured_is_blocked(judged, what):
    """With the reason, and no value."""
    name, behavior, reason = BLOCKED[what]
    record = found(judged, name, behavior)
    assert record["verdict"] == "blocked"
    assert reason in record["reason"]
    assert record["value"] is None


NOT_APPLICABLE = {
    "no features": ("no-features", "test_features_serve_another_task[fine]", "returns has no `features`"),
    "no features for a group": ("no-features", "test_features_serve_a_group_of_tasks[all]", "has no `features`"),
    "a grid without cells": (
        "first-half", "test_corruptions_leave_a_third_of_the_answers[no-cells]",
        "no annotation of 'no-cells' tells the corruption of an image; it has none"),
    "another set's recording": (
        "second-half", "test_names_what_images_show[parts]", "no predictions for image set 'parts' are recorded"),
}  # fmt: skip


@pytest.mark.parametrize("what", NOT_APPLICABLE)
def test_what_a_source_never_answers_is_not_applicable(judged, what):
    """With the reason, and no value."""
    name, behavior, reason = NOT_APPLICABLE[what]
    record = found(judged, name, behavior)
    assert record["verdict"] == "not_applicable"
    assert reason in record["reason"]
    assert record["value"] is None


JUDGED = {
    "accuracy": ("saint", "test_names_what_images_show[parts]", 1.0, 100),
    "of a model without features": ("no-features", "test_names_what_images_show[parts]", 1.0, 100),
    "the shape bias of all who decided": ("saint", "test_shape_counts_beside_texture[cue-conflict]", 1.0, 120),
    "another category": ("saint", "test_shape_counts_in_every_category[cue-conflict-car]", 1.0, 8),
    "another task of that model": ("nan-features", "test_features_serve_another_task[fine]", 0.8, 60),
    "another group of tasks": ("nan-features", "test_features_serve_a_group_of_tasks[good]", 1.0, 60),
    "half a recording": ("second-half", "test_shape_counts_beside_texture[phone]", 1.0, 64),
    # 20 of 120 images are misnamed, all of them among the 40 dark ones
    "an own factor's error ratio": ("saint", f"{RATIO}[found-dark]", 3.0, 40),
    "an own factor's accuracy": ("saint", "test_images_with_a_factor_are_named[found-dark]", 0.5, 40),
    "another own factor's error ratio": ("saint", f"{RATIO}[found-small]", 0.0, 30),
    "another own factor's accuracy": ("saint", "test_images_with_a_factor_are_named[found-small]", 1.0, 30),
}


@pytest.mark.parametrize("what", JUDGED)
def test_all_else_is_judged(judged, what):
    """The numbers are those that the pictures were made for."""
    name, behavior, value, count = JUDGED[what]
    record = found(judged, name, behavior)
    assert record["verdict"] in ("pass", "fail", "inconclusive")
    assert record["value"] == pytest.approx(value, abs=1e-12)
    assert record["count"] == count


def test_nothing_else_is_blocked(judged):
    """What is blocked is about a set, a factor or a category in which something is wrong."""
    wrong = ("found-never", "found-unknown", f"cue-conflict-{UNDECIDED}", "one-class", "strange", "bad", "odd", "all",
             "[found]", "[phone", "no-cells")  # fmt: skip
    blocked = {each["behavior"] for each in judged.claims if each["verdict"] == "blocked"}
    assert not [behavior for behavior in blocked if not any(part in behavior for part in wrong)]


def test_a_zoo_of_ones_own_is_judged_on_corrupted_copies(zoo):
    """One image set is enough: its copies are judged on its own classes, so without AlexNet's figures."""
    judged = run_pytest(*arguments(zoo, "own", "test_robustness.py"), reports=zoo / "own")
    record = found(judged, "stubborn", "test_corruptions_leave_a_third_of_the_answers[parts-corrupted]")
    # it names everything alike: right for 10 of 100 images, whatever was done to them
    assert (record["value"], record["count"], record["verdict"]) == (pytest.approx(0.9), 100, "fail")
    assert len(judged.claims) == 1 + len(CORRUPTIONS)
    assert {round(each["value"], 12) for each in judged.claims} == {0.9}
    assert not [each for each in judged.claims if "alexnet" in each["behavior"]]


COPIES = ComputedSet(role=Role.CORRUPTED, reader="computed", of="parts", images=300, severities=(1, 3, 5))
RENDERED = {"role": "validation", "reader": "rendered"}
SAID = {"role": "corrupted", "reader": "computed", "of": "parts", "images": 5}


@pytest.mark.parametrize(
    ("sets", "copies"),
    [
        ({"parts": SETS["parts"]}, {"parts-corrupted": COPIES}),
        (
            {"parts": SETS["parts"], "more": SETS["parts"]},
            {"parts-corrupted": COPIES, "more-corrupted": COPIES.model_copy(update={"of": "more"})},
        ),
        ({"parts": SETS["parts"], "own": SAID}, {}),
        ({"parts": SETS["parts"], "parts-corrupted": {**SETS["parts"], "role": "shifted"}}, {}),
        ({"parts": {**SETS["parts"], "role": "shifted"}}, {}),
        ({"validation": RENDERED}, {}),
        ({"parts": {"role": "validation", "label_space": {"classes": 2}}}, {}),
    ],
    ids=["one set", "two sets", "said otherwise", "the name is taken", "no validation set", "rendered", "no pixels"],
)
def test_which_zoos_get_corrupted_copies(tmp_path, sets, copies):
    """Those that say nothing of corruptions, for each validation set with pixels of its own."""
    made = zoo_of(tmp_path, sets).image_sets
    assert {name: spec for name, spec in made.items() if name not in sets} == copies


def test_the_zoos_that_ship_say_themselves_what_is_corrupted():
    """So nothing is added to them."""
    for name in ("miniature", "paper"):
        assert not [each for each in read_zoo(ROOT / "models.yaml", name).image_sets if each.endswith("-corrupted")]
