"""Corrupted copies that are computed: the same as applying the view by hand, and cheap to read in a row."""

from __future__ import annotations

import io
import json
from dataclasses import replace

import numpy as np
import pytest

from eyechart.errors import BlockedError, SpecError
from eyechart.images.corruptions import CORRUPTIONS
from eyechart.images.labels import label_space
from eyechart.images.ordering import declared_order
from eyechart.images.readers.around import Around
from eyechart.images.readers.computed import ComputedSet
from eyechart.images.readers.computed import read as read_computed
from eyechart.images.views import corrupt
from eyechart.predict.needs import Need
from eyechart.predict.predictor import Predictor
from eyechart.predict.run import Run, Settings
from eyechart.progress import Progress
from eyechart.store import Store
from eyechart.zoo.indexing import read_image_set
from tests.image_files import folder, index, zoo_of

NAMES = {"names": ["bolt", "nut", "washer"]}
CLEAN = {"role": "validation", "reader": "folder", "path": "images", "label_space": NAMES}
FILES = tuple(f"{kind}/{number}.png" for kind in ("bolt", "nut", "washer") for number in range(4))


def clean(tmp_path, **more):
    """The images that are corrupted."""
    return read_image_set(zoo_of(tmp_path, {"clean": {**CLEAN, **more}}), "clean", Store(tmp_path / "store"), None)


def computed(tmp_path, limit: int | None = None, original: dict | None = None, **more):
    """Corrupted copies of them."""
    spec = {"role": "corrupted", "reader": "computed", "of": "clean", **more}
    zoo = zoo_of(tmp_path, {"clean": original or CLEAN, "set": spec})
    return read_image_set(zoo, "set", Store(tmp_path / "store"), limit)


@pytest.fixture(autouse=True)
def _files(tmp_path):
    folder(tmp_path / "images", FILES)


def test_a_row_is_the_view_applied_by_hand(tmp_path):
    """Pixels, label and annotations of every image under every corruption and severity."""
    images, original = computed(tmp_path, severities=[1, 5]), clean(tmp_path)
    assert len(images) == len(FILES) * 15 * 2
    place = {key: row for row, key in enumerate(original.keys.tolist())}
    raw, made = original.read(np.arange(len(original))), images.read(np.arange(len(images)))
    told = images.annotations
    for row, key in enumerate(images.keys.tolist()):
        corruption, severity, image = str(told["corruption"][row]), int(told["severity"][row]), str(told["image"][row])
        assert key == f"{corruption}/{severity}/{image}"
        assert images.labels[row] == original.labels[place[image]]
        assert np.array_equal(made[row], corrupt(corruption, severity).of_image(raw[place[image]])), key
    assert (images.label_space, images.of, images.limit) == (original.label_space, "", None)


def test_it_is_what_corruption_folders_are(tmp_path):
    """The same names and types, so that one behavior judges both; an image's rows stand together."""
    images = computed(tmp_path, corruptions=["fog", "snow"], severities=[1, 2])
    folder(tmp_path / "c", images.keys.tolist())
    layout = {"role": "corrupted", "reader": "corruption-folders", "path": "c", "label_space": NAMES}
    stored = index(tmp_path, {**layout, "severities": [1, 2]})
    assert set(stored.annotations) == set(images.annotations)
    rows = np.argsort(images.keys)
    assert np.array_equal(images.keys[rows], stored.keys)
    assert np.array_equal(images.labels[rows], stored.labels)
    for name, values in stored.annotations.items():
        assert np.array_equal(images.annotations[name][rows], values), name
        assert images.annotations[name].dtype.kind == values.dtype.kind
    assert images.annotations["image"].tolist() == sorted(images.annotations["image"].tolist())


def test_the_first_images_in_the_declared_order(tmp_path):
    """A random subset, which any larger one contains."""
    images, original = computed(tmp_path, images=5, severities=[3]), clean(tmp_path)
    assert set(images.annotations["image"]) == set(original.keys[declared_order(original.keys)[:5]])
    assert len(images) == 5 * 15
    assert len(computed(tmp_path, images=500, severities=[3])) == len(FILES) * 15


def test_a_limit_counts_the_images_that_are_corrupted(tmp_path):
    """Each stays with all its corruptions; they are images that the limit keeps of the clean set, too."""
    few = computed(tmp_path, limit=4, severities=[1, 3])
    assert (len(few), few.limit) == (4 * 15 * 2, 4)
    assert set(few.annotations["image"]) == set(clean(tmp_path).limited(4).keys)
    whole = computed(tmp_path, severities=[1, 3])
    assert few.fingerprint != whole.fingerprint
    same = computed(tmp_path, limit=300, severities=[1, 3])
    assert (same.fingerprint, same.limit, len(same)) == (whole.fingerprint, None, len(whole))


