"""Contracts: what holds exactly or not at all. Searched on the live checkpoint when it is first predicted with."""

from eyechart.claims import needs, validation


@needs(validation, contract="finite")
def test_every_answer_is_a_number(contract):
    """Real, black, white and noisy images all get finite logits."""


@needs(validation, contract="repeatable")
def test_an_answer_repeats(contract):
    """The same batch gets the same bits again."""


@needs(validation, contract="independent_of_batch_mates")
def test_batch_mates_do_not_matter(contract):
    """An image is answered alike whatever shares its batch."""


@needs(validation, contract="independent_of_order")
def test_batch_order_does_not_matter(contract):
    """An image is answered alike wherever it stands in its batch."""
