"""The pages of a run: what index.html says, that it needs nothing else, and how Allure's page is asked for."""

from __future__ import annotations

import json
import os
import re
import stat
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from eyechart.commands import main as cli
from eyechart.errors import SpecError
from eyechart.judge.verdict import Outcome, Verdict
from eyechart.reports.distance import distance
from eyechart.reports.pages.allure import PageError, configuration, generate, generator, models_of, without_trackers
from eyechart.reports.pages.page import report_page
from eyechart.reports.report import VERDICTS, Report, read_report, write_verdicts

RUN = {"zoo": "toys", "started": "2026-11-25T07:00:00+00:00", "exit_code": 1, "models": {"vit": "abc", "net": None}}
VOID = ("meta", "rect", "line", "polyline", "polygon", "use", "img", "path")
EVIL = "<script>alert('&\"')</script>"


def claim(model: str = "vit", outcome: Outcome = Outcome.PASS, **more: object) -> Verdict:
    """A claim about calibration on sketches."""
    usual = {
        "zoo": "toys", "property": "calibration", "behavior": "test_calibration.py::test_sure[sketch]",
        "image_set": "sketch", "view": "original", "measure": "ece", "value": 0.04, "low": 0.03, "high": 0.052,
        "count": 4000, "at_most": 0.08, "reason": "its upper limit 0.0520 is at most 0.08",
        "promise": "It knows how sure it is.",
    }  # fmt: skip
    return Verdict(**{**usual, "model": model, "verdict": outcome, **more})


class Text(HTMLParser):
    """Collects what a reader sees, and every tag with its attributes."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.words: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(page)
        assert not self.open, f"never closed: {self.open}"

    def handle_starttag(self, tag, attrs):
        """Note a tag."""
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        """Check that tags close as they were opened."""
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data):
        """Keep words that are shown."""
        if self.open and self.open[-1] != "style":
            self.words.append(data)

    @property
    def text(self) -> str:
        """All words, with single spaces."""
        return " ".join(" ".join(self.words).split())


def page(*verdicts: Verdict, **run: object) -> Text:
    """The page of a run, read."""
    return Text(report_page(Report({**RUN, **run}, verdicts)))


def test_a_claim_shows_all_that_decided_it():
    """Promise, behavior, model, verdict, value, interval, bound, images, reason: nothing has to be looked up."""
    seen = page(claim()).text
    told = ["test_calibration.py::test_sure", "ece on sketch", "✓ pass 0.040 [0.030, 0.052]", "at most 0.08"]
    for part in ["It knows how sure it is.", *told, "4,000 its upper limit 0.0520 is at most 0.08"]:
        assert part in seen


def test_what_is_open_comes_first_and_fails_before_all():
    """Fails, blocked claims that share a reason on one line, then undecided ones; kept and excused are not open."""
    blocked = [
        claim("net", Outcome.BLOCKED, behavior=f"test_a.py::test_{name}[x]", value=None, measure=None, reason="no file")
        for name in "ab"
    ]
    excused = claim("net", Outcome.FAIL, known_failure="Planned.")
    seen = page(claim("net", Outcome.INCONCLUSIVE), *blocked, claim("vit", Outcome.FAIL), excused).text
    told = [seen.index(part) for part in (
        "Open ✗ fail vit", "■ blocked net 2 claims: no file", "? undecided net"
    )]  # fmt: skip
    assert told == sorted(told)
    assert "known failure: Planned." in seen
    assert seen.count("✗ fail, known") == 1
    assert seen.count("■ blocked") == 1 + 2


def test_the_matrix_counts_and_leads_to_the_worst_claim():
    """A cell is the terminal's; it links to the claim that is worst, which is on the page."""
    read = page(claim(behavior="test_calibration.py::test_sure[a]"), claim("vit", Outcome.FAIL), claim("net"))
    assert "1/2 1 F" in read.text
    targets = {attributes["id"] for _, attributes in read.tags if "id" in attributes}
    links = [attributes["href"] for tag, attributes in read.tags if tag == "a"]
    assert all(link.startswith("#") and link[1:] in targets for link in links)
    assert "#claim-2" in links


