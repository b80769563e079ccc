"""The nouns `Need` and `Addresses`: what claims need of a checkpoint, and where that is, or why it is not."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from eyechart.errors import BlockedError, NotApplicableError

ORIGINAL = "original"
FEATURES = "features"
"""Stands in a need's view for the embeddings of the unchanged images."""
PROBE = "probe"
"""`probe(logistic)` stands in a need's view for the answers of a linear probe on the embeddings."""


@dataclass(frozen=True, slots=True, order=True)
class Need:
    """What a claim needs of one checkpoint: its predictions for a set under a view, or a contract's outcome.

    With `search` the outcome of a search, `shift > 0.05`.
    """

    model: str
    image_set: str
    view: str = ORIGINAL
    contract: str = ""
    search: str = ""

    @property
    def is_table(self) -> bool:
        """Whether it is met by predictions, and not by the outcome of a contract or a search."""
        return not (self.contract or self.search)

    @property
    def is_probe(self) -> bool:
        """Whether it is met by a linear probe."""
        return self.view.startswith(PROBE)


def protocol_of(need: Need) -> str:
    """The protocol of a linear probe: `logistic` of `probe(logistic)`."""
    return need.view.removeprefix(f"{PROBE}(").removesuffix(")")


@dataclass(frozen=True, slots=True)
class Address:
    """Where a need is met in the store, or why it cannot be; `note` is what was tolerated to meet it.

    `partly`: the table with this key is not complete, and may never be.
    """

    key: str = ""
    blocked: str = ""
    not_applicable: str = ""
    note: str = ""
    partly: bool = False


class Addresses(Mapping[Need, Address]):
    """Needs and their addresses; everybody reads them, and only these verbs write them."""

    def __init__(self, known: Mapping[Need, Address] | None = None) -> None:
        """Begin with what is known."""
        self._known = dict(known or {})

    def __getitem__(self, need: Need) -> Address:
        return self._known[need]

    def __iter__(self) -> Iterator[Need]:
        return iter(self._known)

    def __len__(self) -> int:
        return len(self._known)

    def meet(self, need: Need, key: str, note: str = "") -> None:
        """Note that a need is met under a key of the store."""
        self._known[need] = Address(key, note=note)

    def begin(self, need: Need, key: str) -> None:
        """Note under which key a need is met as far as somebody asks."""
        self._known[need] = Address(key, partly=True)

    def is_settled(self, need: Need) -> bool:
        """Whether a need is met, or is known not to be, and no look can ask for more."""
        return need in self._known and not self._known[need].partly

    def settle(self, need: Need, key: str) -> None:
        """Note that what has become of a need whose table was not complete holds for all of that key."""
        for other, address in self._known.items():
            if address.partly and address.key == key:
                self._known[other] = self._known[need]

    def refuse(self, need: Need, error: BlockedError | NotApplicableError) -> None:
        """Note why a need cannot be met, or why its source can never meet it."""
        never = isinstance(error, NotApplicableError)
        self._known[need] = Address(not_applicable=str(error)) if never else Address(blocked=str(error))

    def share(self, need: Need, other: Need) -> None:
        """Note that what meets, or keeps from being met, another need does so for this one, unless it has its own."""
        self._known.setdefault(need, self._known[other])

    def drop(self, needs: Iterable[Need]) -> dict[Need, Address]:
        """Forget where needs are met, or why they are not, so that they are looked for again; gives what was known."""
        return {need: self._known.pop(need) for need in list(needs) if need in self._known}

    def restore(self, known: Mapping[Need, Address]) -> None:
        """Take back what was dropped."""
        self._known.update(known)

    def block(self, model: str, reason: str) -> None:
        """Block all that is asked of a model, but what does not apply to it."""
        for need, address in self._known.items():
            if need.model == model and not address.not_applicable:
                self._known[need] = replace(address, blocked=reason)
