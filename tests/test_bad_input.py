"""Mistakes in models.yaml and in the options: each message names the place, what was found and what is allowed."""

from __future__ import annotations

import random
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from benchmarks import mutations
from eyechart.errors import BlockedError, SpecError
from eyechart.fixtures.options import make_session
from eyechart.images.image_set import ImageSet, checked
from eyechart.predict.needs import Need
from eyechart.zoo.zoo import read_zoo
from tests.harness import predict, run_pytest, toy, zoo_file

GOOD = """
zoos:
  miniature:
    image_sets:
      validation: {role: validation, reader: rendered}
    models:
      net:
        source: timm
        architecture: resnet10t
        weights: w.safetensors
        label_space: miniature
"""

MISTAKES = {
    "a role": ("role: validation", "role: validaton", [":5:", "validation.role: 'validaton' is unknown",
                                                     "did you mean 'validation'?", "transfer"]),
    "a reader": ("reader: rendered", "reader: renderd", [":5:", "reader: 'renderd' is unknown", "'rendered'"]),
    "a source": ("source: timm", "source: tim", [":7:", "source 'tim' is unknown", "did you mean 'timm'?",
                                                 "open_clip"]),
    "no source": ("source: timm", "weigths: x", ["key 'source' is missing"]),
    "a source under another key": ("source: timm", "sorce: timm", ["key 'source' is missing (found 'sorce')"]),
    "a key of a model": ("weights: w", "weigths: w", ["unknown key 'weigths'", "did you mean 'weights'?"]),
    "a key of an image set": ("reader:", "redaer:", ["unknown key 'redaer'", "did you mean 'reader'?"]),
    "a key of a zoo": ("    models:", "    model:", ["unknown key 'model'", "did you mean 'models'?"]),
    "a key of another source": ("weights: w", "prompts: w", ["unknown key 'prompts'"]),
    "a label space": ("label_space: miniature", "label_space: minature", ["net", "label_space 'minature' is unknown",
                                                                         "did you mean 'miniature'?"]),
    "a duplicate key": ("weights: w.safetensors", "weights: w\n        weights: v",
                        ["not valid YAML", "weights", "line 11"]),
    "syntax": ("weights: w", "weights: [w", ["not valid YAML", "line"]),
    "bytes that are no text": ("w.safetensors", "w\udce9.safetensors", ["not valid YAML"]),
    "a type": ("architecture: resnet10t", "architecture: [1]", [":9:", "architecture: found [1]", "valid string"]),
    "a missing key": ("architecture: resnet10t", "arguments: {}", ["architecture", "this key is missing"]),
    "nothing": (GOOD, "", ["(top level)", "found None"]),
    "a number for a model": ("      net:", "      net: 1.5\n      other:", [":7:", "net: found 1.5, expected keys"]),
    "a text for an image set": ("{role: validation, reader: rendered}", "rendered",
                                [":5:", "validation: found 'rendered', expected keys and their values"]),
    "a list for a model": ("      net:", "      net: [source]\n      other:", [":7:", "found ['source'], expected"]),
    "a source that is a mapping": ("source: timm", "source: {a: b}", [":7:", "is unknown", "open_clip"]),
    "a reader that is a number": ("reader: rendered", "reader: 1", [":5:", "reader: '1' is unknown"]),
    "a number for a key": ("      net:", "      7:", [":7:", "models.7: this key is 7, expected text: write it in"]),
    "a list for a key": ("  miniature:", "  [a, b]:", ["this key is ('a', 'b'), expected text: write it"]),
    "a number for a key of an entry": ("weights: w", "1: w", ["models.net: unknown key 1: Allowed"]),
    "a mapping for a key": ("architecture: resnet10t", "arguments: {{a: b}: c}", ["arguments.ordereddict("]),
    "a label space of a merged entry": ("      net:", "      <<: {a: {source: timm, architecture: x, label_space: y}}\n"
                                        "      net:", [":6:", "a: label_space 'y' is unknown"]),
    "a set": ("architecture: resnet10t", "architecture: !!set {[a]}", [":9:", "found set("]),
    "a whole number that is none": ("resnet10t", "!!int a", ["not valid YAML: a int that cannot be read", "line 9"]),
    "a truth that is none": ("resnet10t", "!!bool c", ["not valid YAML: a bool that cannot be read", "line 9"]),
    "a fraction that is none": ("resnet10t", "!!float b", ["not valid YAML: a float that cannot be read", "line 9"]),
    "no models": ("      net:", "      {}\n    other:", ["'other'"]),
    "an empty reason": ("label_space: miniature", 'known_failures: {"test_a.py::test_b[c]": {reason: ""}}',
                        ["known_failures", "at least 1 character"]),
    "a day that is none": ("label_space: miniature", 'known_failures: {"t": {reason: x, until: soon}}',
                           ["until", "found 'soon'", "date"]),
    "a day that no month has": ("label_space: miniature", 'known_failures: {"t": {reason: x, until: 2027-02-30}}',
                                [":11:", "t.until: found '2027-02-30'", "valid date"]),
    "a number of 5,000 digits": ("architecture: resnet10t", "architecture: " + "9" * 5000,
                                 ["not valid YAML: a number of 5,000 characters, expected at most 18", "line 9"]),
    "a number of 5,000 hexadecimal digits": ("label_space: miniature", "label_space: {classes: 0x" + "f" * 5000 + "}",
                                             ["a number of 5,002 characters", "line 11"]),
    "lists of 1,500 levels": ("architecture: resnet10t", "arguments: " + "[" * 1500 + "]" * 1500,
                              ["not valid YAML: it is nested too deeply"]),
    "mappings of 1,500 levels": ("label_space: miniature", "label_space: " + "{a: " * 1500 + "}" * 1500,
                                 ["not valid YAML: it is nested too deeply"]),
    "a billion classes": ("label_space: miniature", "label_space: {classes: 1000000000}",
                          [":11:", "classes: found 1000000000", "less than or equal to 1000000"]),
    "an image of a billion pixels a side": ("label_space: miniature", "preprocessing: {resize: 1000000000}",
                                            [":11:", "found 1000000000", "less than or equal to 10000"]),
    "a long value": ("label_space: miniature", "label_space: [" + "x, " * 5000 + "]", ["… (25,000 characters)"]),
    "the character 0": ("w.safetensors", '"w\\0.safetensors"', ["a text that holds the character 0", "line 10"]),
    "two bounds": ("    models:", "    bounds: {t: {at_most: 1, at_least: 0, reason: x}}\n    models:",
                   ["bounds.t", "exactly one of at_most and at_least"]),
    "a folder without a path": ("reader: rendered", "reader: folder", ["validation.path: this key is missing"]),
}  # fmt: skip


