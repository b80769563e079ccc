"""A hub that does not answer is asked once a run, and waited for in words; models without a copy are blocked."""

from __future__ import annotations

import io
import socket
import threading
from collections.abc import Iterator

import pytest
from huggingface_hub import constants

from eyechart.checkpoints.sources import hub
from eyechart.checkpoints.sources.open_clip import OpenClipSpec
from eyechart.checkpoints.sources.timm import TimmSpec
from eyechart.errors import BlockedError
from eyechart.predict.locating import Locator
from eyechart.predict.run import Run, Settings
from eyechart.progress import Progress
from eyechart.zoo.zoo import read_zoo
from tests.harness import zoo_file

MODELS = {
    "tag": {"source": "timm", "architecture": "resnet10t.c3_in1k", "label_space": "imagenet-1k"},
    "repository": {"source": "timm", "architecture": "hf-hub:nobody/nothing", "label_space": "imagenet-1k"},
    "clip": {"source": "open_clip", "architecture": "hf-hub:nobody/clip", "label_space": "imagenet-1k"},
}


class Answers(threading.Thread):
    """A server that counts its callers and answers each with the same bytes; none hangs up on them."""

    def __init__(self, reply: bytes) -> None:
        super().__init__(daemon=True)
        self.reply, self.calls, self._listener = reply, 0, socket.create_server(("127.0.0.1", 0))
        self.host = "http://{}:{}".format(*self._listener.getsockname())

    def run(self) -> None:
        """Answer until the socket is closed."""
        while True:
            try:
                caller, _ = self._listener.accept()
            except OSError:
                return
            self.calls += 1
            with caller:
                caller.recv(1 << 16)
                caller.sendall(self.reply)

    def close(self) -> None:
        """Stop listening."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


@pytest.fixture
def at(monkeypatch):
    """Makes a host the hub, for its client too, with nothing known of it."""

    def point(host: str) -> None:
        monkeypatch.setattr(constants, "ENDPOINT", host)
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        template = host + "/{repo_id}/resolve/{revision}/{filename}"
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        monkeypatch.setattr(hub, "_answers", {})

    return point


@pytest.fixture
def silent() -> Iterator[Answers]:
    """A hub that hangs up on everybody."""
    server = Answers(b"")
    server.start()
    yield server
    server.close()


def loaded(tmp_path, monkeypatch) -> tuple[dict[str, str], list[str]]:
    """Load each model of a zoo: why it is blocked, and the lines that were said."""
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    stream, reasons = io.StringIO(), {}
    zoo = read_zoo(zoo_file(tmp_path / "models.yaml", MODELS))
    locator = Locator(Run(zoo, Settings(tmp_path / "store")), Progress(stream))
    for model in MODELS:
        with pytest.raises(BlockedError) as error:
            locator.checkpoint(model)
        reasons[model] = str(error.value)
    return reasons, stream.getvalue().splitlines()


def test_a_hub_that_does_not_answer_is_asked_once_a_run(tmp_path, monkeypatch, at, silent):
    """One call for three models of two libraries, none of which is retried; it is said before it is waited for."""
    at(silent.host)
    reasons, lines = loaded(tmp_path, monkeypatch)
    assert silent.calls == 1
    assert all(f"({silent.host} does not answer: " in reason for reason in reasons.values())
    assert f"{tmp_path}/hub/models--nobody--nothing" in reasons["repository"]
    asked = [line for line in lines if "asking" in line]
    assert asked == [f"tag may have to be fetched: asking {silent.host}, for 10 seconds at most"]
    assert lines.index(asked[0]) == 1
    assert f"{silent.host} does not answer" in lines[2]
    assert not constants.HF_HUB_OFFLINE


@pytest.mark.parametrize("kind", ["refuses", "keeps quiet", "is no host"])
def test_every_kind_of_silence_is_found_out(monkeypatch, at, kind):
    """A closed port, one that takes calls and says nothing, a name that nobody knows."""
    monkeypatch.setattr(hub, "SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as quiet:
        port = quiet.getsockname()[1]
        if kind == "refuses":
            quiet.close()
        at("http://hub.invalid" if kind == "is no host" else f"http://127.0.0.1:{port}")
        said: list[str] = []
        for name in ("net", "other"):
            with hub.fetching(name, said.append):
                assert constants.HF_HUB_OFFLINE
    assert len(said) == 2
    assert "does not answer (" in said[1]


@pytest.mark.parametrize(
    ("status", "answers"), [("200 OK", True), ("404 Not Found", True), ("429 Slow", True), ("503 Busy", False)]
)
def test_what_answers_is_left_to_the_hubs_client(at, status, answers):
    """Whatever it says, unless it says that it cannot serve."""
    server = Answers(f"HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())
    server.start()
    at(server.host)
    said: list[str] = []
    with hub.fetching("net", said.append):
        assert constants.HF_HUB_OFFLINE is not answers
    assert (server.calls, len(said)) == (1, 1 if answers else 2)
    server.close()


def test_who_is_offline_on_purpose_is_not_asked(monkeypatch, at, silent):
    """`HF_HUB_OFFLINE=1` stays what it is."""
    at(silent.host)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    said: list[str] = []
    with hub.fetching("net", said.append):
        assert constants.HF_HUB_OFFLINE
    assert (constants.HF_HUB_OFFLINE, silent.calls, said) == (True, 0, [])


def test_only_what_may_be_fetched_asks():
    """A file of an architecture that is known by heart needs no hub; a text tower's tokenizer may."""
    files = {"weights": "w.safetensors"}
    assert not hub.fetches(TimmSpec(source="timm", architecture="resnet50", **files))
    assert hub.fetches(TimmSpec(source="timm", architecture="resnet50"))
    assert not hub.fetches(TimmSpec(source="timm", architecture="local-dir:net"))
    assert not hub.fetches(OpenClipSpec(source="open_clip", architecture="ViT-B-32", **files))
    assert hub.fetches(OpenClipSpec(source="open_clip", architecture="ViT-B-16-SigLIP", **files))
    assert hub.fetches(OpenClipSpec(source="open_clip", architecture="ViT-B-32", pretrained="openai"))
