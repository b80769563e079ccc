"""Source `onnx`: an exported network, run by ONNX Runtime."""

from __future__ import annotations

import functools
import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from eyechart.checkpoints.checkpoint import Checkpoint, Logits, Resolved, Returns, as_logits
from eyechart.checkpoints.entries import ModelEntry
from eyechart.checkpoints.preprocessing import Batch, Geometry, Preprocessing, Size, square
from eyechart.checkpoints.sources.base import Surroundings, weights_digest, weights_file
from eyechart.checkpoints.sources.onnx_tensors import external_files
from eyechart.digest import digest
from eyechart.errors import BlockedError, DeviceError, nearest

LIBRARIES = ("onnxruntime",)

NO_FEATURES = (
    "an ONNX graph does not say which of its values are features: wrap it in a factory of source 'python' whose "
    "callable has a `features` method"
)

_TYPES: dict[str, type[np.generic]] = {
    "tensor(float)": np.float32,
    "tensor(float16)": np.float16,
    "tensor(double)": np.float64,
    "tensor(uint8)": np.uint8,
}
_PROVIDERS = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider", "mps": "CoreMLExecutionProvider"}


class OnnxSpec(ModelEntry):
    """An ONNX file with one image input; its name, layout, number type and fixed sizes are read from the graph.

    `preprocessing` states mean and std (pixels count from 0 to 1), unless the graph takes uint8, which it gets raw.
    `resize` and `crop` are needed where the graph takes any size. `output` names the answer among several.
    """

    source: Literal["onnx"]
    weights: str
    returns: Returns = "logits"
    output: str | None = None


@dataclass(frozen=True, slots=True)
class Input:
    """What the graph takes: its name, numbers, whether channels come last, and its sizes where they are fixed."""

    name: str
    numbers: type[np.generic]
    channels_last: bool
    size: Size | None
    batch: int | None


def weights(spec: OnnxSpec, root: Path) -> str:
    """Identify the weights: a digest of the file's bytes, and of the files beside it that hold its tensors."""
    own = weights_digest(root, spec.weights)
    path = weights_file(root, spec.weights)
    beside = {name: weights_digest(path.parent, name) for name in _external(path, own)}
    return digest(own, beside) if beside else own


@functools.lru_cache(maxsize=64)
def _external(path: Path, content_digest: str) -> list[str]:
    """Names of the files with a graph's tensors. Large networks have them, and torch writes them by default."""
    del content_digest  # a changed file is read again
    return external_files(path.read_bytes())


def load(spec: OnnxSpec, around: Surroundings) -> Checkpoint:
    """Open the file. Raises BlockedError where that cannot be done, or its input is no batch of images."""
    path = weights_file(around.root, spec.weights)
    session = _session(path, around.device)
    graph_input = _input(path, session)
    _require_one_answer(path, session, spec)
    preprocessing = _preprocessing(spec, graph_input)
    resolved = Resolved(
        source="onnx",
        architecture=f"{spec.returns}:{spec.output or ''}",
        weights=weights(spec, around.root),
        classifier="",
        preprocessing=preprocessing,
        patch=1,
        classes=len(around.labels),
        precision="as exported",
        no_features=NO_FEATURES,
    )
    return Checkpoint(resolved, _Answers(session, graph_input, preprocessing, spec))


def _session(path: Path, device: str) -> Any:
    if importlib.util.find_spec("onnxruntime") is None:
        raise BlockedError("source 'onnx' needs ONNX Runtime: pip install 'eyechart[onnx]'")
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(path, options, providers=_providers(device))
    except DeviceError:
        raise
    except Exception as error:  # ONNX Runtime's errors share no base class
        reason = str(error).strip()
        newer = any(word in reason.lower() for word in ("opset", "ir version", "ir_version"))
        advice = (
            f"; is it newer than ONNX Runtime {onnxruntime.__version__}? Update that, or export with an older opset"
        )
        raise BlockedError(f"{path} is no ONNX file that ONNX Runtime can run: {reason}{advice * newer}") from error


def _require_one_answer(path: Path, session: Any, spec: OnnxSpec) -> None:
    """Refuse to guess which of several outputs is the answer."""
    names = [each.name for each in session.get_outputs()]
    if spec.output is None and len(names) > 1:
        raise BlockedError(f"{path} has {len(names)} outputs: state `output:`, one of {', '.join(names)}")
    if spec.output is not None and spec.output not in names:
        raise BlockedError(f"{path} has no output {spec.output!r}: {nearest(spec.output, names)}")


