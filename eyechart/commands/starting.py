"""What `eyechart init` writes into a repository, as text."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from eyechart.commands.saying import say
from eyechart.zoo.suite import SUITE

MODELS = """\
# What is judged: checkpoints, and the images they are judged on. Relative paths start at this file's folder.
# Eyechart's docs/models-yaml.md explains every key.
zoos:
  mine:
    behaviors: {{version: {suite}}}  # promises that later versions add wait until this number is raised
    image_sets:
      validation: {{role: validation, reader: folder, path: {images}, label_space: {label_space}}}
    models:
      candidate:
{model}
"""

PREPROCESSING = """\
        # Whose preprocessing it was trained with: `pretrained: TAG` (its library's tag), or
        # `preprocessing: {resize: 256, crop: 224, interpolation: bicubic, mean: [...], std: [...]}`"""

BEHAVIOR = '''\
"""What this project promises beyond what ships with Eyechart: a test is a sentence and a claim."""

from eyechart.claims import needs, validation
from eyechart.measures import accuracy


@needs(validation)
def test_it_knows_far_more_than_a_guess(predictions, chance, require):
    """It names images at least halfway from a guess to always right."""
    require(accuracy(predictions), at_least=(1 + chance) / 2, because="below it, it names more by luck than by sight")
'''

APART = '''\
"""Behaviors are judged by `eyechart run`; a pytest that is not Eyechart's passes them by."""

import sys

collect_ignore_glob = [] if "eyechart.fixtures.plugin" in sys.modules else ["*"]
'''

IGNORED = (".eyechart/", "reports/")


def write(file: Path, text: str) -> None:
    """Write a file that is not there yet, and say so; one that is there is left as it is."""
    name = os.path.relpath(file)
    if file.exists():
        say(f"left  {name}, which is there already")
        return
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    say(f"wrote {name}")


def models_yaml(model: Mapping[str, str], images: str, classes: Sequence[str]) -> str:
    """A zoo of one checkpoint, by the keys of its entry, and one folder of images whose class folders are `classes`."""
    entry = [f"        {key}: {json.dumps(value, ensure_ascii=False)}" for key, value in model.items()]
    return MODELS.format(
        suite=SUITE,
        images=json.dumps(images, ensure_ascii=False),
        label_space=_label_space(classes),
        model="\n".join([*entry, *([PREPROCESSING] if "weights" in model else [])]),
    )


def _label_space(classes: Sequence[str]) -> str:
    if all(name.isdecimal() for name in classes):
        return f"{{classes: {max(map(int, classes)) + 1}}}"
    return f"{{names: {json.dumps(list(classes), ensure_ascii=False)}}}"
