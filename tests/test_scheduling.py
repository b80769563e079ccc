"""The scheduler by itself: whole models to one worker, nothing twice, nothing lost when a worker dies."""

from __future__ import annotations

from collections import Counter
from itertools import chain

import pytest

from eyechart.fixtures import scheduling
from eyechart.fixtures.scheduling import InUnits, by_model

MODELS = ["vit", "vit-sup", "net"]
TESTS = [f"b/test_a.py::test_x[{model}-{name}]" for model in MODELS for name in ("one", "two", "three")]


class Node:
    """A worker that runs what it is sent, in order, and holds its last test back until it is told to stop."""

    def __init__(self):
        self.sent: list[int] = []
        self.shutting_down = False

    def send_runtest_some(self, indices):
        """Take more work."""
        assert not self.shutting_down, "a worker that was told to stop gets no more work"
        self.sent += indices

    def shutdown(self):
        """Stop after what was sent."""
        self.shutting_down = True


def model_of(nodeid: str) -> str:
    """`b/test_a.py::test_x[vit-sup-one]` → `vit-sup`."""
    return nodeid.partition("[")[2].rpartition("-")[0]


@pytest.fixture
def scheduler(monkeypatch):
    """A scheduler for as many workers as asked, all of which collected TESTS, and those workers."""

    def make(workers: int, tests: list[str] = TESTS) -> tuple[InUnits, list[Node]]:
        monkeypatch.setattr(scheduling, "parse_tx_spec_config", lambda config: ["popen"] * workers)
        made, nodes = InUnits(None, by_model(MODELS)), [Node() for _ in range(workers)]
        for node in nodes:
            made.add_node(node)
        assert not made.collection_is_completed
        for node in nodes:
            made.add_node_collection(node, tests)
        assert made.collection_is_completed
        made.schedule()
        return made, nodes

    return make


def run(scheduler: InUnits, nodes: list[Node], done: dict[Node, list[int]], steps: int = 1000) -> None:
    """Let the workers run, each a test in turn, as xdist's do: never the last one before the stop."""
    for _ in range(steps):
        busy = False
        for node in nodes:
            left = node.sent[len(done[node]) :]
            if len(left) > 1 or (left and node.shutting_down):
                done[node].append(left[0])
                scheduler.mark_test_complete(node, left[0])
                busy = True
        if not busy:
            return


@pytest.mark.parametrize("workers", [1, 2, 3, 4, 6])
def test_every_test_runs_once_and_no_model_on_two_workers(scheduler, workers):
    """However many workers there are, each model's tests run on one of them, each once, and all workers end."""
    made, nodes = scheduler(workers)
    done = {node: [] for node in nodes}
    run(made, nodes, done)
    assert sorted(chain(*done.values())) == list(range(len(TESTS)))
    owners = [{model_of(TESTS[index]) for index in done[node]} for node in nodes]
    assert sum(len(models) for models in owners) == len(MODELS)
    assert all(node.shutting_down for node in nodes)
    assert made.tests_finished
    assert not made.has_pending


def test_a_name_that_begins_another_is_told_apart(scheduler):
    """`vit` and `vit-sup` are two units of work."""
    _, nodes = scheduler(3)
    units = [{model_of(TESTS[index]) for index in node.sent} for node in nodes]
    assert sorted(units, key=str) == sorted(({model} for model in MODELS), key=str)


def test_tests_of_no_model_stay_together_by_file(scheduler):
    """A test that is about no model is a unit with its file."""
    _, nodes = scheduler(4, [*TESTS, "c/test_z.py::test_1", "c/test_z.py::test_2[net2]"])
    assert [9, 10] in [node.sent for node in nodes]


@pytest.mark.parametrize("workers", [1, 2, 4])
@pytest.mark.parametrize("ran", [0, 1, 2])
def test_a_dead_workers_unit_goes_back_to_the_queue(scheduler, workers, ran):
    """The test it died in is named, the rest of its unit and all others run elsewhere, each once."""
    made, nodes = scheduler(workers)
    done = {node: [] for node in nodes}
    dead = nodes[0]
    for index in dead.sent[:ran]:
        done[dead].append(index)
        made.mark_test_complete(dead, index)
    assert made.remove_node(dead) == TESTS[dead.sent[ran]]
    replacement = Node()
    made.add_node(replacement)
    made.add_node_collection(replacement, TESTS)
    made.schedule()
    alive = [*nodes[1:], replacement]
    done[replacement] = []
    run(made, alive, done)
    counts = Counter(chain([dead.sent[ran]], *done.values()))
    assert counts == Counter(range(len(TESTS)))
    assert made.tests_finished


def test_an_idle_workers_death_names_no_test(scheduler):
    """A worker with nothing to do takes nothing with it."""
    made, nodes = scheduler(4)
    idle = next(node for node in nodes if not node.sent)
    assert made.remove_node(idle) is None


def test_workers_that_collected_different_tests_are_refused(monkeypatch):
    """Indices mean nothing where workers do not agree on the tests."""
    monkeypatch.setattr(scheduling, "parse_tx_spec_config", lambda config: ["popen"] * 2)
    made, nodes = InUnits(None, by_model(MODELS)), [Node(), Node()]
    for node, tests in zip(nodes, [TESTS, TESTS[1:]], strict=True):
        made.add_node(node)
        made.add_node_collection(node, tests)
    with pytest.raises(RuntimeError, match="collected different tests"):
        made.schedule()


def test_a_replacement_that_collected_other_tests_is_refused(scheduler):
    """A replacement must agree with those that were there."""
    made, nodes = scheduler(2)
    made.remove_node(nodes[0])
    replacement = Node()
    made.add_node(replacement)
    with pytest.raises(RuntimeError, match="collected other tests"):
        made.add_node_collection(replacement, TESTS[:-1])
