"""The runner's loop: one process serves one socket; it loads, forks, calls drivers and kills what it forked.

Every process of the runner is this same loop. The first one has imported torch and the drivers and nothing else. A
fork of it loads a submission; a fork of that serves one property. So a crash, a hang or a state left behind costs
the property in hand, and no process holds an expected value, a tolerance or a seed.
"""

from __future__ import annotations

import contextlib
import copy
import dis
import gc
import importlib
import io
import os
import signal
import socket
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch

from conformance.runner import limits, stillness
from conformance.runner.confinement import available, confine, seal
from conformance.runner.drivers import find_drivers
from conformance.runner.guard import Breach, Guard, install
from conformance.runner.guard.selfcheck import missing_stubs
from conformance.runner.hiding import hide
from conformance.runner.lazy_dynamo import defer_dynamo
from conformance.runner.loading import Loaded, Source, load, reset_torch_state, submission_lines, where
from conformance.runner.loading.statements import split
from conformance.runner.processes import end_descendants, end_group, end_strays, reap
from conformance.runner.protocol import ProtocolError, encode, receive_with_fds, send

# Calls that nobody looks at must not use up the time of the one that counts.
WARM_SECONDS = 1.0

Driver = Callable[[SimpleNamespace, SimpleNamespace], dict[str, Any]]


@dataclass(frozen=True)
class Place:
    """Where the runner works: the one folder it may write in, and the files that submissions may not read."""

    scratch: Path
    hidden: tuple[str, ...] = ()


class Server:
    """Serves the requests that come over one socket, one at a time, until the socket closes."""

    def __init__(self, sock: socket.socket, place: Place, drivers: dict[str, Driver], guard: Guard | None) -> None:
        self.sock = sock
        self.place = place
        self.drivers = drivers
        self.guard = guard
        self.loaded: Loaded | None = None
        self.children: list[int] = []
        self.ticket = ""
        self.sealed = False
        self.speaking = threading.Lock()
        self.tampered: list[str] = []

    def run(self) -> None:
        """Serves until the judge closes the socket."""
        while True:
            if self.loaded is not None and not self.sealed:
                stillness.wait(self.sock)
            try:
                request, fds = receive_with_fds(self.sock)
            except (EOFError, OSError, ProtocolError):
                return
            self.ticket = request["ticket"]
            handler = {"fork": self.fork, "end": self.end, "load": self.load, "call": self.call}[request["op"]]
            reply = handler(request, fds)
            try:
                data = self.message(reply)
            except Exception as error:  # a value that lies about itself: an error of this call, not the end of all
                data = self.message({"breaches": reply.get("breaches", []), "error": _error(error)})
            with self.speaking:
                self.sock.sendall(data)

    def message(self, reply: Any) -> bytes:
        """Returns a reply to the request in hand, under its ticket."""
        return encode({"ticket": self.ticket, "reply": reply})

    def fork(self, request: dict[str, Any], fds: list[int]) -> dict[str, Any]:
        """Forks a process that serves the socket which came with the request; returns its process id."""
        self.reap()
        leader = self.loaded is None
        gc.freeze()  # a collection in the fork would write to every object there is, and so copy them all: 0.2 s
        pid = os.fork()
        if pid == 0:
            self.sock.close()
            if leader:
                os.setpgid(0, 0)
            limits.die_with_parent()
            status = 1
            try:
                self.become(socket.socket(fileno=fds[0]))
                status = 0
            except BaseException:
                traceback.print_exc()  # goes to the runner's log, which is shown when the runner does not start
            finally:
                os._exit(status)
        if leader:
            with contextlib.suppress(OSError):  # whoever of the two comes first; later it may have ended
                os.setpgid(pid, pid)
        for fd in fds:
            os.close(fd)
        self.children.append(pid)
        return {"pid": pid}

    def become(self, sock: socket.socket) -> None:
        """Carries on as the server of another socket, with what has been loaded so far."""
        self.sock = sock
        self.children = []
        self.run()

    def reap(self) -> None:
        """Takes leave of the forks of this process that have ended, and of orphans that came to it."""
        ended = set(reap())
        self.children = [pid for pid in self.children if pid not in ended]

    def end(self, request: dict[str, Any], fds: list[int]) -> dict[str, Any]:
        """Kills a process of a group ("one"), all but its leader ("strays"), or the whole group ("all").

        The judge asks it of a process that has loaded nothing; the id of a process that a submission's own process
        forked is only as good as that, so it counts within the group of that process alone.
        """
        pid, group = request["pid"], request["group"]
        if self.loaded is not None or group <= 1 or group == os.getpgrp():
            return {"ended": False}
        if request["what"] == "strays":
            end_strays(group)
        elif request["what"] == "all":
            end_group(group)
            if group in self.children:
                with contextlib.suppress(ChildProcessError):
                    os.waitpid(group, 0)
                self.children.remove(group)
        else:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                if pid > 1 and os.getpgid(pid) == group:
                    os.kill(pid, signal.SIGKILL)
        return {"ended": True}

    def load(self, request: dict[str, Any], fds: list[int]) -> dict[str, Any]:
        """Loads a submission, confined; tells each statement's number before running it."""
        if self.guard is not None and not request["rules"]:
            self.guard.remove()
            self.guard = None
        if self.guard is not None and request["forbidden"]:
            self.guard.forbid_imports(request["forbidden"])
        hidden = self.place.hidden if request["forbidden"] else ()
        hide(request["forbidden"])
        confine(_own_folder(self.place.scratch), hidden, request["limits"], accelerated=request["accelerated"])
        source = Source.from_json(request["source"])
        short = _short_statements(source)
        reasons = {int(index): why for index, why in request["skip"].items()}
        self.loaded = load(
            source,
            skip=frozenset(reasons),
            skip_reasons=reasons,
            progress=lambda index: self.sock.sendall(self.message({"statement": index, "short": index in short})),
        )
        self.look_at_guard()
        stillness.only_this_thread_forks()
        names = [name for name in request["names"] if name in self.loaded.namespace]
        unread = [{"cell": entry.cell, "line": entry.line, "why": entry.why} for entry in self.loaded.unread]
        lost = {name: str(why) for name, why in self.loaded.lost.items() if name in request["names"]}
        return {"names": names, "unread": unread, "lost": lost, "failure": self.loaded.failure}

    def call(self, request: dict[str, Any], fds: list[int]) -> dict[str, Any]:
        """Runs one driver on one case and returns what it observed, or how it failed."""
        assert self.loaded is not None, "a driver was called before a submission was loaded"
        if not self.sealed:
            seal()
            self.sealed = True
        alias, namespace = request["alias"], self.loaded.namespace
        items = SimpleNamespace(**{name: namespace.get(alias.get(name, name)) for name in request["names"]})
        driver = self.drivers[request["driver"]]
        if self.guard is not None:
            self.guard.ledger.witness = self.tell
        deadline = time.monotonic() + WARM_SECONDS
        for _ in range(request["warm"]):
            with observing(self.guard):
                driver(items, SimpleNamespace(**copy.deepcopy(request["case"])))
            if time.monotonic() > deadline:
                break
        with observing(self.guard) as outcome:
            outcome["seen"] = driver(items, SimpleNamespace(**request["case"]))
        stillness.let_others_end()
        if request["warm"]:
            self.look_at_guard()
        outcome["breaches"] += [{"family": "judge", "what": what, "lines": []} for what in self.tampered]
        return outcome

    def tell(self, breach: Breach) -> None:
        """Tells the judge of a breach while it happens, in whichever thread."""
        with self.speaking:
            self.sock.sendall(self.message({"breach": _told(breach)}))

    def look_at_guard(self) -> None:
        """Notes whether the submission has taken a stub of the guard away."""
        if self.guard is not None and not self.tampered:
            reset_torch_state()
            missing = missing_stubs(self.guard)
            if missing:
                self.tampered = [f"the judge's guard, which no longer sees {', '.join(missing[:3])}"]


