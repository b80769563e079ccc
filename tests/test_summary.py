"""`summary.md`: what stands in a comment, that it fits there, and that no name in it is obeyed."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from eyechart.judge.verdict import Outcome, Verdict
from eyechart.reports.markdown import code, text
from eyechart.reports.report import Report
from eyechart.reports.summary import LONGEST, MARKER, summarized

RUN = {"zoo": "toys", "exit_code": 1, "models": {"vit": "abc", "net": None}}
MARKDOWN = MarkdownIt("gfm-like", {"linkify": False, "html": True})
EVIL = ("<script>alert(1)</script> | [a](http://b) ![c](d) *e* `f` ``g`` @team #12 <!-- h --> &lt; \n# i\n- j \\| "
        + "x" * 300)  # fmt: skip


def claim(model: str = "vit", outcome: Outcome = Outcome.PASS, **more: object) -> Verdict:
    """A claim about calibration on sketches."""
    usual = {
        "zoo": "toys", "property": "calibration", "behavior": "test_calibration.py::test_sure[sketch]",
        "image_set": "sketch", "view": "original", "measure": "ece", "value": 0.114, "low": 0.1, "high": 0.13,
        "count": 4000, "at_most": 0.08, "reason": "far off",
    }  # fmt: skip
    return Verdict(**{**usual, "model": model, "verdict": outcome, **more})


def shown(markdown: str) -> tuple[str, set[str]]:
    """What a reader sees of Markdown, and the kinds of tokens it is made of."""
    inline = [token for token in MARKDOWN.parse(markdown) if token.type == "inline"]
    children = [child for token in inline for child in token.children]
    return "".join(child.content for child in children), {child.type for child in children}


def test_it_says_the_sentence_the_matrix_and_what_is_open():
    """The marker, the sentence, a cell for each model and property, a line for each open claim, the page."""
    blocked = [claim("net", Outcome.BLOCKED, behavior=str(n), value=None, reason="no file") for n in range(3)]
    open_one = claim("net", Outcome.INCONCLUSIVE, versus="vit")
    claims = (claim(), claim(behavior="b", outcome=Outcome.FAIL), open_one, *blocked)
    trouble = {"test": "test_x.py::test_y", "what": "ZeroDivisionError"}
    lines = summarized(Report({**RUN, "troubles": [trouble]}, claims), "index.html").splitlines()
    assert lines[0] == MARKER
    assert lines[1] == "### 0 of 2 models may ship"
    page = MARKDOWN.render("\n".join(lines))
    cells = [re.findall(r"<t[hd]>(.*?)</t[hd]>", row) for row in page.split("<tr>")[1:]]
    assert cells == [["", "calibration"], ["<code>vit</code>", "1/2 1 F"], ["<code>net</code>", "0/4 1 ? 3 B"]]
    points = re.findall(r"<li>(.*?)</li>", page)[2:]
    assert points == [
        "✗ fails: <code>vit</code> <code>b</code>: ece 0.114 [0.100, 0.130], at most 0.08",
        "✗ ended without a verdict: <code>test_x.py::test_y</code>: ZeroDivisionError",
        "■ blocked: <code>net</code> 3 claims: no file",
        "? undecided: <code>net</code> <code>test_calibration.py::test_sure[sketch]</code> beside <code>vit</code>: "
        "ece 0.114 [0.100, 0.130], at most 0.08",
    ]
    assert '<a href="index.html">index.html</a>' in page


@pytest.mark.parametrize("models", [1, 4, 3000])
def test_it_fits_into_a_comment_whatever_the_run(models):
    """Thousands of failures with the longest and worst of names: under 65,536 characters, and it says what it left."""
    outcomes = [Outcome.FAIL, Outcome.INCONCLUSIVE, Outcome.BLOCKED]
    claims = tuple(
        claim(f"{number % models}-{EVIL}", outcomes[number % 3], behavior=f"{number}{EVIL}", reason=f"{number}{EVIL}",
              property=f"p{number % 9}", versus=EVIL)
        for number in range(6000)
    )  # fmt: skip
    written = summarized(Report({**RUN, "troubles": [{"test": EVIL, "what": EVIL}] * 500}, claims), "index.html")
    assert len(written.encode()) <= LONGEST < 65_536
    assert re.search(r"… and [\d,]+ more, which the page lists", written)
    assert written.endswith("[index.html](index.html)\n")


@given(st.text(min_size=1) | st.just(EVIL) | st.text("`|\\[]()<>*_#@!~&\n ab1", min_size=1))
def test_what_a_name_holds_is_shown_and_never_obeyed(name):
    """As text and as code, in a line and in a cell: no link, image, tag, emphasis, mention or new line comes of it."""
    for written, allowed in ((text(name), {"text", "text_special"}), (code(name), {"code_inline", "text"})):
        seen, kinds = shown(f"a {written} b")
        assert kinds <= allowed, (kinds, written)
        assert not re.search(r"[@#]\w", seen if "code_inline" not in kinds else "")
        cells = shown(f"| x | y |\n| --- | --- |\n| {written} | end |")[0]
        assert cells.endswith("end")
        assert cells.startswith("xy")
        assert "\n" not in written


def test_what_is_not_syntax_stays_as_it_is():
    """A reader of the raw text recognizes names."""
    assert code("test_a.py::test_b[vit-sketch]") == "`test_a.py::test_b[vit-sketch]`"
    assert shown(text("0.1 [0.0, 0.2] at most 5 % (a|b) @team #3"))[0].replace("\u200b", "") == (
        "0.1 [0.0, 0.2] at most 5 % (a|b) @team #3"
    )
