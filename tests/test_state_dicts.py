"""Weights as training scripts leave them: wrapped, prefixed, halved, sharded, tied, or beside others."""

from __future__ import annotations

import argparse
import json
import re

import numpy as np
import pytest

from eyechart.checkpoints.sources.base import read_weights, weights_file
from eyechart.checkpoints.sources.hub import content_of
from eyechart.checkpoints.sources.state_dicts import fill, unwrapped
from eyechart.errors import BlockedError
from tests.torch_models import BATCH, load_narrow

torch = pytest.importorskip("torch")
save_file = pytest.importorskip("safetensors.torch").save_file


def test_wrappers_and_prefixes_are_recognized_and_reported(tmp_path, state):
    """Averaged weights are taken where there are some; all forms are the same network, and the file its identity."""
    other = {key: value * 0 for key, value in state.items()}
    parallel = {f"module.{key}": value for key, value in state.items()}
    forms = {
        "plain": (state, ""),
        "wrapped": ({"state_dict": state, "epoch": 3}, "taken from 'state_dict'"),
        "ema": ({"model": other, "model_ema": state, "optimizer": {}}, "taken from 'model_ema'"),
        "alone": ({"net": state, "acc": 0.5, "optimizer": {"state": {0: {}}}}, "taken from 'net'"),
        "parallel": ({"model": parallel}, "taken from 'model', prefix 'module.' removed"),
        "compiled": ({f"_orig_mod.module.{key}": value for key, value in state.items()},
                     "prefix '_orig_mod.' removed, prefix 'module.' removed"),
    }  # fmt: skip
    answers, identities = [], set()
    for name, (content, note) in forms.items():
        torch.save(content, tmp_path / f"{name}.pth")
        made = load_narrow(tmp_path, f"{name}.pth")
        assert made.note == note
        answers.append(made.answer(BATCH))
        identities.add(made.resolved.identity)
    assert all(np.array_equal(each, answers[0]) for each in answers)
    assert len(identities) == len(forms)


@pytest.mark.parametrize("prefix", ["net.", "backbone.", "encoder.model.trunk."])
def test_any_prefix_that_all_names_have_is_removed_where_they_then_fit(tmp_path, state, prefix):
    """A training script's own name for its network; said with the model."""
    torch.save({f"{prefix}{key}": value for key, value in state.items()}, tmp_path / "x.pth")
    torch.save(state, tmp_path / "plain.pth")
    made = load_narrow(tmp_path, "x.pth")
    assert made.note == f"all {len(state)} names begin with {prefix!r}, which was removed"
    assert np.array_equal(made.answer(BATCH), load_narrow(tmp_path, "plain.pth").answer(BATCH))


def test_a_prefix_that_does_not_help_is_left_alone(tmp_path):
    """What does not fit is named as it stands in the file."""
    torch.save({"net.one": torch.zeros(1), "net.two": torch.zeros(1)}, tmp_path / "x.pth")
    with pytest.raises(BlockedError, match=r"unexpected 'net\.one'"):
        load_narrow(tmp_path, "x.pth")


def names_of_its_authors(name: str) -> str:
    """What facebookresearch/ConvNeXt calls a tensor of timm's convnext."""
    for pattern, theirs in [
        (r"stem\.(\d)", r"downsample_layers.0.\1"),
        (r"stages\.(\d)\.downsample\.(\d)", r"downsample_layers.\1.\2"),
        (r"stages\.(\d)\.blocks\.(\d)", r"stages.\1.\2"),
        (r"conv_dw", "dwconv"),
        (r"mlp\.fc", "pwconv"),
        (r"head\.norm", "norm"),
        (r"head\.fc", "head"),
    ]:
        name = re.sub(pattern, theirs, name)
    return name