def _own_folder(scratch: Path) -> Path:
    """Returns a new working directory and home, so that no submission finds what another one left behind."""
    own = tempfile.mkdtemp(dir=scratch)
    os.chdir(own)
    os.environ.update(HOME=own, TMPDIR=own, MPLCONFIGDIR=own)
    tempfile.tempdir = None
    return Path(own)


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
        outcome["breaches"] = [_told(breach) for breach in guard.records()]


def _told(breach: Breach) -> dict[str, Any]:
    return {"family": str(breach.family), "what": breach.what, "lines": [list(line) for line in breach.lines]}


def _short_statements(source: Source) -> frozenset[int]:
    """Returns the statements that the loader gives a few seconds only: those that import nothing.

    Where statements can run inside of an import, what the last one may take says little about how long it stays quiet.
    """
    if source.kind not in ("notebook", "script") or any(unit.module for unit in source.units):
        return frozenset()
    return frozenset(statement.index for statement in split(source) if not statement.imports)


def _is_stub(error: BaseException) -> bool:
    """Returns whether this is the exercise's own ``raise NotImplementedError``, not one of torch's."""
    return type(error) is NotImplementedError and _raised(error)


def _raised(error: BaseException) -> bool:
    """Returns whether a ``raise`` of the submission started an exception; torch raises its own in C++."""
    if error.__traceback__ is None:
        return False
    last = error.__traceback__
    while last.tb_next is not None:
        last = last.tb_next
    raises = last.tb_frame.f_code.co_code[last.tb_lasti] == dis.opmap["RAISE_VARARGS"]
    return raises and bool(submission_lines(last))


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
        "raised": error.__context__ is None and _raised(error),
        "trace": _trace(error) if not lines else "",
    }


def _trace(error: BaseException) -> str:
    """Returns where an exception came about that no line of the submission leads to, innermost last, by short names."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename != __file__]
    shown = [f"  {'/'.join(Path(frame.filename).parts[-2:])}, line {frame.lineno}: {frame.line}" for frame in frames]
    return "\n".join(["where no line of the submission runs:", *shown])[:4000]


def main(fd: int, scratch: str, hidden: list[str]) -> None:
    """Serves the socket of a file descriptor until the judge closes it, and leaves no process behind.

    Args:
        fd: the socket.
        scratch: the folder that may be written in.
        hidden: what submissions may not read.
    """
    sys.dont_write_bytecode = True
    limits.prepare()
    torch.set_num_threads(1)
    defer_dynamo()
    # Wanted by the first operation on the meta device and the first gradient with an upstream one: half a second,
    # paid here, while the judge still imports what it needs, instead of in each property's process.
    importlib.import_module("torch.fx.experimental.symbolic_shapes")
    sock = socket.socket(fileno=fd)
    drivers = find_drivers()
    guard = install(where=where)
    send(sock, {"ready": True, "torch": torch.__version__, "confinement": available()})
    try:
        Server(sock, Place(Path(scratch), tuple(hidden)), drivers, guard).run()
    finally:
        end_descendants(os.getpid())
