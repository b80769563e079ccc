"""Predicting look by look: every claim is decided as if everything were predicted, and little of it is."""

from __future__ import annotations

import datetime
import errno
import io
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from eyechart.errors import SpecError, StoreError
from eyechart.judge.gates.pins import save
from eyechart.measures.awaiting import AwaitedError
from eyechart.predict import answering
from eyechart.predict import predictor as predictor_module
from eyechart.predict.contents import leftovers
from eyechart.predict.needs import Need
from eyechart.predict.predictor import Predictor
from eyechart.predict.run import Run, Settings
from eyechart.progress import Progress
from eyechart.store import Store
from eyechart.zoo.zoo import read_zoo
from tests.conftest import ONE_MODEL_EACH
from tests.harness import LIMIT, MORE_SETS, SETS, Judged, new_store, project, run_pytest, toy, zoo_file

SHORT = ("-p", "tests.short_looks")
MODELS = ("saint", "fickle", "parochial")


def decided(run: Judged) -> dict[tuple[str, str, str, str], dict[str, Any]]:
    """What is decided of each claim and reported beside it, but for how much of all images is padded."""
    records = {}
    numbers: Counter[str] = Counter()
    for record in run.data["verdicts"]:
        number = numbers[record["model"]] = numbers[record["model"]] + 1
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
    """Over a zoo of toys and all shipped behaviors: the same verdicts at the same looks, cold, warm and on workers.

    Warm, one toy is judged alone, and where everything is there, another.
    """
    cold = run_of("cold", "--sequential")
    predicted = cold.run["predict"]
    assert 0 < predicted["in_looks"]["answers"] < predicted["in_looks"]["of"]
    warm = run_of("warm", "--sequential", "-n", 2, "--model", "fickle")
    assert warm.run["predict"]["answers"] == 0
    assert decided(warm) == {key: record for key, record in decided(cold).items() if key[0] == "fickle"}
    everything = run_of("everything")
    assert everything.run["predict"]["answers"] > 0
    again = run_of("again", "--sequential", "--model", "parochial")
    assert again.run["predict"]["in_looks"] == {"answers": 0, "of": 0}
    assert decided(again) == {key: record for key, record in decided(cold).items() if key[0] == "parochial"}


OWN = '''
from eyechart.claims import needs, validation
from eyechart.measures import accuracy, only, share

@needs(validation)
def test_plain(predictions, require):
    """Most images are named."""
    require(accuracy(predictions), at_least=0.5)

@needs(validation)
def test_reads(predictions, require):
    """Of the images it calls one thing, most are that."""
    require(accuracy(only(predictions, predictions.predicted == 3)), at_least=0.1)

@needs(validation)
def test_own(predictions, require):
    """Its measure is its own, and not remembered."""
    require(share("right", int(predictions.correct.sum()), len(predictions)), at_least=0.5)
'''


def test_claims_that_are_not_decided_in_looks_are_named(store: Path, tmp_path: Path):
    """One reads answers to choose images, one has a measure of its own; both are decided as by a full run."""
    here = project(tmp_path / "own", {"test_own.py": OWN})
    zoo = zoo_file(here / "models.yaml", {"saint": toy("saint")}, image_sets={"validation": SETS["validation"]})
    arguments = ("behaviors/", "--models", zoo, "--store", store, "--limit", LIMIT, *SHORT, "--sequential")
    one = run_pytest(*arguments, "-k", "plain", reports=tmp_path / "one", root=here)
    assert one.run["predict"]["in_looks"] == {"answers": 40, "of": 600}
    assert "decided in looks: 40 of 600 answers were enough" in one.text
    assert one.run["tables"] == {"saint": []}
    with pytest.raises(SpecError, match="predicted 1 tables of saint only as far as its looks asked"):
        save("release", store, tmp_path / "one")
    run = run_pytest(*arguments, reports=tmp_path / "all", root=here)
    assert run.run["predict"]["answers"] == 560
    looks = {record["behavior"].partition("[")[0]: record["look"] for record in run.claims}
    assert looks["test_own.py::test_own"] is None
    assert looks["test_own.py::test_plain"] == "look 1 of 4: 40 of 600 images"
    assert "not in looks  test_own.py::test_own (1 claim): all images at once: its measure has no" in run.text
    assert "not in looks  test_own.py::test_reads (1 claim): it reads answers before it measures them" in run.text
    again = run_pytest(*arguments, reports=tmp_path / "again", root=here)
    assert decided(again) == decided(run)


