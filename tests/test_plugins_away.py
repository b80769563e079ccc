"""Runs whose surroundings lack something: plugins switched off, a full disk, a reports folder that is taken."""

from __future__ import annotations

import errno

import allure_commons
import pytest
from allure_commons.model2 import TestResult as AllureResult

from eyechart.errors import StoreError
from eyechart.fixtures import allure_results
from tests.harness import project, run_pytest
from tests.image_files import folder, zoo_of

BEHAVIOR = '''
"""One: a property."""
from eyechart.claims import needs, validation
from eyechart.measures import accuracy


@needs(validation)
def test_it_is_right(predictions, require):
    """It is right."""
    require(accuracy(predictions), at_least=0.0001)


@needs(validation)
def test_it_is_always_right(predictions, require):
    """It is always right."""
    require(accuracy(predictions), at_least=0.99)
'''


@pytest.fixture
def arguments(tmp_path):
    """What judges two models by two behaviors of a project's own, on 40 small images."""
    folder(tmp_path / "images", [f"{'ab'[number % 2]}/{number}.png" for number in range(40)])
    space = {"names": ["a", "b"]}
    toy = {"source": "python", "factory": "tests.image_files:toy", "version": "1", "label_space": space}
    toy["preprocessing"] = {"resize": 8, "crop": 8}
    sets = {"parts": {"role": "validation", "reader": "folder", "path": "images", "label_space": space}}
    zoo_of(tmp_path, sets, {"one": toy, "two": {**toy, "version": "2"}})
    root = project(tmp_path / "project", {"test_one.py": BEHAVIOR})
    return root, ("behaviors/", "--models", tmp_path / "models.yaml", "--zoo", "mine", "--store", tmp_path / "store")


@pytest.mark.slow
def test_plugins_that_are_switched_off_are_not_missed(arguments, tmp_path):
    """Without Allure's plugin and without capture a run judges as usual."""
    root, given = arguments
    run = run_pytest(*given, "-p", "no:allure_pytest", "-p", "no:capture", reports=tmp_path / "reports", root=root)
    assert run.code == 1
    assert "INTERNALERROR" not in run.text
    assert [record["verdict"] for record in run.claims].count("fail") == 2
    assert len(run.claims) == 4


@pytest.mark.slow
def test_maxfail_under_xdist_is_a_failed_run(arguments, tmp_path):
    """It exits with 1, as without xdist, and not as if somebody had interrupted it."""
    root, given = arguments
    run = run_pytest(*given, "-n", 2, "--maxfail", 1, reports=tmp_path / "reports", root=root)
    assert run.code == 1
    assert run.run["exit_code"] == 1
    assert run.run["stopped_early"]


def test_a_reports_folder_is_for_one_run(tmp_path):
    """A second run is refused, until the first is done: they would mix their results."""
    lock = allure_results.alone(tmp_path / "reports")
    with pytest.raises(StoreError, match=r"another run is writing there. Wait for it, or give another folder: --rep"):
        allure_results.alone(tmp_path / "reports")
    lock.release()
    allure_results.alone(tmp_path / "reports").release()


def test_a_result_that_cannot_be_written_does_not_end_the_run(tmp_path, monkeypatch):
    """A disk that is full ends neither a test nor the run; the first reason is kept, to be told once."""

    class Full:
        """Writes as Allure's own logger does, on a full disk."""

        @allure_commons.hookimpl
        def report_result(self, result):
            raise OSError(errno.ENOSPC, "No space left on device", f"{tmp_path}/{result.name}")

    manager = allure_commons.plugin_manager
    disk, unbroken = Full(), allure_results.Unbroken()
    manager.register(disk)
    try:
        for name in ("first", "second"):
            manager.hook.report_result(result=AllureResult(name=name))
    finally:
        manager.unregister(disk)
        manager.unregister(unbroken)
    assert unbroken.trouble == f"No space left on device ({tmp_path}/first)"
