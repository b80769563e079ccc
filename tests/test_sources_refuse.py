"""What the torch sources refuse: weights that are not there, do not fit or would run code; names no library has."""

from __future__ import annotations

import io
import pickle

import numpy as np
import pytest

from eyechart.checkpoints.checkpoint import Checkpoint, Resolved
from eyechart.checkpoints.preprocessing import Geometry, Preprocessing
from eyechart.checkpoints.sources import open_clip as open_clip_source
from eyechart.checkpoints.sources import timm as timm_source
from eyechart.checkpoints.sources.base import TorchAnswers, read_weights, torch_device
from eyechart.errors import BlockedError, SpecError
from eyechart.images.labels import label_space
from eyechart.predict.locating import Locator
from eyechart.predict.run import Run, Settings
from eyechart.progress import Progress
from eyechart.zoo.zoo import read_zoo
from tests.harness import zoo_file
from tests.torch_models import CONVNEXT, NATIVE, VIT, save_clip, save_timm, surroundings

pytestmark = pytest.mark.slow


def refusal(spec, folder, error, source=timm_source) -> str:
    """The message with which a source refuses to load."""
    with pytest.raises(error) as refused:
        source.load(spec, surroundings(folder))
    return str(refused.value)


def test_a_typo_in_one_model_blocks_that_model(tmp_path):
    """The message names file and key; a device that is not there is no fault of the model, and ends the run."""
    save_timm(tmp_path, **VIT)
    net = {"source": "timm", "weights": "timm.safetensors", "label_space": {"classes": 5}, **VIT}
    models = {"net": net, "typo": {**net, "architecture": "resnet5O"}}
    zoo = read_zoo(zoo_file(tmp_path / "models.yaml", models))
    locator = Locator(Run(zoo, Settings(tmp_path / "store", device="cuda:99")), Progress(io.StringIO()))
    with pytest.raises(BlockedError, match=r"models.yaml: zoos.miniature.models.typo: timm has no .* 'resnet50'\?"):
        locator.checkpoint("typo")
    with pytest.raises(SpecError, match="--device 'cuda:99' is not on this machine"):
        locator.checkpoint("net")


def test_weights_of_another_architecture_are_listed(tmp_path):
    """The first misfits by name and shape, and how many more there are."""
    save_timm(tmp_path, **CONVNEXT)
    spec = timm_source.TimmSpec(source="timm", weights="timm.safetensors", **VIT)
    message = refusal(spec, tmp_path, BlockedError)
    assert f"weights {tmp_path}/timm.safetensors do not fit the architecture: unexpected 'head.fc." in message
    assert "more" in message


def test_weights_of_another_size_are_listed(tmp_path):
    """Where all names fit and a shape does not, both shapes are said."""
    save_timm(tmp_path, **VIT)
    wider = {**VIT, "arguments": {**VIT["arguments"], "img_size": 64}}
    message = refusal(timm_source.TimmSpec(source="timm", weights="timm.safetensors", **wider), tmp_path, BlockedError)
    assert "'pos_embed' has shape (1, 17, 48), the architecture needs (1, 65, 48)" in message


