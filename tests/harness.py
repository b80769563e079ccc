"""Runs the harness as its users do, in a process of its own, and reads what it leaves behind."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any

from eyechart.predict.needs import Need
from eyechart.predict.predictor import Predictor
from eyechart.predict.run import Run, Settings
from eyechart.progress import Progress
from eyechart.zoo.zoo import read_zoo
from tests.forking import server

ROOT = Path(__file__).parents[1]
LIMIT = 600
"""Images a set that the toy models are judged on: few, and enough for every claim to be decided."""

TIMEOUT = 400
"""Seconds after which a run counts as hung."""

SETS = {
    "validation": {"role": "validation", "reader": "rendered"},
    "sketch": {"role": "shifted", "reader": "rendered"},
    "rendition": {"role": "shifted", "reader": "rendered"},
}
"""What most tests judge on: a zoo without the other roles makes no claims about them."""

MORE_SETS = {
    "factors": {"role": "factors", "reader": "rendered"},
    "cue-conflict": {"role": "cue-conflict", "reader": "rendered"},
    "corrupted": {
        "role": "corrupted",
        "reader": "computed",
        "of": "validation",
        "images": 60,
        "severities": [1, 5],
        "corruptions": ["gaussian_noise", "fog", "pixelate", "jpeg_compression"],
    },
    "count": {"role": "transfer", "reader": "rendered", "label_space": "miniature-count", "group": "scenes"},
    "where": {"role": "transfer", "reader": "rendered", "label_space": "miniature-where", "group": "scenes"},
}
SWEEP = {"synthetic": {"role": "synthetic", "reader": "rendered"}}
"""Judged whole: of a subset, too few assets are left at each level to decide anything."""


def toy(name: str, **more: Any) -> dict[str, Any]:
    """Entry of `models.yaml` for a toy checkpoint of tests/villains.py."""
    entry = {"source": "python", "factory": f"tests.villains:{name}", "version": "1", "label_space": "miniature"}
    return {**entry, **more}


def zoo_file(path: Path, models: dict[str, Any], **more: Any) -> Path:
    """Write a `models.yaml` (JSON is YAML) with one zoo, `miniature`; its image sets are SETS where none are given."""
    path.write_text(json.dumps({"zoos": {"miniature": {"image_sets": SETS, "models": models, **more}}}))
    return path


@dataclass(frozen=True)
class Judged:
    """What a run of pytest left behind."""

    code: int
    text: str
    reports: Path

    @cached_property
    def data(self) -> dict[str, Any]:
        """The content of `verdicts.json`."""
        return json.loads((self.reports / "verdicts.json").read_text())

    @property
    def run(self) -> dict[str, Any]:
        """Its `run` part."""
        return self.data["run"]

    @property
    def claims(self) -> list[dict[str, Any]]:
        """Its records but those that are only reported."""
        return [record for record in self.data["verdicts"] if record["verdict"] != "reported"]

    def verdicts(self, model: str) -> dict[str, str]:
        """Behavior → verdict of one model."""
        return {record["behavior"]: record["verdict"] for record in self.claims if record["model"] == model}


def command(*arguments: object) -> list[str]:
    """Command line of a run."""
    return [sys.executable, "-m", "pytest", *map(str, arguments)]


def surroundings(**more: str) -> dict[str, str]:
    """Environment of a run: this one's, without what would make a run differ from place to place, or makes figures."""
    varying = (
        "PYTEST_", "COLUMNS",
        "CI", "BUILD_NUMBER",  # with these two pytest repeats failures in its summary
        "PYTHONDONTWRITEBYTECODE",  # each run would rewrite the assertions of the wiring anew
    )  # fmt: skip
    kept = {key: value for key, value in os.environ.items() if not key.startswith(varying)}
    return {**kept, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT), "EYECHART_FIGURES": "none", **more}


def pytest_run(
    *arguments: object, root: Path, environment: Mapping[str, str] = MappingProxyType({}), timeout: int = TIMEOUT,
    new_process: bool = False,
) -> subprocess.CompletedProcess[str]:  # fmt: skip
    """Run pytest in this folder, in a fork of a process that has imported what every run imports.

    With `new_process` there is no fork, for a test that holds forks to what is done without.
    """
    env = surroundings(**environment)
    if not new_process:
        return server().run(list(map(str, arguments)), root, env, timeout)
    return subprocess.run(
        command(*arguments), cwd=root, env=env, capture_output=True, text=True, timeout=timeout, check=False
    )


def run_pytest(
    *arguments: object, reports: Path, root: Path = ROOT, timeout: int = TIMEOUT,
    **environment: str,
) -> Judged:  # fmt: skip
    """Run pytest with these arguments and leave reports there; otherwise as `pytest_run`."""
    run = pytest_run(*arguments, "--reports", reports, "-p", "no:cacheprovider", root=root, timeout=timeout,
                     environment=environment)  # fmt: skip
    return Judged(run.returncode, run.stdout + run.stderr, reports)


def collected(*arguments: object) -> set[tuple[str, str]]:
    """(model, behavior) of every claim that `pytest --collect-only` lists."""
    listing = pytest_run(*arguments, "--collect-only", "-q", "-p", "no:cacheprovider", root=ROOT)
    listing.check_returncode()
    tests = [line.partition("/")[2].removesuffix("]") for line in listing.stdout.splitlines() if "::" in line]
    models = json.loads(Path(_after("--models", arguments)).read_text())["zoos"][_after("--zoo", arguments)]["models"]
    longest = sorted(models, key=len, reverse=True)  # `vit` begins what `vit-sup` begins
    found = set()
    for test in tests:
        function, _, inside = test.partition("[")
        model = next(name for name in longest if inside.startswith(f"{name}-"))
        found.add((model, f"{function}[{inside.removeprefix(model)[1:]}]"))
    return found


def _after(option: str, arguments: Sequence[object]) -> str:
    return str(arguments[arguments.index(option) + 1])


def new_store(rendered: Path, folder: Path) -> Path:
    """Make an empty store that has the rendered images already."""
    folder.mkdir(parents=True)
    (folder / "images").symlink_to(rendered / "images")
    return folder


def predict(zoo: Path, store: Path, needs: set[Need], **settings: Any) -> Run:
    """Run the predict phase alone, in this process."""
    run = Run(read_zoo(zoo, "miniature"), Settings(store, **{"limit": 40, "device": "cpu", **settings}))
    Predictor(run, Progress(io.StringIO())).prepare(needs)
    return run


def project(folder: Path, behaviors: dict[str, str]) -> Path:
    """Make a user's own project: the harness's door and wiring, and behaviors of its own (file name → text)."""
    (folder / "behaviors").mkdir(parents=True)
    for name in ("conftest.py", "pyproject.toml"):
        shutil.copy(ROOT / name, folder)
    for name, text in behaviors.items():
        (folder / "behaviors" / name).write_text(text)
    return folder
