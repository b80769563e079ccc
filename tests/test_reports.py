"""What a run leaves for others: verdicts.json, Parquet tables, Allure results, JUnit XML, the matrix."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from eyechart.reports.pages.page import report_page
from eyechart.reports.report import read_report
from tests.harness import LIMIT, run_pytest
from tests.villains import VILLAINS

pytestmark = pytest.mark.slow

KEYS = [
    "zoo",
    "model",
    "versus",
    "property",
    "behavior",
    "image_set",
    "view",
    "measure",
    "value",
    "low",
    "high",
    "count",
    "at_most",
    "at_least",
    "margin",
    "verdict",
    "known_failure",
    "reason",
]
RUN_KEYS = ["zoo", "started", "seconds", "versions", "device", "precision", "seed", "models", "image_sets"]
PROPERTIES = (
    "accuracy",
    "mistakes",
    "shape_bias",
    "calibration",
    "robustness",
    "transferability",
    "invariance",
    "contract",
)
CLAIMS = 84
"""Claims about each toy checkpoint."""


def test_verdicts_have_every_documented_key_in_plain_types(judged):
    """The file is what docs/interfaces.md says: schema 1, all keys always, numbers as numbers."""
    assert judged.data["schema"] == 1
    assert set(RUN_KEYS) <= judged.run.keys()
    for record in judged.data["verdicts"]:
        assert list(record)[: len(KEYS)] == KEYS
        assert {type(record[key]) for key in ("value", "low", "high")} <= {float, type(None)}
        assert type(record["count"]) in (int, type(None))
        assert record["property"] in PROPERTIES
        assert "[" in record["behavior"]
        assert record["model"] not in record["behavior"]


def test_every_claim_is_there_once_in_an_order_that_does_not_depend_on_workers(judged):
    """One claim a model, behavior, set and view; sorted, whichever worker was first."""
    claims = [(r["model"], r["behavior"]) for r in judged.claims]
    assert len(claims) == len(set(claims)) == (len(VILLAINS) + 1) * CLAIMS
    assert claims == sorted(claims)


def test_a_measured_verdict_has_number_interval_count_and_bound(judged):
    """No bare floats: each decided claim shows its interval around its value, its images, its bound and why."""
    decided = [r for r in judged.claims if r["verdict"] in ("pass", "fail") and r["property"] != "contract"]
    assert len(decided) > 150
    for record in decided:
        assert record["low"] <= record["value"] <= record["high"]
        assert record["count"] == LIMIT or record["property"] not in ("accuracy", "calibration")
        assert (record["at_most"] is None) != (record["at_least"] is None)
        assert " limit " in record["reason"]


def test_every_calibration_claim_reports_the_papers_number_too(judged):
    """Beside each judged calibration error stands the plug-in one, reported, without interval or bound."""
    claimed = {
        (r["model"], r["behavior"])
        for r in judged.claims
        if "confidence_matches" in r["behavior"] and r["value"] is not None
    }
    reported = [r for r in judged.data["verdicts"] if r["measure"] == "ece_15_equal_width"]
    assert {(r["model"], r["behavior"]) for r in reported} == claimed
    assert {(r["verdict"], r["low"], r["at_most"]) for r in reported} == {("reported", None, None)}


def test_predictions_open_with_pandas(judged, warm):
    """A table is plain Parquet with one row an image; confidence and answer follow from the logits in float64."""
    (path,) = (path for path, meta in tables(warm) if key_of(meta) == ("saint", "validation", "original"))
    table = pd.read_parquet(path)
    assert list(table.columns) == ["key", "label", "predicted", "confidence", "logits"]
    assert len(table) == table["key"].nunique() == LIMIT
    logits = np.stack(table["logits"]).astype(np.float64)
    assert logits.shape == (LIMIT, 12)
    softmax = np.exp(logits - logits.max(axis=1, keepdims=True))
    softmax /= softmax.sum(axis=1, keepdims=True)
    assert np.array_equal(table["predicted"], logits.argmax(axis=1))
    assert np.allclose(table["confidence"], softmax.max(axis=1), rtol=1e-12, equal_nan=True)
    assert not list(warm.rglob(".writing-*"))


def tables(store) -> list[tuple[Path, dict]]:
    """Every table of a store, and what it says of how it was made."""
    paths = sorted((store / "predictions").glob("*.parquet"))
    return [(path, json.loads(pq.read_schema(path).metadata[b"eyechart"])) for path in paths]


def key_of(meta: dict) -> tuple[str, str, str]:
    """Model, image set and view of a table."""
    return meta["model"], meta["image_set"], meta["view"]


def test_a_table_says_how_it_was_made(judged, warm):
    """What decided the answers is in the file itself: checkpoint, images, view, versions."""
    metas = [meta for _, meta in tables(warm)]
    assert len(metas) == len({key_of(meta) for meta in metas})
    assert {meta["model"] for meta in metas} == {*VILLAINS, "nan_at_one_class"}
    assert {meta["view"] for meta in metas} >= {"original", "features", "probe(logistic)", "scale(1.5)"}
    whole = [meta["images"] for meta in metas if meta["image_set"] != "corrupted"]
    assert {images["count"] for images in whole} == {images["limit"] for images in whole} == {LIMIT}
    assert all({"checkpoint", "view", "versions", "device"} <= meta.keys() for meta in metas)


def test_the_page_is_what_the_report_says(judged):
    """index.html is written by every run, and is the same made again from verdicts.json: workers change nothing."""
    page = (judged.reports / "index.html").read_text()
    assert page == report_page(read_report(judged.reports), judged.reports)
    assert "Of the images it is 80 % sure about, it names about 80 % correctly." in page
    assert judged.run["exit_code"] == judged.code
    assert judged.run["troubles"] == []


def allure(judged) -> list[dict]:
    """The Allure results of a run."""
    return [json.loads(path.read_text()) for path in (judged.reports / "allure-results").glob("*-result.json")]


def test_the_summary_is_left_beside_the_page(judged):
    """Made for a comment: its marker first, the models' matrix, the page last."""
    lines = (judged.reports / "summary.md").read_text().splitlines()
    assert lines[0] == "<!-- eyechart -->"
    assert any(line.startswith("- ✗ fails: `") for line in lines)
    assert lines[-1].endswith("[index.html](index.html)")


