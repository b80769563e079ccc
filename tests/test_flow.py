"""The three phases, run as a user runs them: what is imported, what is computed again, what -n changes."""

from __future__ import annotations

import ast
import re
from typing import Any

import pytest

from eyechart.predict.searches import SEARCHED, WAYS, Search
from tests.conftest import ONE_MODEL_EACH
from tests.harness import LIMIT, SETS, Judged, new_store, run_pytest, toy, zoo_file
from tests.villains import VILLAINS

FOUR = ("boastful", "nan_at_one_class", "saint", "sociable")
"""One that breaks a measured claim, one that is blocked, one that keeps all, one that breaks a contract."""

MODEL_LIBRARIES = ("torch", "torchvision", "timm", "open_clip")
LOOK = f"""
import sys


def pytest_unconfigure(config):
    if not hasattr(config, "workerinput"):
        print("LOADED", [name for name in {MODEL_LIBRARIES} if name in sys.modules])


def pytest_sessionfinish(session):
    if hasattr(session.config, "workerinput"):
        session.config.workeroutput["loaded"] = [name for name in {MODEL_LIBRARIES} if name in sys.modules]


def pytest_testnodedown(node, error):
    print("LOADED", node.workeroutput["loaded"])
"""
"""A plugin that says which model libraries a run has loaded."""


@pytest.fixture
def look(tmp_path):
    """Arguments and environment that load the plugin."""
    (tmp_path / "look_at_modules.py").write_text(LOOK)
    return ("-s", "-p", "look_at_modules"), {"PYTHONPATH": f"{tmp_path}:."}


@pytest.fixture
def again(judged, warm, villains_zoo, tmp_path):
    """Judge again what was judged, with these arguments more."""

    def run(*arguments: object, **more: Any) -> Judged:
        return run_pytest("behaviors/", "--models", villains_zoo, "--store", warm, "--limit", LIMIT, *arguments,
                          *ONE_MODEL_EACH, reports=tmp_path / "reports", **more)  # fmt: skip

    return run


def loaded(run: Judged) -> list[list[str]]:
    """What each process of a run had loaded."""
    return [ast.literal_eval(text) for text in re.findall(r"LOADED (.*)", run.text)]


def outcome(run: Judged) -> list[dict]:
    """Everything a run decided about FOUR."""
    return [record for record in run.data["verdicts"] if record["model"] in FOUR]


@pytest.mark.slow
def test_a_cold_run_reads_each_image_once_and_loads_each_checkpoint_once(judged: Judged):
    """All models and views share one reading of the images, two workers one loading of each model.

    Only what a search finds is asked for after all else, and its images are read once more.
    """
    run = judged.run
    models = [*VILLAINS, "nan_at_one_class"]
    assert run["predict"]["loads"] == dict.fromkeys(models, 1)
    counts = {name: images["count"] for name, images in run["image_sets"].items()}
    assert {name: counts[name] for name in SETS} == dict.fromkeys(SETS, LIMIT)
    assert run["predict"]["images_read"] == sum(counts.values()) + counts["validation"]
    assert run["lost"] == []


@pytest.mark.slow
@pytest.mark.parametrize("workers", [0, 1, 2])
def test_a_second_run_computes_nothing_and_decides_the_same(judged, again, look, workers):
    """With a warm store nothing is loaded, read or answered, no model library is imported; -n changes no verdict."""
    arguments, environment = look
    selected = [part for model in FOUR for part in ("--model", model)]
    second = again("-n", workers, *selected, *arguments, **environment)
    assert outcome(second) == outcome(judged)
    assert second.code == judged.code == 1
    spent = second.run["predict"]
    assert (spent["answers"], spent["images_read"], spent["loads"], spent["forward_seconds"]) == (0, 0, {}, 0)
    assert loaded(second) == [[]] * (workers + 1)


