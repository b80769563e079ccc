"""Predicting look by look: every claim is decided as if everything were predicted, and little of it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ONE_MODEL_EACH
from tests.harness import LIMIT, MORE_SETS, SETS, Judged, run_pytest, toy, zoo_file

SHORT = ("-p", "tests.short_looks")
MODELS = ("saint", "fickle", "lost_in_fog", "parochial")


def decided(run: Judged) -> dict[tuple[str, str, str, str], dict[str, Any]]:
    """What is decided of each claim and reported beside it, but for how much of all images is padded."""
    records = {}
    for number, record in enumerate(run.data["verdicts"]):
        reason = "; ".join(part for part in (record["reason"] or "").split("; ") if "are padded" not in part)
        kind = f"{number if record['verdict'] == 'reported' else ''}"
        records[record["model"], record["behavior"], record["versus"], kind] = {**record, "reason": reason}
    return records


@pytest.fixture(scope="module")
def run_of(rendered: Path, gallery: Path, tmp_path_factory: pytest.TempPathFactory):
    """Runs of the shipped behaviors over some toys and all sets, by name, with these arguments, in one store."""
    folder = tmp_path_factory.mktemp("looks")
    zoo = zoo_file(folder / "models.yaml", {name: toy(name) for name in MODELS}, image_sets={**SETS, **MORE_SETS})
    (folder / "store").mkdir()
    (folder / "store" / "images").symlink_to(rendered / "images")

    def run(name: str, *arguments: object) -> Judged:
        return run_pytest(
            "behaviors/", "--models", zoo, "--store", folder / "store", "--limit", LIMIT, *ONE_MODEL_EACH, *SHORT,
            *arguments, reports=folder / name,
        )  # fmt: skip

    return run


def test_every_claim_is_decided_as_if_everything_were_predicted(run_of):
    """Over a zoo of toys and all shipped behaviors: the same verdicts at the same looks, cold, warm and on workers."""
    cold = run_of("cold", "--sequential")
    predicted = cold.run["predict"]
    assert 0 < predicted["in_looks"]["answers"] < 0.7 * predicted["in_looks"]["of"]
    warm = run_of("warm", "--sequential", "-n", 2)
    assert warm.run["predict"]["answers"] == 0
    assert decided(warm) == decided(cold)
    everything = run_of("everything")
    assert everything.run["predict"]["answers"] > 0
    again = run_of("again", "--sequential")
    assert again.run["predict"]["in_looks"] == {"answers": 0, "of": 0}
    assert decided(again) == decided(cold)
