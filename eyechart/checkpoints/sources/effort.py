"""What one answer of a torch network takes: its parameters, and multiply-adds by torch's own counter."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from eyechart.checkpoints.checkpoint import Effort

if TYPE_CHECKING:
    import torch

USUAL = (224, 224)
"""Input (height, width) at which a network is counted that has no size of its own."""


def counted(module: torch.nn.Module, answer: Callable[[], object]) -> Effort:
    """Count while `answer` runs the module on one image.

    Attention is taken apart meanwhile: fused kernels, and torch's fast path for whole encoder layers, count as nothing.
    """
    import torch
    from torch.nn.attention import SDPBackend, sdpa_kernel
    from torch.utils.flop_counter import FlopCounterMode

    fast = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(value=False)
    try:
        with FlopCounterMode(display=False) as counter, sdpa_kernel(SDPBackend.MATH):
            answer()
    finally:
        torch.backends.mha.set_fastpath_enabled(value=fast)
    return Effort(sum(each.numel() for each in module.parameters()), counter.get_total_flops() // 2)