@pytest.mark.parametrize("arguments", [("--collect-only", "-q"), ("--help",)])
def test_collecting_and_helping_import_no_model_library(villains_zoo, look, tmp_path, arguments):
    """Neither needs a model, so neither pays for torch; and nothing is written."""
    more, environment = look
    run = run_pytest("behaviors/", "--models", villains_zoo, "--store", tmp_path / "store", *arguments, *more,
                     reports=tmp_path / "reports", **environment)  # fmt: skip
    assert run.code == 0
    assert loaded(run) == [[]]
    expected = "test_confidence_matches_accuracy[saint-sketch]" if "-q" in arguments else "--precision={fp32,bf16,fp16}"
    assert expected in run.text
    assert not (tmp_path / "store").exists()
    assert not (tmp_path / "reports" / "verdicts.json").exists()


@pytest.mark.slow
def test_one_property_of_one_model(again, judged):
    """`-k calibration --model NAME`, as printed in the README, judges nine claims; they decide as in the whole run."""
    run = again("-k", "calibration", "--model", "boastful")
    whole = {key: value for key, value in judged.verdicts("boastful").items() if "calibration" in key}
    assert run.verdicts("boastful") == whole
    assert len(whole) == len(run.claims) == 9
    assert run.run["models"].keys() == {"boastful"}


@pytest.mark.slow
def test_properties_are_marks(again):
    """`-m calibration` selects a property and `--model` may be given twice; the matrix names just those."""
    run = again("-m", "calibration", "--model", "saint", "--model", "timid")
    assert {record["property"] for record in run.claims} == {"calibration"}
    assert {record["model"] for record in run.claims} == {"saint", "timid"}
    table = run.text.partition(f"zoo miniature, at most {LIMIT} images a set")[2].splitlines()[1:4]
    assert [row.split() for row in table] == [["calibration"], ["saint", "9/9"], ["timid", "3/9", "6", "F"]]


@pytest.mark.slow
def test_a_renamed_model_keeps_its_predictions(judged, warm, tmp_path):
    """A name is no identity: the same entry under another name is judged on what is there."""
    zoo = zoo_file(tmp_path / "models.yaml", {"angel": toy("saint")})
    run = run_pytest("behaviors/", "--models", zoo, "--store", warm, "--limit", LIMIT, reports=tmp_path)
    found = run.verdicts("angel")
    assert found.items() <= judged.verdicts("saint").items()
    assert len(found) == 41
    assert run.run["predict"]["answers"] == 0
    assert run.run["models"]["angel"] == judged.run["models"]["saint"]
    assert run.code == 0


@pytest.mark.slow
def test_a_declared_subset_says_so_everywhere(judged):
    """`--limit` is written in every verdict, claims and reported numbers alike, and in the run."""
    assert {record["limit"] for record in judged.data["verdicts"]} == {LIMIT}
    assert judged.run["limit"] == LIMIT
    assert f"at most {LIMIT} images a set" in judged.text


@pytest.mark.slow
def test_two_runs_at_once_share_the_work(rendered, gallery, tmp_path):
    """Two runs on one cold store: the second waits, and together they answer and load as much as one."""
    from concurrent.futures import ThreadPoolExecutor

    store = new_store(rendered, tmp_path / "store")
    zoo = zoo_file(tmp_path / "models.yaml", {"slow": toy("slow")})

    def judge(number: int) -> Judged:
        return run_pytest("behaviors/", "--models", zoo, "--store", store, "--limit", LIMIT,
                          reports=tmp_path / f"reports{number}", EYECHART_TEST_SLEEP="0.02")  # fmt: skip

    with ThreadPoolExecutor(2) as pool:
        one, two = pool.map(judge, range(2))
    tables = 3 + 7 + 3  # image sets, views, and the changes that searches found
    searched = sum(len(Search.parse(f"{kind} > 0.1").views) + 1 for kind in WAYS) * SEARCHED
    assert sum(run.run["predict"]["answers"] for run in (one, two)) == LIMIT * tables + searched
    assert one.run["predict"]["loads"] | two.run["predict"]["loads"] == {"slow": 1}
    assert one.verdicts("slow") == two.verdicts("slow")
    assert set(one.verdicts("slow").values()) == {"pass"}
    assert sorted(path.name for path in (store / "partial").iterdir()) == []
