"""Scenes: every value that decides one image, its declared range, and how it is drawn.

Lengths are shares of the frame's side, angles and hues are degrees, blur is the standard deviation in pixels,
noise the standard deviation in gray levels (0 to 255), light a gain (1 is neutral).
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from types import MappingProxyType
from typing import Any

from eyechart.miniature.classes import CLASS_NAMES, CLASSES
from eyechart.miniature.draws import Draws

STYLES = ("photo", "sketch", "flat", "inverted")
BACKGROUNDS = ("plain", "gradient", "horizon", "clouds", "mottled", "waves", "tiles")
HUE_TIED = 0.70  # share of images whose hue is the usual one of their class
TEXTURE_TIED = 0.85  # share of images whose texture is that of their class
OCCLUDED = 0.4  # share of images with an occluder


@dataclass(frozen=True)
class Factor:
    """One way to depart from the typical image.

    `column` is the value that departs; `typical` its value in the most ordinary image; `ordinary` the interval of
    everyday images; `extreme` the interval that sweeps cover. A departure is a share of the farthest extreme.
    """

    name: str
    column: str
    typical: float
    ordinary: tuple[float, float]
    extreme: tuple[float, float]

    @property
    def reach(self) -> float:
        """The largest distance from typical, in units of the column."""
        return max(abs(end - self.typical) for end in self.extreme)

    def departure(self, value: float) -> float:
        """Distance from typical as a share of the reach: 0 is typical, 1 the extreme."""
        return min(1.0, abs(value - self.typical) / self.reach)

    def depart(self, share: float, upward: bool) -> float:
        """The value at a departure, on the wanted side where the range reaches that far."""
        low, high = self.extreme
        for sign in (1, -1) if upward else (-1, 1):
            value = self.typical + sign * share * self.reach
            if low - 1e-9 <= value <= high + 1e-9:
                return round(value, 4)
        raise ValueError(f"factor {self.name}: no value departs by {share}, extremes are {self.extreme}")


FACTORS: Mapping[str, Factor] = MappingProxyType(
    {
        each.name: each
        for each in (
            Factor("pose", "rotation", 0.0, (-22.0, 22.0), (-90.0, 90.0)),
            Factor("size", "size", 0.76, (0.62, 0.90), (0.30, 0.90)),
            Factor("position", "offset", 0.0, (0.0, 0.06), (0.0, 0.26)),
            Factor("lighting", "light", 1.0, (0.8, 1.2), (0.25, 1.75)),
            Factor("background", "background_contrast", 0.2, (0.0, 0.4), (0.0, 1.0)),
            Factor("occlusion", "occlusion", 0.0, (0.0, 0.12), (0.0, 0.5)),
            Factor("color", "hue_shift", 0.0, (-16.0, 16.0), (-180.0, 180.0)),
            Factor("texture", "texture_swap", 0.0, (0.0, 0.0), (0.0, 1.0)),
            Factor("blur", "blur", 0.0, (0.0, 0.6), (0.0, 2.4)),
            Factor("noise", "noise", 0.0, (0.0, 10.0), (0.0, 60.0)),
        )
    }
)


@dataclass(frozen=True)
class Thing:
    """One object of a scene: `name` is the class of its silhouette, `texture` the class of its surface."""

    name: str
    texture: str
    hue_shift: float  # from the usual hue of `name`
    saturation: float
    value: float
    accent: float  # brightness of the texture's second color relative to the first
    x: float  # center, from the center of the frame, to the right
    y: float  # center, from the center of the frame, down
    size: float
    rotation: float  # clockwise
    phase: int  # where the texture starts, cells

    @property
    def hue(self) -> float:
        """Hue of the surface in [0, 360)."""
        return round((CLASSES[self.name].hue + self.hue_shift) % 360, 4)

    @property
    def offset(self) -> float:
        """The larger of the distances from the center across and down."""
        return max(abs(self.x), abs(self.y))

    @property
    def texture_swap(self) -> float:
        """1 if the surface is that of another class, else 0."""
        return float(self.name != self.texture)


@dataclass(frozen=True)
class Scene:
    """All values of one image. `seed` names the pattern of the noise and of the background."""

    seed: str
    style: str
    things: tuple[Thing, ...]
    background: str
    background_hue: float
    background_saturation: float
    background_value: float
    background_contrast: float
    background_angle: int
    light: float
    light_slope: float  # change of the gain across the frame
    light_angle: int
    occlusion: float  # share of the object's area that is covered
    occluder_angle: int
    occluder_start: float
    occluder_hue: float
    blur: float
    noise: float
    stroke: float  # line width of a sketch, pixels
    hatch: float  # opacity of the texture in a sketch

    def number(self, column: str) -> float:
        """The number under a factor's column, of the scene or of its first object."""
        return float(getattr(self if hasattr(self, column) else self.things[0], column))

    def annotations(self) -> dict[str, str | float | int]:
        """Every drawn value by column; object columns are those of the first object."""
        thing = self.things[0]
        row: dict[str, str | float | int] = {"class": thing.name, "hue": thing.hue, "offset": thing.offset}
        row |= {f.name: getattr(thing, f.name) for f in fields(Thing) if f.name != "name"}
        row |= {f.name: getattr(self, f.name) for f in fields(Scene) if f.name not in ("seed", "things")}
        return row | {"objects": len(self.things), "texture_swap": thing.texture_swap}


