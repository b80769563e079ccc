"""What a source is given, and what the torch sources share. torch is imported inside functions only."""

from __future__ import annotations

import contextlib
import copy
import ctypes
import functools
import json
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from eyechart.checkpoints.checkpoint import GRAPHICS, PROCESSOR, Effort, Features, Logits
from eyechart.checkpoints.preprocessing import Batch, Preprocessing, Size
from eyechart.checkpoints.sources.effort import USUAL, counted
from eyechart.checkpoints.sources.state_dicts import unwrapped
from eyechart.digest import digest, known_digest
from eyechart.errors import BlockedError, DeviceError, nearest
from eyechart.images.labels import LabelSpace

if TYPE_CHECKING:
    import torch

PRECISIONS = ("fp32", "bf16", "fp16")
COMPILED = " compiled"
"""Behind a precision: modules are compiled (torch.compile), so that their answers' last digits are others."""

CachedArray = Callable[[str, Callable[[], NDArray[np.float32]]], NDArray[np.float32]]
"""(key, compute) → the array stored under that key, computed once."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Everything outside its spec that loading a model depends on.

    root        folder of the file that declares the model; relative paths start there
    labels      the model's label space
    device      a torch device name or "auto"
    precision   fp32, bf16 or fp16, with COMPILED behind it where torch modules are to be compiled
    cached      where derived arrays (text classifiers) are kept
    """

    root: Path
    labels: LabelSpace
    device: str
    precision: str
    cached: CachedArray

    def path(self, relative: str) -> Path:
        """Resolve a path of the declaring file."""
        return (self.root / Path(relative).expanduser()).resolve()


def weights_file(root: Path, relative: str) -> Path:
    """Find a weights file. Raises BlockedError that says where it was looked for."""
    path = (root / Path(relative).expanduser()).resolve()
    if not os.path.isfile(path):  # noqa: PTH113  # pathlib raises for names that are too long
        inside = sorted(each.name for each in path.glob("*.*")) if os.path.isdir(path) else []  # noqa: PTH112
        folder = (
            f", which is a folder with {', '.join(inside[:5])}{', …' * (len(inside) > 5)}: name the file"
            if inside
            else ""
        )
        raise BlockedError(f"weights {relative!r} not found: looked for the file {path}{folder}")
    return path


def weights_digest(root: Path, relative: str) -> str:
    """Digest a weights file, with its shards. Raises BlockedError where one is missing or unreadable."""
    path = weights_file(root, relative)
    try:
        return digest(*map(known_digest, [path, *_shards(path)])) if _is_index(path) else known_digest(path)
    except OSError as error:
        raise BlockedError(f"weights {path}: cannot be read ({error.strerror})") from error


def _is_index(path: Path) -> bool:
    return path.name.endswith(".index.json")


def _shards(path: Path) -> list[Path]:
    """The files that an index of sharded weights names (`model.safetensors.index.json`).

    Raises BlockedError for an index that is none, and for one whose shards are not all beside it.
    """
    try:
        names = sorted(set(json.loads(path.read_text(encoding="utf-8"))["weight_map"].values()))
        shards = [path.with_name(Path(name).name) for name in names]
    except (ValueError, KeyError, AttributeError, TypeError) as error:
        raise BlockedError(
            f"weights {path}: expected an index of shards, `weight_map`: name → file ({error})"
        ) from error
    if inner := [shard.name for shard in shards if _is_index(shard)]:
        raise BlockedError(f"weights {path}: expected files with weights, found another index: {inner[0]}")
    if missing := [shard.name for shard in shards if not shard.is_file()]:
        raise BlockedError(f"weights {path}: {len(missing)} of {len(shards)} shards are not beside it: {missing[0]}")
    return shards


