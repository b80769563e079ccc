"""Runs of pytest that do not import everything anew: one process imports, and each run is a fork of it.

A whole run of a small project takes a fifth of a second beside the two that its imports take. The forks start where a
new process would be after importing: nothing of theirs was executed before, and no model library is among the imports.
What they share is one seed of Python's hashes. The workers of `-n` are forks of the same process: each is asked for by
the run that wants it, and gets two pipes where execnet would start a new Python.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import importlib
import json
import os
import runpy
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

from execnet import gateway_base, gateway_io

ROOT = Path(__file__).parents[1]

IMPORTED = (
    "asyncio", "execnet.gateway_io", "hypothesis", "pandas", "pytest", "scipy.stats", "ssl", "allure_commons",
    "eyechart.judge.gates.plan", "eyechart.judge.gates.report", "eyechart.miniature.fingerprints",
    "eyechart.predict.contents", "eyechart.predict.predictor", "eyechart.reports.attaching",
    "eyechart.reports.figures.writing", "eyechart.reports.pages.page", "eyechart.reports.report", "eyechart.zoo.suite",
)  # fmt: skip
"""What a run that only judges imports anyway, but for the wiring: pytest rewrites the assertions of its plugins."""


class Server:
    """The process that has imported, seen from here."""

    def __init__(self) -> None:
        self._requests, theirs = socket.socketpair()
        # without the second, forks keep what they compile
        unwanted = ("PYTHONPATH", "PYTHONDONTWRITEBYTECODE")
        environment = {key: value for key, value in os.environ.items() if key not in unwanted}
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, __file__], stdin=theirs, stdout=subprocess.DEVNULL, cwd=ROOT,
                env={**environment, "OMP_NUM_THREADS": "1"},
            )  # fmt: skip

    def run(
        self, arguments: Sequence[str], cwd: Path, environment: Mapping[str, str], timeout: int, module: str = "pytest"
    ) -> subprocess.CompletedProcess[str]:
        """`python -m module` with these arguments; a run that exceeds `timeout` seconds ends by SIGALRM."""
        request = {
            "worker": False,
            "module": module,
            "arguments": arguments,
            "cwd": str(cwd),
            "environment": environment,
            "timeout": timeout,
        }
        answer, theirs = socket.socketpair()
        with answer, tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err, Path(os.devnull).open() as none:
            streams = [each.fileno() for each in (none, out, err, self._requests)]
            with theirs:
                socket.send_fds(self._requests, [b"r"], [theirs.fileno(), *streams])
            with answer.makefile("rw") as stream:
                print(json.dumps(request), file=stream, flush=True)
                code = int(stream.readline())
            out.seek(0)
            err.seek(0)
            return subprocess.CompletedProcess(list(arguments), code, out.read().decode(), err.read().decode())

    def close(self) -> None:
        """Let it end, and wait for it."""
        self._requests.close()
        self._process.wait()


@cache
def server() -> Server:
    """The one of this process."""
    started = Server()
    atexit.register(started.close)
    return started


def serve(requests: socket.socket) -> None:
    """Fork for each request; returns in the fork that is to be a run or a worker, or raises SystemExit."""
    while True:
        message, descriptors, _, _ = socket.recv_fds(requests, 1, 5)
        if not message:
            sys.exit()
        if not os.fork():
            break
        for descriptor in descriptors:
            os.close(descriptor)
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
    requests.detach()
    answer, *streams = descriptors
    with socket.socket(fileno=answer).makefile("rw") as stream:
        request = json.loads(stream.readline())
        if run := os.fork():
            for descriptor in streams:  # or nobody would see a worker's pipes end
                os.close(descriptor)
            _, status = os.waitpid(run, 0)
            print(os.waitstatus_to_exitcode(status), file=stream, flush=True)
            os._exit(0)
    for number, descriptor in enumerate(streams[:3]):
        os.dup2(descriptor, number)
        os.close(descriptor)
    become(request)
    if not request["worker"]:
        ForkedWorker.requests = socket.socket(fileno=streams[3])
        gateway_io.Popen2IOMaster = ForkedWorker
        runpy.run_module(request["module"], run_name="__main__", alter_sys=True)
    else:
        exec(gateway_io.popen_bootstrapline, {"__name__": "__main__"})  # noqa: S102  # as `python -c` would


def become(request: Mapping) -> None:
    """Put this process into the state in which `python -m module` would begin."""
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["environment"])
    paths = filter(None, request["environment"].get("PYTHONPATH", "").split(os.pathsep))
    sys.path[:1] = [str(Path.cwd()), *map(os.path.abspath, paths)]
    sys.argv = ["-c"] if request["worker"] else [sys.argv[0], *request["arguments"]]
    signal.alarm(request["timeout"])


class ForkedWorker(gateway_base.Popen2IO):
    """A worker of xdist, in place of execnet's `Popen2IOMaster`; in a run that is a fork itself."""

    requests: socket.socket
    """Where forks are asked for."""

    def __init__(self, args: object, execmodel: gateway_base.ExecModel) -> None:
        """Ask for a fork that reads and writes pipes; its command line `args` would be the same for every worker."""
        request = {"worker": True, "cwd": os.getcwd(), "environment": dict(os.environ), "timeout": 0}  # noqa: PTH109
        self._answer, theirs = socket.socketpair()
        (stdin, to_worker), (from_worker, stdout) = os.pipe(), os.pipe()
        socket.send_fds(self.requests, [b"r"], [theirs.fileno(), stdin, stdout, 2])
        theirs.close()
        os.close(stdin)
        os.close(stdout)
        self._stream = self._answer.makefile("rw")
        print(json.dumps(request), file=self._stream, flush=True)
        super().__init__(os.fdopen(to_worker, "wb"), os.fdopen(from_worker, "rb"), execmodel)

    def wait(self) -> int | None:
        """Wait for its end."""
        line = self._stream.readline()
        return int(line) if line else None

    def kill(self) -> None:
        """Leave it: without its pipes it ends."""


if __name__ == "__main__":
    sys.path[0] = str(ROOT)
    for name in IMPORTED:
        importlib.import_module(name)
    with contextlib.suppress(ModuleNotFoundError):  # a plugin of pytest that comes with the hub's client imports it
        importlib.import_module("anyio._backends._asyncio")
    templates = importlib.import_module("eyechart.reports.pages.page").templates()
    for name in templates.list_templates(extensions=["jinja"]):
        templates.get_template(name)
    # else pytest warns that it came too late to rewrite the assertions of what it takes for a plugin
    for name in {"anyio", "hypothesis", "_hypothesis_globals"} & sys.modules.keys():
        sys.modules[name].__doc__ = "PYTEST_DONT_REWRITE"
    gc.freeze()
    serve(socket.socket(fileno=0))
