"""A baseline as one file: what arrives is what was pinned, in every byte, or it is refused in words."""

from __future__ import annotations

import hashlib
import io
import warnings
import zipfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from eyechart.commands.main import main
from eyechart.errors import SpecError
from eyechart.judge.gates.baseline import read_table, stored_tables
from eyechart.judge.gates.exports import MANIFEST, export, import_
from eyechart.judge.gates.pins import pinned, pins, save
from eyechart.store.proof import sealed_record, unsealed_record
from tests.damage import flip, halve, judged_once

TABLE = "predictions/key.parquet"


@pytest.fixture(scope="module")
def here(tmp_path_factory) -> Path:
    """A folder with a store in which `release` is pinned, and with `release.zip`."""
    folder = tmp_path_factory.mktemp("here")
    judged_once(folder)
    save("release", folder / "store", folder)
    export("release", folder / "store", folder / "release.zip")
    return folder


def repacked(file: Path, target: Path, changes: dict[str, bytes | None], **manifest) -> Path:
    """Write the zip again with other content of some entries (None for without), or other keys in its manifest."""
    with zipfile.ZipFile(file) as old, zipfile.ZipFile(target, "w") as new:
        for name in old.namelist():
            content = changes.get(name, old.read(name))
            if name == MANIFEST and manifest:
                content = sealed_record({**unsealed_record(old.read(name), MANIFEST), **manifest}, MANIFEST)
            if content is not None:
                new.writestr(name, content)
        for name in changes.keys() - set(old.namelist()):
            new.writestr(name, changes[name])
    return target


def facts_of(path: Path) -> dict:
    """What a manifest says of a file."""
    return {"bytes": path.stat().st_size, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}


def test_what_arrives_is_what_was_pinned(here, tmp_path, capsys):
    """Byte for byte, with its record; the manifest says what it is, and the commands print that."""
    store = tmp_path / "store"
    assert main(["baseline", "import", str(here / "release.zip"), "--store", str(store)]) == 0
    said = capsys.readouterr().out
    assert "pinned release: 1 table, each checked, of net" in said
    assert "model      net, fingerprint, fp32" in said
    assert "images     8 of validation, f, 1 view" in said
    assert "made with  numpy 2" in said
    assert pinned(store) == pinned(here / "store")
    assert (pins(store) / "release" / TABLE).read_bytes() == (here / "store" / TABLE).read_bytes()
    ((path, _),) = stored_tables("release", pins(store) / "release").tables
    assert len(read_table(path)) == 8


def test_the_same_baseline_is_the_same_file(here, tmp_path, capsys):
    """It can be cached and compared by its digest; nothing is written over without being asked."""
    copy = tmp_path / "copy.zip"
    words = ["baseline", "export", "release", str(copy), "--store", str(here / "store")]
    assert main(words) == 0
    assert copy.read_bytes() == (here / "release.zip").read_bytes()
    assert main(words) == 2
    assert "is there already" in capsys.readouterr().err
    assert main([*words, "--replace"]) == 0
    assert main(["baseline", "export", "relase", str(tmp_path / "x.zip"), "--store", str(here / "store")]) == 2
    assert "did you mean 'release'?" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["copy.zip"]


def test_a_name_that_is_taken_is_kept(here, tmp_path):
    """Unless another one, or `replace`, is given."""
    file = str(here / "release.zip")
    import_(file, tmp_path)
    with pytest.raises(SpecError, match="pinned already"):
        import_(file, tmp_path)
    import_(file, tmp_path, replace=True)
    assert import_(file, tmp_path, name="other")["baseline"]["name"] == "other"
    assert [pin["name"] for pin in pinned(tmp_path)] == ["other", "release"]
    with pytest.raises(SpecError, match="a name is letters"):
        import_(file, tmp_path, name="../escape")


def test_a_url_is_read_like_a_file(here, tmp_path):
    """Of whatever fsspec reads; one that is not there is named."""
    import_((here / "release.zip").as_uri(), tmp_path)
    assert len(pinned(tmp_path)) == 1
    with pytest.raises(SpecError, match=r"memory://nowhere.zip: cannot be read"):
        import_("memory://nowhere.zip", tmp_path)


@pytest.mark.parametrize(
    ("changes", "manifest", "said"),
    [
        ({}, {"version": 2, "eyechart": "9.9"}, r"is of version 2, written by eyechart 9.9.*reads version 1"),
        ({}, {"format": "other"}, "its format is 'other'"),
        ({MANIFEST: b"{}"}, {}, "it carries no digest"),
        ({TABLE: None}, {}, "names files that it does not hold"),
        ({TABLE: b"short"}, {}, "is not as long as its manifest says"),
        ({"predictions/more.parquet": b"x"}, {}, "holds 'predictions/more.parquet', which its manifest does not name"),
        ({"../../evil.parquet": b"x"}, {}, "holds '../../evil.parquet'"),
        ({"/etc/evil": b"x"}, {}, "holds '/etc/evil'"),
        ({}, {"files": {"../evil": {"bytes": 1, "sha256": ""}}}, "which its manifest does not name"),
    ],
)
def test_what_is_no_export_of_this_version_is_refused_in_words(here, tmp_path, changes, manifest, said):
    """And nothing is left of it, inside the store or outside."""
    file = repacked(here / "release.zip", tmp_path / "changed.zip", changes, **manifest)
    with pytest.raises(SpecError, match=said) as error:
        import_(str(file), tmp_path / "store")
    assert str(file) in str(error.value)
    assert not list((tmp_path / "store").rglob("*.parquet"))
    assert not pinned(tmp_path / "store")


