"""What a set is taken apart by, one claim a part: told when claims are made, before any image is seen."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from eyechart.errors import SpecError
from eyechart.images.corruptions import CORRUPTIONS
from eyechart.images.published import FACTORS, imagenet_x
from eyechart.miniature.sets import annotate
from eyechart.store import Store
from eyechart.zoo.indexing import read_image_set
from eyechart.zoo.zoo import read_zoo
from tests.harness import ROOT
from tests.image_files import zoo_of

NAMES = {"names": ["bolt", "nut"]}
FOLDER = {"reader": "folder", "path": "gone", "label_space": NAMES}


def parts(tmp_path, kind: str, name: str = "set", **entry):
    """Names of the parts of a set that a zoo declares."""
    whole = {"role": "validation", "reader": "folder", "path": "gone", "label_space": "imagenet-1k"}
    return zoo_of(tmp_path, {"whole": whole, name: entry}).image_sets[name].parts(kind, name)


@pytest.mark.parametrize("name", ["factors", "synthetic"])
def test_the_miniatures_factors_are_those_that_it_renders(tmp_path, name):
    """No more, so that no claim lacks its images, and no fewer."""
    told = parts(tmp_path, "factor", name, role=name, reader="rendered")
    assert sorted(told) == sorted(set(annotate(name).annotations["factor"].tolist()))
    assert parts(tmp_path, "factor", role="validation", reader="rendered") == ()


def test_the_16_factors_of_imagenet_x(tmp_path):
    """In the order of the paper's figure; ReaL has labels and no factors."""
    told = parts(tmp_path, "factor", role="factors", of="whole", annotations="imagenet-x")
    assert (told[0], told[-1], len(told)) == ("color", "multiple_objects", 16)
    assert set(told) == set(imagenet_x().columns)
    assert told == FACTORS == parts(tmp_path, "factor", role="factors", of="whole", annotations="imagenet-x-multi")
    assert parts(tmp_path, "factor", role="relabeled", of="whole", annotations="real") == ()


@pytest.mark.parametrize("reader", ["folder", "manifest"])
@pytest.mark.parametrize("role", ["factors", "synthetic"])
def test_own_images_name_their_factors(tmp_path, reader, role):
    """They must, since claims are made before images are read; the entry that does not is named."""
    own = {**FOLDER, "reader": reader, "role": role}
    assert parts(tmp_path, "factor", factors=["light", "pose"], **own) == ("light", "pose")
    with pytest.raises(SpecError, match=rf"image_sets.set.*role {role} needs 'factors', a list of names"):
        parts(tmp_path, "factor", **own)
    assert parts(tmp_path, "factor", **{**own, "role": "validation"}) == ()


def test_corruptions(tmp_path):
    """All 15 in the usual order, or those that are chosen, computed or from folders."""
    folders = {**FOLDER, "role": "corrupted", "reader": "corruption-folders"}
    computed = {"role": "corrupted", "reader": "computed", "of": "whole"}
    for entry in (folders, computed):
        assert parts(tmp_path, "corruption", **entry) == CORRUPTIONS
        assert parts(tmp_path, "corruption", **entry, corruptions=["fog", "snow"]) == ("fog", "snow")
        assert parts(tmp_path, "factor", **entry) == ()
    assert parts(tmp_path, "corruption", role="validation", **FOLDER) == ()


def test_parts_are_told_without_a_model_library():
    """In the paper's zoo too, whose images are not here."""
    code = (
        "import sys, pathlib; from eyechart.zoo.zoo import read_zoo\n"
        "zoo = read_zoo(pathlib.Path('models.yaml'), 'paper')\n"
        "told = {name: spec.parts('factor', name) for name, spec in zoo.image_sets.items()}\n"
        "assert len(told['pug-imagenet']) == 10, told\n"
        "assert not {'torch', 'timm', 'open_clip'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)


def test_rendered_cues_are_told_as_those_of_files_are(tmp_path):
    """Shape and texture as classes, and which image gave them: its own, since every object is rendered anew."""
    zoo = zoo_of(tmp_path, {"cue-conflict": {"role": "cue-conflict", "reader": "rendered"}})
    images = read_image_set(zoo, "cue-conflict", Store(tmp_path), None)
    index, told = annotate("cue-conflict"), images.annotations
    names = zoo.labels("cue-conflict").names
    assert np.array_equal(told["shape"], images.labels)
    assert [names[place] for place in told["texture"]] == index.annotations["texture"].tolist()
    assert told["texture"].dtype == told["shape"].dtype == np.int64
    assert not (told["shape"] == told["texture"]).any()
    assert np.array_equal(told["content_image"], images.keys)
    assert np.array_equal(told["texture_image"], images.keys)
    assert set(index.annotations) <= set(told)


@pytest.mark.parametrize("name", ["miniature", "paper"])
def test_the_shipped_zoos_name_their_parts(name):
    """Every set of a role that is taken apart has parts."""
    for image_set, spec in read_zoo(ROOT / "models.yaml", name).image_sets.items():
        kind = {"factors": "factor", "synthetic": "factor", "corrupted": "corruption"}.get(spec.role.value)
        assert kind is None or spec.parts(kind, image_set), image_set
