"""YAML, read so that whatever is wrong with a value is told by the schema that knows what is allowed in its place."""

from __future__ import annotations

from typing import Any, TextIO

from ruamel.yaml import YAML
from ruamel.yaml.constructor import ConstructorError, RoundTripConstructor
from ruamel.yaml.error import YAMLError
from ruamel.yaml.nodes import ScalarNode

__all__ = ["YAMLError", "load"]

DIGITS = 18
"""Of a whole number at most; of thousands Python makes none."""


class _AsWritten(RoundTripConstructor):
    """Leaves dates as they are written: 2027-02-30 is none, which the schema knows to say of the key it is under."""

    def _number(self, node: ScalarNode) -> Any:
        if len(node.value) > DIGITS:
            count = f"a number of {len(node.value):,} characters, expected at most {DIGITS}"
            raise ConstructorError(None, None, count, node.start_mark)
        return self.construct_yaml_int(node)

    def _text(self, node: ScalarNode) -> Any:
        if "\0" in node.value:
            raise ConstructorError(None, None, "a text that holds the character 0, which no name does", node.start_mark)
        return self.construct_yaml_str(node)


_AsWritten.add_constructor("tag:yaml.org,2002:int", _AsWritten._number)
_AsWritten.add_constructor("tag:yaml.org,2002:str", _AsWritten._text)
_AsWritten.add_constructor("tag:yaml.org,2002:timestamp", _AsWritten._text)


def load(stream: TextIO) -> Any:
    """Read one document, with the lines of its keys. Raises YAMLError for what is no YAML, or nested too deeply."""
    yaml = YAML(typ="rt")
    yaml.Constructor = _AsWritten
    try:
        return yaml.load(stream)
    except RecursionError:
        raise YAMLError("it is nested too deeply") from None
