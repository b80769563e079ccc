"""What tables keep: logits where a claim asks for them, else the best answers; and what a later claim gets."""

import hashlib
import io
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from eyechart.errors import BlockedError
from eyechart.judge.gates.baseline import read_table
from eyechart.measures import calibration_error
from eyechart.measures.awaiting import AwaitedError
from eyechart.measures.measurement import take
from eyechart.measures.predictions import BEST, FEW
from eyechart.predict.answering import Job, predictions_table
from eyechart.predict.needs import Need
from eyechart.predict.predictor import Predictor
from eyechart.predict.run import Run, Settings, versions
from eyechart.progress import Progress
from eyechart.store import Store
from tests.harness import Judged, project, run_pytest
from tests.image_files import encoded, put, zoo_of
from tests.test_condensed import digits
from tests.test_reports import tables

CLASSES, COUNT = 50, 40
NEED = Need("net", "photos")
KEPT = ["best", "best_log_share", "log_sum_exp", "true_probability", "sum_of_squares"]

OWN = '''
import numpy as np
from eyechart.claims import needs, validation
from eyechart.measures import mean, remembered
from eyechart.views import scale

@remembered
def spread(predictions):
    """How far the largest logit is from the smallest."""
    logits = predictions.logits_of()
    assert logits.shape == (40, 50)
    return mean("spread", logits.max(axis=1) - logits.min(axis=1), (0.0, 1e6))

@needs(validation, views=[scale(1.25)])
def test_spread(changed, require):
    """Logits differ."""
    require(spread(changed), at_least=0.5)
'''
ACCURACY = '''
from eyechart.claims import needs, validation
from eyechart.measures import accuracy_drop, calibration_error
from eyechart.views import scale

@needs(validation, views=[scale(1.25)])
def test_drop(predictions, changed, require):
    """A change costs little."""
    require(accuracy_drop(predictions, changed), at_most=0.9)

@needs(validation, views=[scale(1.25)])
def test_sure(changed, require):
    """It knows how sure it is."""
    require(calibration_error(changed), at_most=0.99)
'''


def net(classes: int = CLASSES):
    """A model whose logits are noise of each picture's own."""
    return lambda batch: np.stack(
        [np.random.default_rng(int(image.sum())).normal(0, 3, classes) for image in batch.astype(np.int64)]
    ).astype(np.float32)


@pytest.fixture
def zoo(tmp_path: Path):
    """Forty pictures of fifty classes, and one model."""
    names = [f"c{number:02}" for number in range(CLASSES)]
    for number in range(COUNT):
        put(tmp_path / f"photos/{names[number]}/{number}.png", encoded(number))
    sets = {"photos": {"role": "validation", "reader": "folder", "path": "photos", "label_space": {"names": names}}}
    model = {"source": "python", "factory": "tests.test_keeping:net", "version": "1", "label_space": {"names": names}}
    return zoo_of(tmp_path, sets, {"net": model})


def judged(zoo, store: Path, *asking: Need) -> tuple[Run, Predictor, io.StringIO]:
    """A run that met the need, with logits where these are asked for; its predictor, and what it told."""
    run, told = Run(zoo, Settings(store, device="cpu")), io.StringIO()
    predictor = Predictor(run, Progress(told))
    run.predict_anew = predictor.keep_logits
    for need in asking:
        run.ask_logits(need)
    predictor.prepare({NEED})
    return run, predictor, told


def columns(run: Run) -> set[str]:
    """What the table keeps, besides what each does."""
    return set(run.store.columns(run.address(NEED))) - {"key", "label", "predicted", "confidence"}


def test_a_claim_is_met_by_either_table_with_the_same_digits(zoo, tmp_path):
    """A full table meets both; a condensed one is predicted anew for who asks for logits, once, and a line says so."""
    short, _, told = judged(zoo, tmp_path / "store")
    assert columns(short) == set(KEPT)
    assert short.cost.answers == COUNT
    measured = digits(calibration_error(short.predictions(NEED)))
    answers = short.store.read_table(
        short.address(NEED), ["key", "label", "predicted", "confidence", *KEPT]
    ).to_pydict()

    full, _, told = judged(zoo, tmp_path / "store", NEED)
    assert columns(full) == {*KEPT, "logits"}
    assert full.cost.answers == COUNT
    assert (
        told.getvalue().count("net on photos under original: a claim asks for all logits, which the store did not") == 1
    )
    assert full.address(NEED) == short.address(NEED)
    assert full.store.read_table(full.address(NEED), list(answers)).to_pydict() == answers
    assert digits(calibration_error(full.predictions(NEED))) == measured

    for asking in ((NEED,), ()):
        again, _, told = judged(zoo, tmp_path / "store", *asking)
        assert again.cost.answers == 0
        assert not told.getvalue()


def test_logits_nobody_foresaw_are_predicted_when_they_are_asked_for(zoo, tmp_path):
    """As if they had been kept, once, also through predictions that were read before."""
    full, _, _ = judged(zoo, tmp_path / "full", NEED)
    run, _, told = judged(zoo, tmp_path / "store")
    before = run.predictions(NEED)
    assert np.array_equal(before.logits_of(), full.predictions(NEED).logits_of())
    assert "predicting them anew" in told.getvalue()
    for predictions in (before, run.predictions(NEED)):
        assert np.array_equal(predictions.ranked(CLASSES)[:, :BEST], full.predictions(NEED).ranked(BEST))
        assert digits(calibration_error(predictions)) == digits(calibration_error(full.predictions(NEED)))
    assert run.cost.answers == 2 * COUNT


