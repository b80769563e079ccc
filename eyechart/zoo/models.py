"""Every kind of model that `models.yaml` may declare: checkpoints from the sources, and recorded predictions."""

from __future__ import annotations

from typing import TypeAlias

from eyechart.checkpoints.sources.onnx import OnnxSpec
from eyechart.checkpoints.sources.open_clip import OpenClipSpec
from eyechart.checkpoints.sources.python import PythonSpec
from eyechart.checkpoints.sources.timm import TimmSpec
from eyechart.recordings.spec import RecordedSpec

ModelSpec: TypeAlias = TimmSpec | OpenClipSpec | OnnxSpec | PythonSpec | RecordedSpec
SOURCES = ("timm", "open_clip", "onnx", "python", "recorded")
