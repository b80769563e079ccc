"""`eyechart check-data` tells what is there, what is whole, and what is not."""

from __future__ import annotations

import io
import json
import re

import pytest

from eyechart.commands.main import main
from eyechart.predict.locating import Locator
from eyechart.predict.run import Run, Settings
from eyechart.progress import Progress
from eyechart.zoo.zoo import read_zoo
from tests.harness import ROOT
from tests.image_files import encoded, folder, put, shard

NAMES = {"names": ["bolt", "nut"]}


def zoo(tmp_path, **sets):
    """Write a zoo and the command's arguments."""
    entries = {
        name: {"role": "validation", "reader": "folder", "label_space": NAMES, **more} for name, more in sets.items()
    }
    models = {"toy": {"source": "python", "factory": "a:b", "version": "1"}}
    (tmp_path / "models.yaml").write_text(json.dumps({"zoos": {"paper": {"image_sets": entries, "models": models}}}))
    return ["check-data", "--models", str(tmp_path / "models.yaml"), "--store", str(tmp_path / "store"),
            "--data", str(tmp_path / "data")]  # fmt: skip


def test_whole_sets(tmp_path, capsys):
    """Count, classes, fingerprint, exit code 0."""
    folder(tmp_path / "data/parts", ["bolt/a.png", "bolt/b.png"])
    assert main(zoo(tmp_path, parts={"path": "parts", "count": 2})) == 0
    told = capsys.readouterr().out
    assert re.search(r"parts +ok +2 of 2 images, 1 of 2 classes, 0 unreadable, fingerprint [0-9a-f]{32}", told)
    assert "1 of 1 image sets are there and whole" in told


def test_missing_incomplete_and_damaged_sets(tmp_path, capsys):
    """All are told at once, every damaged file by name; exit code 1."""
    folder(tmp_path / "data/parts", ["bolt/a.png", "nut/b.png"])
    put(tmp_path / "data/parts/nut/c.png", b"no")
    arguments = zoo(tmp_path, parts={"path": "parts", "count": 4}, gone={"path": "gone"})
    assert main(arguments) == 1
    told = capsys.readouterr().out
    assert re.search(r"parts +BAD +2 of 4 images, 2 of 2 classes, 1 unreadable", told)
    assert "3 images, expected 4: 1 missing" in told
    assert "cannot be read: nut/c.png (it is no image that Pillow knows)" in told
    assert re.search(rf"gone +MISSING .*{tmp_path / 'data' / 'gone'}", told)
    assert "0 of 2 image sets are there and whole; not parts, gone" in told


def test_what_is_wrong_is_not_called_missing(tmp_path, capsys):
    """A folder that is there, of other classes or with too many images; a set that lacks classes says which."""
    folder(tmp_path / "data/parts", ["bolt/a.png", "bolt/b.png"])
    folder(tmp_path / "data/pets", ["cat/a.png"])
    assert main(zoo(tmp_path, parts={"path": "parts", "count": 1}, pets={"path": "pets"})) == 1
    told = capsys.readouterr().out
    assert "2 images, expected 1: 1 too many" in told
    assert "1 of 2 classes have no image: nut" in told
    assert re.search(r"pets +BAD .*outside label space.*'cat'", told)
    assert "MISSING" not in told


def test_training_images_are_checked_too(tmp_path, capsys):
    """Probes learn from them; a shard that was cut short there is as bad."""
    sample = {"png": encoded(1), "cls": b"1"}
    shard(tmp_path / "data/task/test/0.tar", {"a": sample})
    cut = shard(tmp_path / "data/task/train/0.tar", {"a": sample, "b": sample})
    arguments = zoo(tmp_path, task={"reader": "shards", "path": "task/test", "train": "task/train"})
    assert main(arguments) == 0
    assert re.search(r"task \(train\) +ok +2 images", capsys.readouterr().out)
    cut.write_bytes(cut.read_bytes()[:1600])
    assert main(arguments) == 1
    told = capsys.readouterr().out
    assert re.search(r"task +ok +1 images", told)
    assert re.search(r"task \(train\) +BAD .*0.tar cannot be read", told)
    assert "0 of 1 image sets are there and whole; not task" in told


def test_verifying_reads_every_file_once(tmp_path, capsys, monkeypatch):
    """All sets are forgotten together, not each again with the next."""
    import eyechart.images.files

    looked = []
    real = eyechart.images.files.decoding.fault
    monkeypatch.setattr(eyechart.images.files.decoding, "fault", lambda content: looked.append(1) or real(content))
    for name in ("one", "two", "three"):
        folder(tmp_path / "data" / name, ["bolt/a.png", f"nut/{name}.png"])
    arguments = zoo(tmp_path, **{name: {"path": name} for name in ("one", "two", "three")})
    assert main([*arguments, "--verify"]) == 0
    assert len(looked) == 6
    assert main(arguments) == 0
    assert len(looked) == 6
    assert main([*arguments, "--verify"]) == 0
    assert len(looked) == 12
    assert "CHANGED" not in capsys.readouterr().out


def test_one_set(tmp_path, capsys):
    """`--set`; an unknown one is wrong usage."""
    folder(tmp_path / "data/parts", ["bolt/a.png"])
    arguments = zoo(tmp_path, parts={"path": "parts"}, gone={"path": "gone"})
    assert main([*arguments, "--set", "parts"]) == 0
    assert main([*arguments, "--set", "part"]) == 2
    assert "did you mean 'parts'" in capsys.readouterr().err


def test_the_papers_sets_are_declared():
    """Every set of the paper, with the published counts; 19 transfer tasks of 474,908 images."""
    found = read_zoo(ROOT / "models.yaml", "paper").image_sets
    assert {"imagenet-1k", "imagenet-v2", "imagenet-a", "imagenet-r", "imagenet-c", "imagenet-sketch", "imagenet-real",
            "imagenet-hard", "imagenet-x", "cue-conflict", "pug-imagenet"} <= set(found)  # fmt: skip
    tasks = [spec for spec in found.values() if spec.role == "transfer"]
    assert len(tasks) == 19
    assert sum(spec.count for spec in tasks) == 474_908
    text = (ROOT / "docs" / "data.md").read_text()
    assert not [name for name in found if name not in text]


def test_training_an_unknown_model_is_wrong_usage(capsys):
    """With the nearest one."""
    assert main(["train", "vit-supp", "--models", str(ROOT / "models.yaml")]) == 2
    assert "did you mean 'vit-sup'" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [[], ["check"], ["--help"]])
def test_usage(arguments, capsys):
    """Argparse's own."""
    with pytest.raises(SystemExit):
        main(arguments)
    capsys.readouterr()


def test_a_run_says_of_which_sets_something_is_to_be_said(tmp_path):
    """Once for all sets that share a remark: corrupted copies have those of the images they are made of."""
    folder(tmp_path / "data/parts", ["bolt/a.png", "bolt/b.heic"])
    zoo(tmp_path, parts={"path": "parts"})
    run = Run(read_zoo(tmp_path / "models.yaml", "paper"), Settings(tmp_path / "store", tmp_path / "data"))
    locator = Locator(run, Progress(io.StringIO()))
    for name in ("parts", "parts-corrupted"):
        locator.images(name)
    assert run.remarks() == {
        "1 files are no images of a kind that is read (1 .heic): bolt/b.heic": ["parts", "parts-corrupted"],
        "1 of 2 classes have no image: nut": ["parts", "parts-corrupted"],
    }
