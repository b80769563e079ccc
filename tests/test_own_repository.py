"""`eyechart run`, `init` and `eject` in somebody's repository; .ci/own-repository plays it all from a wheel."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from eyechart.commands import starting
from eyechart.commands.main import main
from eyechart.errors import SpecError
from eyechart.fixtures.collecting import require_own_source
from eyechart.judge.claims import needs, subjects, validation
from eyechart.zoo.places import SHIPPED_BEHAVIORS
from eyechart.zoo.suite import SuiteEntry
from eyechart.zoo.zoo import read_zoo
from tests.forking import server
from tests.gate_project import Judged, Project, Toy, project
from tests.harness import ROOT, SETS, surroundings, toy, zoo_file

OWN = '''
from eyechart.claims import needs, validation
from eyechart.measures import accuracy

@needs(validation)
def test_names_what_images_show(predictions, require):
    """Nearly all images are named."""
    require(accuracy(predictions), at_least=0.99)
'''
CLASHING = "def pytest_addoption(parser):\n    parser.addoption('--model')\n"


@pytest.fixture
def own(tmp_path: Path) -> Project:
    """A project with its own test_accuracy.py, pytest settings, conftest.py files and package `fixtures`."""
    made = project(tmp_path / "own", {"test_accuracy.py": OWN, "conftest.py": starting.APART})
    (made.root / "pyproject.toml").write_text("[tool.pytest]\naddopts = ['--no-such-option']\n")
    (made.root / "conftest.py").write_text(CLASHING)
    (made.root / "fixtures").mkdir()
    (made.root / "fixtures" / "__init__.py").write_text("raise RuntimeError('not yours')\n")
    return made


def run(made: Project, *arguments: str, here: str = ".") -> Judged:
    """`eyechart run` in a folder of the project."""
    words = ["run", "--store", str(made.store), *arguments]
    done = server().run(words, made.root / here, surroundings(), timeout=120, module="eyechart")
    return Judged(done.returncode, done.stdout + done.stderr, made.root / "reports")


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["one process", "two workers"])
def test_equal_names_are_two_behaviors(own, workers):
    """The own file's known failure and the shipped one's bound are kept apart, in one process and in several."""
    own.fill({"net": Toy(0.55)})
    function = "test_accuracy.py::test_names_what_images_show[validation]"
    own.declare(
        {"net": {"version": "net", "known_failures": {function: "It is a toy."}}},
        bounds={f"eyechart/{function}": {"at_least": 0.5, "reason": "A toy need not know more."}},
    )
    judged = run(own, "-k", "names_what", *workers, here="behaviors")
    records = judged.claims("net")
    assert judged.code == 0, judged.text
    assert {key: (record["verdict"], record["known_failure"]) for key, record in records.items()} == {
        function: ("fail", "It is a toy."),
        f"eyechart/{function}": ("pass", None),
    }
    assert records[f"eyechart/{function}"]["at_least"] == 0.5
    assert {record["property"] for record in records.values()} == {"accuracy"}


def test_a_test_is_run_again_by_the_line_that_its_failure_prints(own):
    """Whosever it is, and from whichever folder."""
    own.fill({"net": Toy(0.3)})
    judged = run(own, "-k", "names_what", here="behaviors")
    assert judged.code == 1
    lines = [line.split()[3].strip("'") for line in judged.text.splitlines() if line.startswith("  again")]
    assert sorted(lines) == [
        "eyechart/test_accuracy.py::test_names_what_images_show[net-validation]",
        "test_accuracy.py::test_names_what_images_show[net-validation]",
    ]
    for line in lines:
        again = run(own, line, here="behaviors")
        assert len(again.claims("net")) == 1, again.text


def test_an_option_of_a_conftest_that_is_ours_is_named(own):
    """One that lies among the behaviors is read; its clash says which option it is, and the way out."""
    (own.root / "behaviors" / "conftest.py").write_text(CLASHING)
    own.declare({"net": {}})
    judged = run(own, "--collect-only")
    assert judged.code == 4
    assert "--model" in judged.text
    assert "--noconftest" in judged.text
    assert "Traceback" not in judged.text
    assert run(own, "--collect-only", "--noconftest").code == 0


def test_no_conftest_above_the_shipped_behaviors_is_read(own):
    """They may be installed within a repository that is not judged; here it is this clone, which has a conftest.py."""
    own.declare({"net": {}})
    judged = run(own, "--collect-only", "--trace-config")
    assert (ROOT / "conftest.py").is_file()
    assert str(own.root / "behaviors" / "conftest.py") in judged.text
    assert str(ROOT / "conftest.py") not in judged.text


def test_a_module_of_another_file_is_refused(tmp_path):
    """Two files of one module name would be one judged twice, and the other never."""
    item = SimpleNamespace(path=tmp_path / "test_x.py", module=SimpleNamespace(__file__="/a/test_x.py", __name__="x"))
    with pytest.raises(pytest.UsageError, match=r"its tests are those of /a/test_x\.py"):
        require_own_source(item)
    require_own_source(SimpleNamespace(path=Path(__file__), module=sys.modules[__name__]))
    require_own_source(SimpleNamespace(path=tmp_path / "a.txt"))


def test_a_zoo_chooses_shipped_properties_and_a_version(tmp_path):
    """Own files are never left out; promises of later versions wait, and those of earlier ones end."""
    chosen = SuiteEntry(shipped=["accuracy"])
    assert chosen.has(SHIPPED_BEHAVIORS / "test_accuracy.py")
    assert not chosen.has(SHIPPED_BEHAVIORS / "test_calibration.py")
    assert chosen.has(tmp_path / "test_calibration.py")
    zoo = read_zoo(zoo_file(tmp_path / "models.yaml", {"net": toy("saint")}))
    second = zoo.model_copy(update={"behaviors": SuiteEntry.model_construct(version=2)})
    for declare, first, later in ((needs(validation, since=2), 0, 1), (needs(validation, until=1), 1, 0)):
        declared = declare(lambda: None).needs
        assert (len(subjects(declared, zoo)), len(subjects(declared, second))) == (first, later)


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"shipped": ["acuracy"]}, "'shipped' names 'acuracy', which does not ship: did you mean 'accuracy'?"),
        ({"version": 99}, "'version' is 99, and this Eyechart has versions up to"),
    ],
    ids=str,
)
def test_a_choice_that_cannot_be_meant_is_named(tmp_path, entry, message):
    """With the file and the key."""
    path = zoo_file(tmp_path / "models.yaml", {"net": toy("saint")}, image_sets=SETS, behaviors=entry)
    with pytest.raises(SpecError, match=r"models.yaml:1: zoos.miniature.behaviors") as error:
        read_zoo(path)
    assert message in str(error.value)


@pytest.fixture
def repository(tmp_path, monkeypatch) -> Path:
    """A repository with a training run and labeled images; the current folder."""
    torch, timm = pytest.importorskip("torch"), pytest.importorskip("timm")
    for number, name in enumerate(("bolt", "nut", "washer")):
        (tmp_path / "data" / "val" / name).mkdir(parents=True)
        Image.fromarray(np.full((40, 40, 3), 60 * number, np.uint8)).save(tmp_path / "data" / "val" / name / "0.png")
    (tmp_path / "runs").mkdir()
    torch.save(
        {"state_dict": timm.create_model("test_vit", num_classes=3).state_dict()}, tmp_path / "runs" / "best.pth"
    )
    monkeypatch.chdir(tmp_path)
    return tmp_path


INIT = ("init", "--architecture", "test_vit", "--weights", "runs/best.pth", "--images", "data/val")


def test_init_writes_what_is_missing_and_says_what_it_assumed(repository, capsys):
    """Classes from the folders, checked against the head; the second time nothing is overwritten."""
    (repository / ".gitignore").write_text("runs/")
    assert main(INIT) == 0
    text = capsys.readouterr().out
    assert "3, named and ordered by their folders: bolt, nut, washer" in text
    assert "its preprocessing is not stated: that of timm's test_vit.r160_in1k is taken" in text
    assert text.endswith("next: eyechart run\n")
    zoo = read_zoo(repository / "models.yaml")
    assert (zoo.name, list(zoo.models), zoo.labels("validation").names) == (
        "mine",
        ["candidate"],
        ("bolt", "nut", "washer"),
    )
    assert (repository / ".gitignore").read_text() == "runs/\n.eyechart/\nreports/\n"
    written = {path: path.read_bytes() for path in repository.rglob("*") if path.is_file()}
    assert {path.name for path in written} >= {"models.yaml", "test_own.py", "conftest.py", "eyechart.yml"}
    assert main(INIT) == 0
    assert "models.yaml is there already" in capsys.readouterr().out
    assert {path: path.read_bytes() for path in written} == written


def test_init_takes_python_and_open_clip(repository, capsys):
    """A factory in place of architecture and weights; a source that is named, whose mistakes are told like timm's."""
    (repository / "mine.py").write_text("import numpy as np\ndef load():\n    return lambda x: np.zeros((len(x), 3))\n")
    assert main(["init", "--source", "open_clip", *INIT[1:]]) == 2
    assert "test_vit" in capsys.readouterr().err
    assert not (repository / "models.yaml").exists()
    assert main(["init", "--factory", "mine:load", "--images", "data/val", "--ci", "gitlab"]) == 0
    text = capsys.readouterr().out
    assert "wrote models.yaml: mine:load, judged on data/val" in text
    assert "wrote .gitlab-ci.yml" in text
    (model,) = read_zoo(repository / "models.yaml").models.values()
    assert (model.source, model.factory) == ("python", "mine:load")


