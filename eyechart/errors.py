"""Errors a user can act on: each names the place, what was found there and what is allowed."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable

_OBEYED = re.compile(
    "[\x00-\x09\x0b-\x1f\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff\ufeff\ufff9-\ufffb"
    "\U000e0000-\U000e007f]"
)
"""What a terminal does instead of printing it: controls and escapes, marks of direction, signs without a shape."""


def printable(text: str) -> str:
    r"""Show what a terminal would obey: a name that holds an escape is printed as `\x1b…`. Line ends are kept."""
    return _OBEYED.sub(lambda sign: sign[0].encode("unicode_escape").decode("ascii"), text)


class EyechartError(Exception):
    """Base of every error the library raises on purpose. Its message is `printable`, whatever names it repeats."""

    def __init__(self, message: str) -> None:
        """Say `message`."""
        super().__init__(printable(message))


class SpecError(EyechartError):
    """`models.yaml` (or an option that names something in it) says something that cannot be meant."""


class DeviceError(SpecError):
    """`--device` names what is not on this machine: it ends the run, where a fault of one model blocks that model."""


class BlockedError(EyechartError):
    """Something a claim needs is not there or cannot be read: weights, images, a file. Never a silent skip."""


class DamagedError(BlockedError):
    """A file of the store is not what was written there. It is set aside, and the next run computes it again."""


class NothingToMeasureError(BlockedError, ValueError):
    """The images or answers a measure is about are not among those at hand: no image has the factor, nobody decided."""


class NotApplicableError(EyechartError, LookupError):
    """A source cannot answer such a question at all: a claim that asks it is not applicable, and says why."""


class StoreError(EyechartError):
    """The store cannot be read or written."""


def nearest(name: str, allowed: Iterable[str]) -> str:
    """Say what is allowed in place of `found`, its nearest match first.

    Returns a clause such as `did you mean 'vit-sup'? Allowed: convnext-sup, vit-sup`.
    """
    options = sorted(set(allowed))
    close = difflib.get_close_matches(name, options, n=1, cutoff=0.5)
    guess = f"did you mean {close[0]!r}? " if close else ""
    return f"{guess}Allowed: {', '.join(options) or '(nothing)'}"
