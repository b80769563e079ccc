"""Damage heals: whatever file of a store is damaged, the next run names it, sets it aside and computes it again."""

from __future__ import annotations

import io
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from eyechart.errors import BlockedError
from eyechart.images.readers import rendered as rendered_reader
from eyechart.predict import answering
from eyechart.predict.needs import FEATURES, Need
from eyechart.predict.predictor import Predictor
from eyechart.predict.run import Run, Settings
from eyechart.progress import Progress
from eyechart.store import Store
from eyechart.zoo.indexing import read_image_set
from eyechart.zoo.zoo import read_zoo
from tests.damage import empty, flip, halve
from tests.harness import toy, zoo_file

SETS = {
    "shades": {"role": "validation", "reader": "folder", "path": "images", "label_space": {"names": ["dark", "light"]}}
}
MODEL = {
    "source": "python", "factory": "tests.test_store_heals:make", "version": "1", "preprocessing": {"crop": 8},
    "label_space": {"names": ["dark", "light"]},
}  # fmt: skip
PLAIN = Need("one", "shades")
NEEDS = {
    PLAIN, Need("one", "shades", FEATURES), Need("one", "shades", contract="finite"),
    Need("one", "shades", search="brightness > 0.05"),
}  # fmt: skip


class Threshold:
    """Tells light from dark by a gray value that a little less light takes the light images below."""

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """(n, 2) logits."""
        light = self.features(images)[:, 0] - 120
        return np.stack([-light, light], axis=1)

    def features(self, images: np.ndarray) -> np.ndarray:
        """(n, 1): the mean gray value."""
        return images.reshape(len(images), -1).mean(axis=1, keepdims=True, dtype=np.float32)


def make() -> Threshold:
    """Factory of the model."""
    return Threshold()


def judge(folder: Path, needs: set[Need] = NEEDS, **settings) -> tuple[Run, str]:
    """Run the predict phase in a folder with images: (the run, what it told)."""
    zoo = read_zoo(zoo_file(folder / "models.yaml", {"one": MODEL}, image_sets=SETS), "miniature")
    run, stream = Run(zoo, Settings(folder / "store", device="cpu", **settings)), io.StringIO()
    Predictor(run, Progress(stream)).prepare(needs)
    return run, stream.getvalue()


def answers(run: Run) -> list[object]:
    """Everything that a run can judge."""
    plain = run.predictions(PLAIN)
    search, contract = (next(need for need in NEEDS if getattr(need, kind)) for kind in ("search", "contract"))
    features = run.store.read_table(run.address(Need("one", "shades", FEATURES)), [FEATURES]).to_pydict()
    return [
        plain.keys.tolist(), plain.labels.tolist(), plain.predicted.tolist(), plain.logits_of().tolist(), features,
        run.index("shades").to_pydict(), run.finding(contract), run.found(search),
        run.store.read_picture(run.address(search)),
    ]  # fmt: skip


@pytest.fixture(scope="module")
def filled(tmp_path_factory) -> Path:
    """A folder with images, and a store that holds all that is needed."""
    folder = tmp_path_factory.mktemp("filled")
    for number in range(40):
        path = folder / "images" / ("dark", "light")[number % 2] / f"{number:02d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 8), (60 + number,) * 3 if number % 2 == 0 else (125, 125, 120 + number)).save(path)
    run, _ = judge(folder)
    assert run.found(next(need for need in NEEDS if need.search)).examples
    return folder


@pytest.fixture
def copy(filled, tmp_path) -> Iterator[Path]:
    """A copy of that folder, to be damaged; its images stay where they are, so that their facts are known."""
    shutil.copytree(filled / "store", tmp_path / "store")
    (tmp_path / "images").symlink_to(filled / "images")
    return tmp_path


KINDS = ("predictions", "indexes", "resolved", "contracts", "searches", "pictures")


