"""Trains a model of the miniature zoo from a seed and writes its weights and its card."""

import logging
import platform
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import timm
import torch
from safetensors.torch import save_file
from timm.layers.patch_dropout import PatchDropout
from torch import Tensor, nn

from eyechart.checkpoints import clip
from eyechart.miniature.classes import CLASS_NAMES
from eyechart.miniature.sets import render_set
from eyechart.miniature.training.augment import augment, normalize
from eyechart.miniature.training.card import JUDGED, Card, Score, file_hash
from eyechart.miniature.training.learners import Contrastive, Learner, Supervised, evaluate
from eyechart.miniature.training.schedules import Recipe

LOG = logging.getLogger(__name__)
THREADS = 2


@dataclass(frozen=True)
class TrainSpec:
    """What is trained and how: `architecture` and `arguments` as `models.yaml` declares them."""

    source: str  # timm or open_clip
    architecture: str | Mapping[str, Any]
    recipe: Recipe
    arguments: Mapping[str, Any] = field(default_factory=dict)

    def build(self) -> nn.Module:
        """The network, with fresh weights from torch's generator."""
        if self.source == "timm" and isinstance(self.architecture, str):
            return timm.create_model(self.architecture, num_classes=len(CLASS_NAMES), **self.arguments)
        if self.source == "open_clip" and not isinstance(self.architecture, str):
            network: nn.Module = clip.build(dict(self.architecture))
            return network
        raise ValueError(f"cannot build source {self.source!r} from architecture {self.architecture!r}")


def train(name: str, spec: TrainSpec, output: Path, seed: int = 0, device: str = "cpu") -> Card:
    """Trains one model, writes `<name>.safetensors` and `<name>.md` into the folder `output`, returns the card."""
    start = time.perf_counter()
    torch.set_num_threads(THREADS)
    torch.manual_seed(seed)
    rendered = render_set("train", range(spec.recipe.images), workers=THREADS)
    images = _channels_first(rendered.images)
    learner: Learner
    network = spec.build().to(device)
    if spec.source == "timm":
        learner = Supervised(network, torch.from_numpy(rendered.labels))
    else:
        learner = Contrastive(network, spec.recipe.images)
    fit(learner, images, spec.recipe, seed, device)
    minutes = (time.perf_counter() - start) / 60
    output.mkdir(parents=True, exist_ok=True)
    weights = output / f"{name}.safetensors"
    save_file({key: value.detach().cpu().contiguous() for key, value in network.state_dict().items()}, weights)
    card = Card(
        name=name,
        source=spec.source,
        architecture=spec.architecture,
        arguments=spec.arguments,
        recipe=spec.recipe,
        seed=seed,
        parameters=sum(each.numel() for each in network.parameters()),
        minutes=round(minutes, 1),
        machine=f"{THREADS} CPU cores ({platform.machine()})" if device == "cpu" else torch.cuda.get_device_name(),
        sha256=file_hash(weights),
        scores=tuple(score(learner, each) for each in JUDGED),
    )
    (output / f"{name}.md").write_text(card.markdown())
    return card


def fit(learner: Learner, images: Tensor, recipe: Recipe, seed: int, device: str) -> list[float]:
    """Trains on uint8 images (n, 3, h, w) of the train set; returns the mean loss of each epoch."""
    generator = torch.Generator().manual_seed(seed)
    optimizer = torch.optim.AdamW(_groups(learner.network, recipe.weight_decay), lr=recipe.learning_rate)
    batches = max(1, len(images) // recipe.batch)
    schedule = _schedule(optimizer, recipe, batches * recipe.epochs)
    losses = []
    for epoch in range(recipe.epochs):
        learner.network.train()
        if recipe.sparse_epochs:
            drop = recipe.sparse_drop if epoch < recipe.sparse_epochs else 0.0
            learner.trunk.patch_drop = PatchDropout(drop, num_prefix_tokens=0) if drop else nn.Identity()
        order = torch.randperm(len(images), generator=generator)
        total = 0.0
        for step, indices in enumerate(torch.split(order[: batches * recipe.batch], recipe.batch)):
            side = recipe.sides[step % len(recipe.sides)]
            batch = augment(normalize(images[indices].to(device)), recipe.augmentation, generator, side)
            loss = learner.loss(batch, indices, epoch)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(learner.network.parameters(), recipe.clip_norm)
            optimizer.step()
            schedule.step()
            total += loss.item()
        losses.append(total / batches)
        LOG.info("epoch %d of %d: loss %.3f", epoch + 1, recipe.epochs, losses[-1])
    return losses


def _groups(network: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """Weight decay for matrices only: never for biases, norms, positions or the logit scale."""
    named = [(name, each) for name, each in network.named_parameters() if each.requires_grad]
    free = [each for name, each in named if each.ndim < 2 or "pos" in name]
    decayed = [each for name, each in named if not (each.ndim < 2 or "pos" in name)]
    return [{"params": decayed, "weight_decay": weight_decay}, {"params": free, "weight_decay": 0.0}]


def _schedule(optimizer: torch.optim.Optimizer, recipe: Recipe, steps: int) -> torch.optim.lr_scheduler.LRScheduler:
    """Linear warm-up, then a cosine to zero."""
    warmup = max(1, round(recipe.warmup * steps))
    return torch.optim.lr_scheduler.SequentialLR(
        optimizer,
        [
            torch.optim.lr_scheduler.LinearLR(optimizer, 1 / warmup, total_iters=warmup),
            torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, max(1, steps - warmup)),
        ],
        [warmup],
    )


def _channels_first(images: np.ndarray[Any, np.dtype[np.uint8]]) -> Tensor:
    """uint8 (n, h, w, 3) to (n, 3, h, w)."""
    return torch.from_numpy(np.ascontiguousarray(images.transpose(0, 3, 1, 2)))


def score(learner: Learner, name: str) -> Score:
    """Top-1 accuracy on a whole set."""
    rendered = render_set(name, workers=THREADS)
    answers = evaluate(learner, _channels_first(rendered.images)).argmax(1).numpy()
    return Score(name, int((answers == rendered.labels).sum()), len(answers))