def test_allure_has_one_result_a_claim_with_the_model_as_parameter(judged):
    """History never merges two models: the model is a parameter, and no two results share a history."""
    results = allure(judged)
    assert len(results) == len(judged.claims)
    assert len({result["historyId"] for result in results}) == len(results)
    models = {p["value"].strip("'") for result in results for p in result["parameters"] if p["name"] == "model"}
    assert models == {*VILLAINS, "nan_at_one_class"}


def test_allure_results_read_as_claims(judged):
    """Property as feature, claim as story, the measured value in the description, the verdict attached as JSON."""
    folder = judged.reports / "allure-results"
    for result in allure(judged):
        labels = {label["name"]: label["value"] for label in result["labels"]}
        assert labels["feature"] in PROPERTIES
        assert labels["story"].endswith(".")
        assert labels["story"] in result["description"]
        attached = [json.loads((folder / each["source"]).read_text()) for each in result["attachments"]
                    if each["type"] == "application/json"]  # fmt: skip
        assert [r for r in attached if r["verdict"] != "reported"], result["name"]
        assert {record["model"] for record in attached} == {labels["model"]}


def test_allure_statuses_follow_the_verdicts(judged):
    """Passed, failed; and a blocked claim is no broken promise."""
    statuses = {}
    for result in allure(judged):
        labels = {label["name"]: label["value"] for label in result["labels"]}
        statuses.setdefault((labels["model"], labels["feature"]), set()).add(result["status"])
    assert statuses["saint", "calibration"] == {"passed"}
    assert statuses["boastful", "calibration"] == {"failed", "passed"}
    assert statuses["nan_at_one_class", "accuracy"] == {"broken"}


