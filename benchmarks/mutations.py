"""Does any odd `models.yaml` make a traceback? Random mutations of one, each read as a run reads it.

    python benchmarks/mutations.py --count 5000

Read or refused as a `SpecError` is right; anything else is a fault, printed with the seed that makes it again
(`--seed N --count 1`). What is mutated uses every source, reader and section.
"""

from __future__ import annotations

import argparse
import random
import re
import tempfile
import traceback
from collections import Counter
from pathlib import Path

from eyechart.errors import BlockedError, SpecError
from eyechart.zoo.zoo import read_zoos

SPECIMEN = """\
zoos:
  mine:
    behaviors: {shipped: [accuracy, contract], version: 1}
    protocol: {views: paper}
    findings: arxiv-2311.09215
    gate: {false_fail: 0.01}
    image_sets:
      validation: {role: validation, reader: folder, path: v, label_space: {names: [bolt, nut]}, count: 2, train: t}
      flat: {role: validation, reader: folder, path: flat, labels: val.csv, label_space: imagenet-1k, factors: [a]}
      rendered: {role: shifted, reader: rendered, label_space: miniature}
      corrupted: {role: corrupted, reader: computed, of: validation, images: 10, severities: [1, 5], corruptions: [fog]}
      folders: {role: corrupted, reader: corruption-folders, path: c, label_space: imagenet-1k, severities: [1, 2]}
      shards: {role: transfer, reader: shards, path: s, label_space: {classes: 10}, group: natural}
      parquet: {role: shifted, reader: parquet, path: p, label_space: imagenet-1k, image_column: img}
      manifest: {role: factors, reader: manifest, path: m.csv, label_space: {mapping: m.json}, factors: [x]}
      recorded: {role: validation, label_space: {classes: 10}}
      derived: {role: relabeled, of: flat, annotations: real, allow_missing: 0.01}
    models:
      net:
        source: timm
        architecture: resnet10t
        arguments: {depth: 3}
        weights: net.safetensors
        pretrained: a1_in1k
        preprocessing: &pixels {resize: 64, crop: 64, crop_mode: center, mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5]}
        expected: {top1: 0.8}
        known_failures:
          "test_accuracy.py::test_it[flat]": {reason: "it is known", until: 2027-01-31}
      clip:
        source: open_clip
        architecture: {embed_dim: 64, vision_cfg: {image_size: 64}, text_cfg: {width: 64}}
        weights: clip.safetensors
        prompts: miniature
        logit_scale: model
        preprocessing: *pixels
        label_space: miniature
      graph: {source: onnx, weights: g.onnx, returns: probabilities, preprocessing: *pixels}
      code: {source: python, factory: "a.b:c", version: "1", returns: labels}
      phone: {source: recorded, predictions: {flat: p.csv, recorded: {file: a.npy, labels: b.npy}}, allow_missing: 0.1}
    bounds:
      "test_accuracy.py::test_it": {at_most: 0.5, reason: ours}
    margins:
      accuracy_loss: {margin: 0.01, reason: ours}
"""

VALUES = (
    "1", "-1", "0", "1.5", "1e400", ".inf", ".nan", "0x1F", "0o17", "1_000", "999999999999999999", "~", "null",
    "true", "no", "''", '""', "[]", "{}", "[[]]", "[1, 2]", "[a, [b]]", "{1: 2}", "{[1]: 2}", "{null: null}",
    "{true: x}", "{1.5: x}", "{{a: b}: c}", "2027-02-30", "2027-01-31", "2027-01-31T10:00:00Z", "12:30:45",
    "!!set {a}", "!!omap [a: 1]", "!!binary aGk=", "!!python/object:os.system {}", "!x y", "!!int a", "!!float b",
    "!!bool c", "!!timestamp d", "&new x", "*pixels", "*none", "<<", "<<: *pixels", "? a", "=", "|", ">", "%", "@",
    "`", "é", "'\\u0300'", '"\\0"', '"\\e"', "../..", "x" * 5000, "# c", "imagenet-1k", "miniature", "folder", "timm",
    "validation", "{of: flat}", "{file: a}", "{names: [1, 2]}", "{classes: x}",
)  # fmt: skip
"""What a word of the file may become."""

SIGNS = ":{}[]#&*!|>'\"-\n \t%@`,?\\\0\x1b\x85\ufeff\u2028é"

_WORD = re.compile(r"[^\s:{}\[\],]+")


def mutated(text: str, dice: random.Random) -> str:
    """One to three mutations of a text: of words mostly, a sign, or a line."""
    for _ in range(dice.choice([1, 1, 2, 3])):
        kind = dice.choice([*["word"] * 10, "sign", "cut", "line", "twice", "swap", "indent"])
        lines = text.splitlines(keepends=True) or [""]
        row, other = dice.randrange(len(lines)), dice.randrange(len(lines))
        at = dice.randrange(len(text) + 1)
        if kind == "word" and (words := list(_WORD.finditer(text))):
            word = dice.choice(words)
            text = text[: word.start()] + dice.choice(VALUES) + text[word.end() :]
        elif kind == "sign":
            text = text[:at] + dice.choice(SIGNS) + text[at:]
        elif kind == "cut":
            text = text[:at] + text[at + dice.randint(1, 3) :]
        else:
            if kind == "line":
                lines[row] = ""
            elif kind == "twice":
                lines[row] *= 2
            elif kind == "swap":
                lines[row], lines[other] = lines[other], lines[row]
            elif kind == "indent":
                lines[row] = " " * dice.randint(0, 8) + lines[row].lstrip(" ")
            text = "".join(lines)
    return text


def outcome(file: Path) -> str:
    """Read a file as a run does before it looks at any image: "read", "refused", "no YAML", or the traceback."""
    try:
        for zoo in read_zoos(file):
            for name, spec in zoo.image_sets.items():
                for ask in (zoo.labels, zoo.space_name, zoo.whole_of, zoo.reference):
                    try:
                        ask(name)
                    except BlockedError:
                        continue
                spec.parts("factor", name)
                spec.parts("corruption", name)
    except SpecError as error:
        return "no YAML" if "not valid YAML" in str(error) else "refused"
    except Exception:
        return traceback.format_exc()
    return "read"


def main() -> int:
    """Count what comes of each mutation; returns 1 where any made a traceback."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0, help="of the first mutation; each has its own")
    parser.add_argument("--file", type=Path, help="what is mutated (default: a specimen of every kind of entry)")
    options = parser.parse_args()
    text = options.file.read_text(encoding="utf-8") if options.file else SPECIMEN
    counts: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "models.yaml"
        file.write_text(text, encoding="utf-8")
        print(f"as it is: {outcome(file)}")
        for seed in range(options.seed, options.seed + options.count):
            file.write_bytes(mutated(text, random.Random(seed)).encode("utf-8", "surrogatepass"))
            came = outcome(file)
            is_fault = came.startswith("Traceback")
            counts["traceback" if is_fault else came] += 1
            if is_fault:
                last = [line.strip() for line in came.splitlines() if line.strip()]
                print(
                    f"seed {seed}: {last[-1][:200]}\n  {[line for line in last if line.startswith('File')][-1]}",
                    flush=True,
                )
    print(", ".join(f"{count} {what}" for what, count in sorted(counts.items())))
    return int(bool(counts["traceback"]))


if __name__ == "__main__":
    raise SystemExit(main())
