"""`eyechart eject`: a copy of a shipped behavior that is the project's own from then on."""

from __future__ import annotations

import argparse
from importlib import metadata
from pathlib import Path

from eyechart.commands.options import add_places, placed
from eyechart.commands.saying import say
from eyechart.commands.starting import APART, write
from eyechart.errors import SpecError, nearest
from eyechart.zoo.places import SHIPPED_BEHAVIORS
from eyechart.zoo.suite import SUITE, shipped_properties


def add_eject(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the subcommand `eject`."""
    parser = commands.add_parser("eject", help="copy a shipped behavior into the project, to change it")
    parser.add_argument("behavior", metavar="BEHAVIOR", help="such as test_calibration.py, or calibration")
    add_places(parser, "models")
    parser.set_defaults(run=_eject)


def _eject(options: argparse.Namespace) -> int:
    name = Path(options.behavior).name.removesuffix(".py").removeprefix("test_")
    known = shipped_properties()
    if name not in known:
        raise SpecError(f"{options.behavior!r} does not ship: {nearest(name, known)}")
    source = SHIPPED_BEHAVIORS / f"test_{name}.py"
    copy = placed(options).root / "behaviors" / source.name
    if copy.exists():
        raise SpecError(f"{copy} is there already, and nothing is overwritten")
    version = f"eyechart {metadata.version('eyechart')} (shipped behaviors of version {SUITE})"
    origin = f"# A copy of {source.name} of {version}."
    write(copy, f"{origin}\n{source.read_text(encoding='utf-8')}")
    write(copy.with_name("conftest.py"), APART)
    say(f"The copy's claims are test_{name}.py::…, and the shipped ones eyechart/test_{name}.py::…")
    others = ", ".join(each for each in known if each != name)
    say(f"Both are judged. To judge the copy alone, say so in the zoo: behaviors: {{shipped: [{others}]}}")
    return 0
