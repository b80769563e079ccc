"""`eyechart store`: what it holds, what nobody needs, and that nothing else is ever removed."""

from __future__ import annotations

import pytest

from eyechart.commands import main as cli
from eyechart.judge.gates import pins
from eyechart.store.proof import open_table, write_table
from tests.gate_project import Project, Toy, project


@pytest.fixture
def made(tmp_path) -> Project:
    """A project whose store holds two declared models, with few images."""
    made = project(tmp_path / "project")
    made.fill({"old": Toy(0.85), "new": Toy(0.9, seed=1)}, images=120)
    return made


def files(made: Project) -> set[str]:
    """Everything in the store but its lock."""
    return {str(path.relative_to(made.store)) for path in made.store.rglob("*") if path.is_file()} - {"lock"}


def prune(made: Project, *arguments: str) -> int:
    """Run the command."""
    return cli.main(
        ["store", "prune", "--store", str(made.store), "--models", str(made.root / "models.yaml"), *arguments]
    )


def test_list_says_what_there_is(made, capsys):
    """A line a kind with its entries and bytes, a line a model with its tables and sets."""
    assert cli.main(["store", "list", "--store", str(made.store)]) == 0
    text = capsys.readouterr().out
    assert "predictions       8 entries" in text
    assert "predictions of new: 4 tables" in text
    assert text.rstrip().endswith("sketch, validation")


def test_what_is_declared_stays(made, capsys):
    """A renamed model, too: its checkpoint is still declared."""
    before = files(made)
    made.declare({"new": {}, "renamed": {"version": "old"}})
    assert prune(made, "--yes") == 0
    assert capsys.readouterr().out == "nothing to remove\n"
    assert files(made) == before


def test_a_checkpoint_that_nobody_declares_can_go(made, capsys):
    """It is listed first, and removed only with --yes; the other's predictions stay."""
    made.declare({"new": {}})
    before = files(made)
    assert prune(made) == 0
    text = capsys.readouterr().out
    assert text.count("no declared model is the old of") == 4
    assert "4 entries can go: --yes removes it" in text
    assert files(made) == before
    assert prune(made, "--yes") == 0
    assert len([name for name in files(made) if name.startswith("predictions/")]) == 4
    assert made.pytest("behaviors/").code in (0, 10), "the other model is judged on what is there"


def test_another_file_may_need_it(made, tmp_path, capsys):
    """Given all files that declare models, what any of them needs stays."""
    both = tmp_path / "both.yaml"
    both.write_text((made.root / "models.yaml").read_text())
    made.declare({"new": {}})
    assert prune(made, "--models", str(both)) == 0
    assert capsys.readouterr().out == "nothing to remove\n"


def test_what_an_untold_file_judged_stays(made, tmp_path, capsys):
    """A store remembers who was judged with it; only a file that is gone needs nothing any more."""
    zoo = made.root / "models.yaml"
    assert made.pytest("behaviors/").code in (0, 10)
    other = tmp_path / "other.yaml"
    other.write_text(zoo.read_text().replace("old", "older").replace("new", "newer"))
    arguments = ["store", "prune", "--store", str(made.store), "--models", str(other), "--yes"]
    assert cli.main(arguments) == 0
    assert capsys.readouterr().out == "nothing to remove\n"
    zoo.unlink()
    assert cli.main(arguments[:-1]) == 0
    text = capsys.readouterr().out
    assert f"{zoo} was judged with this store, and is not there now" in text
    assert "8 entries can go" in text


def test_a_model_whose_checkpoint_is_not_known_keeps_its_name(made, capsys):
    """After an update of a library only loading could tell what it is: nothing goes, training images included."""
    path = next((made.store / "predictions").glob("*.parquet"))
    table = open_table(path)
    write_table(path, [table.read()], {**table.meta, "image_set": f"{table.meta['image_set']}:train"})
    for path in (made.store / "resolved").glob("*.json"):
        path.unlink()
    assert prune(made, "--yes") == 0
    assert capsys.readouterr().out == "nothing to remove\n"


def test_scraps_go_and_strangers_stay(made, capsys):
    """Half-written files, unfinished parts, damaged tables, renderings of another version; not a user's own files."""
    (made.store / "predictions" / ".writing-abc").write_text("half")
    (made.store / "partial" / "0123").mkdir(parents=True)
    (made.store / "partial" / "0123" / "000000000.parquet").write_text("part")
    (made.store / "predictions" / "damaged.parquet").write_text("cut")
    (made.store / "damaged" / "resolved").mkdir(parents=True)
    (made.store / "damaged" / "resolved" / "0123.json").write_text("{")
    (made.store / "images" / "sketch-00").mkdir()
    (made.store / "images" / "mine-00").mkdir()
    (made.store / "notes.txt").write_text("mine")
    assert prune(made, "--yes") == 0
    text = capsys.readouterr().out
    for why in ("half-written", "never finished", "damaged, written", "set aside", "rendered by another version"):
        assert text.count(why) == 1
    left = {str(path.relative_to(made.store)) for path in made.store.rglob("*")}
    assert {"notes.txt", "images/mine-00"} <= left
    assert not {"images/sketch-00", "partial/0123", "predictions/damaged.parquet", "damaged/resolved/0123.json"} & left


def test_pins_stay(made):
    """A pinned baseline is a copy that no pruning touches, though its checkpoint is declared no more."""
    made.pytest("behaviors/", "--model", "old")
    cli.main(["baseline", "save", "kept", "--store", str(made.store), "--reports", str(made.root / "reports")])
    pinned = sorted((made.store / "baselines").rglob("*"))
    assert [pin["tables"] for pin in pins.pinned(made.store)] == [4]
    made.declare({"new": {}})
    assert prune(made, "--yes") == 0
    assert sorted((made.store / "baselines").rglob("*")) == pinned


def test_a_store_that_is_not_there_is_named(tmp_path, capsys):
    """Neither command makes one."""
    for action in ("list", "prune"):
        assert cli.main(["store", action, "--store", str(tmp_path / "none")]) == 2
        assert "there is none; say where it is: --store DIR" in capsys.readouterr().err
    assert not (tmp_path / "none").exists()
