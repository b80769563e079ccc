"""What Allure shows: statuses that read like verdicts, and figures and images within a budget of bytes."""

from __future__ import annotations

import json
import os
from collections import Counter
from pathlib import Path

import pytest

from eyechart.judge.verdict import Outcome, Verdict
from eyechart.reports.attaching import FIGURES_BYTES, IMAGES_BYTES, LABEL, complete
from eyechart.reports.report import claim_id


def claims(models: int, each: int, outcomes: tuple[Outcome, ...] = tuple(Outcome)[:5]) -> list[Verdict]:
    """So many claims about each of so many models."""
    return [
        Verdict("toys", f"model-{model}", "accuracy", f"test_a.py::test_b[{number}]", None, None, None,
                outcomes[number % len(outcomes)])
        for model in range(models) for number in range(each)
    ]  # fmt: skip


def results(folder: Path, verdicts: list[Verdict], attachments: int = 0) -> Path:
    """Results as allure-pytest writes them."""
    status = {Outcome.PASS: "passed", Outcome.FAIL: "failed", Outcome.BLOCKED: "broken"}
    folder.mkdir()
    for number, verdict in enumerate(verdicts):
        labels = [{"name": "model", "value": verdict.model}, {"name": LABEL, "value": claim_id(verdict)}]
        record = {"name": "r", "source": f"{number}-attachment.json", "type": "application/json"}
        result = {"uuid": str(number), "historyId": str(number), "name": verdict.behavior, "labels": labels,
                  "status": status.get(verdict.verdict, "skipped"), "attachments": [record]}  # fmt: skip
        (folder / f"{number}-result.json").write_text(json.dumps(result))
        (folder / f"{number}-attachment.json").write_bytes(b"x" * attachments)
    return folder


def figures(reports: Path, verdicts: list[Verdict], count: int, size: int, images: int) -> None:
    """Figures that share their claims, and images of every claim."""
    folder = reports / "figures"
    folder.mkdir(parents=True)
    ids = [claim_id(each) for each in verdicts]
    listed = []
    for number in range(count):
        (folder / f"f{number}.svg").write_bytes(b"<svg/>" + os.urandom(size))
        listed.append(
            {"name": f"f{number}", "title": f"Figure {number}", "svg": f"f{number}.svg", "claims": ids[number::3]}
        )
    pictures = {}
    for number, claim in enumerate(ids):
        pictures[claim] = []
        for image in range(images):
            (folder / f"{number}-{image}.jpg").write_bytes(os.urandom(20_000))
            pictures[claim].append({"thumbnail": f"{number}-{image}.jpg", "changed": None, "sentence": f"no. {image}"})
    (folder / "index.json").write_text(json.dumps({"figures": listed, "pictures": pictures}))


def read(folder: Path) -> list[dict]:
    """All results."""
    return [json.loads(path.read_text()) for path in folder.glob("*-result.json")]


@pytest.mark.parametrize(
    ("lenient", "undecided", "blocked"),
    [((), "broken", "broken"), ((Outcome.INCONCLUSIVE, Outcome.BLOCKED), "skipped", "broken")],
)
def test_only_what_passes_reads_as_success(tmp_path, lenient, undecided, blocked):
    """Undecided is broken, which Allure counts, and skipped only where the run was told to leave it out."""
    verdicts = claims(1, 5)
    folder = results(tmp_path / "results", verdicts)
    assert complete(folder, tmp_path, verdicts, lenient=lenient) == ""
    assert Counter(each["status"] for each in read(folder)) == Counter(
        ["passed", "failed", undecided, blocked, "skipped"]
    )


def test_a_shared_figure_is_there_once_and_images_are_of_their_claim(tmp_path):
    """Each claim of a figure has it, under its title; a claim has its own images and no others."""
    verdicts = claims(1, 6)
    folder = results(tmp_path / "results", verdicts)
    figures(tmp_path, verdicts, 1, 100, 2)
    complete(folder, tmp_path, verdicts)
    assert len(list(folder.glob("*-attachment.svg"))) == 1
    for result in read(folder):
        number = int(result["uuid"])
        names = [each["name"] for each in result["attachments"]]
        assert names == ["r", *(["Figure 0"] if number % 3 == 0 else []), "shown: no. 0", "shown: no. 1"]
        for each in result["attachments"][-2:]:
            of = tmp_path / "figures" / f"{number}-{each['name'][-1]}.jpg"
            assert (folder / each["source"]).read_bytes() == of.read_bytes()
            assert each["type"] == "image/jpeg"


def test_a_run_of_800_claims_stays_small(tmp_path):
    """1,600 images of 20 kB and 40 figures of 200 kB are 40 MB; a quarter is kept, of failed claims first."""
    verdicts = claims(4, 200)
    folder = results(tmp_path / "results", verdicts, attachments=1500)
    figures(tmp_path, verdicts, 40, 200_000, 2)
    left = complete(folder, tmp_path, verdicts)
    size = sum(path.stat().st_size for path in folder.iterdir())
    assert size > 0.9 * (FIGURES_BYTES + IMAGES_BYTES)
    assert 4_000_000 + 1.34 * size < 30_000_000, "Allure's page holds all of it as base64, beside its own scripts"
    outcome = {claim_id(each): each.verdict for each in verdicts}
    with_images = {
        outcome[label["value"]]
        for result in read(folder) for label in result["labels"]
        if label["name"] == LABEL and any(each["type"] == "image/jpeg" for each in result["attachments"])
    }  # fmt: skip
    assert with_images == {Outcome.FAIL}
    kept = sum(path.suffix in (".jpg", ".svg") for path in folder.iterdir())
    assert left.startswith(f"{1600 + 40 - kept} files are not attached in Allure")


def test_what_an_index_should_not_name_is_not_attached(tmp_path):
    """No file outside the folder, none that is gone; no index at all is no trouble."""
    verdicts = claims(1, 1)
    folder = results(tmp_path / "results", verdicts)
    assert complete(folder, tmp_path, verdicts) == ""
    (tmp_path / "figures").mkdir()
    (tmp_path / "secret.svg").write_text("<svg/>")
    listed = [{"name": name, "svg": name, "claims": [claim_id(verdicts[0])]} for name in ("../secret.svg", "gone.svg")]
    (tmp_path / "figures" / "index.json").write_text(json.dumps({"figures": listed, "pictures": {"nobody": []}}))
    complete(folder, tmp_path, verdicts)
    assert [len(each["attachments"]) for each in read(folder)] == [1]
