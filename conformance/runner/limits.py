"""Limits that a process of the runner puts on itself before it takes in somebody's code."""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import signal
import struct
import sys

# prctl(2)
_PR_SET_PDEATHSIG = 1
_PR_SET_DUMPABLE = 4
_PR_SET_CHILD_SUBREAPER = 36
# capset(2): the header's version with 64 capabilities
_CAPABILITY_VERSION = 0x20080522

DEFAULTS: dict[str, int | None] = {
    # Above what importing torch has mapped already; a class's largest honest model needs a few hundred MiB.
    "memory": 4 * 2**30,
    # A property's honest calls take a second or two in all; the judge's own time limit ends a single call earlier.
    "cpu_seconds": 300,
    "open_files": 256,
    "file_bytes": 64 * 2**20,
}
# Counts whatever the user runs, so it must leave room for that.
PROCESSES = 4096
# On an accelerator one process serves every call, and its driver maps far more memory than there is.
ON_ACCELERATOR: dict[str, int | None] = {"memory": None, "cpu_seconds": 24 * 3600, "open_files": 1024}


def prepare() -> None:
    """Readies the first process: no core dumps, orphans come back to it, and none of its memory can be traced."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        _prctl(_PR_SET_CHILD_SUBREAPER, 1)
        die_with_parent()
        # Should memory run out, the kernel is to take a submission for it, never the judge.
        with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w", encoding="ascii") as score:
            score.write("1000")
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def die_with_parent() -> None:
    """Asks the kernel to kill this process when its parent is gone."""
    if sys.platform == "linux":
        _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def apply(limits: dict[str, int | None]) -> None:
    """Sets the resource limits of this process and of all that it forks; never raises one."""
    wanted = {**DEFAULTS, **limits}
    if wanted["memory"] is not None:
        _lower(resource.RLIMIT_AS, _mapped_bytes() + wanted["memory"])
    _lower(resource.RLIMIT_CPU, wanted["cpu_seconds"])
    _lower(resource.RLIMIT_NOFILE, wanted["open_files"])
    _lower(resource.RLIMIT_FSIZE, wanted["file_bytes"])
    if sys.platform == "linux":
        _prctl(_PR_SET_DUMPABLE, 0)


def drop_capabilities() -> None:
    """Gives up what the superuser may do beyond his own files and processes; for others there is nothing to give up."""
    if sys.platform == "linux":
        header = struct.pack("Ii", _CAPABILITY_VERSION, 0)
        ctypes.CDLL(None, use_errno=True).capset(header, bytes(24))


def few_processes() -> None:
    """Limits the processes of the user, where nobody counts those of a submission; root is exempt."""
    _lower(resource.RLIMIT_NPROC, PROCESSES)


def _lower(kind: int, value: int | None) -> None:
    if value is None:
        return
    _, hard = resource.getrlimit(kind)
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
