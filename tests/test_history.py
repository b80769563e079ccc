"""Runs over time: a line each, claims over checkpoints with their distance to the bound, and what a torn line does."""

from __future__ import annotations

import json
import re
from concurrent.futures import ThreadPoolExecutor

import pytest

from eyechart.commands import main as cli
from eyechart.errors import SpecError, StoreError
from eyechart.judge.verdict import Outcome
from eyechart.reports.history import HISTORY, append, read_history, spark, trends
from eyechart.reports.pages.page import report_page
from eyechart.reports.report import Report, write_verdicts
from tests.test_pages import EVIL, RUN, Text, claim


def accuracy(value, model="vit", **more):
    """A claim that is kept from .84 on, with an interval of a point each way."""
    held = {"measure": "top1", "value": value, "low": value - 0.01, "high": value + 0.01, "at_most": None}
    return claim(model, **{**held, "at_least": 0.84, **more})


def run(day, value, fingerprint, name="vit", **more):
    """A run of one checkpoint, judged on a day of November."""
    about = {"started": f"2026-11-{day:02}T07:00:00+00:00", "models": {name: fingerprint}, "stands_for": {}}
    return Report({**RUN, **about, **more}, (accuracy(value, name),))


RUNS = [run(1, 0.90, "aaa"), run(2, 0.88, "bbb"), run(3, 0.86, "ccc", "best", stands_for={"best": "vit"})]
"""Two points are lost from each checkpoint to the next; the third came as `--checkpoint best.pt`."""


def test_a_slow_decay_is_counted_before_it_fails():
    """By hand: (.86 - .84) / .01 = 2 half intervals are left, 4 were lost in two steps, so one more step keeps it."""
    (trend,) = trends(reversed(RUNS))
    assert trend.model == "vit"
    assert [point.claim.value for point in trend.points] == [0.90, 0.88, 0.86]
    assert trend.left == pytest.approx(2)
    assert trend.lost == pytest.approx(4)
    assert trend.checkpoints_left in (0, 1)
    assert spark(trend) == "█▆▃"


def test_a_checkpoint_that_is_judged_again_counts_once():
    """As it was judged last; one whose fingerprint nobody knows counts each time."""
    again = [RUNS[0], run(2, 0.91, "aaa"), run(3, 0.88, "bbb")]
    assert [point.claim.value for point in trends(again)[0].points] == [0.91, 0.88]
    assert len(trends([run(1, 0.9, None), run(2, 0.9, None)])[0].points) == 2


def test_runs_come_back_as_they_were_added(tmp_path):
    """What a trend needs of every claim; a run without claims is none."""
    for each in RUNS:
        append(tmp_path, each)
    assert append(tmp_path, Report(RUN, ())) is None
    reports, troubles = read_history(tmp_path / HISTORY)
    assert not troubles
    assert trends(reports)[0].lost == trends(RUNS)[0].lost
    assert [each.claims[0].image_set for each in reports] == ["sketch"] * 3
    assert [each.claims[0].value for each in read_history(tmp_path / HISTORY, last=1)[0]] == [0.86]


def test_a_torn_line_costs_that_line_only(tmp_path):
    """A disk that was full leaves half a line: the next run begins a new one, and reading names what it leaves out."""
    path = append(tmp_path, RUNS[0])
    path.write_text(path.read_text() + path.read_text()[:200])
    append(tmp_path, RUNS[1])
    with path.open("a") as stream:
        stream.write('{"schema": 2}\n[]\n')
    reports, troubles = read_history(path)
    assert [each.claims[0].value for each in reports] == [0.90, 0.88]
    assert [re.search(r":(\d+): not a run", trouble)[1] for trouble in troubles] == ["2", "4", "5"]


def test_lines_that_are_added_at_once_stay_whole(tmp_path):
    """Each is one write to the end of the file."""
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: append(tmp_path, RUNS[0]), range(64)))
    reports, troubles = read_history(tmp_path / HISTORY)
    assert (len(reports), troubles) == (64, [])


