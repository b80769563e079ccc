"""What each set shows: from an index to the scene, its label and the annotations only that set has."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import permutations

from eyechart.miniature.classes import CLASS_NAMES, CLASSES
from eyechart.miniature.draws import Draws
from eyechart.miniature.scenes import (
    FACTORS,
    Scene,
    Thing,
    departures,
    ordinary_thing,
    scene,
    set_factor,
    varied_thing,
)

CUE_PAIRS = tuple(permutations(range(len(CLASS_NAMES)), 2))  # (silhouette, texture), never the same
SWEPT = tuple(name for name in FACTORS if name != "texture")  # a texture is its own or not: nothing to sweep
LEVELS = 7  # odd, so that the middle of a sweep through typical is typical
ASSETS_PER_CLASS = 6
COUNTS = ("one", "two", "three", "four")
PLACES = ("top left", "top right", "bottom left", "bottom right", "center")
TURNS = ("upright", "turned right", "upside down", "turned left")
CELLS = ((-1, -1), (1, -1), (-1, 1), (1, 1), (0, 0))  # directions from the center, in the order of PLACES
QUARTER = 0.24  # distance of a quadrant's center from the center of the frame
SMALL = (0.28, 0.40)  # sizes of objects where several, or a place, must fit the frame
TRANSFER_TRAIN = 1200  # images of a transfer task before the test split begins


@dataclass(frozen=True)
class Shot:
    """One image to be: its scene, its label, and the annotations beyond the scene's own values."""

    scene: Scene
    label: int
    extra: Mapping[str, str | float | int] = field(default_factory=dict)


def ordinary(key: str, index: int) -> Shot:
    """A photo as in training and validation."""
    label = index % len(CLASS_NAMES)
    draws = Draws(key)
    return Shot(scene(draws, varied_thing(draws, CLASS_NAMES[label])), label)


def sketch(key: str, index: int) -> Shot:
    """An outline drawing."""
    shot = ordinary(key, index)
    return replace(shot, scene=replace(shot.scene, style="sketch"))


def rendition(key: str, index: int) -> Shot:
    """A flat cut-out, or a photo with inverted colors, in equal parts within each class."""
    shot = ordinary(key, index)
    style = ("flat", "inverted")[index // len(CLASS_NAMES) % 2]
    return replace(shot, scene=replace(shot.scene, style=style))


def cue_conflict(key: str, index: int) -> Shot:
    """The silhouette of one class with the texture and the hue of another; the label is the silhouette's."""
    shape, texture = CUE_PAIRS[index % len(CUE_PAIRS)]
    draws = Draws(key)
    thing = ordinary_thing(draws, CLASS_NAMES[shape], CLASS_NAMES[texture])
    return Shot(scene(draws, thing), shape, {"texture_label": texture})


def factors(key: str, index: int) -> Shot:
    """One factor far from typical; the annotation `factor` is the one that departs most, of those drawn."""
    label = index % len(CLASS_NAMES)
    draws = Draws(key)
    factor = list(FACTORS.values())[index // len(CLASS_NAMES) % len(FACTORS)]
    share = 1.0 if factor.name == "texture" else draws.uniform("departure", 0.5, 1.0)
    everyday = scene(draws, ordinary_thing(draws, CLASS_NAMES[label]))
    far = set_factor(everyday, factor, factor.depart(share, draws.chance("upward", 0.5)))
    departed = departures(far)
    extra = {f"departure_{name}": round(value, 4) for name, value in departed.items()}
    return Shot(far, label, {"factor": max(departed, key=departed.__getitem__), **extra})


def synthetic(_key: str, index: int) -> Shot:
    """One asset (a base scene) with one factor at one level of its sweep, all else as it was."""
    index, level = divmod(index, LEVELS)
    asset, swept = divmod(index, len(SWEPT))
    label, copy = asset % len(CLASS_NAMES), asset // len(CLASS_NAMES)
    factor = FACTORS[SWEPT[swept]]
    draws = Draws(f"synthetic/{CLASS_NAMES[label]}-{copy}")
    low, high = factor.extreme
    value = round(low + (high - low) * level / (LEVELS - 1), 4)
    base = scene(draws, ordinary_thing(draws, CLASS_NAMES[label]))
    extra: dict[str, str | float | int] = {"factor": factor.name, "level": level, "level_value": value}
    extra["asset"] = draws.key.split("/")[1]
    return Shot(set_factor(base, factor, value), label, extra)


def _small(draws: Draws, name: str, cell: tuple[int, int], prefix: str = "") -> Thing:
    """A small object near the center of a cell."""
    thing = varied_thing(draws, name, prefix)
    dx, dy = (direction * QUARTER for direction in cell)
    size = draws.uniform(prefix + "small", *SMALL)
    return replace(thing, x=round(thing.x / 2 + dx, 4), y=round(thing.y / 2 + dy, 4), size=size)


def _split(index: int) -> dict[str, str | float | int]:
    return {"split": "train" if index < TRANSFER_TRAIN else "test"}


def count(key: str, index: int) -> Shot:
    """One to four objects in distinct quadrants; the label is how many, less one."""
    label = index % len(COUNTS)
    draws = Draws(key)
    cells = sorted(range(4), key=lambda cell: draws.share(f"order {cell}"))[: label + 1]
    names = [draws.choice(f"class {cell}", CLASS_NAMES) for cell in cells]
    things = [_small(draws, name, CELLS[cell], f"{cell} ") for name, cell in zip(names, cells, strict=True)]
    return Shot(scene(draws, *things), label, _split(index))


def where(key: str, index: int) -> Shot:
    """One small object in a quadrant or in the center; the label is its place."""
    label = index % len(PLACES)
    draws = Draws(key)
    thing = _small(draws, draws.choice("class", CLASS_NAMES), CELLS[label])
    return Shot(scene(draws, thing), label, _split(index) | {"place": PLACES[label]})


def rotation(key: str, index: int) -> Shot:
    """One object turned by quarters; the label is the quarter. No stars, which look alike however turned."""
    label = index % len(TURNS)
    draws = Draws(key)
    thing = varied_thing(draws, draws.choice("class", [name for name in CLASSES if name != "star"]))
    turned = replace(thing, rotation=round((thing.rotation + 90 * label) % 360, 4))
    return Shot(scene(draws, turned), label, _split(index) | {"turn": TURNS[label]})
