"""Captions, networks and training: reproducible from a seed, and the committed weights are what their cards say."""

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file

from eyechart.checkpoints import clip
from eyechart.miniature import captions
from eyechart.miniature.captions import CONTEXT_LENGTH, MERGES, PROMPTS, corpus, merges_text
from eyechart.miniature.classes import CLASS_NAMES
from eyechart.miniature.sets import render_set, shot
from eyechart.miniature.training.augment import Augmentation, augment, normalize
from eyechart.miniature.training.card import Score, file_hash
from eyechart.miniature.training.learners import Contrastive, Supervised, evaluate
from eyechart.miniature.training.schedules import RECIPES, Recipe
from eyechart.miniature.training.train import TrainSpec, fit

WEIGHTS = Path(captions.__file__).parent / "weights"
VIT = {"img_size": 64, "patch_size": 8, "embed_dim": 24, "depth": 1, "num_heads": 2, "class_token": False}
TEXT = {"context_length": CONTEXT_LENGTH, "vocab_size": 707, "width": 16, "heads": 2, "layers": 1}
VISION = {"timm_model_name": "vit_tiny_patch16_224", "timm_pool": "avg", "timm_proj": "", "image_size": 64}
TWO_STEPS = Recipe(epochs=1, batch=12, images=24)
SPECS = {
    "timm": TrainSpec("timm", "vit_tiny_patch16_224", TWO_STEPS, {**VIT, "global_pool": "avg"}),
    "open_clip": TrainSpec(
        "open_clip", {"embed_dim": 8, "vision_cfg": {**VISION, "timm_arguments": VIT}, "text_cfg": TEXT}, TWO_STEPS
    ),
}


def _trained(source: str, seed: int) -> dict[str, torch.Tensor]:
    """Weights after two steps."""
    torch.manual_seed(seed)
    rendered = render_set("train", range(TWO_STEPS.images))
    images = torch.from_numpy(rendered.images).permute(0, 3, 1, 2).contiguous()
    network = SPECS[source].build()
    timm = source == "timm"
    learner = Supervised(network, torch.from_numpy(rendered.labels)) if timm else Contrastive(network, len(images))
    losses = fit(learner, images, TWO_STEPS, seed, "cpu")
    assert len(losses) == 1
    assert evaluate(learner, images).shape == (TWO_STEPS.images, len(CLASS_NAMES))
    return {name: value.clone() for name, value in network.state_dict().items()}


@pytest.mark.parametrize("source", SPECS)
def test_training_repeats_bit_for_bit_from_its_seed(source: str) -> None:
    """Two runs of two steps agree in every bit; another seed gives other weights; all stay finite."""
    once, again, other = _trained(source, 1), _trained(source, 1), _trained(source, 2)
    assert all(torch.equal(once[name], again[name]) for name in once)
    assert any(not torch.equal(once[name], other[name]) for name in once)
    assert all(value.isfinite().all() for value in once.values())


def test_training_lowers_the_loss() -> None:
    """A tiny network fits two batches it sees again and again."""
    torch.manual_seed(0)
    rendered = render_set("train", range(24))
    images = torch.from_numpy(rendered.images).permute(0, 3, 1, 2).contiguous()
    learner = Supervised(SPECS["timm"].build(), torch.from_numpy(rendered.labels))
    losses = fit(learner, images, replace(TWO_STEPS, epochs=30, learning_rate=1e-2), 0, "cpu")
    assert losses[-1] < 0.8 * losses[0]


def test_merges_file_is_what_the_captions_give() -> None:
    """The committed merges are learned from the words of our captions, and make each word one token."""
    assert MERGES.read_text() == merges_text()
    tokens = clip.tokenizer(MERGES, CONTEXT_LENGTH)
    assert tokens.vocab_size == TEXT["vocab_size"]
    assert all(len(tokens.encode(word)) == 1 for word in corpus())


@given(st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1, max_size=CONTEXT_LENGTH - 2))
def test_tokenizer_round_trip(word: str) -> None:
    """Any word comes back in lower case, known or not."""
    tokens = clip.tokenizer(MERGES, CONTEXT_LENGTH)
    assert tokens.decode(tokens.encode(word)).replace(" ", "") == word.lower()


def test_captions_say_what_the_scene_shows() -> None:
    """Every caption names the class of the silhouette, fits the context, and is repeatable."""
    tokens = clip.tokenizer(MERGES, CONTEXT_LENGTH)
    texts = []
    for index in range(60):
        scene = shot("train", index).scene
        texts += [captions.caption(scene, variant) for variant in range(2)]
        assert texts[-1] == captions.caption(scene, 1)
        assert scene.things[0].name in texts[-1].rstrip(".").split()
    assert max(len(tokens.encode(text)) for text in texts) <= CONTEXT_LENGTH - 2
    assert len({text.replace(name, "") for text in texts for name in CLASS_NAMES}) > len(PROMPTS)


@pytest.mark.parametrize(("hue", "word"), [(0, "red"), (359, "red"), (-2, "red"), (30, "orange"), (245, "blue")])
def test_color_words(hue: float, word: str) -> None:
    """Hues wrap around."""
    assert captions.color_word(hue) == word


def test_augmentation_keeps_the_range_and_can_do_nothing() -> None:
    """Values stay those of an image; with every amount at zero the image stays itself."""
    images = normalize(torch.randint(0, 256, (4, 3, 64, 64), dtype=torch.uint8))
    generator = torch.Generator().manual_seed(0)
    changed = augment(images, Augmentation(), generator, 64)
    assert changed.shape == images.shape
    assert changed.abs().max() <= 1
    nothing = Augmentation(shift=0, zoom=(1, 1), brightness=0, tint=0, gray=0, blur=0)
    assert torch.allclose(augment(images, nothing, generator, 64), images, atol=1e-4)


def test_wilson_interval_by_hand() -> None:
    """8 of 10: 0.490 to 0.943, as in any textbook."""
    assert Score("a", 8, 10).interval == pytest.approx((0.4902, 0.9433), abs=1e-4)


@pytest.mark.parametrize("name", RECIPES)
def test_committed_weights_are_those_of_the_card(name: str) -> None:
    """The hash in the card is the file's; the weights load strictly, are small, and name clean images."""
    weights, card = WEIGHTS / f"{name}.safetensors", (WEIGHTS / f"{name}.md").read_text()
    assert file_hash(weights) in card
    assert weights.stat().st_size < 3_000_000
    declared = dict(re.findall(r"^- (source|architecture|arguments): `?(.+?)`?$", card, flags=re.MULTILINE))
    architecture, arguments = (json.loads(declared[key]) for key in ("architecture", "arguments"))
    spec = TrainSpec(declared["source"], architecture, RECIPES[name], arguments)
    network = spec.build()
    network.load_state_dict(load_file(weights), strict=True)
    some = render_set("validation", range(120))
    timm = spec.source == "timm"
    learner = Supervised(network, torch.from_numpy(some.labels)) if timm else Contrastive(network, 1)
    answers = evaluate(learner, torch.from_numpy(some.images).permute(0, 3, 1, 2)).argmax(1).numpy()
    assert (answers == some.labels).mean() > 0.75