def test_a_pytest_of_theirs_passes_behaviors_by(repository):
    """It has no fixtures for them; `eyechart run` collects them in the same folder."""
    assert main(["init"]) == 1, "there is no models.yaml yet"
    zoo_file(repository / "models.yaml", {"net": toy("saint")})
    for command, code in ((["pytest"], 5), (["eyechart", "run"], 0)):
        words = [sys.executable, "-m", *command, "--collect-only", "-k", "own"]
        done = subprocess.run(words, env=surroundings(), capture_output=True, text=True, check=False)
        assert done.returncode == code, done.stdout


def test_init_refuses_a_head_that_the_folders_do_not_fit(repository, capsys):
    """Nothing is left behind that could not be judged."""
    (repository / "data" / "val" / "screw").mkdir()
    assert main(INIT) == 2
    message = capsys.readouterr().err
    assert "name 4 classes (bolt, nut, screw, washer)" in message
    assert "head.weight" in message
    assert not (repository / "models.yaml").exists()


def test_init_names_the_architecture_that_was_meant(repository, capsys):
    """As every mistake in models.yaml is named."""
    assert main(["init", "--architecture", "test_vti", *INIT[3:]]) == 2
    assert "did you mean 'test_vit" in capsys.readouterr().err


def test_eject_copies_on_purpose_and_never_over_a_file(tmp_path, monkeypatch, capsys):
    """The copy says where it comes from, and is otherwise what ships."""
    monkeypatch.chdir(tmp_path)
    assert main(["eject", "test_calibration.py"]) == 0
    assert "shipped: [accuracy, contract," in capsys.readouterr().out
    origin, _, copy = (tmp_path / "behaviors" / "test_calibration.py").read_text().partition("\n")
    assert origin.startswith("# A copy of test_calibration.py of eyechart ")
    assert copy == (ROOT / "behaviors" / "test_calibration.py").read_text()
    assert main(["eject", "calibration"]) == 2
    assert "nothing is overwritten" in capsys.readouterr().err
    assert main(["eject", "calibratoin"]) == 2
    assert "did you mean 'calibration'?" in capsys.readouterr().err
