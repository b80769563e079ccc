"""Captions that the CLIP models learn from, prompts they are judged by, and the tokenizer of both."""

from collections import Counter
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path

from eyechart.miniature.classes import CLASSES
from eyechart.miniature.draws import Draws
from eyechart.miniature.scenes import BACKGROUNDS, Scene, Thing

MERGES = Path(__file__).with_name("merges.txt")
MERGE_COUNT = 256  # enough for every word below to be one token
CONTEXT_LENGTH = 16  # tokens, with start and end

PROMPTS = (
    "a photo of a {}.",
    "a picture of a {}.",
    "a photo of the {}.",
    "an image of one {}.",
    "a {}.",
)
DETAILED = (
    "a {color} {name}.",
    "a {name} with {texture}.",
    "a photo of a {color} {name} with {texture}.",
    "a {size} {name} on a {background} background.",
    "a {color} {name} on a {background} background.",
)
PLAIN_SHARE = 0.5  # share of captions that name the class alone

COLORS: Mapping[str, int] = {  # hue in degrees where the color is purest
    "red": 0,
    "orange": 30,
    "yellow": 55,
    "lime": 88,
    "green": 125,
    "teal": 158,
    "cyan": 188,
    "azure": 214,
    "blue": 242,
    "violet": 270,
    "purple": 298,
    "pink": 330,
}
SIZES = (("small", 0.70), ("medium", 0.82), ("large", 1.01))  # word, and the size below which it holds


def color_word(hue: float) -> str:
    """The name of the nearest color on the hue circle."""

    def distance(word: str) -> float:
        apart = abs(hue - COLORS[word]) % 360
        return min(apart, 360 - apart)

    return min(COLORS, key=distance)


def _words(scene: Scene, thing: Thing) -> dict[str, str]:
    """What a template may say of an object."""
    return {
        "name": thing.name,
        "color": color_word(thing.hue),
        "texture": CLASSES[thing.texture].texture,
        "size": next(word for word, limit in SIZES if thing.size < limit),
        "background": scene.background,
    }


def caption(scene: Scene, variant: int) -> str:
    """One of the captions of a scene; each variant draws its template anew."""
    thing, draws = scene.things[0], Draws(f"{scene.seed}/caption {variant}")
    if draws.chance("plain", PLAIN_SHARE):
        return draws.choice("prompt", PROMPTS).format(thing.name)
    return draws.choice("template", DETAILED).format(**_words(scene, thing))


def corpus() -> Counter[str]:
    """Every word that a caption can hold, counted by the templates and vocabularies that use it."""
    vocabularies = [list(CLASSES), [c.texture for c in CLASSES.values()], list(COLORS), list(BACKGROUNDS)]
    words = Counter(word for vocabulary in vocabularies for word in vocabulary)
    words.update(word for word, _ in SIZES)
    for template in PROMPTS + DETAILED:
        words.update(word for word in template.rstrip(".").split() if "{" not in word)
    return words


def learn_merges(words: Mapping[str, int], count: int) -> list[tuple[str, str]]:
    """Byte-pair merges of the most frequent neighbors, ties in alphabetical order, until every word is one token."""
    split = {word: (*word[:-1], f"{word[-1]}</w>") for word in words}
    merges: list[tuple[str, str]] = []
    while len(merges) < count:
        pairs: Counter[tuple[str, str]] = Counter()
        for word, pieces in split.items():
            for pair in pairwise(pieces):
                pairs[pair] += words[word]
        if not pairs:
            break
        best = min(pairs, key=lambda pair: (-pairs[pair], pair))
        merges.append(best)
        split = {word: _merge(pieces, best) for word, pieces in split.items()}
    return merges


def _merge(pieces: tuple[str, ...], pair: tuple[str, str]) -> tuple[str, ...]:
    """The pieces with each occurrence of a pair made one."""
    merged: list[str] = []
    for piece in pieces:
        if merged and (merged[-1], piece) == pair:
            merged[-1] += piece
        else:
            merged.append(piece)
    return tuple(merged)


def merges_text() -> str:
    """The merges file: a header line, then one merge a line, without a last line break (it would be a merge)."""
    return "\n".join(["#version: 0.2", *(" ".join(pair) for pair in learn_merges(corpus(), MERGE_COUNT))])
