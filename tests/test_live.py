"""Behaviors that users write against a live checkpoint."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.harness import project, run_pytest, toy, zoo_file

pytestmark = pytest.mark.slow

LIVE = '''
"""Live: behaviors of a user's own."""
import numpy as np

from eyechart.views import relative_shift


def test_it_answers(checkpoint, images_of):
    """It gives each image of a batch one finite answer."""
    images = images_of("validation").read(np.arange(5))
    assert np.isfinite(checkpoint(images)).all()
    assert checkpoint(images).shape == (5, 12)


def test_a_view_is_applied(checkpoint, images_of):
    """It answers under a view, in the order of the images."""
    images = images_of("validation").read(np.arange(5))
    view = relative_shift(1 / 16)
    assert np.allclose(checkpoint(images, view)[3], checkpoint(images[3:4], view)[0], atol=1e-3)
'''

CLAIM = '''

from eyechart.claims import needs, validation
from eyechart.measures import accuracy


@needs(validation)
def test_claim(predictions, require):
    """It names something."""
    require(accuracy(predictions), at_least=0.5)
'''

TIMM = {
    "source": "timm", "architecture": "resnet10t", "weights": "w.safetensors", "label_space": "miniature",
    "preprocessing": {"resize": 64, "crop": 64},
}  # fmt: skip


def save_timm(folder) -> None:
    """Write random weights of that architecture."""
    import timm
    from safetensors.torch import save_model

    save_model(timm.create_model("resnet10t", num_classes=12), folder / "w.safetensors")


def require_gpu() -> None:
    """Skip, visibly, where there is no GPU."""
    import torch

    if not torch.cuda.is_available():
        pytest.skip("no CUDA device on this machine")


@pytest.mark.parametrize("workers", [0, 2])
def test_a_live_checkpoint_is_loaded_by_one_worker_only(store, tmp_path, workers):
    """Two behaviors share one loading of each model, and models are shared out among workers."""
    log = tmp_path / "log"
    root = project(tmp_path / "project", {"test_live.py": LIVE})
    zoo = zoo_file(tmp_path / "models.yaml", {name: toy("counted", version=name) for name in ("a", "b", "c")})
    run = run_pytest("behaviors/", "--models", zoo, "--store", store, "--limit", 40, "-n", workers,
                     reports=tmp_path / "reports", root=root, EYECHART_TEST_LOG=str(log))  # fmt: skip
    assert run.code == 0, run.text
    assert "6 passed" in run.text
    loads = Counter(log.read_text().splitlines())
    assert loads.total() == 3
    assert set(loads) == ({"load gw0", "load gw1"} if workers else {"load main"})


def test_live_and_predicted_behaviors_share_a_load(store, tmp_path):
    """Without workers the checkpoint that predicted is the one that a live behavior gets."""
    log = tmp_path / "log"
    root = project(tmp_path / "project", {"test_live.py": LIVE + CLAIM})
    zoo = zoo_file(tmp_path / "models.yaml", {"a": toy("counted")})
    run = run_pytest("behaviors/", "--models", zoo, "--store", store, "--limit", 40,
                     reports=tmp_path / "reports", root=root, EYECHART_TEST_LOG=str(log))  # fmt: skip
    assert run.code == 0, run.text
    assert log.read_text().splitlines() == ["load main"]
    assert run.run["predict"]["loads"] == {"a": 1}


def test_each_checkpoint_is_loaded_once_on_a_gpu(store, tmp_path):
    """The same on a GPU: the whole run predicts with one loading, on the device that the report names."""
    require_gpu()
    save_timm(tmp_path)
    zoo = zoo_file(tmp_path / "models.yaml", {"a": TIMM, "b": {**TIMM, "preprocessing": {"resize": 72, "crop": 64}}})
    run = run_pytest("behaviors/", "--models", zoo, "--store", store, "--limit", 40, "-n", 4, "--device", "cuda",
                     reports=tmp_path / "reports")  # fmt: skip
    assert run.run["predict"]["loads"] == {"a": 1, "b": 1}
    assert run.run["device"] == "cuda"
    contracts = {r["behavior"]: r["verdict"] for r in run.claims if r["property"] == "contract"}
    assert set(contracts.values()) == {"pass"}


OWN = (
    LIVE
    + '''

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eyechart.claims import needs, validation


@needs(validation)
def test_claimed(checkpoint):
    """It says so and asks for nothing that is predicted."""
    assert checkpoint is not None


@settings(max_examples=3, deadline=None)
@given(number=st.integers(0, 3))
def test_searched(checkpoint, number):
    """A promise that no number breaks."""
    assert number < 0, "a number that is not below 0"


@needs(validation)
def test_crashing(predictions):
    """It cannot even be judged."""
    predictions.no_such_column


@needs(validation)
def test_leaving_out(predictions):
    """It says why it does not judge."""
    pytest.skip("no such images")


@pytest.mark.skip(reason="not yet")
@needs(validation)
def test_left_out(predictions):
    """Not even begun."""
'''
)


def test_live_and_crashing_behaviors_are_claims_like_any_other(store, tmp_path):
    """Each has one record and stands in coverage; an assertion may be a known failure, a crash may not."""
    root = project(tmp_path / "project", {"test_live.py": OWN})
    known = {"test_live.py::test_searched": "Zero is a number.", "test_live.py::test_crashing[validation]": "No."}
    zoo = zoo_file(tmp_path / "models.yaml", {"a": toy("saint"), "b": toy("saint", known_failures=known)})
    run = run_pytest("behaviors/", "--models", zoo, "--store", store, "--limit", 40,
                     reports=tmp_path / "reports", root=root)  # fmt: skip
    assert run.code == 1, run.text
    passing = ("test_it_answers", "test_a_view_is_applied", "test_claimed[validation]")
    assert run.verdicts("a") == run.verdicts("b") == {
        **{f"test_live.py::{name}": "pass" for name in passing},
        "test_live.py::test_searched": "fail",
        "test_live.py::test_crashing[validation]": "fail",
        "test_live.py::test_leaving_out[validation]": "not_applicable",
        "test_live.py::test_left_out[validation]": "not_applicable",
    }  # fmt: skip
    assert len(run.claims) == 14
    reasons = {r["behavior"]: (r["reason"], r["known_failure"]) for r in run.claims if r["model"] == "b"}
    assert reasons["test_live.py::test_searched"] == ("a number that is not below 0", "Zero is a number.")
    crash, excuse = reasons["test_live.py::test_crashing[validation]"]
    assert excuse is None
    assert crash.startswith("AttributeError: 'Predictions' object has no attribute")
    assert "fails      a  test_live.py::test_searched: a number that is not below 0" in run.text
    assert reasons["test_live.py::test_leaving_out[validation]"][0] == "it was skipped: no such images"
    assert reasons["test_live.py::test_left_out[validation]"][0] == "it was skipped: not yet"
    assert run.run["troubles"] == []
