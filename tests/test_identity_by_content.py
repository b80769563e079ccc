"""What is computed again and what is not: predictions are kept by content, whatever things are called."""

from __future__ import annotations

import os

import numpy as np
import pytest

from eyechart.digest import known_digest
from eyechart.errors import BlockedError
from eyechart.images import files
from eyechart.predict.needs import Need
from eyechart.store import Store
from tests.image_files import encoded, folder, put
from tests.recordings import judged

SETS = {
    "colors": {"role": "validation", "reader": "folder", "path": "images", "label_space": {"names": ["dark", "light"]}}
}
FILES = ["dark/a.png", "dark/b.png", "light/c.png"]


def make():
    """Factory of a model that tells light from dark."""
    return lambda batch: np.stack([9 - 9 * means(batch), 9 * means(batch)], axis=1)


def means(batch: np.ndarray) -> np.ndarray:
    """Brightness of each image, from 0 to 1."""
    return batch.reshape(len(batch), -1).mean(axis=1).astype(np.float32) / 255


def model(**more):
    """Its entry in `models.yaml`."""
    entry = {"source": "python", "factory": "tests.test_identity_by_content:make", "version": "1"}
    return {**entry, "label_space": {"names": ["dark", "light"]}, "preprocessing": {"resize": 8, "crop": 8}, **more}


@pytest.fixture
def first(tmp_path):
    """A first run, and its folder."""
    folder(tmp_path / "images", FILES)
    return judged(tmp_path, SETS, {"one": model()})


def again(tmp_path, entry=None, name="one", **settings):
    """Judge once more with the same store: (key of the predictions, images read for them)."""
    run = judged(tmp_path, SETS, {name: entry or model()}, **settings)
    return run.addresses[Need(name, "colors")].key, run.cost.images_read


def key(run, name="one"):
    """Where a run's predictions are."""
    return run.addresses[Need(name, "colors")].key


def test_a_second_run_reads_nothing(tmp_path, first):
    """Nor does one of the same model under another name."""
    assert again(tmp_path) == (key(first), 0)
    assert again(tmp_path, name="renamed") == (key(first), 0)


@pytest.mark.parametrize(
    "change",
    [
        {"version": "2"},
        {"preprocessing": {"resize": 10, "crop": 8}},
        {"preprocessing": {"resize": 8, "crop": 8, "interpolation": "bilinear"}},
        {"returns": "probabilities"},
    ],
    ids=["weights", "resize", "interpolation", "returns"],
)
def test_another_model_of_one_class_is_predicted_with(tmp_path, first, change):
    """Never answered from the other's predictions."""
    found, read = again(tmp_path, model(**change))
    assert found != key(first)
    assert read == 3


def test_another_precision_is_another_prediction(tmp_path, first):
    """It has other bits."""
    found, read = again(tmp_path, precision="bf16")
    assert found != key(first)
    assert read == 3


def test_an_image_replaced_in_place_is_seen(tmp_path, first):
    """Same name, same size in bytes, another picture: its time tells."""
    path = tmp_path / "images" / FILES[0]
    old = path.read_bytes()
    new = next(each for each in (encoded(seed) for seed in range(100, 400)) if len(each) == len(old) and each != old)
    before = path.stat()
    put(path, new)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns + 1))
    found, read = again(tmp_path)
    assert found != key(first)
    assert read == 3


def test_only_changed_files_are_read_to_be_hashed(tmp_path, first, monkeypatch):
    """50,000 files are looked at in a second."""
    import eyechart.images.files

    looked = []
    real = eyechart.images.files.decoding.fault
    monkeypatch.setattr(eyechart.images.files.decoding, "fault", lambda content: looked.append(1) or real(content))
    assert again(tmp_path)[1] == 0
    assert not looked
    put(tmp_path / "images" / FILES[1], encoded(77))
    again(tmp_path)
    assert len(looked) == 1
    del first


def edit_in_place(path):
    """Write another image into a file, of the same size, and set back the time of its last write."""
    old = path.read_bytes()
    new = next(each for each in (encoded(seed) for seed in range(100, 400)) if len(each) == len(old) and each != old)
    before = path.stat()
    with path.open("r+b") as stream:
        stream.write(new)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


@pytest.mark.skipif(os.name == "nt", reason="Windows tells when a file was created, not when it was changed")
def test_files_are_not_read_again_after_a_run_that_was_cut_short(tmp_path, monkeypatch):
    """What is known is kept every few files, and how far it is told."""
    folder(tmp_path / "images", [f"dark/{number}.png" for number in range(7)])
    paths, told = sorted((tmp_path / "images/dark").iterdir()), []
    store = Store(tmp_path / "store", told.append)
    monkeypatch.setattr(files, "KEPT_AT_ONCE", 3)
    monkeypatch.setattr(files, "EVERY", 0.0)
    read: list[str] = []

    def look(path):
        if path.name == "6.png" and "6.png" not in read:
            read.append(path.name)
            raise KeyboardInterrupt
        read.append(path.name)
        return files.image_facts(path)

    with pytest.raises(KeyboardInterrupt):
        files.facts_of(tmp_path / "images", paths, store, look)
    assert told[0].startswith(f"{tmp_path / 'images'}: 1 of 7 files read, ")
    read.clear()
    read.append("6.png")
    facts = files.facts_of(tmp_path / "images", paths, store, look)
    assert sorted(read) == ["6.png", "6.png"]
    assert facts == [files.image_facts(path) for path in paths]


def test_an_image_edited_in_place_is_seen(tmp_path, first):
    """Its name, size, time of the last write and inode are those from before; the system tells that it was changed."""
    edit_in_place(tmp_path / "images" / FILES[0])
    found, read = again(tmp_path)
    assert found != key(first)
    assert read == 3


