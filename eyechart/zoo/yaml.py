"""YAML, read so that whatever is wrong with a value is told by the schema that knows what is allowed in its place."""

from __future__ import annotations

import warnings
from typing import Any, TextIO

from ruamel.yaml import YAML
from ruamel.yaml.constructor import ConstructorError, RoundTripConstructor
from ruamel.yaml.error import ReusedAnchorWarning, YAMLError
from ruamel.yaml.nodes import ScalarNode

__all__ = ["YAMLError", "load"]

DIGITS = 18
"""Of a whole number at most; of thousands Python makes none."""


class _AsWritten(RoundTripConstructor):
    """Leaves dates as they are written: 2027-02-30 is none, which the schema knows to say of the key it is under."""

    def construct_object(self, node: Any, deep: bool = False) -> Any:
        """Make what a node says; what its tag cannot mean, such as `!!int a`, is an error with its line."""
        try:
            return super().construct_object(node, deep)
        except (YAMLError, RecursionError):
            raise
        except Exception as error:  # the library's own conversions raise what int(), float() and dict do
            what = f"a {node.tag.rpartition(':')[2]} that cannot be read ({type(error).__name__}: {error})"
            raise ConstructorError(None, None, what, node.start_mark) from error

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
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ReusedAnchorWarning)  # YAML 1.2 allows it: the last one counts
            return yaml.load(stream)
    except YAMLError:
        raise
    except RecursionError:
        raise YAMLError("it is nested too deeply") from None
    except Exception as error:  # half-made mappings are filled last, and no node is known then
        raise YAMLError(f"{type(error).__name__}: {error}") from error
