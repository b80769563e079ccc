"""The CI that `init` writes: valid by the schemas of GitHub and GitLab, and its scripts do what they say."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from eyechart.commands.workflows import FILES, kind_of, workflow

SCHEMAS = {"github": "vendor.github-workflows", "gitlab": "vendor.gitlab-ci"}
INSIDE = {"weights": "runs/best.pth", "images": "data/val"}


def parsed(kind: str, **paths: str) -> dict:
    """A workflow as CI reads it."""
    return YAML(typ="safe", pure=True).load(workflow(kind, **paths))


@pytest.mark.parametrize("kind", FILES)
@pytest.mark.parametrize("paths", [INSIDE, {}, {"weights": "/mnt/it's here.pth", "images": "/mnt/data"}], ids=str)
def test_the_workflow_is_valid(kind, paths, tmp_path):
    """By the schema that check-jsonschema carries, whatever the paths; nothing of the template is left."""
    text = workflow(kind, **paths)
    assert not re.search("@[A-Z]+@", text)
    (tmp_path / "workflow.yml").write_text(text)
    checker = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", SCHEMAS[kind], tmp_path / "workflow.yml"]
    done = subprocess.run(checker, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_store_is_cached_by_what_decides_it():
    """Models, behaviors, weights and images of the repository; GitLab's caches go by two files."""
    cache = next(step for step in steps() if step.get("uses", "").startswith("actions/cache"))
    assert "hashFiles('models.yaml', 'behaviors/**', 'runs/best.pth', 'data/val/**')" in cache["with"]["key"]
    assert parsed("gitlab", **INSIDE)["eyechart"]["cache"][0]["key"]["files"] == ["models.yaml", "runs/best.pth"]
    assert "/mnt" not in workflow("github", weights="/mnt/a.pth", images="/mnt/b")


def test_the_remote_decides_whose_workflow_is_written(tmp_path):
    """GitHub's where nothing speaks for GitLab."""
    assert kind_of(tmp_path) == "github"
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "config").write_text('[remote "origin"]\n\turl = git@gitlab.com:a/b.git\n')
    assert kind_of(tmp_path) == "gitlab"


def test_no_expression_stands_in_a_script():
    """What others write, such as a branch's name, reaches scripts in the environment alone, where nothing runs it."""
    assert [step["run"] for step in steps() if "${{" in step.get("run", "")] == []


def test_pull_requests_are_judged_in_looks_and_nights_and_releases_with_all_images():
    """As docs/gates.md recommends; only a release is held back by a claim that its images leave open."""
    judge = next(step for step in steps() if step.get("name") == "Judge")["env"]
    assert judge["LOOKS"] == "${{ github.event_name == 'pull_request' && '--sequential' || '' }}"
    assert judge["INCONCLUSIVE"] == "${{ github.event_name == 'workflow_dispatch' && 'fail' || 'report' }}"
    assert set(parsed("github")["on"]) == {"pull_request", "schedule", "workflow_dispatch"}
    job = parsed("gitlab")["eyechart"]
    given = {rule["if"]: {**job["variables"], **rule.get("variables", {})} for rule in job["rules"]}
    assert {when: (of["LOOKS"], of["INCONCLUSIVE"]) for when, of in given.items()} == {
        '$CI_PIPELINE_SOURCE == "merge_request_event"': ("--sequential", "report"),
        '$CI_PIPELINE_SOURCE == "schedule"': ("", "report"),
        "$CI_COMMIT_TAG": ("", "fail"),
    }


def steps() -> list[dict]:
    """Steps of GitHub's workflow."""
    return parsed("github", **INSIDE)["jobs"]["judge"]["steps"]


FAKES = {
    # the command as it is called, and the exit code that is asked for
    "eyechart": 'echo "eyechart $*" >> calls; if [ "$1" = run ]; then exit "$EXIT"; fi',
    "gh": 'echo "gh $*" >> calls; case "$*" in *--jq*) echo "$FOUND";; esac; [ -z "$READ_ONLY" ]',
    "pip": "true",
}


class Runner:
    """Runs the scripts of a workflow as CI's runners do, with commands that only note how they were called."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name, text in FAKES.items():
            (folder / "bin").mkdir(exist_ok=True)
            (folder / "bin" / name).write_text(f"#!/bin/bash\n{text}\n")
            (folder / "bin" / name).chmod(0o755)

    @property
    def calls(self) -> list[str]:
        """What was called."""
        return (self.folder / "calls").read_text().splitlines() if (self.folder / "calls").exists() else []

    def run(self, script: str, **environment: str) -> int:
        """Run one script; returns its exit code."""
        path = f"{self.folder / 'bin'}{os.pathsep}{os.environ['PATH']}"
        env = {"PATH": path, "GITHUB_OUTPUT": "output", "GITHUB_STEP_SUMMARY": "summary", **environment}
        shell = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script]
        return subprocess.run(shell, cwd=self.folder, env=env, check=False, capture_output=True).returncode

    def step(self, name: str, **environment: str) -> int:
        """Run one step of GitHub's workflow."""
        return self.run(next(step for step in steps() if step.get("name") == name)["run"], **environment)