@pytest.mark.skipif(os.name == "nt", reason="Windows tells when a file was created, not when it was changed")
def test_weights_edited_in_place_are_seen(tmp_path):
    """In one process, too, where a digest is remembered."""
    path = tmp_path / "weights"
    path.write_bytes(b"one")
    before, first = path.stat(), known_digest(path)
    path.write_bytes(b"two")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert known_digest(path) != first


def test_verify_finds_what_left_no_trace(tmp_path, capsys, monkeypatch):
    """On a disk that tells sizes only: reading everything again can tell."""
    import eyechart.images.files
    from eyechart.commands.main import main

    monkeypatch.setattr(eyechart.images.files, "mark_of", lambda path: (path.stat().st_size, 0, 0, 0))
    folder(tmp_path / "images", FILES)
    first = judged(tmp_path, SETS, {"one": model()})
    edit_in_place(tmp_path / "images" / FILES[0])
    assert again(tmp_path) == (key(first), 0)
    where = ["--zoo", "mine", "--models", str(tmp_path / "models.yaml"), "--store", str(tmp_path / "store")]
    assert main(["check-data", *where, "--verify"]) == 0
    assert "CHANGED" in capsys.readouterr().out
    found, read = again(tmp_path)
    assert found != key(first)
    assert read == 3


@pytest.mark.parametrize("content", [encoded(77), b""], ids=["other", "damaged"])
def test_an_image_that_changes_during_a_run_blocks_its_claims(tmp_path, monkeypatch, content):
    """Answers about it would be kept as those about the image before; another set is judged all the same."""
    from eyechart.predict.predictor import Predictor

    folder(tmp_path / "images", FILES)
    folder(tmp_path / "others", FILES[1:])
    sets = {**SETS, "others": {**SETS["colors"], "path": "others"}}
    real = Predictor._predict

    def late(self, *given):
        put(tmp_path / "images" / FILES[1], content)
        real(self, *given)

    monkeypatch.setattr(Predictor, "_predict", late)
    run = judged(tmp_path, sets, {"one": model()})
    with pytest.raises(BlockedError, match=rf"'colors': {FILES[1]} is another file than when the set was indexed"):
        run.predictions(Need("one", "colors"))
    assert len(run.predictions(Need("one", "others"))) == 2


def test_a_view_that_an_image_cannot_have_blocks_its_claims(tmp_path, first):
    """Shifted by more than it is wide, with nothing to reflect: that view only, and no crash."""
    import io

    from eyechart.predict.predictor import Predictor
    from eyechart.progress import Progress

    asked = [Need("one", "colors", "shift(100)"), Need("one", "colors", "black_shift(100)")]
    Predictor(first, Progress(io.StringIO())).prepare(set(asked))
    with pytest.raises(BlockedError, match="a shift by 100 pixels leaves nothing of an image of 8 pixels"):
        first.predictions(asked[0])
    assert len(first.predictions(asked[1])) == 3


def test_a_reordered_and_touched_folder_is_the_same(tmp_path, first):
    """Files written in another order, under other times, with other neighbors that are no images."""
    contents = {file: (tmp_path / "images" / file).read_bytes() for file in FILES}
    for file in FILES:
        (tmp_path / "images" / file).unlink()
    for file in reversed(FILES):
        put(tmp_path / "images" / file, contents[file])
    put(tmp_path / "images/dark/notes.txt", b"x")
    assert again(tmp_path) == (key(first), 0)


def test_a_moved_folder_is_the_same(tmp_path, first):
    """Where images are is no part of what they are."""
    (tmp_path / "images").rename(tmp_path / "moved")
    sets = {"colors": {**SETS["colors"], "path": "moved"}}
    run = judged(tmp_path, sets, {"one": model()})
    assert (key(run), run.cost.images_read) == (key(first), 0)


def test_other_labels_are_another_set(tmp_path, first):
    """The same pixels in another class."""
    (tmp_path / "images/light").mkdir(exist_ok=True)
    (tmp_path / "images/dark/b.png").rename(tmp_path / "images/light/b.png")
    assert again(tmp_path)[0] != key(first)


TOWERS = {
    "embed_dim": 8,
    "vision_cfg": {"image_size": 16, "patch_size": 8, "width": 16, "head_width": 8, "layers": 1},
    "text_cfg": {"context_length": 16, "vocab_size": 49408, "width": 16, "heads": 2, "layers": 1},
}


def test_changed_prompts_and_class_names_are_another_prediction(tmp_path):
    """A CLIP is its image tower, its prompts, and the names of the classes; the same ones are the same model."""
    torch = pytest.importorskip("torch")
    from safetensors.torch import save_file

    from eyechart.checkpoints import clip
    from eyechart.checkpoints.sources import open_clip as source
    from eyechart.checkpoints.sources.base import Surroundings
    from eyechart.images.labels import named_space

    torch.manual_seed(0)
    save_file(clip.build(TOWERS).state_dict(), tmp_path / "clip.safetensors")

    def identity(prompts, names=("cat", "dog"), scale="model"):
        spec = source.OpenClipSpec(
            source="open_clip", architecture=TOWERS, weights="clip.safetensors", prompts=prompts, logit_scale=scale
        )
        around = Surroundings(tmp_path, named_space(names), "cpu", "fp32", lambda _, compute: compute())
        return source.load(spec, around).resolved.identity

    usual = identity(["a photo of a {}."])
    assert identity(["a photo of a {}."]) == usual
    assert len({usual, identity(["a drawing of a {}."]), identity(["a photo of a {}."], ("cat", "fox")),
                identity(["a photo of a {}."], scale=100.0)}) == 4  # fmt: skip
