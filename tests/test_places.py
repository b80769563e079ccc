"""Where models.yaml, store and reports are: one rule for pytest and every subcommand."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from eyechart.commands.main import main
from eyechart.errors import SpecError
from eyechart.fixtures.folders import Folders
from eyechart.fixtures.options import make_session
from eyechart.zoo import places as rule
from eyechart.zoo.places import SHIPPED_MODELS, folder_of_paths, places
from eyechart.zoo.zoo import read_zoo
from tests.harness import surroundings, toy, zoo_file


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with a models.yaml, and a folder in it."""
    (tmp_path / "project" / "src" / "deep").mkdir(parents=True)
    zoo_file(tmp_path / "project" / "models.yaml", {"net": toy("saint")})
    return tmp_path / "project"


def test_the_nearest_file_above_decides_and_what_is_written_lies_beside_it(project):
    """From any folder of the project."""
    for here in (project, project / "src", project / "src" / "deep"):
        where = places(here)
        assert where.models == project / "models.yaml"
        assert (where.root, where.store, where.reports) == (project, project / ".eyechart/store", project / "reports")


def test_a_given_file_wins_and_given_folders_win_over_its_own(project, tmp_path):
    """Given paths start in the current folder."""
    (tmp_path / "other").mkdir()
    where = places(project / "src", models="../../other/mine.yaml", reports="out")
    assert where.root.resolve() == where.store.resolve().parents[1] == tmp_path / "other"
    assert where.reports == project / "src" / "out"


def test_without_any_file_the_shipped_one_is_judged_and_nothing_is_written_beside_it(tmp_path):
    """Store and reports are in the current folder, also where the shipped file is given."""
    assert places(tmp_path).models == SHIPPED_MODELS
    assert places(tmp_path).store == tmp_path / ".eyechart" / "store"
    assert places(tmp_path, models=SHIPPED_MODELS).reports == tmp_path / "reports"


def test_paths_of_the_shipped_file_start_where_the_package_lies(tmp_path, monkeypatch):
    """An installed models.yaml is in the package, and names weights as a clone's does."""
    monkeypatch.setattr(rule, "PACKAGE", tmp_path / "site-packages" / "eyechart")
    assert folder_of_paths(tmp_path / "site-packages" / "eyechart" / "models.yaml") == tmp_path / "site-packages"
    assert folder_of_paths(tmp_path / "models.yaml") == tmp_path


def test_pytest_and_subcommands_find_the_same(project, monkeypatch, capsys):
    """A session in a folder of the project keeps its store where `store list` looks for it."""
    names = ("zoo", "models", "model", "data", "store", "reports", "limit", "checkpoint", "baseline", "allow_blocked",
             "sequential", "plan", "ratchet", "workers")  # fmt: skip
    options = {
        **dict.fromkeys(names),
        "device": "auto",
        "engine": "local",
        "precision": "fp32",
        "inconclusive": "report",
        "compile": False,
        "crop_cache": None,
    }
    here = project / "src"
    config = SimpleNamespace(rootpath=project, inipath=None, option=SimpleNamespace(**options),
                             invocation_params=SimpleNamespace(dir=here))  # fmt: skip
    session = make_session(config)
    assert session.run.settings.store == project / ".eyechart" / "store"
    session.run.settings.store.mkdir(parents=True)
    monkeypatch.chdir(here)
    assert main(["store", "list"]) == 0
    assert str(session.run.settings.store) in capsys.readouterr().out
    assert main(["baseline", "save", "x"]) == 2
    assert str(session.reports) in capsys.readouterr().err


def test_a_file_with_one_zoo_needs_no_name(tmp_path):
    """With several, `miniature` or what a command usually reads; a name that is not there is an error."""
    one = zoo_file(tmp_path / "one.yaml", {"net": toy("saint")})
    one.write_text(json.dumps({"zoos": {"mine": json.loads(one.read_text())["zoos"]["miniature"]}}))
    assert read_zoo(one).name == "mine"
    assert read_zoo(SHIPPED_MODELS).name == "miniature"
    assert read_zoo(SHIPPED_MODELS, usual="paper").name == "paper"
    with pytest.raises(SpecError, match="zoo 'miniature' is unknown"):
        read_zoo(one, "miniature")


def test_keys_are_read_as_ids_of_the_session(tmp_path):
    """In somebody's project a key is a behavior of their own where there is such a file, else a shipped one."""
    own = tmp_path / "behaviors"
    own.mkdir()
    (own / "test_accuracy.py").touch()
    beside, clone = Folders(own, shipped=True), Folders(rule.SHIPPED_BEHAVIORS)
    assert beside.id("test_accuracy.py::test_x[a]") == "test_accuracy.py::test_x[a]"
    assert beside.id("test_calibration.py::test_x") == "eyechart/test_calibration.py::test_x"
    assert beside.id("eyechart/test_accuracy.py::test_x") == "eyechart/test_accuracy.py::test_x"
    assert beside.id("test_none.py::test_x") == "test_none.py::test_x"
    assert clone.id("eyechart/test_accuracy.py::test_x") == "test_accuracy.py::test_x"


def test_a_key_that_is_written_out_wins_over_a_short_one(tmp_path):
    """`--ratchet` adds ids as it prints them."""
    bounds = {
        "eyechart/test_accuracy.py::test_x": {"at_least": 0.7, "reason": "new"},
        "test_accuracy.py::test_x": {"at_least": 0.6, "reason": "old"},
    }
    zoo = read_zoo(zoo_file(tmp_path / "models.yaml", {"net": toy("saint")}, bounds=bounds))
    assert {key: bound.reason for key, bound in Folders(tmp_path, shipped=True).unambiguous(zoo).bounds.items()} == {
        "eyechart/test_accuracy.py::test_x": "new"
    }


def test_a_reader_that_has_read_enough_is_no_error(tmp_path):
    """`eyechart check-data | head -1` ends without a traceback."""
    command = [sys.executable, "-m", "eyechart", "check-data"]
    with subprocess.Popen(
        command, cwd=tmp_path, env=surroundings(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        process.stdout.close()
        assert process.stderr.read() == ""


def test_the_version_says_which_promises_ship(capsys):
    """Of the program, and of its behaviors."""
    with pytest.raises(SystemExit) as end:
        main(["--version"])
    assert end.value.code == 0
    assert "shipped behaviors of version 1" in capsys.readouterr().out
