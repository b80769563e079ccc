"""JUnit XML that CI reads right: pytest's own, rearranged, since it knows neither *undecided* nor *blocked*.

One suite a property. Undecided is a failure, blocked is an error, each with its verdict as `type`; a known failure and
a claim that is not applicable are skipped, and say so.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterable
from xml.etree import ElementTree as ET  # written by pytest in this very run

VERDICT = "eyechart-verdict"
"""Name of the property of a test case that holds a record of `verdicts.json`."""

OTHER = "other tests"
_ENDINGS = ("failure", "error", "skipped")
_TOLD = ("model", "versus", "image_set", "view", "part", "measure", "value", "low", "high", "count", "at_most",
         "at_least", "margin", "verdict", "reason")  # fmt: skip


def rearranged(xml: str, lost: Iterable[str] = (), *, undecided_is: str = "failure") -> str:
    """Rearrange what pytest wrote: one suite a property, and verdicts as outcomes.

    lost          tests that never reported: each is an error
    undecided_is  `failure`, or `skipped` where the run was told to leave them out
    """
    suite = ET.fromstring(xml).find("testsuite")  # noqa: S314  # pytest wrote it
    about = {} if suite is None else {key: suite.get(key, "") for key in ("timestamp", "hostname")}
    suites: dict[str, list[ET.Element]] = {}
    for case in [] if suite is None else suite.iter("testcase"):
        suites.setdefault(_settle(case, undecided_is), []).append(case)
    for nodeid in lost:
        case = ET.Element("testcase", classname=OTHER, name=nodeid, time="0.000")
        ET.SubElement(case, "error", type="lost", message="it was collected and never reported")
        suites.setdefault(OTHER, []).append(case)
    every = [case for cases in suites.values() for case in cases]
    root = ET.Element("testsuites", {"name": "eyechart", **_counts(every)})
    for name, cases in sorted(suites.items()):
        child = ET.SubElement(root, "testsuite", {"name": name, **_counts(cases), **about})
        child.extend(cases)
    stream = io.StringIO()
    ET.ElementTree(root).write(stream, encoding="unicode", xml_declaration=True)
    return stream.getvalue().replace("encoding='UTF-8'", "encoding='utf-8'") + "\n"


def _settle(case: ET.Element, undecided_is: str) -> str:
    """Give a test case the outcome of its verdict; returns the name of its suite."""
    records = [record for record in map(_record, case.iter("property")) if record]
    claim = next((record for record in records if record["verdict"] != "reported"), None)
    if claim is None:
        return OTHER
    for properties in case.findall("properties"):
        for each in [each for each in properties if each.get("name") == VERDICT]:
            properties.remove(each)
        told = [(key, claim.get(key)) for key in _TOLD]
        properties.extend(
            ET.Element("property", name=key, value=str(value)) for key, value in told if value is not None
        )
    ending = next((child for child in case if child.tag in _ENDINGS), None)
    if ending is not None:
        _name(ending, claim, undecided_is)
    return str(claim["property"])


def _name(ending: ET.Element, claim: dict[str, object], undecided_is: str) -> None:
    """Let what pytest wrote of a test that did not pass say its verdict."""
    verdict, reason = claim["verdict"], str(claim.get("reason") or "")
    if verdict == "inconclusive":
        ending.tag = undecided_is
        ending.attrib = {"type": "undecided", "message": f"undecided: {reason}"}
    elif verdict == "blocked":
        allowed = ending.tag == "skipped"  # by --allow-blocked only
        ending.tag = "skipped" if allowed else "error"
        ending.attrib = {"type": "blocked", "message": f"blocked: {reason}"}
    elif verdict == "not_applicable":
        ending.attrib = {"type": "not applicable", "message": f"not applicable: {reason}"}
    elif verdict == "fail" and ending.tag == "skipped":
        ending.attrib = {"type": "known failure", "message": f"known failure: {claim.get('known_failure')}"}
    elif verdict == "fail":
        ending.attrib = {"type": "broken", "message": f"broken: {reason}"}


def _record(each: ET.Element) -> dict[str, object] | None:
    return dict(json.loads(each.get("value", ""))) if each.get("name") == VERDICT else None


def _counts(cases: list[ET.Element]) -> dict[str, str]:
    endings = [{child.tag for child in case} for case in cases]
    numbers = {
        "tests": len(cases),
        "failures": sum("failure" in tags for tags in endings),
        "errors": sum("error" in tags for tags in endings),
        "skipped": sum("skipped" in tags for tags in endings),
    }
    seconds = sum(float(case.get("time", 0)) for case in cases)
    return {**{key: str(number) for key, number in numbers.items()}, "time": f"{seconds:.3f}"}