def test_the_fingerprint_follows_from_what_is_made(tmp_path, monkeypatch):
    """Other severities, corruptions, numbers of images, pixels or ways to corrupt are other sets."""
    made = [
        computed(tmp_path),
        computed(tmp_path, severities=[1, 3, 5]),
        computed(tmp_path, corruptions=["fog", "snow"]),
        computed(tmp_path, corruptions=["snow", "fog"]),
        computed(tmp_path, images=3),
    ]
    monkeypatch.setattr("eyechart.images.readers.computed.VERSION", 1000)
    made.append(computed(tmp_path))
    folder(tmp_path / "images", FILES[::-1])
    made.append(computed(tmp_path))
    assert len({images.fingerprint for images in made}) == len(made)
    assert computed(tmp_path, images=12).fingerprint == made[-1].fingerprint


def test_reading_a_chunk_decodes_each_image_once(tmp_path):
    """All corruptions of an image follow each other, and are made of what was decoded for the first of them."""
    asked: list[int] = []
    original = clean(tmp_path)

    def read(rows):
        asked.extend(rows.tolist())
        return original.read(rows)

    around = Around(tmp_path.joinpath, label_space, lambda _: replace(original, read=read), Store(tmp_path / "store"))
    spec = ComputedSet(role="corrupted", reader="computed", of="clean", severities=(1, 3))
    images = read_computed("set", spec, around)
    for row in range(100):
        images.read(np.array([row]))
    assert asked == [0, 1, 2, 3]
    assert len(images.read(np.array([359, 0, 358]))) == 3
    assert asked[4:] == [11]


def test_classes_that_are_right_too_stay_so(tmp_path):
    """An image that may be called two things may be called so in fog."""
    table = tmp_path / "classes.json"
    table.write_text(json.dumps({"bolt": [1, 2], "nut": [3, 2], "washer": [4]}))
    original = {**CLEAN, "label_space": {"mapping": str(table)}}
    images = computed(tmp_path, original=original, corruptions=["fog"], severities=[2])
    assert images.also["fog/2/bolt/0.png"] == (1,)
    assert len(images.also) == 4


def test_crops_stay_crops(tmp_path):
    """What is corrupted is seen as it would be seen clean."""
    assert computed(tmp_path, original={**CLEAN, "cropped": True}, severities=[1]).cropped


def make_mean_color():
    """Factory of a checkpoint that answers the mean of each image's three channels."""
    return lambda batch: batch.mean(axis=(1, 2), dtype=np.float32)


def test_it_has_predictions_of_its_own(tmp_path):
    """One answer a row, to the corrupted image, under another key than the clean set's."""
    factory = f"{__name__}:make_mean_color"
    models = {"mean": {"source": "python", "factory": factory, "version": "1", "label_space": NAMES}}
    spec = {"role": "corrupted", "reader": "computed", "of": "clean", "severities": [5], "corruptions": ["contrast"]}
    run = Run(zoo_of(tmp_path, {"clean": CLEAN, "set": spec}, models), Settings(tmp_path / "store", device="cpu"))
    clean_need, need = Need("mean", "clean"), Need("mean", "set")
    Predictor(run, Progress(io.StringIO())).prepare({clean_need, need})
    assert run.address(need) != run.address(clean_need)
    images, answers = computed(tmp_path, severities=[5], corruptions=["contrast"]), run.predictions(need)
    assert answers.keys.tolist() == images.keys.tolist()
    exact = np.stack([image.mean(axis=(0, 1)) for image in images.read(np.arange(len(images)))])
    assert np.allclose(answers.logits_of(), exact, atol=1e-3)
    assert run.index("set")["image"].to_pylist() == images.annotations["image"].tolist()


def test_images_without_pixels_block(tmp_path):
    """Recorded predictions know names only."""
    original = {"role": "validation", "label_space": "imagenet-1k", "labels": "imagenet-x"}
    with pytest.raises(BlockedError, match="'clean' has names and labels only, there are no pixels to corrupt"):
        computed(tmp_path, original=original)


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"corruptions": ["fogg"]}, "did you mean 'fog'"),
        ({"severities": [0]}, "severity 0 of gaussian_noise is unknown"),
        ({"corruptions": ["fog", "fog"]}, "fog at severity 1 is given more than once"),
        ({"severities": []}, "at least 1 item"),
        ({"of": "cleen"}, "'cleen' is no image set of its own: did you mean 'clean'"),
        ({"of": "set"}, "'set' is no image set of its own"),
        ({"image": 3}, "unknown key 'image': did you mean 'images'"),
    ],
)
def test_mistakes_are_told_when_the_file_is_read(tmp_path, entry, message):
    """With file, line and the nearest name."""
    with pytest.raises(SpecError, match=rf"models.yaml:\d+: zoos.mine.image_sets.set.*{message}"):
        computed(tmp_path, **entry)


def test_all_by_default(tmp_path):
    """15 corruptions at 5 severities."""
    images = computed(tmp_path, images=1)
    assert len(images) == 75
    assert images.annotations["corruption"].tolist() == [name for name in CORRUPTIONS for _ in range(5)]
    assert images.annotations["severity"].tolist() == [1, 2, 3, 4, 5] * 15
