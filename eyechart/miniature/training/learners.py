"""The two ways to learn: classes by cross-entropy, or captions by contrast (CLIP).

A learner holds a network; `loss` is of a training batch, `logits` of images over the classes.
"""

import math
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional

from eyechart.checkpoints import clip
from eyechart.miniature.captions import CONTEXT_LENGTH, MERGES, PROMPTS, caption
from eyechart.miniature.classes import CLASS_NAMES
from eyechart.miniature.sets import SETS, shot
from eyechart.miniature.training.augment import normalize

MAX_SCALE = 100.0  # of the cosines, as in CLIP
CAPTIONS = 4  # per image, one of which is drawn in each epoch


class Learner(Protocol):
    """What the training loop needs."""

    network: nn.Module
    trunk: nn.Module  # the timm network that sees the images

    def loss(self, images: Tensor, indices: Tensor, epoch: int, /) -> Tensor:
        """Loss of a batch: normalized images (n, 3, h, w) and their indices in the train set (n,)."""
        ...

    def logits(self, images: Tensor) -> Tensor:
        """Scores of normalized images (n, 3, h, w) over the classes, (n, classes)."""
        ...


class Supervised:
    """Cross-entropy over the classes."""

    def __init__(self, network: nn.Module, labels: Tensor) -> None:
        self.network = network
        self.trunk: nn.Module = network
        self._labels = labels

    def loss(self, images: Tensor, indices: Tensor, _epoch: int, /) -> Tensor:
        """Cross-entropy of the labels."""
        return functional.cross_entropy(self.network(images), self._labels[indices].to(images.device))

    def logits(self, images: Tensor) -> Tensor:
        """The network's own outputs."""
        scores: Tensor = self.network(images)
        return scores


class Contrastive:
    """CLIP: images and captions of a batch are matched; identical captions share the credit."""

    def __init__(self, network: Any, count: int) -> None:
        self.network: nn.Module = network
        self._clip = network
        self.trunk: nn.Module = network.visual.trunk
        self._tokenizer = clip.tokenizer(MERGES, CONTEXT_LENGTH)
        shots = [shot(SETS["train"].name, index) for index in range(count)]
        texts = [caption(each.scene, variant) for variant in range(CAPTIONS) for each in shots]
        self._tokens = self._tokenizer(texts).view(CAPTIONS, count, -1)

    def loss(self, images: Tensor, indices: Tensor, epoch: int, /) -> Tensor:
        """Symmetric cross-entropy over the batch."""
        with torch.no_grad():
            self._clip.logit_scale.clamp_(max=math.log(MAX_SCALE))
        tokens = self._tokens[epoch % CAPTIONS, indices].to(images.device)
        unique, which = tokens.unique(dim=0, return_inverse=True)
        image = self._clip.encode_image(images, normalize=True)
        text = self._clip.encode_text(unique, normalize=True)[which]
        scores = self._scale() * image @ text.T
        same = (which[:, None] == which[None, :]).float()
        target = same / same.sum(1, keepdim=True)
        both = torch.stack([functional.cross_entropy(scores, target), functional.cross_entropy(scores.T, target)])
        loss: Tensor = both.mean()
        return loss

    def logits(self, images: Tensor) -> Tensor:
        """Zero-shot scores: scaled cosines with the mean text embedding of each class."""
        image: Tensor = self._clip.encode_image(images, normalize=True)
        return self._scale() * image @ self.classifier().T

    def classifier(self) -> Tensor:
        """Mean of the normalized prompt embeddings of each class, normalized, (classes, embedding)."""
        device = next(self.network.parameters()).device
        texts = [prompt.format(name) for name in CLASS_NAMES for prompt in PROMPTS]
        embedded = self._clip.encode_text(self._tokenizer(texts).to(device), normalize=True)
        return functional.normalize(embedded.view(len(CLASS_NAMES), len(PROMPTS), -1).mean(1), dim=-1)

    def _scale(self) -> Tensor:
        """The learned logit scale."""
        log_scale: Tensor = self._clip.logit_scale
        return log_scale.exp()


def evaluate(learner: Learner, images: Tensor, batch: int = 250) -> Tensor:
    """Scores of uint8 images (n, 3, h, w) over the classes in evaluation mode, float32 (n, classes)."""
    learner.network.eval()
    device = next(learner.network.parameters()).device
    with torch.inference_mode():
        return torch.cat([learner.logits(normalize(part.to(device))).cpu() for part in torch.split(images, batch)])
