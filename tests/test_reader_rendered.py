"""Transfer tasks that the miniature renders: judged on their test images, learned from their train images."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from eyechart.errors import BlockedError, SpecError
from eyechart.images.readers import rendered
from eyechart.miniature.fingerprints import recorded
from eyechart.miniature.sets import SETS, annotate
from eyechart.store import Store
from eyechart.zoo.indexing import read_image_set, read_training_images
from eyechart.zoo.zoo import Zoo, read_zoo

TASKS = ("count", "where", "rotation")


def zoo_of(folder: Path, **sets: dict[str, str]) -> Zoo:
    """A zoo with these rendered sets."""
    entries = {name: {"reader": "rendered", **entry} for name, entry in sets.items()}
    model = {"source": "python", "factory": "a:b", "version": "1"}
    file = folder / "models.yaml"
    file.write_text(json.dumps({"zoos": {"own": {"image_sets": entries, "models": {"net": model}}}}))
    return read_zoo(file, "own")


def task(name: str) -> dict[str, dict[str, str]]:
    """The entry of a transfer task."""
    return {name: {"role": "transfer", "label_space": f"miniature-{name}"}}


@pytest.fixture(scope="module")
def store(tmp_path_factory) -> Store:
    """A store that keeps what is rendered."""
    return Store(tmp_path_factory.mktemp("store"))


@pytest.fixture
def unrendered(monkeypatch):
    """No pixels: only the index is made, as if they were the published ones."""

    def index_only(name, folder, store):
        index = annotate(name)
        table = pa.table({"key": list(index.keys), "label": index.labels, **index.annotations})
        store.write_table(f"{folder}/index.parquet", table, {"fingerprint": recorded()[name]["all"]})

    monkeypatch.setattr(rendered, "_render", index_only)


@pytest.mark.slow
def test_pixels_of_both_splits_are_the_published_ones(tmp_path, store):
    """The rows of the published set, 1,200 to learn from and 800 to judge on, none in both."""
    from eyechart.miniature.sets import render_set

    zoo = zoo_of(tmp_path, **task("where"))
    judged, learned = read_image_set(zoo, "where", store, None), read_training_images(zoo, "where", store, None)
    whole = [*learned.keys, *judged.keys]
    assert whole == list(annotate("where").keys)
    assert (len(learned), len(judged)) == (1200, 800)
    assert np.array_equal(learned.read(np.array([3, 0])), render_set("where", [3, 0]).images)
    assert np.array_equal(judged.read(np.array([5, 799])), render_set("where", [1205, 1999]).images)
    assert (store.root / "images" / f"where-{recorded()['where']['all']}").is_dir(), "rendered once for both"


@pytest.mark.parametrize("name", TASKS)
def test_splits_of_a_task(name, tmp_path, store, unrendered):
    """Labels, annotations and fingerprints of each split; a limit keeps a part of each."""
    zoo = zoo_of(tmp_path, **task(name))
    judged, learned = read_image_set(zoo, name, store, None), read_training_images(zoo, name, store, None)
    assert set(judged.annotations["split"]) == {"test"}
    assert set(learned.annotations["split"]) == {"train"}
    assert judged.label_space == f"miniature-{name}"
    for images in (judged, learned):
        assert set(images.labels) == set(range(len(zoo.labels(name))))
    assert not set(judged.keys) & set(learned.keys)
    assert len({judged.fingerprint, learned.fingerprint, recorded()[name]["all"]}) == 3
    assert len(read_training_images(zoo, name, store, 50)) == len(read_image_set(zoo, name, store, 50)) == 50


@pytest.mark.parametrize("name", TASKS)
def test_a_task_has_classes_of_its_own(name, tmp_path):
    """Label space miniature-… names what the task's labels mean."""
    assert zoo_of(tmp_path, **task(name)).labels(name).names == SETS[name].classes


def test_another_label_space_is_blocked(tmp_path, store):
    """Labels of a task are not the miniature's classes; the message says which space is meant."""
    zoo = zoo_of(tmp_path, count={"role": "transfer"})
    with pytest.raises(BlockedError, match=r"has the classes one, two, three, four, .* say miniature-count"):
        read_image_set(zoo, "count", store, None)
    with pytest.raises(SpecError, match="did you mean 'miniature-count'"):
        zoo_of(tmp_path, count={"role": "transfer", "label_space": "miniature-counts"})


def test_only_tasks_have_train_images(tmp_path, store, unrendered):
    """No probe learns from images that are judged."""
    zoo = zoo_of(tmp_path, sketch={"role": "shifted"})
    with pytest.raises(BlockedError, match=r"set 'sketch' has no train images, .* Allowed: count, rotation, where"):
        read_training_images(zoo, "sketch", store, None)


def test_sets_have_groups(tmp_path):
    """Any set may name the group it is averaged in."""
    zoo = zoo_of(tmp_path, count={**task("count")["count"], "group": "structured"}, sketch={"role": "shifted"})
    assert {name: spec.group for name, spec in zoo.image_sets.items()} == {"count": "structured", "sketch": None}
    with pytest.raises(SpecError, match="group"):
        zoo_of(tmp_path, sketch={"role": "shifted", "group": ""})
