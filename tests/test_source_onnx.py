"""Source `onnx`: input name, layout, sizes and numbers come from the graph."""

from __future__ import annotations

import numpy as np
import pytest

from eyechart.checkpoints.sources import onnx as source
from eyechart.checkpoints.sources.base import Surroundings
from eyechart.errors import BlockedError, NotApplicableError, SpecError
from eyechart.images.labels import named_space

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

SIDE = 4
MEAN, STD = [0.5, 0.4, 0.3], [0.2, 0.3, 0.4]


def graph(path, shape, kind="FLOAT", *, softmax=False):
    """Export a network whose answers are the mean of each channel."""
    from onnx import TensorProto, helper

    number = getattr(TensorProto, kind)
    axes = [1, 2] if shape[-1] == 3 else [2, 3]
    steps = []
    if kind == "UINT8":
        steps.append(helper.make_node("Cast", ["picture"], ["numbers"], to=TensorProto.FLOAT))
    start = "numbers" if kind == "UINT8" else "picture"
    steps.append(helper.make_node("ReduceMean", [start], ["means" if softmax else "answer"], axes=axes, keepdims=0))
    if softmax:
        steps.append(helper.make_node("Softmax", ["means"], ["answer"], axis=1))
    out = TensorProto.FLOAT if kind == "UINT8" else number
    made = helper.make_graph(
        steps, "channels", [helper.make_tensor_value_info("picture", number, shape)],
        [helper.make_tensor_value_info("answer", out, [shape[0], 3])],
    )  # fmt: skip
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    path.write_bytes(model.SerializeToString())
    return path


def load(path, device="cpu", **more):
    """Load a graph as models.yaml would declare it."""
    preprocessing = {"mean": MEAN, "std": STD, **more.pop("preprocessing", {})}
    spec = source.OnnxSpec(source="onnx", weights=path.name, preprocessing=preprocessing, **more)
    around = Surroundings(path.parent, named_space("rgb"), device, "fp32", lambda _, compute: compute())
    return source.load(spec, around)


BATCH = np.random.default_rng(0).integers(0, 256, (5, SIDE, SIDE, 3), dtype=np.uint8)
EXPECTED = (BATCH.astype(np.float64).mean(axis=(1, 2)) / 255 - MEAN) / STD


@pytest.mark.parametrize("shape", [["n", 3, SIDE, SIDE], ["n", SIDE, SIDE, 3], [2, 3, SIDE, SIDE], [1, SIDE, SIDE, 3]])
def test_layouts_and_batch_sizes(tmp_path, shape):
    """Channels first or last, any or a fixed number of images at once: the same answers."""
    made = load(graph(tmp_path / "net.onnx", shape))
    assert np.allclose(made.answer(BATCH), EXPECTED, atol=1e-6)
    assert made.resolved.preprocessing.geometry.size == (SIDE, SIDE)


def test_half_precision_and_raw_bytes(tmp_path):
    """Numbers as the graph wants them; uint8 is given as it is."""
    half = load(graph(tmp_path / "half.onnx", ["n", 3, SIDE, SIDE], "FLOAT16"))
    assert np.allclose(half.answer(BATCH), EXPECTED, atol=0.02)
    raw = load(graph(tmp_path / "raw.onnx", ["n", SIDE, SIDE, 3], "UINT8"))
    assert np.allclose(raw.answer(BATCH), BATCH.mean(axis=(1, 2)), atol=1e-3)


def test_probabilities_become_logits(tmp_path):
    """Their logarithms, which a softmax turns back."""
    made = load(graph(tmp_path / "soft.onnx", ["n", 3, SIDE, SIDE], softmax=True), returns="probabilities")
    shares = np.exp(EXPECTED) / np.exp(EXPECTED).sum(axis=1, keepdims=True)
    assert np.allclose(np.exp(made.answer(BATCH)), shares, atol=1e-6)


def test_any_size_needs_a_crop(tmp_path):
    """A graph without sizes does not tell which one it was trained at."""
    path = graph(tmp_path / "any.onnx", ["n", 3, "h", "w"])
    with pytest.raises(BlockedError, match="takes any size: state resize and crop"):
        load(path)
    made = load(path, preprocessing={"resize": 6, "crop": SIDE})
    assert made.resolved.preprocessing.geometry.resize == (6, 6)


def test_a_contradicting_crop_is_blocked(tmp_path):
    """The graph decides."""
    with pytest.raises(
        BlockedError, match="takes \\(4, 4\\) pixels \\(height, width\\), `preprocessing:` says crop: 8"
    ):
        load(graph(tmp_path / "net.onnx", ["n", 3, SIDE, SIDE]), preprocessing={"crop": 8})


def test_normalization_must_be_stated(tmp_path):
    """A file does not tell it, and a wrong guess would be judged as the model's fault."""
    with pytest.raises(BlockedError, match="state mean and std"):
        load(graph(tmp_path / "net.onnx", ["n", 3, SIDE, SIDE]), preprocessing={"mean": None})


def test_a_file_that_is_not_onnx_is_blocked(tmp_path):
    """By name."""
    (tmp_path / "net.onnx").write_bytes(b"this is no graph")
    with pytest.raises(BlockedError, match=r"net\.onnx is no ONNX file"):
        load(tmp_path / "net.onnx")


def test_an_input_that_is_no_image_is_blocked(tmp_path):
    """With what was found."""
    with pytest.raises(BlockedError, match=r"'picture' is tensor\(float\) .*expected images with 3 channels"):
        load(graph(tmp_path / "net.onnx", ["n", 5, SIDE, SIDE]))