def read_weights(path: Path) -> tuple[dict[str, torch.Tensor], str]:
    """Read a state dict from safetensors, a torch file, or an index of shards; say what was taken off to find it.

    See `unwrapped`. Raises BlockedError for a pickle that would run code, and for a file that is none of these.
    """
    if _is_index(path):
        parts = [read_weights(shard) for shard in _shards(path)]
        notes = dict.fromkeys([f"read from {len(parts)} shards", *(note for _, note in parts if note)])
        return {name: value for part, _ in parts for name, value in part.items()}, ", ".join(notes)
    import pickle

    import torch
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        if path.suffix == ".safetensors":
            state = load_file(path)
        else:
            with torch.serialization.safe_globals(_harmless()):
                state = torch.load(path, map_location="cpu", weights_only=True)
        state_dict, note = unwrapped(state)
    except pickle.UnpicklingError as error:
        named = re.search(r"GLOBAL (\S+)", str(error))
        code = f" ({named[1]})" if named else ""
        raise BlockedError(
            f"weights {path}: refused, this pickle would run code when loaded{code}. Save the state dict alone "
            "(torch.save(model.state_dict(), ...)) or as safetensors"
        ) from error
    except (SafetensorError, OSError, RuntimeError, EOFError, ValueError) as error:
        if "TorchScript" in str(error):
            raise BlockedError(
                f"weights {path}: a TorchScript archive, which is code: save its `state_dict()`, or judge it by source "
                "'python' (`torch.jit.load`)"
            ) from error
        raise BlockedError(f"weights {path}: cannot be read as {path.suffix or 'weights'}: {error}") from error
    if state_dict is None:
        inside = f" with {', '.join(map(repr, list(state)[:8]))}" if isinstance(state, Mapping) else ""
        raise BlockedError(
            f"weights {path}: expected a state dict (names to tensors), found {type(state).__name__}{inside}"
        )
    return state_dict, note


def _harmless() -> list[Any]:
    """What training scripts keep beside weights and holds data only: arguments, paths, and numbers of numpy."""
    import argparse
    import pathlib
    from _codecs import encode

    scalar = np.float64(0).__reduce__()[0]
    return [
        argparse.Namespace,
        pathlib.PosixPath,
        np.dtype,
        scalar,
        encode,
        *(type(np.dtype(kind)) for kind in ("f4", "f8", "i8")),
    ]


def torch_device(name: str) -> torch.device:
    """Turn `--device` into a torch device; "auto" takes the first of cuda, mps, cpu that is there.

    Raises DeviceError for a name that is unknown or a device that is not there.
    """
    import torch

    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    kind, _, index = name.partition(":")
    available = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if kind not in available:
        raise DeviceError(f"--device {name!r} is unknown: {nearest(name, ('auto', 'cpu', 'cuda', 'cuda:N', 'mps'))}")
    if not available[kind] or (kind == "cuda" and int(index or 0) >= torch.cuda.device_count()):
        raise DeviceError(f"--device {name!r} is not on this machine: {[k for k, v in available.items() if v]} is")
    return torch.device(name)


Ask: TypeAlias = "Callable[[Any, torch.Tensor], torch.Tensor]"
"""What a module is asked for: normalized pixels (n, 3, height, width) → logits or features."""


def _logits(module: Any, pixels: torch.Tensor) -> torch.Tensor:
    answers: torch.Tensor = module(pixels)
    return answers