def test_allure_knows_the_surroundings_and_the_categories(judged):
    """environment.properties names zoo, versions and each model's fingerprint; categories.json is there."""
    folder = judged.reports / "allure-results"
    pairs = dict(line.split("=", 1) for line in (folder / "environment.properties").read_text().splitlines())
    assert pairs["zoo"] == "miniature"
    assert pairs["model.saint"] == judged.run["models"]["saint"]
    assert "version.python" in pairs
    names = {category["name"] for category in json.loads((folder / "categories.json").read_text())}
    assert {"Promise broken", "Known failure", "Inconclusive"} <= names


def test_other_reports_and_a_folder_of_the_users_own(warm, villains_zoo, judged, tmp_path):
    """JUnit XML counts as pytest does; Allure's folder is cleared of old results and of nothing else."""
    results = tmp_path / "results"
    results.mkdir()
    (results / "precious.txt").write_text("mine")
    (results / "old-result.json").write_text("{}")
    run = run_pytest("behaviors/", "--models", villains_zoo, "--store", warm, "--limit", LIMIT,
                     "-k", "confidence_matches", "--model", "boastful", "--model", "nan_at_one_class",
                     "--model", "saint",
                     f"--junit-xml={tmp_path}/junit.xml", "--alluredir", results, reports=tmp_path)  # fmt: skip
    (suite,) = ElementTree.parse(tmp_path / "junit.xml").getroot()  # noqa: S314  # pytest wrote it
    assert suite.get("name") == "calibration"
    assert int(suite.get("tests")) == len(run.claims) == 9
    assert (suite.get("failures"), suite.get("errors"), suite.get("skipped")) == ("3", "3", "0")
    failure = next(suite.iter("failure"))
    assert "measured   ece_15_equal_mass_debiased" in failure.text + failure.get("message")
    assert (results / "precious.txt").read_text() == "mine"
    assert not (results / "old-result.json").exists()
    assert len(list(results.glob("*-result.json"))) == 9


@pytest.mark.parametrize("workers", [0, 2])
def test_reports_that_cannot_be_written_name_the_option(villains_zoo, warm, tmp_path, workers):
    """Exit code 4 and one line that names the folder and `--reports`, before anything is judged; no traceback."""
    (tmp_path / "file").write_text("not a folder")
    run = run_pytest("behaviors/", "--models", villains_zoo, "--store", warm, "-n", workers, reports=tmp_path / "file")
    assert run.code == 4
    assert f"reports {tmp_path}/file/allure-results: cannot be written to (Not a directory)" in run.text
    assert "--reports DIR" in run.text
    assert "Traceback" not in run.text
    assert "INTERNALERROR" not in run.text


def test_one_red_cell_explains_itself(judged):
    """The message says who, what was promised, what was measured, where the claim stands and how to run it again."""
    start = judged.text.index("boastful, on sketch:")
    message = judged.text[start : start + 900]
    assert "promised   Of the images it is 80 % sure about, it names about 80 % correctly." in message
    assert "at most 0.05, 600 images" in message
    assert "claim at   behaviors/test_calibration.py:" in message
    assert (
        "again      pytest 'behaviors/test_calibration.py::test_confidence_matches_accuracy[boastful-sketch]' --models "
        in message
    )
    assert f" --limit {LIMIT}\n" in message


def test_the_matrix_has_a_row_a_model_and_no_color(judged):
    """In a log the table is plain text, a column a property, a cell what became of its claims."""
    lines = judged.text.partition("images a set =")[2].splitlines()
    header = lines[1].split()
    assert header == list(PROPERTIES)
    rows = {line.split()[0]: " ".join(line.split()[1:]) for line in lines[2 : 2 + len(VILLAINS) + 1]}
    assert rows["saint"] == "3/3 21/21 14/14 9/9 9/9 3/3 21/21 4/4"
    assert rows["boastful"] == "3/3 21/21 14/14 3/9 6 F 9/9 3/3 21/21 4/4"
    assert rows["nan_at_one_class"] == "0/3 3 B 0/21 21 B 0/14 14 B 0/9 9 B 0/9 9 B 3 n/a 0/21 21 B 3/4 1 F"
    assert "\x1b[" not in judged.text
