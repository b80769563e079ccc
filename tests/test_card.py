"""A model card that the Hub reads: its metadata by the Hub's own library, and what was promised in Markdown."""

from __future__ import annotations

import re

import pytest
from huggingface_hub import ModelCard
from markdown_it import MarkdownIt

from eyechart.commands.main import main
from eyechart.judge.verdict import Outcome, Verdict
from eyechart.reports.card import card, section
from eyechart.reports.report import Report, write_verdicts
from tests.test_summary import EVIL

RUN = {"zoo": "toys", "exit_code": 0, "models": {"vit": "abc"}, "image_sets": {"sketch": {"fingerprint": "f00"}}}


def claim(model: str = "vit", outcome: Outcome = Outcome.PASS, **more: object) -> Verdict:
    """A claim about accuracy on sketches."""
    usual = {
        "zoo": "toys", "property": "accuracy", "behavior": "test_accuracy.py::test_it[sketch]", "image_set": "sketch",
        "view": "original", "measure": "top1", "value": 0.8125, "low": 0.79, "high": 0.83, "count": 4000,
        "at_least": 0.6, "promise": "It names images.", "method": "clopper_pearson",
    }  # fmt: skip
    return Verdict(**{**usual, "model": model, "verdict": outcome, **more})


def test_the_hubs_library_reads_what_was_measured(tmp_path):
    """Value, interval, count and method of each measurement, once; no comparison, no infinite number."""
    verdicts = (
        claim(), claim(behavior="again"), claim(versus="old", margin=0.01, at_least=None),
        claim(measure="ece", value=0.03, low=0.02, high=0.04, part="fog", verdict=Outcome.REPORTED),
        claim(measure="odd", value=float("inf")), claim(measure="one", low=None, high=None, view="scale(1.25)"),
        claim("other"), claim(outcome=Outcome.BLOCKED, value=None, measure=None, count=None),
    )  # fmt: skip
    (tmp_path / "README.md").write_text(card(Report(RUN, verdicts), "vit"))
    read = ModelCard.load(tmp_path / "README.md").data
    assert read.model_name == "vit"
    found = {each.metric_type: each for each in read.eval_results}
    assert found.keys() == {"accuracy", "ece", "one"}
    assert found["accuracy"].metric_value == 0.8125
    assert found["accuracy"].metric_args == {
        "low": 0.79, "high": 0.83, "confidence": 0.95, "images": 4000, "method": "clopper_pearson",
    }  # fmt: skip
    assert found["accuracy"].metric_name == "top1 [0.790, 0.830], 4,000 images"
    assert found["accuracy"].dataset_args == {"fingerprint": "f00"}
    assert found["ece"].dataset_name == "sketch: fog"
    assert "low" not in found["one"].metric_args
    assert found["one"].dataset_config == "scale(1.25)"


def test_the_section_says_what_was_promised_and_kept():
    """The sentence, then a row for each promise with measurement, images, bound and verdict."""
    verdicts = (claim(), claim(outcome=Outcome.FAIL, known_failure="Planned."), claim(outcome=Outcome.INCONCLUSIVE))
    page = MarkdownIt("gfm-like", {"linkify": False}).render(section(Report(RUN, verdicts), "vit"))
    assert "<p>vit may ship: 1 of 3 promises undecided, 1 broken for a known reason.</p>" in page
    rows = [re.findall(r"<td>(.*?)</td>", row) for row in page.split("<tr>")[2:]]
    start = ["It names images.", "sketch", "top1 0.812 [0.790, 0.830]", "4,000", "at least 0.6"]
    assert rows == [[*start, "kept"], [*start, "broken, known: Planned."], [*start, "undecided"]]


def test_names_are_neither_yaml_nor_markdown(tmp_path):
    """Whatever they hold, the library reads them back, and the table keeps its columns."""
    written = card(
        Report({**RUN, "models": {EVIL: EVIL}}, (claim(EVIL, image_set=EVIL, promise=EVIL, part=EVIL),)), EVIL
    )
    (tmp_path / "README.md").write_text(written)
    (result,) = ModelCard.load(tmp_path / "README.md").data.eval_results
    assert result.dataset_type == EVIL
    page = MarkdownIt("gfm-like", {"linkify": False}).render(written.split("---\n")[-1])
    assert "<script>" not in page
    assert page.count("<td>") == 6


def test_the_command_writes_one_models_card(tmp_path, capsys):
    """Of the only model, or of the one that is named; to a file where that is asked for."""
    write_verdicts(tmp_path, RUN, [claim()])
    assert main(["card", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert said.startswith("---\nmodel-index:\n- name: vit\n")
    assert main(["card", str(tmp_path), "--output", str(tmp_path / "card.md")]) == 0
    assert (tmp_path / "card.md").read_text() == said
    write_verdicts(tmp_path, RUN, [claim(), claim("net")])
    assert main(["card", str(tmp_path)]) == 2
    assert "several models: --model NAME" in capsys.readouterr().err
    assert main(["card", str(tmp_path), "--model", "nett"]) == 2
    assert "did you mean 'net'?" in capsys.readouterr().err
    assert main(["card", str(tmp_path), "--model", "net"]) == 0


@pytest.mark.parametrize("limit", [None, 500])
def test_a_subset_is_said(limit):
    """A card that rests on part of the images says so."""
    assert ("at most 500 images" in section(Report({**RUN, "limit": limit}, (claim(),)), "vit")) == bool(limit)