class TorchAnswers:
    """Runs a torch module on uint8 batches: normalizes, forwards in inference mode, gives float32 logits or features.

    `native` is the input (height, width) that the module was built for, or None where that is not known.
    `resized(module, size)` makes a copy of the module one for another size, once for each; None: it takes any size.
    Where the surroundings say so, modules are compiled for their logits; features come from them as they are.
    `embedded(module, pixels)` gives what the module's classifier sees.
    """

    def __init__(
        self,
        module: torch.nn.Module,
        preprocessing: Preprocessing,
        surroundings: Surroundings,
        native: Size | None,
        resized: Callable[[torch.nn.Module, Size], torch.nn.Module] | None,
        *,
        embedded: Callable[[Any, torch.Tensor], torch.Tensor],
    ) -> None:
        """Move the module to its device, in eval mode."""
        import torch

        self._device = torch_device(surroundings.device)
        self.batching = PROCESSOR if self._device.type == "cpu" else GRAPHICS
        self._most = self.batching.most
        if self._device.type == "cpu":
            _keep_memory()
        self._dtype = {"fp32": None, "bf16": torch.bfloat16, "fp16": torch.float16}[
            surroundings.precision.removesuffix(COMPILED)
        ]
        self._compiles = surroundings.precision.endswith(COMPILED)
        self._compiled: dict[Size, Callable[..., Any]] = {}
        # TF32 would make "fp32" mean something else on some GPUs than on others.
        torch.backends.cudnn.allow_tf32 = False
        self._module = module.eval().to(self._device)
        self._at_size = {native: self._module} if native else {}
        self._size = preprocessing.geometry.size or native or USUAL
        self._resized = resized
        self._embedded = embedded
        self._mean, self._std = (
            torch.tensor(values, device=self._device).expand(3) for values in (preprocessing.mean, preprocessing.std)
        )

    def _at(self, size: Size) -> torch.nn.Module:
        if self._resized is None:
            return self._module
        if size not in self._at_size:
            self._at_size[size] = self._resized(copy.deepcopy(self._module), size).eval().to(self._device)
        return self._at_size[size]

    def _compiled_at(self, size: Size) -> Any:
        import torch

        if size not in self._compiled:
            self._compiled[size] = torch.compile(self._at(size))
        return self._compiled[size]

    def __call__(self, batch: Batch) -> Logits:
        """(n, height, width, 3) uint8 → (n, classes) float32.

        Raises BlockedError where the module is to be compiled and cannot be.
        """
        if not self._compiles:
            return self._run(batch, _logits, self._at)
        from torch._dynamo.exc import TorchDynamoException

        try:
            return self._run(batch, _logits, self._compiled_at)
        except TorchDynamoException as error:
            why = (str(error).strip() or type(error).__name__).splitlines()[0]
            raise BlockedError(f"torch cannot compile it here ({why}): leave out --compile") from error

    def features(self, batch: Batch) -> Features:
        """(n, height, width, 3) uint8 → (n, dimensions) float32, by the same module."""
        return self._run(batch, self._embedded, self._at)

    def effort(self) -> Effort:
        """Count what the answer to one image takes, at the input size."""
        image = np.zeros((1, *self._size, 3), dtype=np.uint8)
        return counted(self._module, lambda: self._run(image, _logits, self._at))

    def _run(self, batch: Batch, ask: Ask, at: Callable[[Size], Any]) -> NDArray[np.float32]:
        """Answer a batch, in halves, quarters, … where the device has not enough memory for it, from then on."""
        import torch

        while True:
            try:
                starts = range(0, len(batch), self._most)
                return np.concatenate([self._forward(batch[each : each + self._most], ask, at) for each in starts])
            except torch.OutOfMemoryError:
                self._most = min(self._most, len(batch)) // 2
                if not self._most:
                    raise
                torch.cuda.empty_cache()

    def _forward(self, batch: Batch, ask: Ask, at: Callable[[Size], Any]) -> NDArray[np.float32]:
        import torch

        module = at((batch.shape[1], batch.shape[2]))
        with torch.inference_mode(), torch.autocast(self._device.type, self._dtype, enabled=self._dtype is not None):
            pixels = torch.from_numpy(batch)
            if self._device.type == "cuda":
                pixels = pixels.pin_memory().to(self._device, non_blocking=True)
            # by whole rows of (n, height, width, 3), a third of what broadcasting over three channels takes
            rows = pixels.to(self._device).float().div_(255).flatten(2)
            rows.sub_(self._mean.repeat(batch.shape[2])).div_(self._std.repeat(batch.shape[2]))
            # a view, which is torch's channels-last
            answers: Any = ask(module, rows.view(batch.shape).permute(0, 3, 1, 2))
            if any(part.training for part in module.modules()) or not answers.is_inference():
                raise AssertionError("a checkpoint must answer in eval() and inference_mode()")
        return np.asarray(answers.float().cpu().numpy())


@functools.cache
def _keep_memory() -> None:
    """Let freed memory stay with the process, where the C library is glibc.

    Else the activations of every layer are mapped, zeroed and unmapped again, which takes longer than many layers do.
    """
    with contextlib.suppress(OSError, AttributeError, TypeError):
        library = ctypes.CDLL(None)
        library.mallopt(_MMAP_MAX, 0)
        library.mallopt(_TRIM_THRESHOLD, 2**31 - 1)


_TRIM_THRESHOLD, _MMAP_MAX = -1, -4
"""Of glibc's malloc.h: how much may stay, and how many blocks may be mapped by themselves."""