@pytest.fixture
def file(tmp_path):
    """Writes a `models.yaml`."""

    def write(text: str) -> Path:
        path = tmp_path / "models.yaml"
        path.write_bytes(text.encode(errors="surrogateescape"))
        return path

    return write


def test_the_example_is_good(file):
    """What the mistakes below start from is read without complaint."""
    assert read_zoo(file(GOOD), "miniature").models["net"].architecture == "resnet10t"


@pytest.mark.parametrize("what", MISTAKES)
def test_a_mistake_in_the_file_is_named(file, what):
    """File, line or key, what was found, and the nearest that is allowed; never a traceback of a schema library."""
    good, bad, parts = MISTAKES[what]
    assert good in GOOD
    path = file(GOOD.replace(good, bad, 1))
    with pytest.raises(SpecError) as error:
        read_zoo(path, "miniature")
    message = str(error.value)
    assert message.startswith(str(path))
    for part in parts:
        assert part in message


def test_random_mutations_make_no_traceback(tmp_path):
    """A few of those that `benchmarks/mutations.py` makes by the thousand: each is read, or refused in words."""
    path = tmp_path / "models.yaml"
    path.write_text(mutations.SPECIMEN, encoding="utf-8")
    outcomes = [mutations.outcome(path)]
    for seed in range(40):
        path.write_bytes(mutations.mutated(mutations.SPECIMEN, random.Random(seed)).encode("utf-8", "surrogatepass"))
        outcomes.append(mutations.outcome(path))
    assert outcomes[0] == "read"
    assert set(outcomes) == {"read", "refused", "no YAML"}


def test_every_mistake_is_told_at_once(file):
    """Two mistakes are two lines of one message."""
    with pytest.raises(SpecError) as error:
        read_zoo(file(GOOD.replace("source: timm", "source: tim").replace("role: v", "role: w")), "miniature")
    assert len(str(error.value).splitlines()) == 2


def test_an_unknown_zoo_is_named(file):
    """With the file it was looked for in, and the nearest of its zoos."""
    with pytest.raises(SpecError, match=r"models.yaml: zoo 'minature' is unknown: did you mean 'miniature'\?"):
        read_zoo(file(GOOD), "minature")


