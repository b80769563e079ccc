"""Whatever file a spec names, however it names it, counts by content: replaced, it is another model."""

from __future__ import annotations

import os

import numpy as np
import pytest

from eyechart.checkpoints.sources import onnx as onnx_source
from eyechart.checkpoints.sources.named import content_named
from eyechart.checkpoints.sources.onnx_tensors import external_files
from eyechart.checkpoints.sources.timm import TimmSpec
from eyechart.predict.needs import Need
from tests.image_files import folder, put
from tests.recordings import judged


def named(root, **arguments) -> str:
    """Digest of what the arguments of a spec name."""
    return content_named(TimmSpec(source="timm", architecture="vit_tiny_patch16_224", arguments=arguments), root)


@pytest.mark.parametrize(
    "arguments",
    [
        {"checkpoint_path": "net.pth"},
        {"pretrained_cfg_overlay": {"file": "net.pth"}},
        {"pretrained_cfg_overlay": {"url": "file://{root}/net.pth"}},
        {"parts": [{"file": "../{name}/net.pth"}]},
        {"pretrained_cfg_overlay": {"hf_hub_id": "local-dir:."}},
        {"tokenizer": "./"},
    ],
    ids=str,
)
def test_a_file_counts_by_content_wherever_it_is_named(tmp_path, arguments):
    """As itself, in the folder that is named, as a URL, at any depth."""

    def filled(value):
        if isinstance(value, str):
            return value.format(root=tmp_path, name=tmp_path.name)
        return {k: filled(v) for k, v in value.items()} if isinstance(value, dict) else [filled(v) for v in value]

    put(tmp_path / "net.pth", b"one")
    first = named(tmp_path, **filled(arguments))
    assert first
    assert named(tmp_path, **filled(arguments)) == first
    put(tmp_path / "net.pth", b"two")
    assert named(tmp_path, **filled(arguments)) != first


def test_a_library_takes_paths_from_where_it_was_started(tmp_path, monkeypatch):
    """Timm opens a relative file there, wherever `models.yaml` is."""
    put(tmp_path / "elsewhere" / "net.pth", b"one")
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert named(tmp_path, file="net.pth")


@pytest.mark.parametrize(
    "text", ["", "no.pth", "images", "a\0b", "x" * 5000, "~nobody-has-this-name/x", "a\nb"], ids=repr
)
def test_what_names_no_file_changes_nothing(tmp_path, text):
    """Nor does a word that happens to be the name of a folder."""
    put(tmp_path / "images" / "a.png", b"")
    assert named(tmp_path, img_size=224, act_layer=text) == ""


def test_a_replaced_file_of_timms_configuration_is_answered_with_anew(tmp_path):
    """`arguments: {pretrained_cfg_overlay: {file: …}}`: the old answers are never given for the new weights."""
    torch, timm = pytest.importorskip("torch"), pytest.importorskip("timm")
    folder(tmp_path / "images", ["n01440764/a.png", "n01443537/b.png"])
    sets = {"two": {"role": "validation", "reader": "folder", "path": "images", "label_space": "imagenet-1k"}}
    overlay = {"file": str(tmp_path / "net.pth")}
    net = {"source": "timm", "architecture": "test_convnext", "arguments": {"pretrained_cfg_overlay": overlay}}
    confidences = []
    for seed in (0, 1):
        torch.manual_seed(seed)
        torch.save(timm.create_model("test_convnext").state_dict(), tmp_path / "net.pth")
        confidences.append(judged(tmp_path, sets, {"net": net}).predictions(Need("net", "two")).confidence)
    assert not np.allclose(*confidences, rtol=1e-4)


def _model(where: str, location: str):
    """An ONNX model with one tensor in a file of its own, in one of the places where a model may have tensors."""
    from onnx import TensorProto, helper

    tensor = helper.make_tensor("t", TensorProto.FLOAT, [2], [0.0, 1.0])
    tensor.ClearField("float_data")
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in (("location", location), ("offset", "0"), ("length", "8")):
        tensor.external_data.add(key=key, value=value)
    constant = helper.make_node("Constant", [], ["c"], value=tensor)
    inner = helper.make_graph([constant] if where == "subgraph" else [], "inner", [], [], [])
    branches = helper.make_node("If", ["x"], ["y"], then_branch=inner, else_branch=inner)
    nodes = {"node": [constant], "subgraph": [branches]}.get(where, [])
    graph = helper.make_graph(nodes, "g", [], [], [tensor] if where == "initializer" else [])
    if where == "sparse":
        graph.sparse_initializer.add().values.CopyFrom(tensor)
    model = helper.make_model(graph)
    if where == "function":
        model.functions.add(name="f", domain="own").node.append(constant)
    return model


@pytest.mark.parametrize("where", ["initializer", "node", "subgraph", "sparse", "function"])
@pytest.mark.parametrize("length", [1, 127, 128, 200, 20_000])
def test_tensors_are_found_wherever_a_graph_has_them(where, length):
    """In files whose names have any length, of all the places where a graph may have a tensor."""
    pytest.importorskip("onnx")
    assert external_files(_model(where, "n" * length).SerializeToString()) == ["n" * length]


def test_an_entry_may_say_its_value_first():
    """Protobuf leaves the order of fields to whoever writes them."""
    pytest.importorskip("onnx")
    content = _model("initializer", "net.bin").SerializeToString()
    usual, swapped = b"\n\x08location\x12\x07net.bin", b"\x12\x07net.bin\n\x08location"
    assert content.count(usual) == 1
    assert external_files(content.replace(usual, swapped)) == ["net.bin"]


@pytest.mark.parametrize(
    "content", [b"", b"hello, this is no graph", b"\xff" * 64, bytes(64), b"\x3a\x80\x80\x80\x80\x10"]
)
def test_what_is_no_graph_names_nothing(content):
    """Whoever opens it says what is wrong with it."""
    assert external_files(content) == []


def test_tensors_in_a_file_with_a_long_name_are_weights_too(tmp_path):
    """Replaced, they are another model."""
    pytest.importorskip("onnx")
    name = "tensors-" + "x" * 200 + ".bin"
    (tmp_path / "net.onnx").write_bytes(_model("initializer", name).SerializeToString())
    spec = onnx_source.OnnxSpec(source="onnx", weights="net.onnx")
    identities = set()
    for content in (b"\0" * 8, b"\1" * 8):
        put(tmp_path / name, content)
        os.utime(tmp_path / name, ns=(0, 0))
        identities.add(onnx_source.weights(spec, tmp_path))
    assert len(identities) == 2
