"""What the tests share: images rendered once, a gallery of them, and one run that judged all toy checkpoints."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from eyechart.fixtures.scheduling import InUnits
from eyechart.predict.searches import Search
from eyechart.store import Store
from eyechart.zoo.indexing import read_image_set, read_training_images
from eyechart.zoo.zoo import read_zoo
from tests.gallery import Gallery, behaviors
from tests.harness import LIMIT, MORE_SETS, ROOT, SETS, SWEEP, Judged, new_store, run_pytest, toy, zoo_file
from tests.torch_models import narrow_state
from tests.villains import SWEEP_VILLAINS, VILLAINS

EVERYTHING = {**SETS, **MORE_SETS, **SWEEP}
ONE_MODEL_EACH = ("--deselect", "behaviors/test_shape_bias.py::test_two_checkpoints_find_the_same_images_hard")
"""Toys know the images and so find the same ones hard; tests/test_pairs.py judges that claim."""

JUDGED = ("test_flow", "test_outcomes", "test_reports", "test_searches", "test_villains", "test_writing")
"""Files whose tests read what `judged` left; one worker of `-n` takes them all, so that it is made once."""


def pytest_xdist_make_scheduler(config: pytest.Config) -> InUnits:
    """Keep the tests of one file on one worker, which makes their fixtures once."""
    return InUnits(
        config, lambda nodeid: "judged" if Path(nodeid.partition("::")[0]).stem in JUDGED else nodeid.partition("::")[0]
    )


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let no other file ask for what is made for JUDGED."""
    for item in items:
        of_session = {"warm", "judged"} & {
            name for name, made in item._fixtureinfo.name2fixturedefs.items() if made[-1].scope == "session"
        }
        assert not of_session or item.path.stem in JUDGED, (
            f"{item.nodeid} uses {', '.join(sorted(of_session))}: add its file to JUDGED"
        )


@pytest.fixture(scope="module")
def state() -> dict[str, Any]:
    """Weights of the narrow network of tests/torch_models.py."""
    return narrow_state()


@pytest.fixture(scope="session")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with the miniature's rendered images and nothing else.

    They are rendered once, which takes half a minute, into the clone's own store, and checked when they are read.
    """
    folder = tmp_path_factory.mktemp("rendered")
    zoo = read_zoo(zoo_file(folder / "models.yaml", {"saint": toy("saint")}, image_sets=EVERYTHING), "miniature")
    store = Store(ROOT / ".eyechart" / "store")
    with store.writing(on_wait=lambda: None):  # another worker of `-n` renders the same
        for name in zoo.image_sets:
            read_image_set(zoo, name, store, None)
    shutil.copytree(store.root / "images", folder / "images")
    return folder


@pytest.fixture(scope="session")
def gallery(rendered: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The images that the toy checkpoints know, in the file that EYECHART_GALLERY names."""
    path = tmp_path_factory.mktemp("gallery") / "gallery.npz"
    zoo = read_zoo(rendered / "models.yaml", "miniature")
    sets = []
    for name, spec in zoo.image_sets.items():
        declared = [needs for needs in behaviors().values() if spec.role in needs.roles and not needs.finding]
        views = {view for needs in declared for view in needs.views.usual}
        views |= {view for needs in declared if needs.search for view in Search.parse(needs.search).views}
        limit = None if name in SWEEP else LIMIT
        sets.append((read_image_set(zoo, name, Store(rendered), limit), str(spec.role), views))
        if spec.role == "transfer":
            sets.append((read_training_images(zoo, name, Store(rendered), limit), "training", set()))
    Gallery.of(sets).write(path)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EYECHART_GALLERY", str(path))
        yield path


@pytest.fixture
def store(rendered: Path, gallery: Path, tmp_path: Path) -> Path:
    """An empty store that has the rendered images already."""
    return new_store(rendered, tmp_path / "store")


@pytest.fixture(scope="session")
def villains_zoo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A `models.yaml` with the saint, every villain, and the one whose faults block its other claims."""
    names = [*VILLAINS, "nan_at_one_class"]
    models = {name: toy(name) for name in names}
    bound = {"at_least": 0.25, "reason": "Fifty images cannot show that fewer than one in six go by shape."}
    bounds = {"test_shape_bias.py::test_shape_counts_in_every_category": bound}
    path = tmp_path_factory.mktemp("zoo") / "models.yaml"
    return zoo_file(path, models, image_sets={**SETS, **MORE_SETS}, bounds=bounds)


@pytest.fixture(scope="session")
def warm(rendered: Path, gallery: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The store that `judged` filled; tests that only judge read it."""
    return new_store(rendered, tmp_path_factory.mktemp("warm") / "store")


@pytest.fixture(scope="session")
def judged(gallery: Path, warm: Path, villains_zoo: Path, tmp_path_factory: pytest.TempPathFactory) -> Judged:
    """One cold run of the real behaviors/ on two workers, over the saint and every villain."""
    reports = tmp_path_factory.mktemp("reports")
    return run_pytest(
        "behaviors/",
        "--models",
        villains_zoo,
        "--store",
        warm,
        "--limit",
        LIMIT,
        "-n",
        2,
        *ONE_MODEL_EACH,
        reports=reports,
        EYECHART_FIGURES="data",
    )


@pytest.fixture(scope="session")
def judged_sweeps(rendered: Path, gallery: Path, tmp_path_factory: pytest.TempPathFactory) -> Judged:
    """One run over the sweeps, whole, of the saint and of the villains that fail there."""
    folder = tmp_path_factory.mktemp("sweeps")
    models = {name: toy(name) for name in ("saint", *SWEEP_VILLAINS)}
    worst = {"at_least": 0.3, "reason": "36 assets cannot show that fewer than one in five are named."}
    bounds = {"test_synthetic.py::test_objects_are_named_at_the_worst_level": worst,
              "test_synthetic.py::test_objects_are_named_along_a_sweep": {**worst, "at_least": 0.5}}  # fmt: skip
    zoo = zoo_file(folder / "models.yaml", models, image_sets=SWEEP, bounds=bounds)
    store = new_store(rendered, folder / "store")
    return run_pytest(
        "behaviors/", "--models", zoo, "--store", store, reports=folder / "reports", EYECHART_FIGURES="data"
    )