def _providers(device: str) -> list[Any]:
    """Execution providers for `--device`; "auto" leaves the choice to ONNX Runtime, in its own order."""
    import onnxruntime

    available: list[str] = onnxruntime.get_available_providers()
    if device == "auto":
        return list(available)
    kind, _, index = device.partition(":")
    wanted = _PROVIDERS.get(kind)
    if wanted not in available:
        raise DeviceError(
            f"--device {device!r} is not one that this ONNX Runtime can use: it has {', '.join(available)}"
        )
    return [(wanted, {"device_id": int(index)}) if index else wanted]


def _input(path: Path, session: Any) -> Input:
    inputs = session.get_inputs()
    if len(inputs) != 1:
        raise BlockedError(
            f"{path} takes {len(inputs)} inputs ({', '.join(i.name for i in inputs)}), expected one image"
        )
    (graph_input,) = inputs
    sizes = [size if isinstance(size, int) and size > 0 else None for size in graph_input.shape]
    if len(sizes) != 4 or 3 not in (sizes[1], sizes[3]) or graph_input.type not in _TYPES:
        raise BlockedError(
            f"{path}: input {graph_input.name!r} is {graph_input.type} {graph_input.shape}, expected images "
            f"with 3 channels, (batch, 3, height, width) or (batch, height, width, 3), as {', '.join(_TYPES)}"
        )
    last = sizes[1] != 3
    height, width = sizes[1:3] if last else sizes[2:4]
    if (height is None) != (width is None):
        raise BlockedError(
            f"{path}: input {graph_input.name!r} is {graph_input.shape}: one side is fixed and the other is not"
        )
    size = None if height is None or width is None else (height, width)
    return Input(graph_input.name, _TYPES[graph_input.type], last, size, sizes[0])


def _preprocessing(spec: OnnxSpec, graph_input: Input) -> Preprocessing:
    stated = spec.preprocessing
    size = square(stated.crop) if stated.crop else graph_input.size
    if size is None:
        raise BlockedError("this ONNX graph takes any size: state resize and crop under `preprocessing:`")
    if graph_input.size not in (None, size):
        raise BlockedError(
            f"this ONNX graph takes {graph_input.size} pixels (height, width), "
            f"`preprocessing:` says crop: {stated.crop}"
        )
    if graph_input.numbers is not np.uint8 and (stated.mean is None or stated.std is None):
        raise BlockedError("an ONNX file does not tell its normalization: state mean and std under `preprocessing:`")
    usual = Preprocessing(Geometry(size, size), (0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
    return usual.overridden(stated)


class _Answers:
    """Runs a session on uint8 batches, in batches of the graph's own size where that is fixed."""

    def __init__(self, session: Any, graph_input: Input, preprocessing: Preprocessing, spec: OnnxSpec) -> None:
        """Keep what a forward pass needs."""
        self._session = session
        self._input = graph_input
        self._mean = np.broadcast_to(np.asarray(preprocessing.mean, dtype=np.float32), 3)
        self._std = np.broadcast_to(np.asarray(preprocessing.std, dtype=np.float32), 3)
        self._spec = spec

    def __call__(self, batch: Batch) -> Logits:
        """(n, height, width, 3) uint8 → (n, classes) float32."""
        pixels = self._pixels(batch)
        size = self._input.batch or len(pixels)
        parts = [self._run(pixels[start : start + size], size) for start in range(0, len(pixels), size)]
        answers = np.concatenate(parts).astype(np.float32)
        return as_logits(answers, self._spec.returns)

    def _pixels(self, batch: Batch) -> NDArray[Any]:
        pixels: NDArray[Any] = batch
        if self._input.numbers is not np.uint8:
            # by whole rows, a third of what broadcasting over three channels takes
            rows = batch.reshape(*batch.shape[:2], -1).astype(np.float32)
            rows /= 255
            rows -= np.tile(self._mean, batch.shape[2])
            rows /= np.tile(self._std, batch.shape[2])
            pixels = rows.reshape(batch.shape).astype(self._input.numbers, copy=False)
        return pixels if self._input.channels_last else np.ascontiguousarray(pixels.transpose(0, 3, 1, 2))

    def _run(self, pixels: NDArray[Any], size: int) -> NDArray[Any]:
        filled = np.concatenate([pixels, np.repeat(pixels[-1:], size - len(pixels), axis=0)])
        outputs = self._session.run(_wanted(self._spec), {self._input.name: filled})
        return np.asarray(outputs[0])[: len(pixels)]


def _wanted(spec: OnnxSpec) -> Sequence[str] | None:
    return None if spec.output is None else [spec.output]