def departures(scene: Scene) -> dict[str, float]:
    """How far each factor departs from typical, as a share of its reach."""
    return {name: factor.departure(scene.number(factor.column)) for name, factor in FACTORS.items()}


def set_factor(scene: Scene, factor: Factor, value: float) -> Scene:
    """The scene with one factor set to a value of its column."""
    thing = scene.things[0]
    change: dict[str, Any] = {factor.column: value}
    if factor.column == "offset":
        scale = value / thing.offset if thing.offset else 0.0
        moved = replace(thing, x=round(thing.x * scale, 4), y=round(thing.y * scale, 4))
    elif factor.column == "texture_swap":
        # The hue stays as it was: this factor is the pattern alone.
        texture = other_class(Draws(scene.seed), "swap", thing.name) if value else thing.name
        moved = replace(thing, texture=texture)
    elif factor.column in {f.name for f in fields(Thing)}:
        moved = replace(thing, **change)
    else:
        return replace(scene, **change)
    return replace(scene, things=(moved, *scene.things[1:]))


def _turn(degrees: float) -> float:
    """The same turn within [-180, 180)."""
    return round((degrees + 180) % 360 - 180, 4)


def other_class(draws: Draws, name: str, but: str) -> str:
    """A class drawn from all but one."""
    return draws.choice(name, [each for each in CLASS_NAMES if each != but])


def ordinary_thing(draws: Draws, name: str, texture: str | None = None, prefix: str = "") -> Thing:
    """An object of everyday values; texture and hue are those of its own class unless another is given."""

    def usual(factor: str) -> float:
        low, high = FACTORS[factor].ordinary
        return draws.uniform(prefix + factor, low, high)

    reach = FACTORS["position"].ordinary[1]
    return Thing(
        name=name,
        texture=texture or name,
        hue_shift=_turn(usual("color") + CLASSES[texture or name].hue - CLASSES[name].hue),
        saturation=draws.uniform(prefix + "saturation", 0.55, 0.95),
        value=draws.uniform(prefix + "value", 0.65, 0.95),
        accent=draws.choice(prefix + "accent", (0.35, 0.45, 0.55, 1.6)),
        x=draws.uniform(prefix + "x", -reach, reach),
        y=draws.uniform(prefix + "y", -reach, reach),
        size=usual("size"),
        rotation=usual("pose"),
        phase=draws.integer(prefix + "phase", 0, 1 << 16),
    )


def varied_thing(draws: Draws, name: str, prefix: str = "") -> Thing:
    """An object as in training and validation: mostly of its class's hue and texture, not always."""
    texture = (
        name if draws.chance(prefix + "tied texture", TEXTURE_TIED) else other_class(draws, prefix + "other", name)
    )
    thing = ordinary_thing(draws, name, texture, prefix)
    own_to_surface = CLASSES[texture].hue - CLASSES[name].hue
    if draws.chance(prefix + "tied hue", HUE_TIED):
        return replace(thing, hue_shift=_turn(thing.hue_shift - own_to_surface))
    return replace(thing, hue_shift=_turn(own_to_surface + draws.uniform(prefix + "any hue", -180.0, 180.0)))


def scene(draws: Draws, *things: Thing, style: str = "photo") -> Scene:
    """A scene of everyday values around the given objects."""

    def usual(factor: str) -> float:
        low, high = FACTORS[factor].ordinary
        return draws.uniform(factor, low, high)

    return Scene(
        seed=draws.key,
        style=style,
        things=things,
        background=draws.choice("background kind", BACKGROUNDS),
        background_hue=draws.uniform("background hue", 0, 360),
        background_saturation=draws.uniform("background saturation", 0.05, 0.4),
        background_value=draws.uniform("background value", 0.35, 0.95),
        background_contrast=usual("background"),
        background_angle=draws.integer("background angle", 0, 360),
        light=usual("lighting"),
        light_slope=draws.uniform("light slope", 0, 0.4),
        light_angle=draws.integer("light angle", 0, 360),
        occlusion=usual("occlusion") if draws.chance("occluded", OCCLUDED) else 0.0,
        occluder_angle=draws.integer("occluder angle", 0, 360),
        occluder_start=draws.uniform("occluder start", 0, 1),
        occluder_hue=draws.uniform("occluder hue", 0, 360),
        blur=usual("blur"),
        noise=usual("noise"),
        stroke=draws.uniform("stroke", 1.2, 2.2),
        hatch=draws.uniform("hatch", 0.0, 0.5),
    )
