"""Source `python`: a factory of the user's own, beside the file that names it, with or without a version."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest

from eyechart.checkpoints.checkpoint import as_logits
from eyechart.checkpoints.sources import python as source
from eyechart.errors import BlockedError
from eyechart.predict.needs import Need
from tests.harness import surroundings
from tests.image_files import folder, put
from tests.recordings import judged

NAMES = {"names": ["dark", "light"]}
SETS = {"colors": {"role": "validation", "reader": "folder", "path": "images", "label_space": NAMES}}
CODE = b"""
def load():
    return lambda batch: (batch.mean(axis=(1, 2, 3)) > 127).astype(int)
"""


def entry(factory, **more):
    """Entry of a model that names classes; its label space is that of the images."""
    return {"source": "python", "factory": factory, "returns": "labels", "version": "1", **more}


@pytest.fixture
def place(tmp_path):
    """Images, and a module beside the models.yaml that will name it."""
    folder(tmp_path / "images", ["dark/a.png", "light/b.png"])
    put(tmp_path / "nets_beside.py", CODE)
    return tmp_path


def test_a_module_beside_the_file_is_found(place):
    """Without being installed, from whatever folder pytest is run in."""
    run = judged(place, SETS, {"own": entry("nets_beside:load")})
    assert len(run.predictions(Need("own", "colors"))) == 2


def test_a_factory_that_fails_blocks_its_model(place):
    """With what it raised."""
    put(place / "nets_failing.py", b"def load():\n    raise RuntimeError('no license')\n")
    run = judged(place, SETS, {"own": entry("nets_failing:load"), "lost": entry("nets_nowhere:load")})
    for name, message in (("own", "RuntimeError: no license"), ("lost", "No module named 'nets_nowhere'")):
        with pytest.raises(BlockedError, match=message):
            run.predictions(Need(name, "colors"))


ASK = """
import json, sys
from pathlib import Path
from eyechart.predict.run import Need
from tests.recordings import judged
sets, models = json.loads(sys.argv[2])
run = judged(Path(sys.argv[1]), sets, models)
print(run.addresses[Need("own", "colors")].key, run.cost.images_read)
"""


@pytest.mark.slow
def test_without_a_version_nothing_is_reused(place):
    """Another process asks again; with one, it does not."""

    def key(**more):
        given = json.dumps([SETS, {"own": entry("nets_beside:load", **more)}])
        command = [sys.executable, "-c", ASK, str(place), given]
        told = subprocess.run(command, env=surroundings(), capture_output=True, text=True, check=True).stdout
        return told.split()

    assert [key()[1], key()[1]] == ["2", "0"]
    first, second = key(version=None), key(version=None)
    assert first[0] != second[0]
    assert [first[1], second[1]] == ["2", "2"]


def test_within_a_run_answers_are_shared():
    """Every claim of one run is about the same answers."""
    spec = source.PythonSpec(source="python", factory="a:b")
    assert source.weights(spec, None) == source.weights(spec, None)
    assert source.weights(spec, None) != source.weights(spec.model_copy(update={"version": "1"}), None)


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (np.zeros((2, 2)), r"expected class numbers \(n,\), found float64 \(2, 2\)"),
        (np.array([0, 2]), "expected class numbers from 0 to 1, found 0 to 2"),
    ],
)
def test_answers_that_are_no_labels_are_refused(answer, message):
    """With what they are."""
    with pytest.raises(BlockedError, match=message):
        source._one_of(answer, 2)


def test_sigmoids_are_judged_by_the_highest():
    """Log odds, of which a sigmoid makes them again; where 32 bits round one to 1, it is not infinite."""
    sigmoids = np.array([[0.5, 0.9, 0.8], [1.0, 0.0, 0.25]], dtype=np.float32)
    logits = as_logits(sigmoids, "sigmoids")
    assert np.isfinite(logits).all()
    assert np.allclose(1 / (1 + np.exp(-logits)), sigmoids, atol=1e-6)
    assert logits.argmax(axis=1).tolist() == [1, 0]


@pytest.mark.parametrize(
    ("answers", "returns", "message"),
    [
        ([[0.5, 0.9, 0.8]], "probabilities", "sum to 2.2: a multi-label head"),
        ([[-3.0, 2.0, 2.0]], "probabilities", "-3.0 is none: logits"),
        ([[0.5, 0.9, 4.0]], "sigmoids", "4.0 is none: logits"),
        ([[0.2, 0.3, 0.5]] * 8, "logits", r"probabilities\? State `returns: probabilities`"),
    ],
)
def test_answers_are_what_they_are_said_to_be(answers, returns, message):
    """Sigmoids and logits are no probabilities, nor are these logits; the message has the key that reads them."""
    with pytest.raises(BlockedError, match=message):
        as_logits(np.array(answers, dtype=np.float32), returns)


def test_half_precision_and_what_is_no_number_are_left_to_others():
    """Rounded probabilities sum to 1 nearly; an answer that is no number is told by its image."""
    half = np.full((1, 1000), 0.001).astype(np.float16).astype(np.float32)
    assert np.isfinite(as_logits(half, "probabilities")).all()
    assert np.isnan(as_logits(np.full((1, 2), np.nan, dtype=np.float32), "probabilities")).all()