@pytest.fixture
def begun(store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A predictor that has begun two tables in a store of its own, by this name, and the needs."""
    monkeypatch.setattr(answering, "datetime", Stopped)
    zoo = zoo_file(tmp_path / "models.yaml", {"saint": toy("saint")})
    needs = {Need("saint", "validation"), Need("saint", "sketch")}

    def begin(name: str) -> tuple[Predictor, set[Need]]:
        root = new_store(store, tmp_path / name) if not (tmp_path / name).exists() else tmp_path / name
        settings = Settings(root, limit=LIMIT, device="cpu")
        predictor = Predictor(Run(read_zoo(zoo, "miniature"), settings), Progress(io.StringIO()))
        predictor.begin(needs)
        return predictor, needs

    return begin


class Stopped:
    """A clock that stands still, in the place of `datetime`."""

    UTC = datetime.UTC
    datetime = datetime

    @staticmethod
    def now(*_: object) -> datetime.datetime:
        """The same moment."""
        return datetime.datetime(2026, 11, 27, tzinfo=datetime.UTC)


Stopped.datetime = Stopped
SOURCE = ("saint", "validation", "original")


def test_a_full_run_goes_on_where_looks_left_and_makes_the_same_table(begun):
    """Byte for byte, and without asking again what was answered; till then nothing is there to be read as whole."""
    (whole, needs), (looked, _) = begun("whole"), begun("looked")
    whole.prepare(needs)  # it was begun, and is met as far as was asked: not at all
    assert whole.run.cost.answers == 0
    looked.answer({SOURCE: np.arange(0, 600, 7)})
    looked.answer({SOURCE: np.arange(3, 600, 5)})
    there = len(np.union1d(np.arange(0, 600, 7), np.arange(3, 600, 5)))
    assert (looked.run.cost.answers, looked.run.cost.needed, looked.run.cost.possible) == (there, there, 1200)
    key = looked.run.address(Need(*SOURCE))
    assert not looked.run.store.has_table(key, looked.locator.images("validation").keys)
    with pytest.raises(AwaitedError, match="answers were not predicted"):
        looked.run.predictions(Need(*SOURCE)).correct  # noqa: B018  # it raises
    tables = {}
    for name in ("whole", "looked"):
        predictor = Predictor(Run(looked.run.zoo, Settings(begun(name)[0].run.store.root, limit=LIMIT, device="cpu")),
                              Progress(io.StringIO()))  # fmt: skip
        predictor.prepare(needs)
        assert predictor.run.cost.answers == 1200 - (there if name == "looked" else 0)
        tables[name] = predictor.run.store.table_path(key).read_bytes()
    assert tables["whole"] == tables["looked"]


def test_what_was_answered_survives_an_interruption_and_other_means_begin_anew(begun, monkeypatch):
    """After Ctrl-C only the rest is asked; parts by another version of a library are never mixed with these."""
    looked, _ = begun("looked")
    monkeypatch.setattr(predictor_module, "CHUNK", 100)
    write, written = Store.write_part, []

    def interrupted(store: Store, *given: Any) -> None:
        if len(written) == 2:
            raise KeyboardInterrupt
        written.append(given)
        write(store, *given)

    monkeypatch.setattr(Store, "write_part", interrupted)
    with pytest.raises(KeyboardInterrupt):
        looked.answer({SOURCE: np.arange(400)})
    monkeypatch.setattr(Store, "write_part", write)
    after, _ = begun("looked")
    assert not after.answer({SOURCE: np.arange(400)})
    assert after.run.cost.answers == 200
    monkeypatch.setattr(predictor_module, "means_of", lambda *_: {"device": "cpu", "versions": {"numpy": "another"}})
    other, _ = begun("looked")
    assert len(other.run.store.partial(other.run.address(Need(*SOURCE))).rows) == 400  # judged as they are
    assert other.answer({SOURCE: np.arange(401)})
    assert other.run.cost.answers == 401
    assert not leftovers(other.run.store.root, [other.run.zoo])  # the next looks go on from there


def test_a_store_that_cannot_be_written_is_judged_as_far_as_looks_went(begun, monkeypatch):
    """What they asked for is there, and nothing is written; more is an error that names the option."""
    looked, _ = begun("looked")
    looked.answer({SOURCE: np.arange(40)})

    def refused(*_: Any) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr("eyechart.store.holding.holding", refused)
    for name in ("begin", "write_json", "write_part", "finish"):
        monkeypatch.setattr(Store, name, refused)
    again, _ = begun("looked")
    assert again.run.cost.needed == 40
    assert again.run.address(Need(*SOURCE)) == looked.run.address(Need(*SOURCE))
    with pytest.raises(StoreError, match=r"\(Read-only file system\). Give another folder: --store DIR"):
        again.answer({SOURCE: np.arange(41)})
