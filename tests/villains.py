"""Toy checkpoints, each guilty of exactly one fault, and a saint.

Every factory here is a model of source `python`. They know the images they are asked about (`Gallery`), so each decides
freely, image by image, whether it is right and how sure it says it is; what the harness sees is pixels in, logits out.
"""

from __future__ import annotations

import os
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tests.gallery import CLASSES, Seen
from tests.toys import (
    VILLAINS,
    Belief,
    Logits,
    Model,
    Toy,
    elsewhere,
    gallery,
    honest,
    tampered,
    villain,
    wrong_where,
)


@villain()
def saint(seen: Seen) -> Belief:
    """Right 97 times of 100, knows when it may not be, and is moved by no view."""
    return honest(seen)


@villain("test_names_what_images_show")
def ignorant(seen: Seen) -> Belief:
    """Names 40 % of the images of validation, and knows which."""
    return elsewhere(seen, seen.of("validation"), honest(seen, [(0.99, 0.99), (0.1, 0.1), (0.1, 0.1)]))


@villain(
    "test_shifted_images_are_recognized_beyond_chance",
    "test_images_of_another_source_are_named",
    "test_another_source_costs_less_than_half_of_the_images",
)
def parochial(seen: Seen) -> Belief:
    """Guesses on images of another style, and says so."""
    return elsewhere(seen, seen.of("shifted"), honest(seen, [(0.1, 0.1)]))


@villain("test_confidence_matches_accuracy", "test_it_is_not_overconfident")
def boastful(seen: Seen) -> Belief:
    """Overconfident: 99 % sure, right 80 times of 100."""
    return honest(seen, [(0.99, 0.8)])


@villain("test_confidence_matches_accuracy", "test_it_is_not_underconfident")
def timid(seen: Seen) -> Belief:
    """Underconfident: half sure, right 95 times of 100."""
    return honest(seen, [(0.5, 0.95)])


@villain(
    "test_accuracy_survives_a_small_shift",
    "test_answers_survive_a_small_shift",
    "test_accuracy_survives_the_worst_shift",
    "test_answers_survive_the_worst_shift",
    "test_no_small_shift_breaks_it",
)
def shift_fragile(seen: Seen) -> Belief:
    """Errs on every other image once it is shifted."""
    return wrong_where(seen, seen.under("relative_shift") & (seen.order % 2 == 0))


@villain("test_answers_survive_a_small_shift", "test_answers_survive_the_worst_shift")
def fickle(seen: Seen) -> Belief:
    """Under a shift it is wrong as often as before, but in other words."""
    belief = honest(seen, [(0.99, 0.99), (0.99, 0.99), (0.15, 0.15)])
    return elsewhere(seen, seen.of("validation"), replace(belief, error=belief.error + seen.under("relative_shift")))


@villain(
    "test_accuracy_survives_enlargement",
    "test_answers_survive_enlargement",
    "test_accuracy_survives_the_worst_enlargement",
    "test_answers_survive_the_worst_enlargement",
    "test_no_small_enlargement_breaks_it",
)
def zoom_fragile(seen: Seen) -> Belief:
    """Errs on every other enlarged image."""
    return wrong_where(seen, seen.under("scale") & (seen.order % 2 == 0))


@villain(
    "test_accuracy_survives_another_resolution",
    "test_answers_survive_another_resolution",
    "test_accuracy_survives_the_worst_resolution",
    "test_answers_survive_the_worst_resolution",
)
def size_fragile(seen: Seen) -> Belief:
    """Errs on every other image at another resolution."""
    return wrong_where(seen, seen.under("relative_resolution") & (seen.order % 2 == 0))


@villain("test_no_small_change_of_light_breaks_it")
def night_blind(seen: Seen) -> Belief:
    """Errs on one image of three that is a quarter darker."""
    return wrong_where(seen, seen.under("brightness") & (seen.amount <= 0.75) & (seen.order % 3 == 0))


@villain("test_no_corruption_blinds_it[*-fog]")
def lost_in_fog(seen: Seen) -> Belief:
    """Sees nothing in fog."""
    return elsewhere(seen, seen.factor == "fog", honest(seen, [(0.1, 0.0)]))


@villain("test_no_corruption_blinds_it", "test_corruptions_leave_a_third_of_the_answers")
def delicate(seen: Seen) -> Belief:
    """Sees nothing once anything is wrong with an image."""
    return elsewhere(seen, seen.of("corrupted"), honest(seen, [(0.1, 0.0)]))


@villain(
    "test_a_factor_costs_at_most_twice_the_usual_errors[*-texture]",
    "test_images_with_a_factor_are_named[*-texture]",
    "test_no_factor_is_a_blind_spot",
)
def misled_by_texture(seen: Seen) -> Belief:
    """Is lost where an object has another's texture."""
    return elsewhere(seen, seen.of("factors") & (seen.factor == "texture"), honest(seen, [(0.1, 0.0)]))


