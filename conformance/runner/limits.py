"""Limits that a process of the runner puts on itself before it takes in somebody's code."""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import signal
import sys
from typing import Any

# prctl(2)
_PR_SET_PDEATHSIG = 1
_PR_SET_DUMPABLE = 4
_PR_SET_CHILD_SUBREAPER = 36

DEFAULTS: dict[str, int] = {
    # Above what importing torch has mapped already; a class's largest honest model needs a few hundred MiB.
    "memory": 4 * 2**30,
    # A property's honest calls take a second or two in all; the judge's own time limit ends a single call earlier.
    "cpu_seconds": 300,
    "open_files": 256,
    "file_bytes": 64 * 2**20,
    # Counts every process of the user, so it must leave room for what else the user runs; root is exempt.
    "processes": 4096,
}


def prepare() -> None:
    """Readies the first process: no core dumps, orphans come back to it, and none of its memory can be traced."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        _prctl(_PR_SET_CHILD_SUBREAPER, 1)
        die_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def die_with_parent() -> None:
    """Asks the kernel to kill this process when its parent is gone."""
    if sys.platform == "linux":
        _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def apply(limits: dict[str, Any]) -> None:
    """Sets the resource limits of this process and of all that it forks; never raises one."""
    wanted = {**DEFAULTS, **limits}
    _lower(resource.RLIMIT_AS, _mapped_bytes() + wanted["memory"])
    _lower(resource.RLIMIT_CPU, wanted["cpu_seconds"])
    _lower(resource.RLIMIT_NOFILE, wanted["open_files"])
    _lower(resource.RLIMIT_FSIZE, wanted["file_bytes"])
    _lower(resource.RLIMIT_NPROC, wanted["processes"])
    if sys.platform == "linux":
        _prctl(_PR_SET_DUMPABLE, 0)


def _lower(kind: int, value: int) -> None:
    soft, hard = resource.getrlimit(kind)
    ceiling = value if hard == resource.RLIM_INFINITY else min(value, hard)
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(kind, (ceiling, ceiling))


def _mapped_bytes() -> int:
    try:
        with open("/proc/self/statm", encoding="ascii") as statm:
            return int(statm.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 16 * 2**30  # no /proc: leave room for what torch may have mapped


def _prctl(option: int, value: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(option, value, 0, 0, 0)
