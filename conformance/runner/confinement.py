"""Confines the process that is about to load a submission, with whatever this machine offers for it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from pathlib import Path

from conformance.runner import landlock, limits, seccomp, supervisor


def available() -> list[str]:
    """Returns what this machine offers, in names that a report can show."""
    return ["Landlock"] * bool(landlock.version()) + ["seccomp"] * seccomp.available()


def confine(scratch: Path, hidden: Iterable[str], wanted: dict[str, int | None], *, accelerated: bool = False) -> None:
    """Confines this process and all that it will start; for good, and as far as the machine can.

    Args:
        scratch: the only place where it may write.
        hidden: what it may not read.
        wanted: limits other than the usual ones, as ``limits.apply`` takes them.
        accelerated: whether it may use the machine's devices.
    """
    limits.apply({**(limits.ON_ACCELERATOR if accelerated else {}), **wanted})
    with contextlib.suppress(landlock.Unavailable):
        landlock.confine(scratch, map(Path, hidden), devices=accelerated)
    limits.drop_capabilities()
    try:
        supervisor.confine()
    except seccomp.Unavailable:
        limits.few_processes()


def seal() -> None:
    """Takes the right to fork from a process that serves calls."""
    with contextlib.suppress(seccomp.Unavailable):
        seccomp.confine(forks=False)