def test_missing_and_damaged_weights_are_named(tmp_path):
    """The file that was looked for; and one that was cut off while it was copied."""
    spec = save_timm(tmp_path, **CONVNEXT)
    whole = (tmp_path / "timm.safetensors").read_bytes()
    (tmp_path / "timm.safetensors").write_bytes(whole[: len(whole) // 2])
    assert f"weights {tmp_path}/timm.safetensors: cannot be read as .safetensors" in refusal(
        spec, tmp_path, BlockedError
    )
    (tmp_path / "timm.safetensors").unlink()
    message = refusal(spec, tmp_path, BlockedError)
    assert f"weights 'timm.safetensors' not found: looked for the file {tmp_path}/timm.safetensors" in message
    (tmp_path / "timm.safetensors").mkdir()
    (tmp_path / "timm.safetensors/model.bin").write_bytes(b"")
    folder = refusal(spec, tmp_path, BlockedError)
    assert "timm.safetensors, which is a folder with model.bin: name the file" in folder


class Bomb:
    """A pickle that touches a file when it is loaded."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


@pytest.mark.parametrize("how", ["torch", "pickle"])
def test_a_pickle_that_would_run_code_is_refused_and_not_run(tmp_path, how):
    """Weights are data; the message says how to save them."""
    import torch

    bomb = {"a": Bomb(tmp_path / "exploded")}
    path = tmp_path / "weights.pth"
    if how == "torch":
        torch.save(bomb, path)
    else:
        path.write_bytes(pickle.dumps(bomb, protocol=2))
    with pytest.raises(BlockedError, match=r"refused, this pickle would run code when loaded \(\S+\)\."):
        read_weights(path)
    assert not (tmp_path / "exploded").exists()


def test_a_torch_file_of_something_else_is_refused(tmp_path):
    """A list of tensors is no state dict."""
    import torch

    torch.save([torch.zeros(2)], tmp_path / "list.pth")
    with pytest.raises(BlockedError, match=r"expected a state dict \(names to tensors\), found list"):
        read_weights(tmp_path / "list.pth")


def test_names_that_no_library_has_offer_the_nearest(tmp_path):
    """Architectures of both libraries, and prompts."""
    made = timm_source.TimmSpec(source="timm", architecture="vit_tinny_patch16_224", weights="w")
    assert "timm has no architecture 'vit_tinny_patch16_224': did you mean 'vit_tiny" in refusal(
        made, tmp_path, SpecError
    )
    made = open_clip_source.OpenClipSpec(source="open_clip", architecture="ViT-B-61", pretrained="x")
    message = refusal(made, tmp_path, SpecError, open_clip_source)
    assert "open_clip has no architecture 'ViT-B-61': did you mean 'ViT-B-" in message
    made = save_clip(tmp_path, NATIVE, prompts="miniatur")
    assert "prompts 'miniatur' is unknown: did you mean 'miniature'?" in refusal(
        made, tmp_path, SpecError, open_clip_source
    )


@pytest.mark.parametrize("arguments", [{"no_such": 1}, {"num_heads": 5}, {"embed_dim": -1}, {"depth": "two"}], ids=str)
def test_arguments_that_timm_does_not_take_are_named(tmp_path, arguments):
    """Whatever error timm raises, the message names the architecture and the arguments."""
    spec = timm_source.TimmSpec(source="timm", weights="w", **{**VIT, "arguments": {**VIT["arguments"], **arguments}})
    message = refusal(spec, tmp_path, SpecError)
    assert "'vit_tiny_patch16_224'" in message
    assert str(arguments)[1:-1] in message


def test_published_weights_keep_their_head(tmp_path):
    """With a label space of another size timm would answer through random weights, without a word."""
    spec = timm_source.TimmSpec(source="timm", architecture="deit3_base_patch16_224.fb_in22k_ft_in1k")
    message = refusal(spec, tmp_path, SpecError)
    assert "answer with 1000 classes, the label space has" in message


def test_a_configuration_that_open_clip_cannot_build_is_named(tmp_path):
    """A key is missing, or one is too many."""
    import torch

    torch.save({"w": torch.zeros(1)}, tmp_path / "w")
    for broken in ({"embed_dim": 16}, {**NATIVE, "no_such": 1}):
        spec = open_clip_source.OpenClipSpec(source="open_clip", architecture=broken, weights="w", prompts=("a {}",))
        message = refusal(spec, tmp_path, SpecError, open_clip_source)
        assert "open_clip cannot build the architecture" in message


def test_a_device_that_is_not_here_is_named():
    """Unknown, or not on this machine; what there is is said."""
    with pytest.raises(SpecError, match=r"--device 'tpu' is unknown: .*Allowed: auto, cpu, cuda"):
        torch_device("tpu")
    with pytest.raises(SpecError, match=r"--device 'cuda:99' is not on this machine: .*'cpu'"):
        torch_device("cuda:99")
    assert torch_device("cpu").type == "cpu"


def answers_of(forward) -> Checkpoint:
    """A checkpoint around a torch module with this forward pass."""
    import torch

    class Module(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.norm = torch.nn.BatchNorm2d(3)

        def forward(self, pixels):
            return forward(self, pixels)

    preprocessing = Preprocessing(Geometry((8, 8), (8, 8)), (0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
    resolved = Resolved("timm", "", "", "", preprocessing, 1, 3, "fp32")
    around = surroundings(None, cached=None)
    return Checkpoint(resolved, TorchAnswers(Module(), preprocessing, around, (8, 8), None, embedded=None))


BATCH = np.zeros((2, 8, 8, 3), dtype=np.uint8)


def test_a_checkpoint_answers_in_eval_and_inference_mode():
    """Batch statistics are those of training, and nothing can be learned from a question."""
    import torch

    seen = []

    def forward(module, pixels):
        seen.append((module.training, module.norm.training, torch.is_inference_mode_enabled()))
        return module.norm(pixels).mean(dim=(2, 3))

    assert answers_of(forward).answer(BATCH).shape == (2, 3)
    assert seen == [(False, False, True)]


def test_a_checkpoint_that_leaves_eval_or_inference_mode_is_caught():
    """A module that flips itself or a part of itself back to training is blocked; so is one that opens gradients."""
    import torch

    def flips(module, pixels):
        module.norm.train()
        return pixels.mean(dim=(2, 3))

    def learns(module, pixels):
        with torch.inference_mode(False):
            return torch.zeros(len(pixels), 3, requires_grad=True) * 1

    for forward in (flips, learns):
        with pytest.raises(BlockedError, match=r"must answer in eval\(\) and inference_mode\(\)"):
            answers_of(forward).answer(BATCH)


@pytest.mark.parametrize(
    ("architecture", "message"),
    [
        ("vit_base_patch16_clip_224.openai", "embedding of 512 .*architecture: ViT-B-16, pretrained: .*openai"),
        ("vit_base_patch16_siglip_224.webli", "architecture: ViT-B-16-SigLIP, pretrained: webli"),
        ("vit_base_patch16_siglip_gap_224.v2_webli", "architecture: ViT-B-16-SigLIP2, pretrained: webli"),
        ("fastvit_mci0.apple_mclip2_dfndr2b", "architecture: MobileCLIP2-S0, pretrained: dfndr2b"),
        ("vit_small_patch14_dinov2.lvd142m", "it gives features and names no classes: train a classifier"),
        ("vit_base_patch16_224.augreg_in21k", "with 21843 classes.*state `label_space: imagenet-21k`"),
        ("mixer_b16_224.miil_in21k", "with 11221 classes.*state `label_space: imagenet-21k-miil`"),
    ],
)
def test_published_weights_without_the_classes_say_what_to_do(tmp_path, architecture, message):
    """A CLIP's tower names its CLIP, a network without classes how it is judged, another head its label space."""
    spec = timm_source.TimmSpec(source="timm", architecture=architecture)
    with pytest.raises(SpecError, match=message):
        timm_source.load(spec, surroundings(tmp_path, labels=label_space("imagenet-1k")))


def test_a_weights_file_with_a_background_class_is_told(tmp_path):
    """1,001 rows of a classifier, where ImageNet's 1,000 are declared."""
    spec = save_timm(tmp_path, **CONVNEXT)
    import torch
    from safetensors.torch import load_file, save_file

    state = load_file(tmp_path / "timm.safetensors")
    state |= {"head.fc.weight": torch.zeros(1001, 8), "head.fc.bias": torch.zeros(1001)}
    save_file(state, tmp_path / "timm.safetensors")
    with pytest.raises(BlockedError, match=r"has shape \(1001, 8\).*`label_space: imagenet-1k-background`"):
        timm_source.load(spec, surroundings(tmp_path, labels=label_space("imagenet-1k")))
    wider = surroundings(tmp_path, labels=label_space("imagenet-1k-background"))
    assert timm_source.load(spec, wider).resolved.classes == 1001
