"""Names that come from files are shown on a terminal, and never obeyed by it."""

from __future__ import annotations

import io

import pytest

from eyechart.commands.main import main
from eyechart.errors import BlockedError, printable
from eyechart.progress import Progress
from tests.image_files import encoded, put, zoo_of

ESCAPE = "\x1b]0;owned\x07\x1b[31mred"
SHOWN = "\\x1b]0;owned\\x07\\x1b[31mred"
OBEYED = [ESCAPE, "a\rb", "a\x9b31mb", "right\u202eleft", "\u2066in\u2069", "zero\u200bwidth", "half\udce9", "a\x7fb"]


@pytest.mark.parametrize("text", OBEYED, ids=ascii)
def test_what_a_terminal_obeys_is_shown(text):
    """Every such sign is written out, and what is written is plain."""
    shown = printable(text)
    assert shown == text.encode("unicode_escape").decode()
    assert shown.isascii()
    assert shown.isprintable()


@pytest.mark.parametrize("text", ["plain", "größe 8 × 8", "日本語", "two\nlines", "…: “quoted” – 😀"])
def test_what_is_read_stays(text):
    """Letters of any script, and the ends of lines."""
    assert printable(text) == text


def test_errors_and_progress_are_printable():
    """Whatever name they repeat."""
    assert str(BlockedError(f"{ESCAPE} cannot be read")) == f"{SHOWN} cannot be read"
    stream = io.StringIO()
    Progress(stream).say(f"searching {ESCAPE}")
    assert stream.getvalue() == f"searching {SHOWN}\n"


def test_a_command_shows_what_files_are_called(tmp_path, capsys):
    """`check-data` lists a file, a class and a zoo by their names."""
    put(tmp_path / "images/bolt" / f"{ESCAPE}.png", b"no image")
    put(tmp_path / "images" / "nut\u202e" / "a.png", encoded(1))
    put(tmp_path / "images" / f"{ESCAPE}.png", encoded(2))
    sets = {
        "set": {
            "role": "validation",
            "reader": "folder",
            "path": "images",
            "label_space": {"names": ["bolt", "nut\u202e"]},
        }
    }
    zoo_of(tmp_path, sets)
    assert main(["check-data", "--models", f"{tmp_path}/models.yaml", "--zoo", "mine", "--store", f"{tmp_path}/store"])
    said = capsys.readouterr().out
    assert f"bolt/{SHOWN}.png" in said
    assert f"1 image files are left out by their place: {SHOWN}.png" in said
    assert printable(said) == said
