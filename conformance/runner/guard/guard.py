"""The guard: sees, beside the submission, that the reference was used; the call itself goes through unchanged."""

from __future__ import annotations

from collections.abc import Iterable

from conformance.runner.guard.engine import watch_engine
from conformance.runner.guard.exclusions import keep_stubs_included
from conformance.runner.guard.functions import Functions
from conformance.runner.guard.handles import watch_handles
from conformance.runner.guard.imports import forbid
from conformance.runner.guard.kernels import stub_kernels
from conformance.runner.guard.ledger import Breach, Ledger, Pause
from conformance.runner.guard.stack import IsSubmission, Where, is_nobody_elses, plain_where
from conformance.runner.guard.swap import Undo
from conformance.runner.guard.symbols import Symbols
from conformance.runner.guard.uncompiled import run_uncompiled


class Guard:
    """What watches this process; see ``install``."""

    def __init__(self, is_submission: IsSubmission, where: Where) -> None:
        run_uncompiled()
        self.ledger = Ledger(is_submission, where)
        self.functions, self.symbols = Functions(self.ledger), Symbols(self.ledger)
        self._undo: list[Undo] = [
            stub_kernels(self.ledger),
            watch_handles(self.ledger),
            keep_stubs_included(),
            self.functions.undo,
            self.symbols.undo,
            watch_engine(self.ledger),
        ]

    def reset(self) -> None:
        """Forgets the breaches seen so far."""
        if self.functions.copied:
            self.functions.swap_copies()
        self.ledger.reset()

    def records(self) -> list[Breach]:
        """Returns the breaches since the last reset, of this process, in the order in which they happened."""
        seen = list(self.ledger.breaches.values())
        return [*seen, *(breach for breach in self.symbols.found if breach not in seen)]

    def paused(self) -> Pause:
        """Returns a ``with`` block in which the judge's own use of the reference is not told."""
        return self.ledger.paused()

    def forbid_imports(self, patterns: Iterable[str]) -> None:
        """Refuses imports of the judge's own modules, ``impl`` or ``conformance.suite.*.oracle``, and tells of them."""
        self._undo.append(forbid(patterns, self.ledger))

    def remove(self) -> None:
        """Takes the guard away; torch is as it was before, except that it still does not compile."""
        global _installed
        while self._undo:
            self._undo.pop()()
        _installed = None


_installed: Guard | None = None


def install(is_submission: IsSubmission = is_nobody_elses, where: Where = plain_where) -> Guard:
    """Starts to watch this process for uses of the reference, once; forks of it go on being watched.

    To be called after ``import torch`` and before any code of a submission is loaded. The guard is evidence, not a
    wall: code that wants to get past it can (through a C++ extension, a child process, ``gc``, or this very module),
    while an alias, a subclass, ``getattr``, ``torch.ops``, a thread, ``torch.func`` or a hidden ``try`` does not.

    Args:
        is_submission: tells from a file name whether code is the submission's; by default, what belongs neither to
            torch nor to Python nor to the judge.
        where: names a line of a file as a report should.

    Returns:
        The guard of this process, which is the same one if it was installed before.
    """
    global _installed
    if _installed is None:
        _installed = Guard(is_submission, where)
    return _installed


def paused() -> Pause:
    """Returns a ``with`` block in which a driver may use the reference itself, whether or not a guard is installed."""
    return Pause([]) if _installed is None else _installed.paused()