def test_a_manifest_that_fits_another_table_convinces_nobody(here, tmp_path):
    """Who makes a manifest for a damaged table, or for one under another's name, is found out by the table itself."""
    sound = (here / "store" / TABLE).read_bytes()
    (tmp_path / "t").write_bytes(sound)
    flip(tmp_path / "t", 40, 0)
    facts = facts_of(tmp_path / "t")
    file = repacked(
        here / "release.zip", tmp_path / "a.zip", {TABLE: (tmp_path / "t").read_bytes()}, files={TABLE: facts}
    )
    with pytest.raises(SpecError, match="is not the one that was written"):
        import_(str(file), tmp_path / "store")
    (tmp_path / "t").write_bytes(sound)
    other = "predictions/other.parquet"
    file = repacked(
        here / "release.zip", tmp_path / "b.zip", {TABLE: None, other: sound}, files={other: facts_of(tmp_path / "t")}
    )
    with pytest.raises(SpecError, match=r"other.parquet was written as predictions/key.parquet"):
        import_(str(file), tmp_path / "store")
    assert not pinned(tmp_path / "store")


@given(st.data())
@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_damage_is_half_believed(here, tmp_path, data):
    """One flipped bit anywhere, or a file that was cut: refused, or (in a field that says nothing) no matter."""
    sound = (here / "release.zip").read_bytes()
    store = tmp_path / "store"
    if data.draw(st.booleans()):
        content = sound[: data.draw(st.integers(0, len(sound) - 1))]
    else:
        place, bit = data.draw(st.integers(0, len(sound) - 1)), data.draw(st.integers(0, 7))
        content = sound[:place] + bytes([sound[place] ^ 1 << bit]) + sound[place + 1 :]
    (tmp_path / "damaged.zip").write_bytes(content)
    try:
        with warnings.catch_warnings(action="ignore"):
            import_(str(tmp_path / "damaged.zip"), store, replace=True)
    except SpecError:
        assert not list(pins(store).glob(".*"))
    else:
        assert pinned(store) == pinned(here / "store")
        assert (pins(store) / "release" / TABLE).read_bytes() == (here / "store" / TABLE).read_bytes()


def test_an_import_that_fails_keeps_what_was_there(here, tmp_path):
    """The old baseline is moved only when the new one is whole."""
    import_(str(here / "release.zip"), tmp_path)
    before = (pins(tmp_path) / "release" / TABLE).read_bytes()
    file = tmp_path / "damaged.zip"
    file.write_bytes((here / "release.zip").read_bytes())
    with zipfile.ZipFile(file) as archive:
        place = archive.getinfo(TABLE).header_offset + 200
    flip(file, place, 3)
    with pytest.raises(SpecError, match="is no baseline that"):
        import_(str(file), tmp_path, replace=True)
    assert (pins(tmp_path) / "release" / TABLE).read_bytes() == before
    halve(file)
    with pytest.raises(SpecError, match="is no baseline that"):
        import_(str(file), tmp_path, replace=True)
    with pytest.raises(SpecError, match="there is no such file"):
        import_(str(tmp_path / "none.zip"), tmp_path)
    assert len(pinned(tmp_path)) == 1


def test_a_damaged_baseline_is_not_exported(here, tmp_path):
    """Neither with a table that is damaged, nor with one that is gone."""
    import_(str(here / "release.zip"), tmp_path)
    table = pins(tmp_path) / "release" / TABLE
    flip(table, 40, 0)
    with pytest.raises(SpecError, match="is not the one that was written"):
        export("release", tmp_path, tmp_path / "new.zip")
    table.unlink()
    with pytest.raises(SpecError, match="1 tables were pinned, 0 are"):
        export("release", tmp_path, tmp_path / "new.zip")
    assert not (tmp_path / "new.zip").exists()


def test_a_zip_bomb_is_not_unpacked(here, tmp_path):
    """Compressed entries are none of ours, and sizes are those of the manifest."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(here / "release.zip") as old, zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(name, old.read(name))
    (tmp_path / "bomb.zip").write_bytes(buffer.getvalue())
    with pytest.raises(SpecError, match="is no baseline that"):
        import_(str(tmp_path / "bomb.zip"), tmp_path / "store")
