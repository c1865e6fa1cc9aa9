"""The runner's loop: one process serves one socket; it loads, forks, calls drivers and kills what it forked.

Every process of the runner is this same loop. The first one has imported torch and the drivers and nothing else. A
fork of it loads a submission; a fork of that serves one property. So a crash, a hang or a state left behind costs
the property in hand, and no process holds an expected value, a tolerance or a seed.
"""

from __future__ import annotations

import contextlib
import io
import os
import signal
import socket
import sys
import traceback
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import torch

from conformance.runner import limits
from conformance.runner.drivers import find_drivers
from conformance.runner.guard import Guard, install
from conformance.runner.loading import Loaded, Source, load, reset_torch_state, submission_lines, where
from conformance.runner.protocol import ProtocolError, encode, receive, send

Driver = Callable[[SimpleNamespace, SimpleNamespace], dict[str, Any]]


class Server:
    """Serves the requests that come over one socket, one at a time, until the socket closes."""

    def __init__(self, sock: socket.socket, drivers: dict[str, Driver], guard: Guard | None = None) -> None:
        self.sock = sock
        self.drivers = drivers
        self.guard = guard
        self.loaded: Loaded | None = None
        self.children: list[int] = []

    def run(self) -> None:
        """Serves until the judge closes the socket."""
        while True:
            try:
                request, fds = receive(self.sock)
            except (EOFError, OSError, ProtocolError):
                return
            handler = {"fork": self.fork, "kill": self.kill, "load": self.load, "call": self.call}[request["op"]]
            reply = handler(request, fds)
            try:
                data = encode(reply)
            except Exception as error:  # a value that lies about itself: an error of this call, not the end of all
                data = encode({"breaches": [], "error": _error(error)})
            self.sock.sendall(data)

    def fork(self, request: dict[str, Any], fds: list[int]) -> dict[str, Any]:
        """Forks a process that serves the socket which came with the request; returns its process id."""
        pid = os.fork()
        if pid == 0:
            self.sock.close()
            limits.die_with_parent()
            status = 1
            try:
                self.become(socket.socket(fileno=fds[0]))
                status = 0
            except BaseException:
                traceback.print_exc()  # goes to the runner's log, which is shown when the runner does not start
            finally:
                os._exit(status)
        for fd in fds:
            os.close(fd)
        self.children.append(pid)
        return {"pid": pid}

    def become(self, sock: socket.socket) -> None:
        """Carries on as the server of another socket, with what has been loaded so far."""
        self.sock = sock
        self.children = []
        self.run()

    def kill(self, request: dict[str, Any], fds: list[int]) -> dict[str, Any]:
        """Kills a process that this one forked, and waits for it."""
        pid = request["pid"]
        if pid not in self.children:
            return {"killed": False}
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(pid, 0)
        self.children.remove(pid)
        return {"killed": True}

    def load(self, request: dict[str, Any], fds: list[int]) -> dict[str, Any]:
        """Loads a submission under the limits; tells each statement's number before running it."""
        if self.guard is not None and not request["rules"]:
            self.guard.remove()
            self.guard = None
        limits.apply(request["limits"])
        if self.guard is not None and request["forbidden"]:
            self.guard.forbid_imports(request["forbidden"])
        source = Source.from_json(request["source"])
        reasons = {int(index): why for index, why in request["skip"].items()}
        self.loaded = load(
            source,
            skip=frozenset(reasons),
            skip_reasons=reasons,
            progress=lambda index: send(self.sock, {"statement": index}),
        )
        names = [name for name in request["names"] if name in self.loaded.namespace]
        unread = [{"cell": entry.cell, "line": entry.line, "why": entry.why} for entry in self.loaded.unread]
        lost = {name: str(why) for name, why in self.loaded.lost.items() if name in request["names"]}
        return {"names": names, "unread": unread, "lost": lost, "failure": self.loaded.failure}

    def call(self, request: dict[str, Any], fds: list[int]) -> dict[str, Any]:
        """Runs one driver on one case and returns what it observed, or how it failed."""
        assert self.loaded is not None, "a driver was called before a submission was loaded"
        alias, namespace = request["alias"], self.loaded.namespace
        items = SimpleNamespace(**{name: namespace.get(alias.get(name, name)) for name in request["names"]})
        case = SimpleNamespace(**request["case"])
        with observing(self.guard) as outcome:
            outcome["seen"] = self.drivers[request["driver"]](items, case)
        return outcome


@contextlib.contextmanager
def observing(guard: Guard | None) -> Iterator[dict[str, Any]]:
    """Runs the body with output swallowed and global state reset; what it raises becomes part of the outcome."""
    outcome: dict[str, Any] = {"breaches": []}
    reset_torch_state()
    if guard is not None:
        guard.reset()
    silence = io.StringIO()
    try:
        with contextlib.redirect_stdout(silence), contextlib.redirect_stderr(silence):
            yield outcome
    except BaseException as error:
        outcome["missing" if _is_stub(error) else "error"] = _error(error)
    if guard is not None:
        outcome["breaches"] = [
            {"family": str(breach.family), "what": breach.what, "lines": [list(line) for line in breach.lines]}
            for breach in guard.records()
        ]


def _is_stub(error: BaseException) -> bool:
    """Returns whether this is the exercise's own ``raise NotImplementedError``, not one of torch's."""
    if type(error) is not NotImplementedError or error.__traceback__ is None:
        return False
    last = error.__traceback__
    while last.tb_next is not None:
        last = last.tb_next
    return bool(submission_lines(last))


def _error(error: BaseException) -> dict[str, Any]:
    lines = [list(line) for line in submission_lines(error.__traceback__)]
    try:
        text = str(error)
    except Exception:
        text = "(its text cannot be shown)"
    return {
        "type": type(error).__name__,
        "text": text[:2000],
        "lines": lines,
        "ours": not lines,
        "trace": "".join(traceback.format_exception(error))[-4000:] if not lines else "",
    }


def main(fd: int) -> None:
    """Serves the socket of a file descriptor until the judge closes it."""
    sys.dont_write_bytecode = True
    limits.prepare()
    torch.set_num_threads(1)
    sock = socket.socket(fileno=fd)
    drivers = find_drivers()
    guard = install(where=where)
    send(sock, {"ready": True, "torch": torch.__version__})
    Server(sock, drivers, guard).run()