def test_a_history_that_cannot_be_written_is_named(tmp_path):
    """The file and the reason."""
    (tmp_path / HISTORY).mkdir()
    with pytest.raises(StoreError, match=r"history\.jsonl: cannot be written to"):
        append(tmp_path, RUNS[0])
    with pytest.raises(SpecError, match="no history of runs there"):
        read_history(tmp_path / "nowhere.jsonl")


def test_the_command_lists_claims_by_what_is_left(tmp_path, capsys):
    """A line a claim: what is left, what was lost, a bar a checkpoint, the last measurement, the pace."""
    for each in RUNS:
        claims = (*each.claims, accuracy(0.99, each.claims[0].model, behavior="test_a.py::test_safe[x]"))
        append(tmp_path, Report(each.run, claims))
    page = tmp_path / "trend.html"
    assert cli.main(["history", "--reports", str(tmp_path), "--html", str(page)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[2].startswith("  2.00   4.00  █▆▃  vit  test_calibration.py::test_sure[sketch]: pass, top1 0.860")
    assert "more checkpoints keep it" in lines[2]
    assert lines[3].startswith(" 15.00   0.00  ███  vit  test_a.py::test_safe[x]")
    assert lines[-2] == "2 claims over 3 runs"
    read = Text(page.read_text())
    assert "2 claims over 3 runs" in read.text
    assert len([1 for tag, about in read.tags if tag == "line" and about.get("class") == "dot"]) == 6


def test_runs_are_read_from_folders_and_files_too(tmp_path, capsys):
    """A verdicts.json, its folder, a history: together, in the order of their start; -k selects, nothing is exit 1."""
    write_verdicts(tmp_path / "b", RUNS[1].run, RUNS[1].verdicts)
    write_verdicts(tmp_path / "a", RUNS[0].run, RUNS[0].verdicts)
    append(tmp_path, RUNS[2])
    runs = [str(tmp_path / "b"), str(tmp_path / "a" / "verdicts.json"), str(tmp_path / HISTORY)]
    assert cli.main(["history", *runs]) == 0
    assert "█▆▃" in capsys.readouterr().out
    assert cli.main(["history", *runs, "-k", "nothing like it"]) == 1
    assert cli.main(["history", str(tmp_path / "nowhere")]) == 2


def test_the_page_of_a_run_shows_its_claims_over_checkpoints(tmp_path):
    """Two checkpoints or more, of the models of this run; every mark in its frame, every name a text."""
    evil = [Report(each.run, (*each.claims, accuracy(0.9, "net", behavior=EVIL))) for each in RUNS[:2]]
    for each in evil:
        append(tmp_path, each)
    read = Text(report_page(evil[-1], tmp_path))
    assert "Over checkpoints" in read.text
    dots = [about for tag, about in read.tags if tag == "line" and about.get("class") == "dot"]
    assert len(dots) == 4
    assert all(0 <= float(dot["x1"]) <= 100 and 0 <= float(dot["y1"]) <= 40 for dot in dots)
    assert "script" not in {tag for tag, _ in read.tags}
    first = Report(RUNS[0].run, RUNS[0].verdicts)
    assert "Over checkpoints" not in report_page(first, tmp_path / "elsewhere")


def test_a_claim_without_numbers_is_listed_and_not_drawn(tmp_path, capsys):
    """Blocked at one checkpoint: a dot in the row of bars, no distance."""
    blocked = claim("vit", Outcome.BLOCKED, value=None, low=None, high=None, at_most=None, measure=None)
    append(tmp_path, RUNS[0])
    append(tmp_path, Report(RUNS[1].run, (blocked,)))
    assert cli.main(["history", "--reports", str(tmp_path)]) == 0
    assert "█·  vit" in capsys.readouterr().out
    assert json.loads((tmp_path / HISTORY).read_text().splitlines()[1])["claims"][0]["verdict"] == "blocked"
