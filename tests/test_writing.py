"""Behaviors of one's own: what shipped ones must be an example of, and what docs/writing-a-behavior.md promises."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import numpy as np
import pytest

from eyechart.judge.claims import needs_of
from eyechart.judge.gates.plan import against_itself, assumed
from eyechart.judge.gates.ruling import rule
from eyechart.judge.verdict import Bound, Outcome
from eyechart.predict.needs import Need
from eyechart.zoo.levels import Levels

ROOT = Path(__file__).parents[1]
SHIPPED = sorted((ROOT / "behaviors").glob("test_*.py"))
EXAMPLES = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "writing-a-behavior.md").read_text(), re.DOTALL)


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_every_shipped_bound_says_why(path):
    """README promises each bound with its reason; whoever reads a verdict finds it in the record."""
    tree = ast.parse(path.read_text())
    names = {
        target.id: node.value.value
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
        for target in node.targets
    }
    judged = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and ast.unparse(node.func) == "require"]
    for call in judged:
        because = next((word.value for word in call.keywords if word.arg == "because"), None)
        reason = names.get(because.id) if isinstance(because, ast.Name) else getattr(because, "value", None)
        assert len(reason or "") > 20, f"{path.name}:{call.lineno}: no reason"
    assert judged or path.stem == "test_contract"


@pytest.mark.parametrize("text", EXAMPLES, ids=["first", "own"])
def test_examples_of_the_page_are_judged(text):
    """Each runs as it stands, is decided in looks, and can be compared with a baseline and planned."""
    keys = np.array([f"film{row % 100}-{row}" for row in range(4_000)])
    labels = np.arange(4_000) % 12
    tables = [assumed(Need("net", "set", view), keys, labels, 12) for view in ("original", "scale(1.25)")]
    module: dict[str, object] = {}
    exec(compile(text, "writing-a-behavior.md", "exec"), module)  # noqa: S102  # the page's own code
    behaviors = [each for each in module.values() if callable(each) and needs_of(each)]
    assert behaviors
    for behavior in behaviors:
        judged = []

        def require(measurement, because, *, judged=judged, **sides):
            assert because
            bound = Bound(**sides)
            judged.append(rule(measurement, bound, Levels(), sequential=True))
            assert against_itself(measurement, bound).limits is not None

        given = {"predictions": tables[0], "changed": tables[1], "require": require}
        names = behavior.__code__.co_varnames[: behavior.__code__.co_argcount]
        behavior(**{name: given[name] for name in names})
        assert [(one.outcome, one.look is not None) for one in judged] == [(Outcome.PASS, True)]