def test_names_of_the_authors_are_mapped_by_timm(tmp_path):
    """The same answers from a file as published with a paper; one that timm cannot map is refused as it stands."""
    import timm

    small = {"architecture": "convnext_atto", "arguments": {"depths": [1, 1, 1, 1], "dims": [8, 8, 8, 8]}}
    torch.manual_seed(0)
    state = timm.create_model("convnext_atto", num_classes=3, conv_mlp=False, **small["arguments"]).state_dict()
    torch.save(state, tmp_path / "timm.pth")
    theirs = {names_of_its_authors(key): value for key, value in state.items()}
    assert len(theirs.keys() & state.keys()) < 3
    torch.save({"model": theirs}, tmp_path / "theirs.pth")
    small["arguments"]["conv_mlp"] = False
    made = load_narrow(tmp_path, "theirs.pth", **small)
    assert made.note == "taken from 'model', its authors' names mapped by the library"
    assert np.array_equal(made.answer(BATCH), load_narrow(tmp_path, "timm.pth", **small).answer(BATCH))
    torch.save({**theirs, "norm.more": torch.zeros(1)}, tmp_path / "more.pth")
    with pytest.raises(BlockedError, match=r"unexpected 'downsample_layers\.0"):
        load_narrow(tmp_path, "more.pth", **small)


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16])
def test_half_precision_files_answer_as_their_numbers_say(tmp_path, state, kind):
    """They are judged in full precision, on the rounded weights."""
    torch.save({key: value.to(kind) if value.is_floating_point() else value for key, value in state.items()},
               tmp_path / "half.pth")  # fmt: skip
    torch.save({key: value.to(kind).to(value.dtype) for key, value in state.items()}, tmp_path / "rounded.pth")
    answers = [load_narrow(tmp_path, name).answer(BATCH) for name in ("half.pth", "rounded.pth")]
    assert np.array_equal(*answers)