@pytest.mark.parametrize(("make", "reason"), [(lambda path: path, "No such file"), (Path.mkdir, "Is a directory")])
def test_a_file_that_cannot_be_read_is_named(tmp_path, make, reason):
    """Missing, or a folder."""
    path = tmp_path / "models.yaml"
    make(path)
    with pytest.raises(SpecError, match=f"models.yaml: cannot be read .{reason}"):
        read_zoo(path, "miniature")


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ({"zoo": "minature"}, "zoo 'minature' is unknown: did you mean 'miniature'?"),
        ({"model": ["nett"]}, "--model 'nett' is not in zoo 'miniature': did you mean 'net'?"),
        ({"device": "cudo"}, "--device 'cudo' is unknown: did you mean 'cuda'?"),
        ({"device": "cuda:x"}, "--device 'cuda:x' is unknown"),
        ({"models": "no/such.yaml"}, "no/such.yaml: cannot be read"),
    ],
    ids=str,
)
def test_a_mistake_in_an_option_is_named(file, tmp_path, option, message):
    """Whatever an option names and is not there, with the nearest that is."""
    usual = {"zoo": "miniature", "models": str(file(GOOD)), "model": None, "data": None, "store": None, "reports": None,
             "device": "auto", "precision": "fp32", "limit": None}  # fmt: skip
    config = SimpleNamespace(rootpath=tmp_path, inipath=None, option=SimpleNamespace(**{**usual, **option}),
                             invocation_params=SimpleNamespace(dir=tmp_path))  # fmt: skip
    with pytest.raises(SpecError) as error:
        make_session(config)
    assert message in str(error.value)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (("--zoo", "minature"), "ERROR: "),
        (("--limit", "0"), "--limit: found '0': a number of images, at least 1"),
        (("--limit", "many"), "--limit: found 'many'"),
        (("--precision", "fp8"), "invalid choice"),
    ],
    ids=["zoo", "limit", "no number", "precision"],
)
def test_a_mistake_ends_pytest_with_its_usage_error(tmp_path, arguments, part):
    """Exit code 4, one message, no traceback, and nothing written."""
    run = run_pytest("behaviors/", *arguments, "--store", tmp_path / "store", reports=tmp_path / "reports")
    assert run.code == 4
    assert part in run.text
    assert "Traceback" not in run.text
    assert not (tmp_path / "store").exists()


def images(keys: list[str]) -> ImageSet:
    """An image set without pixels."""
    return ImageSet("parts", "miniature", np.array(keys, dtype=np.str_), np.zeros(len(keys), dtype=np.int64), {}, "f",
                    lambda rows: [])  # fmt: skip


def test_an_empty_or_ambiguous_image_set_is_blocked():
    """No data is not green, and a key that names two images cannot pair anything."""
    with pytest.raises(BlockedError, match="image set 'parts' is empty: no image was found"):
        checked(images([]))
    with pytest.raises(BlockedError, match="image set 'parts' has the key 'b' more than once"):
        checked(images(["a", "b", "b"]))
    assert len(checked(images(["a", "b"]))) == 2


def test_an_image_set_that_cannot_be_had_blocks_its_claims_only(store, tmp_path, monkeypatch):
    """Its needs are blocked with the reason; another set of the same zoo is predicted."""
    from eyechart.images.readers import rendered

    real = rendered.read
    monkeypatch.setattr(rendered, "read", lambda name, *rest: images([]) if name == "sketch" else real(name, *rest))
    zoo = zoo_file(tmp_path / "models.yaml", {"saint": toy("saint")})
    run = predict(zoo, store, {Need("saint", "validation"), Need("saint", "sketch")})
    assert "is empty" in run.addresses[Need("saint", "sketch")].blocked
    assert run.cost.answers == 40


def test_a_set_that_the_miniature_does_not_have_is_blocked(store, tmp_path):
    """The nearest of its sets is offered."""
    sets = {
        "validation": {"role": "validation", "reader": "rendered"},
        "skech": {"role": "shifted", "reader": "rendered"},
    }
    zoo = zoo_file(tmp_path / "models.yaml", {"saint": toy("saint")}, image_sets=sets)
    run = predict(zoo, store, {Need("saint", "validation"), Need("saint", "skech")})
    assert "renders no set 'skech': did you mean 'sketch'?" in run.addresses[Need("saint", "skech")].blocked
    assert run.cost.answers == 40


def test_a_need_that_was_never_predicted_is_blocked(store, tmp_path):
    """Asking for what this run did not prepare is no crash."""
    zoo = zoo_file(tmp_path / "models.yaml", {"saint": toy("saint")})
    run = predict(zoo, store, {Need("saint", "validation")})
    with pytest.raises(BlockedError, match="not predicted in this run"):
        run.predictions(Need("saint", "sketch"))