def test_what_cannot_be_had_blocks_who_asks_and_nobody_else(zoo, tmp_path):
    """Where the pictures are gone, or nobody is there to predict: what is kept goes on to be measured."""
    run, predictor, _ = judged(zoo, tmp_path / "store")
    measured = digits(calibration_error(run.predictions(NEED)))
    (tmp_path / "photos").rename(tmp_path / "elsewhere")
    for anew, reason in ((predictor.keep_logits, "cannot be had now: .*cannot be read"), (None, "were not kept")):
        run.predict_anew = anew
        with pytest.raises(BlockedError, match=reason):
            run.predictions(NEED).logits_of()
        run.forget()
        assert digits(calibration_error(run.predictions(NEED))) == measured


def test_logits_of_rows_that_a_look_asked_for(zoo, tmp_path):
    """A table of which only some rows are there gives theirs too; those that are not there are asked for as before."""
    full, _, _ = judged(zoo, tmp_path / "full", NEED)
    run, told = Run(zoo, Settings(tmp_path / "store", device="cpu")), io.StringIO()
    predictor, rows = Predictor(run, Progress(told)), np.array([3, 4, 9])
    run.predict_anew = predictor.keep_logits
    predictor.begin({NEED})
    predictor.answer({("net", "photos", "original"): rows})
    assert run.cost.answers == len(rows)
    part, whole = take(run.predictions(NEED), rows), take(full.predictions(NEED), rows)
    assert digits(calibration_error(part)) == digits(calibration_error(whole))
    with pytest.raises(AwaitedError):
        calibration_error(take(run.predictions(NEED), rows + 1)).value  # noqa: B018  # it raises
    assert run.cost.answers == len(rows)
    assert np.array_equal(part.logits_of(), whole.logits_of())


def test_a_pinned_table_without_logits_says_how_to_have_them(zoo, tmp_path):
    """It cannot be predicted anew; what it keeps is compared as ever."""
    run, _, _ = judged(zoo, tmp_path / "store")
    pinned = read_table(run.store.table_path(run.address(NEED)))
    assert digits(calibration_error(pinned)) == digits(calibration_error(run.predictions(NEED)))
    with pytest.raises(BlockedError, match=r"baseline .*keeps the best answers only. Judge it again together with"):
        pinned.logits_of()


def test_an_interrupted_table_is_of_one_kind(zoo, tmp_path, monkeypatch):
    """Parts without logits are begun anew where logits are asked for, and the other way round."""
    for asking in ((), (NEED,), ()):
        with monkeypatch.context() as patch:
            patch.setattr("eyechart.predict.predictor.finish", lambda run, job: None)
            run, _, told = judged(zoo, tmp_path / "store", *asking)
        assert run.cost.answers == COUNT
    assert (
        f"not {{'device': 'cpu', 'versions': {versions()}, 'keeps': '16 best answers'}}: begun anew" in told.getvalue()
    )
    run, _, _ = judged(zoo, tmp_path / "store")
    assert run.cost.answers == 0
    assert columns(run) == set(KEPT)


@pytest.mark.parametrize("classes", [FEW, FEW + 1, 1000])
def test_an_answer_takes_150_bytes_at_most(tmp_path, classes):
    """On the disk, all told, under names that do not compress and a view that pads; pandas reads what is there."""
    rng, rows = np.random.default_rng(0), np.arange(2000)
    keys = np.array([hashlib.sha256(bytes([row % 251, row // 251])).hexdigest()[:12] for row in rows])
    images = SimpleNamespace(keys=keys, labels=rng.integers(0, classes, len(rows)))
    checkpoint = SimpleNamespace(resolved=SimpleNamespace(answers="logits"))
    logits = rng.normal(0, 2, (len(rows), classes)).astype(np.float32)
    logits[rows, images.labels] += rng.gamma(4, 2, len(rows)).astype(np.float32)
    job = Job(NEED, "key", checkpoint, images, None, classes <= FEW)
    store = Store(tmp_path)
    store.write_part("key", 0, predictions_table(job, rows, logits, rng.uniform(size=len(rows)).round(2).tolist()), {})
    store.finish("key", {}, keys, {})
    path = store.table_path("key")
    assert path.stat().st_size / len(rows) <= 150
    table = pd.read_parquet(path)
    assert table["key"].tolist() == keys.tolist()
    if classes <= FEW:
        assert np.array_equal(np.stack(table["logits"]), logits)
    else:
        assert np.array_equal(np.stack(table["best"]), np.argsort(-logits, axis=1, kind="stable")[:, :BEST])


def test_own_measures_of_logits_simply_work(tmp_path, zoo):
    """Foreseen where their tables are to be predicted; else predicted anew, with one line that says so."""
    root = project(tmp_path / "own", {"test_drop.py": ACCURACY})
    arguments = ("behaviors", "--models", tmp_path / "models.yaml", "--store")

    def run(*more: object, store: str) -> Judged:
        judged = run_pytest(*arguments, tmp_path / store, *more, reports=tmp_path / "reports", root=root)
        assert judged.code == 0, judged.text
        return judged

    run(store="store")
    (root / "behaviors/test_spread.py").write_text(OWN)
    said = "net on photos under scale(1.25): a claim asks for all logits, which the store did not keep"
    assert run("-n", "1", store="store").text.count(said) == 1
    assert said not in run(store="store").text
    cold = run("-n", "1", store="cold")
    assert said not in cold.text
    assert cold.run["predict"]["answers"] == 2 * COUNT
    kept = {meta["view"]: "logits" in pq.read_schema(path).names for path, meta in tables(tmp_path / "cold")}
    assert kept == {"original": False, "scale(1.25)": True}
