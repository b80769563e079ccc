"""List every published entry of timm and open_clip: judged, or refused and why. No weights are needed.

python benchmarks/entries.py    # writes docs/entries.csv, prints the table of docs/sources.md
"""

from __future__ import annotations

import argparse
import csv
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from eyechart.checkpoints.entries import PreprocessingEntry
from eyechart.checkpoints.heads import SPACE_OF, UNREADABLE
from eyechart.checkpoints.sources import open_clip as open_clip_source
from eyechart.checkpoints.sources import tags, towers
from eyechart.checkpoints.sources import timm as timm_source
from eyechart.errors import EyechartError

FILE = Path(__file__).parents[1] / "docs" / "entries.csv"

PROBES = "a classifier or linear probes on its features"


@dataclass(frozen=True, slots=True)
class Listed:
    """One published entry: what it is seen through and answers in, and how it is judged or why it is refused."""

    source: str
    entry: str
    preprocessing: str
    head: str
    judged: str
    how: str


def of_timm() -> Iterable[Listed]:
    """List timm's pretrained entries, in its order."""
    import timm

    for name in timm.list_pretrained():
        published = timm.get_pretrained_cfg(name)
        if published.input_size[0] != 3:
            yield Listed("timm", name, "", "", "no", f"takes {published.input_size[0]} channels, images have 3")
            continue
        try:
            seen = timm_source._preprocessing(SimpleNamespace(pretrained_cfg=published.to_dict()), PreprocessingEntry())
        except EyechartError as error:
            yield Listed("timm", name, "?", str(published.num_classes), "no", str(error))
            continue
        yield Listed("timm", name, str(seen), *_head(published))


def _head(published: Any) -> tuple[str, str, str]:
    outputs = published.num_classes
    if outputs in UNREADABLE:
        return f"{outputs} classes", "no", UNREADABLE[outputs]
    if instead := towers.instead_of(published):
        return f"{outputs} dimensions" if outputs else "none", "no", instead.replace(towers.FINE_TUNE, PROBES)
    return SPACE_OF[outputs], "yes", f"label_space: {SPACE_OF[outputs]}"


def of_open_clip() -> Iterable[Listed]:
    """List open_clip's pretrained tags, in its order."""
    import open_clip

    for name, tag in open_clip.list_pretrained():
        config = open_clip.get_model_config(name)
        known = tags.provenance(name, tag, stated=False)
        size = config["vision_cfg"].get("image_size", 224)
        module = SimpleNamespace(
            visual=SimpleNamespace(image_size=size, preprocess_cfg={**known.preprocessing, "size": size})
        )
        seen = open_clip_source._preprocessing(module, PreprocessingEntry())
        text = config["text_cfg"]
        kind = "CoCa" if "multimodal_cfg" in config else "zero-shot"
        needs = [f"pretrained: {tag}"]
        if "hf_model_name" in text or text.get("hf_tokenizer_name"):
            needs.append("pip install transformers")
        if config.get("init_logit_bias") is not None:
            kind = "zero-shot with logit_bias"
        yield Listed("open_clip", f"{name}/{tag}", str(seen), kind, "yes", ", ".join(needs))


def entries() -> list[Listed]:
    """All of them."""
    return [*of_timm(), *of_open_clip()]


def aggregated(listed: Iterable[Listed]) -> str:
    """Counts by head and crop mode, as a table."""
    counts: dict[tuple[str, str, str], Counter[str]] = {}
    for each in listed:
        head = "an embedding" if each.head.endswith("dimensions") else each.head
        counts.setdefault((each.source, head, each.judged), Counter())[_mode(each.preprocessing)] += 1
    lines = [
        "| source | head | judged | center | squash | border | entries |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for (source, head, judged), modes in sorted(
        counts.items(), key=lambda item: (item[0][0] != "timm", -item[1].total())
    ):
        row = [source, head, judged, *(str(modes[mode]) for mode in ("center", "squash", "border")), str(modes.total())]
        lines.append(f"| {' | '.join(row)} |")
    return "\n".join(lines)


def _mode(preprocessing: str) -> str:
    return next((mode for mode in ("squash", "border") if mode in preprocessing), "center")


def main() -> None:
    """Write the list, print the table."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    listed = entries()
    with FILE.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, [field.name for field in fields(Listed)], lineterminator="\n")
        writer.writeheader()
        writer.writerows(map(asdict, listed))
    print(aggregated(listed))


if __name__ == "__main__":
    main()
