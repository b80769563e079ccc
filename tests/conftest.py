"""What the tests share: images rendered once, a gallery of them, and one run that judged all toy checkpoints."""

from __future__ import annotations

from pathlib import Path

import pytest

from eyechart.readers import read_image_set
from eyechart.store import Store
from eyechart.zoo import read_zoo
from tests.gallery import Gallery, behaviors
from tests.harness import LIMIT, Judged, new_store, run_pytest, toy, zoo_file
from tests.villains import VILLAINS


@pytest.fixture(scope="session")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with the miniature's rendered images and nothing else."""
    folder = tmp_path_factory.mktemp("rendered")
    zoo = read_zoo(zoo_file(folder / "models.yaml", {"saint": toy("saint")}), "miniature")
    for name in zoo.image_sets:
        read_image_set(zoo, name, Store(folder), None)
    return folder


@pytest.fixture(scope="session")
def gallery(rendered: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The images that the toy checkpoints know, in the file that EYECHART_GALLERY names."""
    path = tmp_path_factory.mktemp("gallery") / "gallery.npz"
    zoo = read_zoo(rendered / "models.yaml", "miniature")
    sets = []
    for name, spec in zoo.image_sets.items():
        views = {view for needs in behaviors().values() if spec.role in needs.roles for view in needs.views}
        sets.append((read_image_set(zoo, name, Store(rendered), LIMIT), spec.role == "shifted", views))
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
    return zoo_file(tmp_path_factory.mktemp("zoo") / "models.yaml", {name: toy(name) for name in names})


@pytest.fixture(scope="session")
def warm(rendered: Path, gallery: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The store that `judged` filled; tests that only judge read it."""
    return new_store(rendered, tmp_path_factory.mktemp("warm") / "store")


@pytest.fixture(scope="session")
def judged(gallery: Path, warm: Path, villains_zoo: Path, tmp_path_factory: pytest.TempPathFactory) -> Judged:
    """One cold run of the real behaviors/ on four workers, over the saint and every villain."""
    reports = tmp_path_factory.mktemp("reports")
    return run_pytest(
        "behaviors/", "--models", villains_zoo, "--store", warm, "--limit", LIMIT, "-n", 4, reports=reports
    )
