"""Logits of architectures with random weights: ours beside the library's own create_model and its own transform.

    python -m benchmarks.architectures [--only NAME ...]

One entry of every builder of timm, of every distinct preprocessing but for its size, and of every head; of open_clip
one of each kind of tower. Takes ten minutes; prints a table. A difference is the largest among the logits of two
images, in units of the largest logit where that is above 1.
"""

from __future__ import annotations

import argparse
import gc
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.entries import of_timm
from eyechart.checkpoints.heads import SPACE_OF
from eyechart.checkpoints.sources import open_clip as open_clip_source
from eyechart.checkpoints.sources import timm as timm_source
from eyechart.checkpoints.sources.base import Surroundings
from eyechart.images.labels import LabelSpace, label_space, named_space

CLIPS = (
    "ViT-B-32-quickgelu/openai", "RN50/cc12m", "convnext_base/laion400m_s13b_b51k", "coca_ViT-B-32/laion2b_s13b_b90k",
    "MobileCLIP2-S0/dfndr2b", "ViTamin-S/datacomp1b", "EVA02-B-16/merged2b_s8b_b131k", "PE-Core-T-16-384/meta",
    "ViT-B-16-SigLIP/webli", "ViT-B-32-SigLIP2-256/webli", "ViT-B-32-256/datacomp_s34b_b86k",
)  # fmt: skip
SMALL = ("atto", "femto", "pico", "nano", "xxtiny", "xxsmall", "xtiny", "xsmall", "tiny", "mini", "lite", "small", "s0",
         "_s", "b0", "18", "s12", "050", "26", "50", "base", "large")  # fmt: skip
"""Parts of architectures' names, smallest networks first: larger ones share their code."""
MERGES = Path(__file__).parents[1] / "eyechart" / "miniature" / "merges.txt"
TOLERANCE = 1e-5
APART = 1e-3
"""How far two images' logits are apart at least, so that equal ones are evidence."""
DAMPED = (0.9, 0.99)
"""Scales of batch norms, the first that leaves images apart. At 1, rounding grows from layer to layer: Inception-v3
differs from itself by 1.8e-5 in another memory layout, at .9 by 1e-6."""


def chosen() -> list[str]:
    """Entries of timm that cover its builders, its preprocessing and its heads, small ones first."""
    import timm
    from timm.models._registry import _model_to_module

    wanted: dict[Any, list[str]] = {}
    for each in of_timm():
        if each.judged == "yes":
            published = timm.get_pretrained_cfg(each.entry)
            mode, _, rest = each.preprocessing.partition(" crop ")
            _, _, ways = rest.partition(", ")
            square = published.input_size[1] == published.input_size[2]
            builder = _model_to_module[each.entry.partition(".")[0]]
            for kind in (("builder", builder), ("preprocessing", mode, square, ways), ("head", each.head)):
                wanted.setdefault(kind, []).append(each.entry)
    kept: dict[str, None] = {}
    for candidates in wanted.values():
        if not kept.keys() & set(candidates):
            kept[min(candidates, key=_size)] = None
    return list(kept)


def _size(entry: str) -> tuple[int, int, str]:
    import timm

    rank = next((place for place, word in enumerate(SMALL) if word in entry.partition(".")[0]), len(SMALL))
    return rank, timm.get_pretrained_cfg(entry).input_size[1], entry


def photos() -> list[np.ndarray]:
    """Two pictures of other sizes and aspects, with structure at every scale."""
    draw = np.random.default_rng(0)
    coarse = [draw.integers(0, 256, (*size, 3), dtype=np.uint8) for size in ((6, 9), (11, 7))]
    sides = (431, 257)
    return [
        np.asarray(Image.fromarray(each).resize((side, 300), Image.Resampling.BICUBIC))
        for each, side in zip(coarse, sides, strict=True)
    ]


def _around(folder: Path, labels: LabelSpace) -> Surroundings:
    return Surroundings(folder, labels, "cpu", "fp32", lambda _, compute: compute())


def _stirred(module: Any, pixels: Any, show: Callable[[Any], Any]) -> Any:
    """Give every image an answer of its own, which networks as they begin hardly do.

    What starts as nothing (classifiers, layer scales) is filled. Batch norms get the averages of `pixels` and of their
    mirrored negatives, which `show` puts through the network: without, layer after layer shrinks what tells images
    apart. They are damped, as far as that leaves images apart.
    """
    import torch

    torch.manual_seed(1)
    module.eval()
    norms = [each for each in module.modules() if isinstance(each, torch.nn.modules.batchnorm._BatchNorm)]
    with torch.no_grad():
        for value in module.parameters():
            if value.numel() > 1 and value.abs().max() < 1e-3:
                value.normal_(0, 0.05)
        for each in norms:
            each.reset_running_stats()
            each.momentum = None
            each.train()
        if norms:
            show(torch.cat([pixels, -pixels.flip(-1)]))
        module.eval()
        scales = [(each.weight, each.weight.clone()) for each in norms if each.weight is not None]
        for damped in DAMPED if scales else ():
            for weight, whole in scales:
                weight.copy_(whole * damped)
            first, second = show(pixels)
            if (first - second).abs().max() >= APART:
                break
    return module


