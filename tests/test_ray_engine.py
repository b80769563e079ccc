"""The engine of many machines: two of them, made of this one, answer what one process answers."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from eyechart.predict.locating import Locator
from eyechart.predict.needs import Need
from eyechart.predict.predictor import Predictor
from eyechart.predict.ray_engine import Answering, Order
from eyechart.predict.run import Run, Settings
from eyechart.progress import Progress
from eyechart.zoo.zoo import Zoo, read_zoo
from tests.image_files import folder

ray = pytest.importorskip("ray", reason="needs Ray: pip install 'eyechart[ray]'")

IMAGES, MODELS = 600, ("net", "mortal")
NEEDS = {Need(model, "photos", view) for model in MODELS for view in ("original", "relative_shift(0.0625)")}

NETS = '''
"""Models that answer by what they see, and write down in which process; one ends its process the first time."""

import os
import signal
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent


def net(mortal=False):
    def answer(images):
        with (HERE / "answers.txt").open("a") as log:
            log.write(f"{os.getpid()} {len(images)}\\n")
        if mortal and (HERE / "deadly").exists():
            (HERE / "deadly").unlink()
            os.kill(os.getpid(), signal.SIGKILL)
        mean = images.reshape(len(images), -1, 3).mean(axis=1)
        return np.stack([mean[:, 0], mean[:, 1]], axis=1).astype(np.float32) / 50
    return answer


def mortal():
    return net(mortal=True)
'''


@pytest.fixture(scope="module")
def zoo(tmp_path_factory) -> Zoo:
    """Two models, and 600 pictures: a chunk of 512 and a rest."""
    root = tmp_path_factory.mktemp("ray")
    (root / "nets.py").write_text(NETS)
    folder(root / "photos", [f"{name}/{number:03d}.png" for name in ("bolt", "nut") for number in range(IMAGES // 2)])
    entry = {"source": "python", "label_space": {"names": ["bolt", "nut"]}, "version": "1"}
    models = {name: {**entry, "factory": f"nets:{name}"} for name in MODELS}
    photos = {"reader": "folder", "role": "validation", "path": "photos", "label_space": entry["label_space"]}
    zoo = {"image_sets": {"photos": photos}, "models": models}
    (root / "models.yaml").write_text(json.dumps({"zoos": {"two": zoo}}))
    return read_zoo(root / "models.yaml", "two")


@pytest.fixture(scope="module")
def cluster() -> Iterator[None]:
    """Two machines of two processors each, on this one."""
    from ray.cluster_utils import Cluster

    machines = Cluster(initialize_head=True, head_node_args={"num_cpus": 2, "include_dashboard": False})
    machines.add_node(num_cpus=2)
    ray.init(address=machines.address, log_to_driver=False, logging_level="ERROR")
    yield
    ray.shutdown()
    machines.shutdown()


def predicted(zoo: Zoo, store: Path, engine: str) -> Run:
    """The predict phase alone."""
    run = Run(zoo, Settings(store, device="cpu", engine=engine))
    Predictor(run, Progress(io.StringIO())).prepare(NEEDS)
    return run


@pytest.mark.slow
@pytest.mark.usefixtures("cluster")
def test_two_machines_answer_what_one_process_does(zoo, tmp_path):
    """Every table is equal, though an actor is killed in the middle; each image is in it once, and none is padded in.

    Actors of both machines answer, and what is there is not asked for again; nor is it look by look.
    """
    local = predicted(zoo, tmp_path / "local", "local")
    log = zoo.folder / "answers.txt"
    log.unlink()
    (zoo.folder / "deadly").touch()
    far = predicted(zoo, tmp_path / "far", "ray")
    assert not (zoo.folder / "deadly").exists()
    for need in NEEDS:
        columns = ["key", "label", "predicted", "confidence", "logits"]
        tables = [run.store.read_table(run.address(need), columns) for run in (local, far)]
        assert tables[0].equals(tables[1])
        assert len(set(tables[1]["key"].to_pylist())) == len(tables[1]) == IMAGES
    processes = {line.split()[0] for line in log.read_text().splitlines()}
    assert len(processes) >= 3
    assert str(os.getpid()) not in processes
    assert far.cost.answers == IMAGES * len(NEEDS)
    log.unlink()
    predicted(zoo, tmp_path / "far", "ray")
    assert not log.exists()
    looking = Predictor(Run(zoo, Settings(tmp_path / "looks", device="cpu", engine="ray")), Progress(io.StringIO()))
    looking.begin({Need("net", "photos")})
    for rows, needed in ((np.arange(0, IMAGES, 7), 86), (np.arange(IMAGES), IMAGES)):  # a look, and all
        looking.answer({("net", "photos", "original"): rows})
        assert (looking.run.cost.needed, looking.run.cost.answers) == (needed, needed)
    whole = [run.store.read_table(run.address(Need("net", "photos")), columns) for run in (local, looking.run)]
    assert whole[0].equals(whole[1])


def test_a_machine_with_other_weights_is_refused(zoo, tmp_path):
    """What an actor would keep under another key is not taken for an answer; nor is what it cannot read."""
    need = Need("net", "photos")
    run = Run(zoo, Settings(tmp_path, device="cpu"))
    actor = Answering(zoo, run.settings, set())
    key = Locator(run, Progress(io.StringIO())).job(need).key
    [(_, table, error)] = actor.answer(Order("photos", np.arange(40), ((need, key),))).answers
    assert error is None
    assert len(table) == 40
    [(refused, table, error)] = (
        Answering(zoo, run.settings, set()).answer(Order("photos", np.arange(40), ((need, "0" * 32),))).answers
    )
    assert refused == need
    assert table is None
    assert "other weights, images or code than the machine that judges" in str(error)
