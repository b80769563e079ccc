"""Light augmentation of a batch of images, on tensors: crops, tints, gray and blur. No flips, no drawing styles."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

MEAN, STD = 0.5, 0.5  # of every channel and every model of the miniature zoo


@dataclass(frozen=True)
class Augmentation:
    """How far images are changed. Shift is a share of the frame, zoom and tint are gains."""

    shift: float = 0.10
    zoom: tuple[float, float] = (0.75, 1.30)
    brightness: float = 0.30
    tint: float = 0.15
    gray: float = 0.15  # share of images without color
    blur: float = 0.15  # share of images blurred


def normalize(images: Tensor) -> Tensor:
    """uint8 (n, 3, h, w) to float32 with the zoo's mean and deviation."""
    return images.float().div_(255 * STD).sub_(MEAN / STD)


def augment(images: Tensor, amount: Augmentation, generator: torch.Generator, side: int) -> Tensor:
    """Random changes of normalized images (n, 3, h, w), float32 (n, 3, side, side)."""
    n = len(images)

    def uniform(low: float, high: float, *shape: int) -> Tensor:
        drawn = torch.rand(n, *shape, generator=generator)
        return (low + (high - low) * drawn).to(images.device)

    zoom = uniform(*amount.zoom)
    shift = uniform(-2 * amount.shift, 2 * amount.shift, 2)  # the sampling grid spans 2 units
    theta = torch.zeros(n, 2, 3, device=images.device)
    theta[:, 0, 0] = theta[:, 1, 1] = 1 / zoom
    theta[:, :, 2] = shift
    grid = functional.affine_grid(theta, [n, 3, side, side], align_corners=False)
    images = functional.grid_sample(images, grid, padding_mode="reflection", align_corners=False)
    gain = uniform(1 - amount.brightness, 1 + amount.brightness, 1, 1, 1)
    gain = gain * uniform(1 - amount.tint, 1 + amount.tint, 3, 1, 1)
    images = ((images + MEAN / STD) * gain - MEAN / STD).clamp_(-MEAN / STD, (1 - MEAN) / STD)
    gray = uniform(0, 1, 1, 1, 1) < amount.gray
    images = torch.where(gray, images.mean(1, keepdim=True), images)
    blur = uniform(0, 1, 1, 1, 1) < amount.blur
    return torch.where(blur, functional.avg_pool2d(images, 3, 1, 1, count_include_pad=False), images)
