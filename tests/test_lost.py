"""Workers that die, and behaviors that cannot even be collected: said aloud, never dropped."""

from __future__ import annotations

import json

import pytest

from tests.harness import project, run_pytest, toy, zoo_file

pytestmark = pytest.mark.slow

DYING = '''
"""Dying: a behavior that takes its process with it."""
import os

from eyechart.claims import needs, validation
from eyechart.measures import accuracy


@needs(validation)
def test_before(predictions, require):
    """It names something."""
    require(accuracy(predictions), at_least=0.5)


@needs(validation)
def test_fatal(predictions, require, model):
    """It does not fall down the stairs."""
    if model == "b":
        os._exit(7)
    require(accuracy(predictions), at_least=0.5)


@needs(validation)
def test_one_more(predictions, require):
    """It names something still."""
    require(accuracy(predictions), at_least=0.5)


@needs(validation)
def test_after(predictions, require):
    """It names something after all."""
    require(accuracy(predictions), at_least=0.5)
'''


@pytest.fixture
def zoo(tmp_path):
    """Three models of one kind."""
    return zoo_file(tmp_path / "models.yaml", {name: toy("saint", version=name) for name in ("a", "b", "c")})


@pytest.mark.parametrize(
    "arguments", [("-n", 1), ("-n", 2), ("-n", 4), ("-n", 2, "--dist", "loadgroup")], ids=["1", "2", "4", "loadgroup"]
)
def test_a_worker_that_dies_costs_one_claim_and_is_told(store, zoo, tmp_path, arguments):
    """The claim it died in is reported as lost, everywhere; all others are judged; the run fails and does not hang."""
    root = project(tmp_path / "project", {"test_dying.py": DYING})
    run = run_pytest("behaviors/", "--models", zoo, "--store", store, "--limit", 40, *arguments,
                     reports=tmp_path / "reports", root=root)  # fmt: skip
    fatal = "behaviors/test_dying.py::test_fatal[b-validation]"
    assert run.code == 1
    assert run.run["lost"] == [fatal]
    assert f"lost       {fatal} was collected and never reported" in run.text
    (trouble,) = run.run["troubles"]
    assert trouble["test"] == fatal
    assert trouble["what"].startswith("worker 'gw")
    assert fatal in (run.reports / "index.html").read_text()
    judged = {(record["model"], record["behavior"]) for record in run.claims}
    functions = ("test_before", "test_fatal", "test_one_more", "test_after")
    every = {(model, f"test_dying.py::{name}[validation]") for model in "abc" for name in functions}
    assert judged == every - {("b", "test_dying.py::test_fatal[validation]")}
    assert len(run.claims) == len(judged), "none was judged twice"
    results = [json.loads(path.read_text()) for path in (run.reports / "allure-results").glob("*-result.json")]
    assert len(results) == 12
    assert not list((run.reports / "allure-results").glob("*-container.json")), "a file for each fixture of each test"
    lost = next(result for result in results if result["fullName"] == fatal)
    assert lost["status"] == "broken"
    assert {"name": "model", "value": "b"}.items() <= lost["parameters"][0].items()


def test_claims_that_are_dropped_are_told(store, zoo, tmp_path):
    """Without a replacement xdist drops what the dead worker had, and says nothing: here each is lost, and red."""
    root = project(tmp_path / "project", {"test_dying.py": DYING})
    run = run_pytest("behaviors/", "--models", zoo, "--store", store, "--limit", 40, "-n", 1,
                     "--max-worker-restart=0", reports=tmp_path / "reports", root=root)  # fmt: skip
    assert run.code == 1
    assert len(run.claims) == 5
    assert len(run.run["lost"]) == len(run.run["troubles"]) == 7


def test_a_behavior_file_that_cannot_be_imported_stops_the_run_before_anything_is_predicted(store, zoo, tmp_path):
    """A mistake in a behavior file costs no forward pass: pytest's own code for an interrupted collection."""
    root = project(tmp_path / "project", {"test_dying.py": DYING, "test_typo.py": "import no_such_module\n"})
    earlier = [tmp_path / "r" / name for name in ("verdicts.json", "index.html")]
    (tmp_path / "r").mkdir()
    for path in earlier:
        path.write_text("of an earlier run")
    run = run_pytest("behaviors/", "--models", zoo, "--store", store, "--limit", 40, reports=tmp_path / "r", root=root)
    assert run.code == 2
    assert "No module named 'no_such_module'" in run.text
    assert not (store / "predictions").exists()
    assert not any(path.exists() for path in earlier), "an earlier run's verdicts are never taken for this one's"


@pytest.mark.parametrize(
    ("fault", "code"), [("raise KeyError('typo')", 1), ("assert not 'typo'", 0)], ids=["exception", "assertion"]
)
def test_a_known_failure_excuses_an_assertion_and_no_crash(store, zoo, tmp_path, fault, code):
    """Both are failures with a record; what crashed has shown nothing that could have been known."""
    root = project(tmp_path / "project", {"test_dying.py": DYING.replace("os._exit(7)", fault)})
    known = {"test_dying.py::test_fatal[validation]": "Falls down the stairs."}
    zoo = zoo_file(tmp_path / "models.yaml", {"b": toy("saint", version="b", known_failures=known)})
    run = run_pytest("behaviors/", "--models", zoo, "--store", store, "--limit", 40, reports=tmp_path / "r", root=root)
    assert run.code == run.run["exit_code"] == code
    assert len(run.claims) == 4
    (fatal,) = [record for record in run.claims if record["behavior"].endswith("::test_fatal[validation]")]
    assert (fatal["verdict"], fatal["known_failure"]) == ("fail", None if code else "Falls down the stairs.")
    assert "typo" in fatal["reason"]
    assert ("1 failed, 3 passed" if code else "3 passed, 1 xfailed") in run.text