@pytest.mark.parametrize("damage", [empty, halve, lambda path: flip(path, path.stat().st_size // 2, 3)],
                         ids=["empty", "halved", "flipped"])  # fmt: skip
@pytest.mark.parametrize("kind", KINDS)
def test_damage_heals_in_the_next_run(filled, copy, kind, damage):
    """It is named, set aside and computed again in one run; the answers are those from before."""
    before = answers(judge(filled)[0])
    damaged = list((copy / "store" / kind).iterdir())
    for path in damaged:
        damage(path)
    run, text = judge(copy)
    assert answers(run) == before
    for path in damaged:
        assert f"{path} is damaged" in text
        assert (copy / "store" / "damaged" / kind / path.name).is_file()
    run, text = judge(copy)
    assert (run.cost.answers, run.cost.loads, text) == (0, {}, "")


def test_damaged_facts_of_files_are_found_anew(copy):
    """They only save reading the images; where they are damaged, these are read."""
    (path,) = (copy / "store" / "files").iterdir()
    judge(copy)
    before = path.read_bytes()
    halve(path)
    run, text = judge(copy)
    assert f"{path} is damaged" in text
    assert (run.cost.answers, path.read_bytes()) == (0, before)


def test_damage_that_only_judging_finds_blocks_in_words_and_heals(copy):
    """The predict phase reads no logits; a claim that does is blocked, and the next run answers anew."""
    run, _ = judge(copy)
    path = run.store.table_path(run.address(PLAIN))
    group = pq.read_metadata(path).row_group(0)
    (logits,) = [group.column(n) for n in range(group.num_columns) if "logits" in group.column(n).path_in_schema]
    flip(path, logits.data_page_offset + 40, 1)
    run, text = judge(copy)
    assert (run.cost.answers, text) == (0, "")
    with pytest.raises(BlockedError, match=r"is damaged .*; it is set aside") as error:
        run.predictions(PLAIN).logits_of()
    assert str(path) in str(error.value)
    with pytest.raises(BlockedError, match="the next run computes it again"):
        run.predictions(PLAIN).logits_of()
    run, _ = judge(copy)
    assert run.cost.answers == 40
    assert len(run.predictions(PLAIN).logits_of()) == 40


@pytest.mark.parametrize("kind", ["predictions", "resolved", "indexes"])
def test_a_damaged_read_only_store_blocks_what_needs_it(copy, kind, monkeypatch):
    """In words, and only that: what is sound there is judged."""
    contract = next(need for need in NEEDS if need.contract)
    for path in (copy / "store" / kind).iterdir():
        empty(path)

    def refuse(*arguments, **options):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "replace", refuse)
    monkeypatch.setattr(Store, "writing", refuse)
    run, _ = judge(copy)
    with pytest.raises(BlockedError, match=r"is damaged .* cannot be written to"):
        run.predictions(PLAIN)
    if kind == "predictions":
        assert run.finding(contract).holds


def answer_and_die(folder: Path, monkeypatch: pytest.MonkeyPatch, chunk: int) -> list[Path]:
    """Answer all images in parts of `chunk`, and end before they are joined: the parts."""

    def die(*arguments):
        raise KeyboardInterrupt

    shutil.rmtree(folder / "store" / "predictions", ignore_errors=True)
    monkeypatch.setattr("eyechart.predict.predictor.CHUNK", chunk)
    with monkeypatch.context() as patch:
        patch.setattr(Store, "finish", die)
        with pytest.raises(KeyboardInterrupt):
            judge(folder, {PLAIN})
    return sorted((folder / "store" / "partial").rglob("*.parquet"))


@pytest.mark.parametrize("damage", [empty, halve], ids=["empty", "halved"])
def test_a_damaged_part_is_answered_again(copy, monkeypatch, damage):
    """One of the parts of a run that was killed: that part's rows, and no others."""
    path = answer_and_die(copy, monkeypatch, 16)[1]
    damage(path)
    run, text = judge(copy, {PLAIN})
    assert f"{path} is damaged" in text
    assert run.cost.answers == 16
    assert run.predictions(PLAIN).predicted.tolist() == [0] * 20 + [1] * 20


def test_a_run_with_another_chunk_size_goes_on_rightly(copy, monkeypatch):
    """Each run leaves every other part; joined by their starts alone, rows would be missing, or there twice."""
    for chunk in (12, 16, 10):
        for path in answer_and_die(copy, monkeypatch, chunk)[1::2]:
            path.unlink()
    run, _ = judge(copy, {PLAIN})
    assert 0 < run.cost.answers < 40
    assert len(run.predictions(PLAIN)) == 40
    assert run.predictions(PLAIN).predicted.tolist() == [0] * 20 + [1] * 20


def test_other_libraries_begin_a_table_anew_and_a_record_names_those_that_predicted(copy, monkeypatch):
    """A table is never mixed; what it was predicted with is told by later runs, whatever is installed by then."""
    answer_and_die(copy, monkeypatch, 16)
    with monkeypatch.context() as older:
        older.setattr(answering, "versions", lambda: {"torch": "0.1"})
        run, text = judge(copy, {PLAIN})
    assert run.cost.answers == 40
    assert text.count("begun anew") == 3
    warm, _ = judge(copy, {PLAIN})
    assert warm.cost.answers == 0
    assert warm.predicted_with("one") == {"torch": "0.1"}


@pytest.mark.parametrize("file", ["index.parquet", "pixels.npy"])
@pytest.mark.parametrize("damage", [empty, halve], ids=["empty", "halved"])
def test_damaged_renderings_are_rendered_again(rendered, tmp_path, monkeypatch, file, damage):
    """A store with rendered images whose index or pixels are cut."""
    name = next(path.name for path in (rendered / "images").iterdir() if path.name.startswith("sketch"))
    shutil.copytree(rendered / "images" / name, tmp_path / "store" / "images" / name)
    pixels = Store(rendered).read_array(f"images/{name}/pixels.npy")
    index, meta = Store(rendered).read_kept(f"images/{name}/index.parquet")

    def render(_, folder, store):
        store.write_array(f"{folder}/pixels.npy", pixels)
        store.write_table(f"{folder}/index.parquet", index, meta)
        return pixels

    monkeypatch.setattr(rendered_reader, "_render", render)
    damage(tmp_path / "store" / "images" / name / file)
    say = []
    zoo = read_zoo(zoo_file(tmp_path / "models.yaml", {"saint": toy("saint")}), "miniature")
    images = read_image_set(zoo, "sketch", Store(tmp_path / "store", say.append), None)
    assert np.array_equal(images.read(np.array([3]))[0], pixels[3])
    assert f"images/{name}/{file} is damaged" in say[0]
