"""JUnit XML as CI reads it: each verdict as an outcome, one suite a property, and counts that add up."""

from __future__ import annotations

import json
from xml.etree import ElementTree as ET

import pytest

from eyechart.reports.junit import OTHER, VERDICT, rearranged

SKIPPED = '<skipped type="pytest.skip" message="x">x.py:1: x</skipped>'
FAILED = '<failure message="x">x</failure>'
ERROR = '<error message="failed on setup with &quot;blocked: x&quot;">blocked: x</error>'


def case(verdict: str | None, ending: str = "", of: str = "calibration", **more: object) -> str:
    """A test case as pytest writes it, with the record that the harness added."""
    record = {"property": of, "model": "net", "verdict": verdict, "reason": "because <of> it", **more}
    beside = {**record, "verdict": "reported"}
    properties = "".join(
        f"<property name='{VERDICT}' value={quoted(each)} />" for each in (beside, record)
    ) if verdict else "<property name='own' value='1' />"  # fmt: skip
    inside = f"<properties>{properties}</properties>{ending}"
    return f'<testcase classname="a.b" name="test_c[net]" time="0.5">{inside}</testcase>'


def quoted(record: dict) -> str:
    """JSON as the value of an attribute."""
    text = json.dumps(record).replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")
    return f'"{text}"'


def written(*cases: str, lost: tuple[str, ...] = (), **more: str) -> ET.Element:
    """What becomes of these cases."""
    suite = (
        f'<testsuite name="pytest" errors="9" tests="9" timestamp="2026" hostname="here">{"".join(cases)}</testsuite>'
    )
    return ET.fromstring(rearranged(f"<testsuites>{suite}</testsuites>", lost, **more))  # noqa: S314  # our own


@pytest.mark.parametrize(
    ("ending", "record", "tag", "kind"),
    [
        ("", {"verdict": "pass"}, None, None),
        (FAILED, {"verdict": "fail"}, "failure", "broken"),
        (SKIPPED, {"verdict": "fail", "known_failure": "Planned."}, "skipped", "known failure"),
        (SKIPPED, {"verdict": "inconclusive"}, "failure", "undecided"),
        (FAILED, {"verdict": "inconclusive"}, "failure", "undecided"),
        (FAILED, {"verdict": "blocked"}, "error", "blocked"),
        (ERROR, {"verdict": "blocked"}, "error", "blocked"),
        (SKIPPED, {"verdict": "blocked"}, "skipped", "blocked"),
        (SKIPPED, {"verdict": "not_applicable"}, "skipped", "not applicable"),
    ],
)
def test_a_verdict_is_an_outcome_that_ci_knows(ending, record, tag, kind):
    """Undecided is no skip and blocked is an error; the last may be skipped only where pytest was told to allow it."""
    root = written(case(ending=ending, **record))
    (found,) = root.iter("testcase")
    endings = [child for child in found if child.tag != "properties"]
    assert [child.tag for child in endings] == ([tag] if tag else [])
    if tag:
        assert endings[0].get("type") == kind
        assert endings[0].get("message").startswith(f"{kind}: ")
        assert endings[0].text
    told = {each.get("name"): each.get("value") for each in found.iter("property")}
    assert told == {"model": "net", "verdict": record["verdict"], "reason": "because <of> it"}


def test_a_property_is_a_suite_and_counts_add_up():
    """Tests that are no claims, and those that were lost, have a suite of their own."""
    root = written(case("pass"), case("inconclusive", SKIPPED), case("blocked", ERROR, of="accuracy"),
                   case(None, FAILED), lost=("x.py::test_gone",))  # fmt: skip
    counts = {
        suite.get("name"): tuple(int(suite.get(key)) for key in ("tests", "failures", "errors", "skipped"))
        for suite in root
    }
    assert counts == {"accuracy": (1, 0, 1, 0), "calibration": (2, 1, 0, 0), OTHER: (2, 1, 1, 0)}
    assert (root.get("tests"), root.get("failures"), root.get("errors"), root.get("time")) == ("5", "2", "2", "2.000")


def test_who_leaves_undecided_claims_out_sees_them_skipped():
    """`--inconclusive skip` says so."""
    root = written(case("inconclusive", SKIPPED), undecided_is="skipped")
    assert [child.get("type") for child in root.iter("skipped")] == ["undecided"]
    assert not list(root.iter("failure"))


def test_an_error_of_teardown_stays_beside_the_verdict():
    """It is no verdict, and is not renamed."""
    root = written(case("inconclusive", SKIPPED + '<error message="teardown">t</error>'))
    assert [(child.tag, child.get("message")) for child in next(root.iter("testcase"))][1:] == [
        ("failure", "undecided: because <of> it"),
        ("error", "teardown"),
    ]
