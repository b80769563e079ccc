"""Two-sided promises: one behavior bounds a measurement from above, another bounds the same one from below.

Which do is read in their source, so that bounds that contradict each other are refused before anything is predicted.
"""

from __future__ import annotations

import ast
import functools
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from eyechart.errors import SpecError
from eyechart.judge.claims import Claim
from eyechart.zoo.zoo import Zoo


@dataclass(frozen=True, slots=True)
class Promise:
    """What a behavior's source says: the text of its measurement, the side of its bound, and the bound if a number."""

    measurement: str
    side: str
    limit: float | None


@functools.cache
def promises(file: Path) -> Mapping[str, Promise]:
    """Function → promise, for each function of a file that ends in `require(measurement, at_most=…)` or `at_least=…`.

    A function that calls `require` more than once, or not by this name, is left out.
    """
    tree = ast.parse(file.read_text(encoding="utf-8"))
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    return {node.name: promise for node in functions if (promise := _promise(node))}


def _promise(function: ast.FunctionDef) -> Promise | None:
    calls = [node for node in ast.walk(function) if isinstance(node, ast.Call)]
    judging = [node for node in calls if isinstance(node.func, ast.Name) and node.func.id == "require"]
    sides = [word for call in judging for word in call.keywords if word.arg in ("at_most", "at_least")]
    if len(judging) != 1 or len(sides) != 1 or not judging[0].args:
        return None
    try:
        limit = float(ast.literal_eval(sides[0].value))
    except (TypeError, ValueError):
        limit = None
    return Promise(ast.unparse(judging[0].args[0]), str(sides[0].arg), limit)


def require_consistent(claims: Iterable[tuple[Claim, Path]], zoo: Zoo) -> None:
    """Check the bounds of a zoo against the other sides of their promises; each claim comes with its behavior's file.

    Raises SpecError, naming the file, both behaviors and both bounds, where no value could keep the two.
    """
    if not zoo.bounds:
        return
    sides: dict[tuple[object, ...], dict[str, _Side]] = defaultdict(dict)
    for claim, file in claims:
        function = claim.behavior.partition("[")[0]
        promise = promises(file).get(function.rpartition("::")[2])
        own = zoo.bounds.get(claim.behavior) or zoo.bounds.get(function)
        if promise is None or claim.twin:
            continue
        limit = getattr(own, promise.side) if own else promise.limit
        if limit is None:
            continue
        about = (claim.model, claim.versus, claim.image_set, claim.subject.part, claim.subject.views, claim.search)
        side = _Side(claim.behavior, promise.side, limit, own is not None)
        both = sides[promise.measurement, *about]
        both[side.key] = min(both.get(side.key, side), side, key=lambda each: each.room)
        _require_room(both, promise.measurement, zoo)


@dataclass(frozen=True, slots=True)
class _Side:
    behavior: str
    key: str
    limit: float
    own: bool

    @property
    def room(self) -> float:
        """Less is tighter."""
        return self.limit if self.key == "at_most" else -self.limit

    def __str__(self) -> str:
        return f"{self.behavior!r} is {self.key} {self.limit:g}{'' if self.own else ' by itself'}"


def _require_room(both: Mapping[str, _Side], measurement: str, zoo: Zoo) -> None:
    least, most = both.get("at_least"), both.get("at_most")
    if least and most and (least.own or most.own) and least.limit >= most.limit:
        raise SpecError(
            f"{zoo.file}: bounds: {least}, and {most}: no {measurement} is shown to keep both; at_least must be "
            "below at_most"
        )