def test_nothing_is_fetched_from_anywhere():
    """No script, no image, no style sheet, no font, no address: it opens on a phone in a train."""
    text = report_page(Report(RUN, (claim(),)))
    assert not re.search(r"https?:|src=|@import|url\(|<script|<link|<img", text)


def test_every_bound_has_its_reason_beside_it():
    """Once a table where its models share both; each where they do not."""
    one, other = claim("a", bound_reason="Alarms cost."), claim("b", at_most=0.2, bound_reason="A prototype.")
    assert page(one, replace(one, model="c")).text.count("at most 0.08: Alarms cost.") == 1
    assert "at most 0.2: A prototype." in page(one, other).text


@pytest.mark.parametrize("field", ["model", "behavior", "property", "reason", "promise", "measure", "image_set",
                                   "bound_reason", "view", "versus", "known_failure"])  # fmt: skip
def test_words_from_elsewhere_are_text(field):
    """A model, a class or a reason may hold any sign; none of them becomes part of the page."""
    verdict = claim(**{field: EVIL, "outcome": Outcome.FAIL}) if field != "model" else claim(EVIL)
    read = page(verdict, troubles=[{"test": EVIL, "what": EVIL}], versions={EVIL: EVIL}, zoo=EVIL)
    assert "script" not in {tag for tag, _ in read.tags}
    assert "alert" in read.text


@example([-1.0, float("nan"), 0.0], 0.0, "at_most")
@given(
    st.lists(st.floats(), min_size=3, max_size=3),
    st.one_of(st.none(), st.floats()),
    st.sampled_from(["at_most", "at_least", "margin"]),
)
def test_any_number_can_be_drawn(numbers, limit, side):
    """Infinite, tiny or missing numbers give a page, and a strip that stays in its frame."""
    value, low, high = numbers
    bound = {"at_most": None, side: limit}
    read = page(claim(value=value, low=low, high=high, **bound), claim("net", value=None, low=None, high=None))
    for _, attributes in read.tags:
        for name in ("x", "x1", "x2"):
            if name in attributes:
                assert -1 <= float(attributes[name]) <= 101


def test_parts_views_pairs_and_baselines_are_told_apart():
    """A part and a view stand beside each claim; a comparison stands in a part of its own, a pair names both."""
    function = "test_robustness.py::test_fog"
    claims = [
        claim(behavior=f"{function}[c-fog]", part="fog", image_set="c"),
        claim(behavior=f"{function}[c-fog]", part="fog", image_set="c", versus="old", margin=0.01, at_most=None),
        claim(behavior=f"{function}[c-snow]", part="snow", image_set="c", view="scale(1.5)"),
        claim(behavior=f"{function}[c-fog-blocked]", part="fog", image_set="c"),
        claim(behavior=f"{function}[c-fog-blocked]", outcome=Outcome.BLOCKED, versus="old", value=None),
        claim(behavior="test_x.py::test_alike[c-vs-net]", versus="net", at_most=None, at_least=0.0, value=0.1),
    ]
    read = page(*claims)
    beside = read.text[read.text.index("Beside the baseline P") :].partition("What breaks next K")[0]
    assert "Worse than old by" in beside
    assert "c: fog ✓ pass 0.040 [0.030, 0.052] 0.01 4,000" in beside
    assert "■ blocked" in beside
    tables = read.text.partition("All are drawn with the bound on the left.")[2]
    assert "c: fog ✓ pass" in tables
    assert "c: snow under scale(1.5) ✓ pass" in tables
    assert "Two models side by side: ece on sketch" in tables
    assert "vit against net ✓ pass" in tables
    assert "old" not in tables.partition("How to repeat this")[0]


def test_kept_promises_are_sorted_by_what_breaks_next():
    """By hand: (0.08 - 0.04) / (0.052 - 0.04) = 3.33 half intervals; (0.04 - 0.035) / (0.04 - 0.03) = 0.5."""
    read = page(claim(), claim("net", at_most=None, at_least=0.035), claim("third", Outcome.FAIL))
    listed = read.text.partition("bound on the left.")[2].partition("calibration vit")[0]
    assert re.findall(r"\d\.\d\d(?= \w)", listed)[:1] == ["0.50"]
    assert listed.index("0.50 net") < listed.index("3.33 vit")
    assert "third" not in listed