@pytest.fixture
def runner(tmp_path) -> Runner:
    """A runner in a repository that a run left a summary in."""
    (tmp_path / "reports").mkdir()
    (tmp_path / "reports" / "summary.md").write_text(
        "<!-- eyechart -->\n### net may ship\\: yes\n[index.html](index.html)\n"
    )
    return Runner(tmp_path)


@pytest.mark.parametrize(("code", "gate"), [(0, 0), (1, 1), (10, 0), (5, 5)])
def test_the_exit_code_is_the_gate_and_undecided_is_neutral(runner, code, gate):
    """The judging step notes it, so that reports are uploaded whatever it is; the last step passes it on."""
    assert runner.step("Judge", BASELINE="", LOOKS="", INCONCLUSIVE="report", EXIT=str(code)) == 0
    assert runner.calls == ["eyechart run --inconclusive report --junitxml reports/junit.xml"]
    assert (runner.folder / "output").read_text() == f"code={code}\n"
    assert "net may ship" in (runner.folder / "summary").read_text()
    assert runner.step("The gate", CODE=str(code)) == gate
    assert runner.step("The gate", CODE="") == 1, "a run that was never judged is no success"


def test_a_runner_takes_the_baseline_first(runner):
    """By import, from a file or a URL, and gates against it."""
    assert runner.step("Judge", BASELINE="release.zip", LOOKS="--sequential", INCONCLUSIVE="fail", EXIT="0") == 0
    assert runner.calls == [
        "eyechart baseline import release.zip --name baseline --replace",
        "eyechart run --inconclusive fail --junitxml reports/junit.xml --sequential --baseline baseline",
    ]


@pytest.mark.parametrize(
    ("code", "conclusion"), [("0", "success"), ("10", "neutral"), ("1", "failure"), ("", "failure")]
)
@pytest.mark.parametrize("found", ["", "77"])
def test_one_comment_is_updated_in_place_and_the_check_may_be_neutral(runner, code, conclusion, found):
    """The comment of an earlier run is found by its marker; the page's link leads to the artifact."""
    told = {
        "REPOSITORY": "a/b",
        "NUMBER": "3",
        "COMMIT": "c0ffee",
        "REPORTS": "https://x/1",
        "CODE": code,
        "FOUND": found,
    }
    assert runner.step("Say it on the pull request", **told) == 0
    check, listing, comment = runner.calls
    assert f"conclusion={conclusion}" in check
    assert "output[title]=net may ship: yes" in check
    assert "repos/a/b/issues/3/comments --paginate" in listing
    where = "-X PATCH repos/a/b/issues/comments/77" if found else "repos/a/b/issues/3/comments"
    assert comment == f"gh api {where} -F body=@comment.md"
    assert "[index.html](https://x/1)" in (runner.folder / "comment.md").read_text()


def test_a_pull_request_from_a_fork_is_judged_without_a_comment(runner):
    """Its token may not write, which is no failure; nor is a run that left no summary."""
    (runner.folder / "reports" / "summary.md").unlink()
    assert runner.step("Say it on the pull request", REPOSITORY="a/b", NUMBER="3", COMMIT="c", READ_ONLY="1") == 0
    assert "judged nothing" in (runner.folder / "comment.md").read_text()


@pytest.mark.parametrize(("baseline", "code"), [("", 10), ("release.zip", 1), ("https://x/release.zip", 0)])
def test_gitlabs_script_ends_with_the_exit_code(runner, baseline, code):
    """Of which 10 is allowed; JUnit and the reports are kept whatever it is."""
    job = parsed("gitlab", **INSIDE)["eyechart"]
    assert runner.run("\n".join(job["script"]), BASELINE=baseline, INCONCLUSIVE="report", EXIT=str(code)) == code
    assert job["allow_failure"] == {"exit_codes": [10]}
    assert job["artifacts"]["when"] == "always"
    against = " --baseline baseline" if baseline else ""
    assert runner.calls[-1] == f"eyechart run --inconclusive report --junitxml reports/junit.xml{against}"
    assert len(runner.calls) == 1 + bool(baseline)