def sharded(folder, state, count: int = 3):
    """Write a state dict as the hub's libraries split it; returns the names of its shards."""
    names = [f"model-{number}-of-{count}.safetensors" for number in range(count)]
    where = {key: names[row % count] for row, key in enumerate(sorted(state))}
    for name in names:
        save_file({key: value for key, value in state.items() if where[key] == name}, folder / name)
    (folder / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": where}))
    return names


def test_sharded_weights_are_one_model(tmp_path, state):
    """The index and its shards count by content; a lost shard is named, and so is an index that is none."""
    torch.save(state, tmp_path / "plain.pth")
    names = sharded(tmp_path, state)
    made = load_narrow(tmp_path, "model.safetensors.index.json")
    assert made.note == "read from 3 shards"
    assert np.array_equal(made.answer(BATCH), load_narrow(tmp_path, "plain.pth").answer(BATCH))
    sharded(tmp_path, {key: value * 2 for key, value in state.items()})
    assert load_narrow(tmp_path, "model.safetensors.index.json").resolved.identity != made.resolved.identity
    (tmp_path / names[1]).unlink()
    with pytest.raises(BlockedError, match=r"1 of 3 shards are not beside it: model-1-of-3"):
        load_narrow(tmp_path, "model.safetensors.index.json")
    (tmp_path / "x.index.json").write_text("[]")
    with pytest.raises(BlockedError, match="expected an index of shards"):
        load_narrow(tmp_path, "x.index.json")


def test_tied_weights_are_written_once_and_read_twice(tmp_path):
    """Safetensors leaves the second name out, which a strict comparison would call missing."""

    class Tied(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.one = torch.nn.Linear(2, 2)
            self.two = self.one

    module = Tied()
    weight = torch.eye(2)
    fill(module, {"two.weight": weight, "one.bias": torch.ones(2)}, tmp_path)
    assert torch.equal(module.one.weight, weight)
    with pytest.raises(BlockedError, match=r"missing 'one\.weight'"):
        fill(module, {"one.bias": torch.ones(2)}, tmp_path)


def test_a_training_checkpoint_with_its_arguments_is_read(tmp_path, state):
    """Training scripts of timm and DeiT keep their parsed arguments, paths, and numbers of numpy: data, no code."""
    content = {
        "state_dict": state,
        "output": tmp_path,
        "args": argparse.Namespace(lr=0.1),
        "metric": np.float64(71.2),
        "epoch": np.int64(3),
    }
    torch.save(content, tmp_path / "x.pth.tar")
    assert load_narrow(tmp_path, "x.pth.tar").note == "taken from 'state_dict'"


def test_names_that_fit_beside_others_are_told(tmp_path, state):
    """A student and its teacher, a network and its loss: which is meant cannot be known."""
    pair = {f"{who}.{key}": value for who in ("student", "teacher") for key, value in state.items()}
    torch.save(pair, tmp_path / "pair.pth")
    with pytest.raises(
        BlockedError, match=r"under 'student\.' and 'teacher\.' fit it, .*: save what you mean alone; unex"
    ):
        load_narrow(tmp_path, "pair.pth")
    torch.save({"generator": state, "discriminator": state}, tmp_path / "two.pth")
    with pytest.raises(BlockedError, match=r"expected a state dict .*'generator', 'discriminator'"):
        load_narrow(tmp_path, "two.pth")


def test_a_file_without_a_state_dict_is_blocked(tmp_path):
    """With what it holds."""
    torch.save({"optimizer": {"lr": 0.1}, "epoch": 3}, tmp_path / "x.pth")
    with pytest.raises(BlockedError, match=r"expected a state dict.*'optimizer', 'epoch'"):
        read_weights(tmp_path / "x.pth")
    assert unwrapped({}) == (None, "")
    assert unwrapped({0: torch.zeros(1)}) == (None, "")


@pytest.mark.filterwarnings("ignore:.*torch.jit:")
def test_a_torchscript_archive_is_told(tmp_path):
    """It is code, which torch refuses at length."""
    torch.jit.save(torch.jit.script(torch.nn.Identity()), tmp_path / "x.pt")
    with pytest.raises(BlockedError, match=r"a TorchScript archive, which is code: save its `state_dict\(\)`"):
        read_weights(tmp_path / "x.pt")


@pytest.mark.parametrize("wrappers", [("model",), ("state_dict", "model")], ids=len)
def test_a_file_that_holds_itself_ends_in_words(tmp_path, wrappers):
    """A dictionary inside itself, directly or by way of another, would be unwrapped without end."""
    outer: dict = {}
    inner = outer
    for wrapper in wrappers[:-1]:
        inner = inner.setdefault(wrapper, {})
    inner[wrappers[-1]] = outer
    torch.save(outer, tmp_path / "x.pth")
    with pytest.raises(BlockedError, match=r"x\.pth: cannot be read as \.pth: it holds itself under 'model'"):
        read_weights(tmp_path / "x.pth")


def test_an_index_of_indexes_is_blocked(tmp_path):
    """One that names itself would be read without end."""
    path = tmp_path / "model.safetensors.index.json"
    path.write_text(json.dumps({"weight_map": {"a": path.name}}))
    with pytest.raises(BlockedError, match=r"found another index: model.safetensors"):
        read_weights(path)


def test_a_name_that_no_disk_can_hold_is_not_there(tmp_path):
    """Its length is no reason for a traceback."""
    with pytest.raises(BlockedError, match="not found: looked for the file"):
        weights_file(tmp_path, "x" * 5000)
    with pytest.raises(BlockedError, match=r"looked for config.json and weights in"):
        content_of("local-dir:" + "x" * 5000, tmp_path)


def test_missing_and_unexpected_keys_are_listed(tmp_path, state):
    """With the nearest match."""
    renamed = {key.replace("fc.weight", "fc.wieght"): value for key, value in state.items()}
    torch.save(renamed, tmp_path / "x.pth")
    with pytest.raises(BlockedError, match=r"unexpected 'fc.wieght' \(did you mean 'fc.weight'.*missing 'fc.weight'"):
        load_narrow(tmp_path, "x.pth")


def test_another_number_of_classes_is_listed(state):
    """By the shape of the head."""
    import timm

    module = timm.create_model("resnet10t", num_classes=4, stem_width=8)
    from pathlib import Path

    with pytest.raises(BlockedError, match=r"'fc.bias' has shape \(3,\), the architecture needs \(4,\)"):
        fill(module, state, Path("x.pth"))
