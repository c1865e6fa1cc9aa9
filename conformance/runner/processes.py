"""Finds and ends every process that descends from another, wherever it has moved its session or its group."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

PROC = Path("/proc")
# A killed process is gone within milliseconds; one stuck in the kernel must not keep the judge.
PATIENCE_SECONDS = 5.0


def _living() -> Iterator[tuple[int, int, int]]:
    """Yields the id, the parent and the group of every process that lives; nothing where there is no ``/proc``."""
    for name in os.listdir(PROC) if PROC.is_dir() else ():
        if name.isdigit():
            with contextlib.suppress(OSError, ValueError):
                # The name of the program stands in brackets and may hold anything, brackets too.
                state, parent, group = (PROC / name / "stat").read_text(errors="replace").rpartition(")")[2].split()[:3]
                if state not in "ZX":
                    yield int(name), int(parent), int(group)


def size_of_group(group: int) -> int:
    """Returns the number of living processes in a process group."""
    return sum(its_group == group for _, _, its_group in _living())


def descendants(pid: int) -> dict[int, int]:
    """Returns the processes below ``pid`` that still live, each with its process group."""
    children: dict[int, list[tuple[int, int]]] = {}
    for child, parent, group in _living():
        children.setdefault(parent, []).append((child, group))
    found: dict[int, int] = {}
    todo = [pid]
    while todo:
        for child, group in children.get(todo.pop(), []):
            if child not in found:
                found[child] = group
                todo.append(child)
    return found


def end_descendants(pid: int) -> None:
    """Kills what descends from ``pid`` until nothing is left of it.

    ``pid`` has to be a subreaper for orphans to be found, or its descendants unable to leave their groups. A group is
    killed at once, so that one that forks without end cannot outrun the loop.
    """
    deadline = time.monotonic() + PATIENCE_SECONDS
    own = {os.getpgrp(), _group(pid)}
    while (found := descendants(pid)) and time.monotonic() < deadline:
        for group in set(found.values()) - own - {0}:
            end_group(group)
        for child in found:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(child, signal.SIGKILL)
        if pid == os.getpid():
            reap()
        time.sleep(0.002)


def end_strays(group: int) -> None:
    """Kills what is in a group besides its leader."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while strays := [pid for pid, _, its_group in _living() if its_group == group != pid]:
        for pid in strays:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        if time.monotonic() > deadline:
            break


def end_group(group: int) -> None:
    """Kills a whole process group at once."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGKILL)


def reap() -> list[int]:
    """Takes leave of the children of this process that have ended, and returns which they were."""
    ended = []
    with contextlib.suppress(ChildProcessError):
        while pid := os.waitpid(-1, os.WNOHANG)[0]:
            ended.append(pid)
    return ended


def _group(pid: int) -> int:
    try:
        return os.getpgid(pid)
    except ProcessLookupError:
        return 0
