"""Where checkpoints come from: one module a source.

A source module holds its spec (the keys it takes in `models.yaml`), `weights(spec, root)` (a digest, or a
BlockedError; cheap, without torch) and `load(...)` (the checkpoint). A new source is one new module and one line here.
"""

from __future__ import annotations

from typing import TypeAlias

from eyechart.checkpoints.sources.onnx import OnnxSpec
from eyechart.checkpoints.sources.open_clip import OpenClipSpec
from eyechart.checkpoints.sources.python import PythonSpec
from eyechart.checkpoints.sources.timm import TimmSpec

LiveSpec: TypeAlias = TimmSpec | OpenClipSpec | OnnxSpec | PythonSpec
"""Sources of models that can be asked."""