def test_an_unknown_device_is_an_error(tmp_path):
    """With the providers there are."""
    with pytest.raises(SpecError, match=r"--device 'tpu'.*CPUExecutionProvider"):
        load(graph(tmp_path / "net.onnx", ["n", 3, SIDE, SIDE]), device="tpu")


def test_labels_only_models_have_no_confidence(tmp_path):
    """A python callable that names classes is judged on accuracy; calibration is not applicable to it."""
    from eyechart.measures import accuracy, calibration_error
    from eyechart.predict.needs import Need
    from tests.image_files import folder
    from tests.recordings import judged

    folder(tmp_path / "images", ["r/a.png", "g/b.png"])
    sets = {
        "colors": {"role": "validation", "reader": "folder", "path": "images", "label_space": {"names": ["r", "g"]}}
    }
    namer = {"source": "python", "factory": "tests.test_source_onnx:namer", "version": "1", "returns": "labels",
             "label_space": {"names": ["r", "g"]}}  # fmt: skip
    answers = judged(tmp_path, sets, {"namer": namer}).predictions(Need("namer", "colors"))
    assert accuracy(answers).value == 0.5
    with pytest.raises(NotApplicableError, match="without the probability"):
        calibration_error(answers)


def namer():
    """Factory of a model that always names class 0."""
    return lambda batch: np.zeros(len(batch), dtype=np.int64)


def test_tensors_in_a_file_of_their_own_are_weights_too(tmp_path):
    """Large graphs keep them beside: another such file is another model, though the graph is the same to the byte."""
    from onnx import TensorProto, helper, numpy_helper

    def save(scale):
        own = numpy_helper.from_array(np.full((64, 3), scale, dtype=np.float32), "scale")
        steps = [helper.make_node("ReduceMean", ["picture"], ["means"], axes=[2, 3], keepdims=0),
                 helper.make_node("Gather", ["scale", "first"], ["row"], axis=0),
                 helper.make_node("Mul", ["means", "row"], ["answer"])]  # fmt: skip
        first = numpy_helper.from_array(np.array(0), "first")
        made = helper.make_graph(
            steps, "scaled", [helper.make_tensor_value_info("picture", TensorProto.FLOAT, ["n", 3, SIDE, SIDE])],
            [helper.make_tensor_value_info("answer", TensorProto.FLOAT, ["n", 3])], [own, first],
        )  # fmt: skip
        model = helper.make_model(made, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
        (tmp_path / "net.bin").unlink(missing_ok=True)
        onnx.save_model(model, tmp_path / "net.onnx", save_as_external_data=True, location="net.bin", size_threshold=0)
        found = load(tmp_path / "net.onnx")
        return (tmp_path / "net.onnx").read_bytes(), found.resolved.identity, found.answer(BATCH)

    (one_graph, one, answers), (other_graph, other, scaled) = save(1.0), save(2.0)
    assert one_graph == other_graph
    assert one != other
    assert np.allclose(2 * answers, scaled, atol=1e-5)
    (tmp_path / "net.bin").unlink()
    with pytest.raises(BlockedError, match=r"'net\.bin' not found"):
        source.weights(source.OnnxSpec(source="onnx", weights="net.onnx"), tmp_path)


def two_outputs(path, opset=13):
    """A network that answers with the mean of each channel, and with its negative."""
    from onnx import TensorProto, helper

    steps = [
        helper.make_node("GlobalAveragePool", ["picture"], ["pooled"]),
        helper.make_node("Flatten", ["pooled"], ["logits"]),
        helper.make_node("Neg", ["logits"], ["auxiliary"]),
    ]
    outputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", 3]) for name in ("auxiliary", "logits")]
    images = helper.make_tensor_value_info("picture", TensorProto.FLOAT, ["n", 3, SIDE, SIDE])
    made = helper.make_graph(steps, "two", [images], outputs)
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    path.write_bytes(model.SerializeToString())
    return path


def test_of_several_outputs_one_is_named(tmp_path):
    """An auxiliary classifier may come first; none is taken in silence, and a misspelled one is told apart."""
    path = two_outputs(tmp_path / "two.onnx")
    with pytest.raises(BlockedError, match="has 2 outputs: state `output:`, one of auxiliary, logits"):
        load(path)
    with pytest.raises(BlockedError, match=r"has no output 'logit': .*logits"):
        load(path, output="logit")
    assert np.allclose(load(path, output="logits").answer(BATCH), EXPECTED, atol=1e-6)
    assert np.allclose(load(path, output="auxiliary").answer(BATCH), -EXPECTED, atol=1e-6)


def test_an_opset_that_is_too_new_is_told(tmp_path):
    """With the version that is installed, and both ways out."""
    with pytest.raises(BlockedError, match=r"newer than ONNX Runtime \d.*export with an older opset"):
        load(two_outputs(tmp_path / "new.onnx", opset=99), output="logits")


def test_any_size_is_answered_at_the_crop_and_at_others(tmp_path):
    """A graph without sizes takes every view's size."""
    made = load(graph(tmp_path / "any.onnx", ["n", 3, "h", "w"]), preprocessing={"resize": SIDE, "crop": SIDE})
    assert np.allclose(made.answer(BATCH), EXPECTED, atol=1e-6)
    doubled = BATCH.repeat(2, axis=1).repeat(2, axis=2)
    assert np.allclose(made.answer(doubled), EXPECTED, atol=1e-6)
