"""The changes of an image that a behavior may ask for. A door to `eyechart.images.views`."""

from eyechart.images.views import (
    ORIGINAL,
    black_shift,
    brightness,
    corrupt,
    relative_resolution,
    relative_shift,
    resolution,
    scale,
    shift,
)

__all__ = [
    "ORIGINAL",
    "black_shift",
    "brightness",
    "corrupt",
    "relative_resolution",
    "relative_shift",
    "resolution",
    "scale",
    "shift",
]