@pytest.mark.parametrize(
    ("bound", "value", "low", "high", "far"),
    [
        ({"at_most": 0.5}, 0.3, 0.2, 0.5, 1.0), ({"at_most": 0.5}, 0.6, 0.5, 0.9, -1.0),
        ({"at_least": 0.5}, 0.7, 0.6, 0.75, 2.0), ({"at_least": 0.5}, 0.4, 0.1, 0.45, -2.0),
        ({"margin": 0.02}, 0.0, -0.01, 0.01, 2.0), ({"at_most": 0.5}, 0.5, 0.4, 0.6, 0.0),
        ({"at_most": 0.5}, 0.3, 0.3, 0.3, None), ({"at_most": 0.5}, None, None, None, None), ({}, 0.3, 0.2, 0.4, None),
    ],
)  # fmt: skip
def test_a_distance_is_in_halves_that_point_at_the_bound(bound, value, low, high, far):
    """1 where the interval just touches the bound from the right side, -1 from the wrong one; none without a width."""
    held = claim(**{"at_most": None, **bound}, value=value, low=low, high=high)
    assert distance(held) == (None if far is None else pytest.approx(far))


def test_what_failed_without_a_verdict_is_told():
    """An exception in a behavior or a dead worker has no verdict; the page says so all the same."""
    read = page(claim(), troubles=[{"test": "test_a.py::test_b[vit]", "what": "KeyError: 'typo'"}])
    assert "✗ failed without a verdict test_a.py::test_b[vit] KeyError: 'typo'" in read.text


def test_a_part_of_a_run_says_that_it_is_one():
    """A subset of images, or a run that was stopped, never looks like a whole one."""
    text = page(claim(), limit=1500, stopped_early=True).text
    assert "A subset: at most 1,500 images a set." in text
    assert "stopped early" in text
    assert "subset" not in page(claim()).text


def test_numbers_that_are_only_reported_stand_below_the_claim():
    """A row a model, a column a measure; they are not counted as claims."""
    text = page(claim(), claim(outcome=Outcome.REPORTED, measure="nll", value=0.5, low=None, high=None)).text
    assert "1 claims" in text
    assert "Also reported, without a bound on nll sketch 0.5000" in text


def test_a_report_is_read_as_it_was_written(tmp_path):
    """Every field of every verdict comes back; a key of a later version is left out."""
    verdicts = [claim(), claim("net", Outcome.BLOCKED, value=None)]
    path = write_verdicts(tmp_path, RUN, verdicts)
    data = json.loads(path.read_text())
    data["verdicts"][0]["later"] = 1
    path.write_text(json.dumps(data))
    report = read_report(tmp_path)
    assert sorted(report.verdicts, key=lambda v: v.model) == sorted(verdicts, key=lambda v: v.model)
    assert report == read_report(path)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (None, "no report of a run there (No such file or directory); judge first"),
        ("{", "not a report of a run"),
        ("[]", "not a report of a run"),
        ('{"schema": 2}', "schema 2, this version of eyechart reads 1"),
        ('{"schema": 1, "run": {}, "verdicts": [{"verdict": "maybe"}]}', "not a report of a run"),
    ],
)
def test_what_is_no_report_is_named(tmp_path, text, told):
    """Missing, damaged, of another schema: the file and what is wrong with it."""
    if text is not None:
        (tmp_path / VERDICTS).write_text(text)
    with pytest.raises(SpecError, match=re.escape(told)) as error:
        read_report(tmp_path)
    assert str(tmp_path / VERDICTS) in str(error.value)


def program(folder, name: str, script: str):
    """A program that a test puts on the PATH."""
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def test_the_generator_that_is_there_is_used(tmp_path):
    """An installed Allure 3 first, else npx with a pinned version; an Allure 2 takes other options and is passed by."""
    folder = tmp_path / "bin"
    npx = program(folder, "npx", "exit 0")
    assert generator(str(folder)) == [str(npx), "--yes", "allure@3.18.0"]
    program(folder, "allure", "echo 2.46.1")
    assert generator(str(folder))[0] == str(npx)
    allure = program(folder, "allure", "echo 3.19.0")
    assert generator(str(folder)) == [str(allure)]