@villain("test_shape_counts_beside_texture", "test_shape_counts_in_every_category")
def all_texture(seen: Seen) -> Belief:
    """Calls everything by its texture."""
    by_texture = seen.of("cue-conflict") & (seen.texture >= 0)
    belief = elsewhere(seen, by_texture, honest(seen, [(0.9, 0.0)]))
    return replace(belief, error=np.where(by_texture, (seen.texture - seen.label - 1) % CLASSES, belief.error))


@villain("test_most_answers_name_one_of_the_cues")
def third_way(seen: Seen) -> Belief:
    """Where cues disagree, it mostly names a third class."""
    odd = seen.of("cue-conflict") & (seen.order % 4 != 0)
    third = np.where((seen.texture - seen.label) % CLASSES == 1, 1, 0)
    belief = elsewhere(seen, odd, honest(seen, [(0.9, 0.0)]))
    return replace(belief, error=np.where(odd, third, belief.error))


def inconstant() -> Model:
    """Answers well; but its features mean one thing while a probe learns, and another afterwards."""
    return Toy(honest, moved=1)


VILLAINS["inconstant"] = ("test_features_serve_another_task", "test_features_serve_a_group_of_tasks")


SWEEP_VILLAINS = {
    "stumbles_when_turned": ("test_objects_are_named_at_the_worst_level[*-pose]",),
    "lost_when_small": (
        "test_objects_are_named_at_the_worst_level[*-size]",
        "test_objects_are_named_along_a_sweep[*-size]",
    ),
}
"""As VILLAINS, of those that are judged on sweeps."""


def stumbles_when_turned() -> Model:
    """Names nothing that is turned as far as the sweep goes."""
    return Toy(lambda seen: elsewhere(seen, (seen.factor == "pose") & (seen.level == 0), honest(seen, [(0.1, 0.0)])))


def lost_when_small() -> Model:
    """Names nothing while its size is swept."""
    return Toy(lambda seen: elsewhere(seen, seen.of("synthetic") & (seen.factor == "size"), honest(seen, [(0.1, 0.0)])))


@tampered("test_batch_mates_do_not_matter")
def sociable(logits: Logits) -> Logits:
    """Mixes a hundredth of the batch's mean into each answer, as batch statistics would."""
    return logits + 0.01 * logits.mean(axis=0)


@tampered("test_batch_order_does_not_matter")
def queuing(logits: Logits) -> Logits:
    """Leaks a hundredth of each answer into the next one of the batch."""
    return np.concatenate([logits[:1], logits[1:] + 0.01 * logits[:-1]])


_CALLS = np.random.default_rng(0)


@tampered("test_an_answer_repeats")
def moody(logits: Logits) -> Logits:
    """Answers a little differently each time."""
    return logits + _CALLS.uniform(0, 1e-4, logits.shape)


class NanOnBlack(Toy):
    """A saint whose logits are no numbers where an image is black."""

    def __call__(self, images: NDArray[np.uint8]) -> Logits:
        """(n, classes) logits."""
        flat = images.reshape(len(images), -1).max(axis=1) == 0
        return np.where(flat[:, None], np.nan, super().__call__(images))


def nan_on_black() -> Model:
    """Divides by an image's own spread: a black image has none."""
    return NanOnBlack(honest)


VILLAINS["nan_on_black"] = ("test_every_answer_is_a_number",)


def nan_at_one_class() -> Model:
    """The logit of class 3 is no number wherever class 3 is shown: nothing else of it can be measured."""
    honestly = saint()

    def answer(images: NDArray[np.uint8]) -> Logits:
        logits, label = honestly(images), gallery().look(images).label
        logits[label == 3, 3] = np.nan
        return logits

    return answer


def probable() -> Model:
    """A saint that says probabilities."""
    honestly = saint()

    def answer(images: NDArray[np.uint8]) -> Logits:
        powers = np.exp(honestly(images).astype(np.float64))
        return powers / powers.sum(axis=1, keepdims=True)

    return answer


def slow() -> Model:
    """A saint that takes its time, for those who interrupt it; it writes a line a batch to EYECHART_TEST_LOG."""
    honestly = saint()

    def answer(images: NDArray[np.uint8]) -> Logits:
        time.sleep(float(os.environ.get("EYECHART_TEST_SLEEP", "0.05")))
        note("batch")
        return honestly(images)

    return answer


def counted() -> Model:
    """A saint that writes a line to EYECHART_TEST_LOG each time it is loaded."""
    note(f"load {os.environ.get('PYTEST_XDIST_WORKER', 'main')}")
    return saint()


def misshapen() -> Model:
    """Answers with one class too few."""
    return lambda images: np.zeros((len(images), CLASSES - 1))


def crashing() -> Model:
    """Fails on its first image."""

    def answer(images: NDArray[np.uint8]) -> Logits:
        raise ZeroDivisionError("no luck")

    return answer


def note(text: str) -> None:
    """Append a line to the file that a test gave."""
    if path := os.environ.get("EYECHART_TEST_LOG"):
        with Path(path).open("a", encoding="utf-8") as stream:
            stream.write(f"{text}\n")