def of_timm_entry(entry: str, folder: Path) -> tuple[np.ndarray, np.ndarray, str]:
    """Our logits, timm's own, and what the entry is seen through."""
    import timm
    import torch
    from timm.data import create_transform, resolve_model_data_config

    torch.manual_seed(0)
    own = timm.create_model(entry)
    transform = create_transform(**resolve_model_data_config(own), is_training=False)
    pixels = torch.stack([transform(Image.fromarray(each)) for each in photos()])
    _stirred(own, pixels, own)
    torch.save(own.state_dict(), folder / "weights.pth")
    with torch.inference_mode():
        expected = own(pixels).numpy()
    del own
    architecture, _, tag = entry.partition(".")
    classes = timm.get_pretrained_cfg(entry).num_classes
    space = label_space(SPACE_OF[classes])
    spec = timm_source.TimmSpec(source="timm", architecture=architecture, pretrained=tag, weights="weights.pth")
    checkpoint = timm_source.load(spec, _around(folder, space))
    return checkpoint(photos()), expected, str(checkpoint.resolved.preprocessing)


def of_clip_entry(entry: str, folder: Path) -> tuple[np.ndarray, np.ndarray, str]:
    """Our logits, open_clip's own, and what the entry is seen through; prompts go through the miniature's merges."""
    import open_clip
    import torch

    from eyechart.checkpoints import clip

    name, _, tag = entry.partition("/")
    torch.manual_seed(0)
    known = open_clip.get_pretrained_cfg(name, tag)
    ways = {key: known[key] for key in ("mean", "std", "interpolation", "resize_mode") if key in known}
    own = open_clip.create_model(
        name, load_weights=False, force_quick_gelu=bool(known.get("quick_gelu")), force_preprocess_cfg=ways
    )
    transform = open_clip.transform.image_transform_v2(
        open_clip.transform.PreprocessCfg(**open_clip.model.get_model_preprocess_cfg(own)), is_train=False
    )
    pixels = torch.stack([transform(Image.fromarray(each)) for each in photos()])
    _stirred(own, pixels, own.encode_image)
    torch.save(own.state_dict(), folder / "weights.pth")
    names = ("bolt", "nut", "gear")
    context = open_clip.get_model_config(name)["text_cfg"].get("context_length", 77)
    tokens = clip.tokenizer(MERGES, context)([f"a {each}" for each in names])
    with torch.inference_mode():
        images, prompts = own.encode_image(pixels, normalize=True), own.encode_text(tokens, normalize=True)
        bias = 0 if own.logit_bias is None else own.logit_bias
        expected = (own.logit_scale.exp() * images @ prompts.T + bias).numpy()
    del own
    spec = open_clip_source.OpenClipSpec(
        source="open_clip",
        architecture=name,
        pretrained=tag,
        weights="weights.pth",
        merges=str(MERGES),
        prompts=("a {}",),
    )
    checkpoint = open_clip_source.load(spec, _around(folder, named_space(names)))
    return checkpoint(photos()), expected, str(checkpoint.resolved.preprocessing)


def compared(entries: Iterable[str]) -> Iterator[tuple[str, float, float, str]]:
    """Entry, difference, how far the two images' answers are apart, and what it is seen through."""
    for entry in entries:
        ask = of_clip_entry if "/" in entry else of_timm_entry
        with tempfile.TemporaryDirectory() as folder:
            ours, expected, seen = ask(entry, Path(folder))
        largest = max(1.0, float(np.abs(expected).max()))
        yield (
            entry,
            float(np.abs(ours - expected).max()) / largest,
            float(np.abs(expected[0] - expected[1]).max()),
            seen,
        )
        gc.collect()


def main() -> None:
    """Print the table, a line at a time, and what it comes to."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", help="these entries")
    only = parser.parse_args().only
    started, differences, alike = time.perf_counter(), [], []
    print("| entry | seen through | difference | images apart |\n| --- | --- | --- | --- |")
    for entry, difference, apart, seen in compared(only or [*chosen(), *CLIPS]):
        differences.append(difference)
        alike += [entry] * (apart < APART)
        print(f"| `{entry}` | {seen} | {difference:.1e} | {apart:.2g} |", flush=True)
    beyond, seconds = sum(each > TOLERANCE for each in differences), time.perf_counter() - started
    count, largest = len(differences), max(differences)
    print(f"\n{count} entries, {beyond} beyond {TOLERANCE:g}, the largest {largest:.1e}, {seconds:.0f} s")
    print(f"images less than {APART:g} apart, which is weak evidence: {', '.join(alike) or 'none'}")


if __name__ == "__main__":
    main()
