"""State dicts as training scripts leave them: found in what a file holds, and fitted to a network."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from eyechart.checkpoints import heads
from eyechart.errors import BlockedError, nearest

if TYPE_CHECKING:
    import torch

WRAPPERS = ("state_dict_ema", "model_ema", "ema_state_dict", "ema", "state_dict", "model", "model_state_dict")
"""Under what training scripts keep a state dict, averaged weights first: they are what is meant to be used."""

PREFIXES = ("module.", "_orig_mod.", "model.")
"""What wrappers for parallel training, compilation and training loops put before every name."""


def unwrapped(state: Any) -> tuple[dict[str, torch.Tensor] | None, str]:
    """Find the state dict in what a file holds, and say what was taken off; None where there is none.

    It stands under a name that training scripts use, or is the only one there, whatever its name.

    Raises ValueError for a dictionary that holds itself.
    """
    steps, outer = [], [state]
    while isinstance(state, Mapping) and not _holds_tensors(state):
        known = [name for name in WRAPPERS if isinstance(state.get(name), Mapping) and state[name]]
        inner = [
            name for name, value in state.items() if isinstance(value, Mapping) and value and _holds_tensors(value)
        ]
        if not known and len(inner) != 1:
            return None, ""
        wrapper = (known or inner)[0]
        steps.append(f"taken from {wrapper!r}")
        state = state[wrapper]
        if any(state is each for each in outer):
            raise ValueError(f"it holds itself under {wrapper!r}")
        outer.append(state)
    if not isinstance(state, Mapping) or not state or not all(isinstance(name, str) for name in state):
        return None, ""
    names = list(state)
    while prefix := next((p for p in PREFIXES if all(name.startswith(p) for name in names)), ""):
        steps.append(f"prefix {prefix!r} removed")
        names = [name.removeprefix(prefix) for name in names]
    return dict(zip(names, state.values(), strict=True)), ", ".join(steps)


def _holds_tensors(state: Mapping[Any, Any]) -> bool:
    import torch

    return all(isinstance(value, torch.Tensor) for value in state.values())


Converter: TypeAlias = "Callable[[dict[str, torch.Tensor]], Mapping[str, torch.Tensor]]"
"""A library's own function from the names that a network's authors gave to its own."""


def fill(
    module: torch.nn.Module, state: Mapping[str, torch.Tensor], path: Path, convert: Converter | None = None
) -> str:
    """Load a state dict strictly; returns what was done to make it fit, in words.

    Where names are others, `convert` is tried, and its outcome taken if it fits wholly. Raises BlockedError that lists
    what does not fit, nearest names offered.
    """
    own = module.state_dict()
    state, note = _without_common_prefix(state, own)
    state = {**_twins(own, state), **state}
    if convert is not None and state.keys() != own.keys():
        converted = _converted(state, convert)
        if not _faults(converted, own):
            state, note = converted, ", ".join(filter(None, [note, "its authors' names mapped by the library"]))
    if faults := _faults(state, own):
        more = f"; and {len(faults) - 4} more" if len(faults) > 4 else ""
        raise BlockedError(
            f"weights {path} do not fit the architecture: {_parts_that_fit(state, own)}{'; '.join(faults[:4])}{more}"
        )
    module.load_state_dict(dict(state), strict=True)
    return note


def _converted(state: Mapping[str, torch.Tensor], convert: Converter) -> Mapping[str, torch.Tensor]:
    try:
        return convert(dict(state))
    except Exception:  # written for files of the authors, of which this may be none
        return state


def _faults(state: Mapping[str, torch.Tensor], own: Mapping[str, torch.Tensor]) -> list[str]:
    missing = sorted(set(own) - set(state))
    return [
        *(f"unexpected {key!r} ({nearest(key, missing[:50])[:120]})" for key in sorted(set(state) - set(own))),
        *(f"missing {key!r}" for key in missing),
        *(
            f"{key!r} has shape {tuple(state[key].shape)}, the architecture needs {tuple(own[key].shape)}"
            f"{_head(state[key].shape, own[key].shape)}"
            for key in sorted(set(own) & set(state))
            if own[key].shape != state[key].shape
        ),
    ]


def _parts_that_fit(state: Mapping[str, torch.Tensor], own: Mapping[str, torch.Tensor]) -> str:
    """Which first parts of names (`student.`, `teacher.`) hold all that the architecture has; a user must choose."""
    prefixes = [prefix for prefix in {name.partition(".")[0] + ".": None for name in state}
                if all(prefix + name in state for name in own)]  # fmt: skip
    if not prefixes:
        return ""
    return (
        f"the names under {' and '.join(map(repr, prefixes))} fit it, and there are others: save what you mean alone; "
    )


def _head(shape: torch.Size, own: torch.Size) -> str:
    """What to state where a classifier has other rows than the label space."""
    advice = heads.advice(shape[0], own[0]) if len(shape) == len(own) > 1 and shape[1:] == own[1:] else ""
    return f" ({advice})" if advice else ""


def _without_common_prefix(
    state: Mapping[str, torch.Tensor], own: Mapping[str, torch.Tensor]
) -> tuple[Mapping[str, torch.Tensor], str]:
    """Strip the prefix that a training script put before every name (`net.`, `backbone.`), where names then fit."""
    parts = next(iter(state), "").split(".")[:-1]
    for depth in range(1, len(parts) + 1):
        prefix = ".".join(parts[:depth]) + "."
        if not all(name.startswith(prefix) for name in state):
            break
        stripped = {name.removeprefix(prefix): value for name, value in state.items()}
        if len(stripped.keys() & own.keys()) > len(state.keys() & own.keys()):
            return stripped, f"all {len(state)} names begin with {prefix!r}, which was removed"
    return state, ""


def _twins(own: Mapping[str, torch.Tensor], state: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Give tied weights, which safetensors writes once, their other names."""
    groups: dict[tuple[int, tuple[int, ...]], list[str]] = {}
    for name, value in own.items():
        if value.numel():
            groups.setdefault((value.data_ptr(), tuple(value.shape)), []).append(name)
    written = {
        name: next((other for other in group if other in state), "") for group in groups.values() for name in group
    }
    return {name: state[other] for name, other in written.items() if other and name not in state}