MAKES_PAGE = """
out=$(sed -n 's/.*output: "\\(.*\\)",/\\1/p' "$4")
mkdir -p "$out"
echo '<p>made</p><script async src="https://example.org/track.js"></script>' > "$out/index.html"
"""


def report_folder(tmp_path):
    """What a run leaves."""
    write_verdicts(tmp_path, RUN, [claim()])
    results = tmp_path / "allure-results"
    results.mkdir()
    (results / "one-result.json").write_text("{}")
    return tmp_path


def test_report_makes_both_pages(tmp_path, monkeypatch, capsys):
    """The command writes index.html and Allure's page, without what that would fetch from elsewhere."""
    folder = report_folder(tmp_path)
    monkeypatch.setattr(
        "eyechart.commands.report.generator", lambda: [str(program(tmp_path / "b", "allure", MAKES_PAGE))]
    )
    assert cli.main(["report", "--reports", str(folder)]) == 0
    assert (folder / "allure" / "index.html").read_text() == "<p>made</p>\n"
    names = ("index.html", "summary.md", "allure/index.html")
    assert capsys.readouterr().out.splitlines() == [f"{folder}/{name}" for name in names]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [([], "needs Node.js 20 or newer"), (["--results", "nowhere"], "nowhere holds no results"), (["--no-allure"], "")],
    ids=["no generator", "no results", "not wanted"],
)
def test_report_says_why_there_is_no_allure_page(tmp_path, monkeypatch, capsys, arguments, told):
    """The matrix is made all the same, and the exit code is 0."""
    folder = report_folder(tmp_path)
    monkeypatch.setattr("eyechart.commands.report.generator", lambda: None)
    assert cli.main(["report", "--reports", str(folder), *arguments]) == 0
    assert (folder / "index.html").exists()
    assert told in capsys.readouterr().out


def test_a_generator_that_fails_is_quoted(tmp_path):
    """Its last words, and its exit code; an earlier page stays as it was."""
    broken = program(tmp_path / "bin", "allure", "echo no network >&2; exit 3")
    (tmp_path / "allure").mkdir()
    (tmp_path / "allure" / "index.html").write_text("earlier")
    with pytest.raises(PageError, match=r"exit code 3\)\nno network"):
        generate([str(broken)], tmp_path, tmp_path / "allure", ["vit"])
    assert (tmp_path / "allure" / "index.html").read_text() == "earlier"


def test_models_are_environments_whatever_they_are_called(tmp_path):
    """Allure refuses a slash in the name of an environment; the label that is matched stays as it is."""
    text = configuration(['ViT-B/16 "x"'], tmp_path)
    assert '{name: "ViT-B\\u221516 \\"x\\"", matcher' in text
    assert 'label.value === "ViT-B/16 \\"x\\""' in text
    assert models_of({"models": {"a": None}}) == ["a"]
    assert models_of({}) == []


def test_only_scripts_from_elsewhere_are_taken_out():
    """A page's own scripts stay: without them it shows nothing."""
    own = '<script src="data:text/javascript;base64,AA=="></script><script>let a = 1</script>'
    tracker = '<script async src="https://www.googletagmanager.com/gtag/js?id=G-1"></script>'
    assert without_trackers(own + tracker) == own


@pytest.mark.skipif(os.environ.get("EYECHART_ALLURE") is None, reason="asks npm: EYECHART_ALLURE=1 runs it")
def test_the_real_generator_makes_a_page_that_holds_the_results(tmp_path):
    """One file, with the result in it, and nothing fetched from elsewhere but what its own scripts hold."""
    folder = report_folder(tmp_path)
    result = {"uuid": "1", "name": "it is sure", "status": "passed", "labels": [{"name": "model", "value": "vit"}]}
    (folder / "allure-results" / "one-result.json").write_text(json.dumps(result))
    made = generate(generator(), folder / "allure-results", folder / "allure", ["vit"])
    assert [path.name for path in (folder / "allure").iterdir()] == ["index.html"]
    assert made.stat().st_size > 1_000_000
    assert "googletagmanager" not in made.read_text()
