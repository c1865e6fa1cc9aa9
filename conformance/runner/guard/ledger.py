"""What was seen: breaches, each with the submission's lines that led to it."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from types import FrameType, TracebackType

from conformance.runner.guard.families import GROUP, Family
from conformance.runner.guard.stack import IsSubmission, Where, arrival, lines

# Of one family; a report shows a handful. The cap keeps a loop over exec'd strings from filling memory, and one family
# must not fill the place of another.
MOST_BREACHES = 64

_Key = tuple[Family, str, str, str, int]


@dataclass(frozen=True)
class Breach:
    """One way in which the reference was reached: the function, and the submission's (where, code) that led there."""

    family: Family
    what: str
    lines: tuple[tuple[str, str], ...]


class _Thread(threading.local):
    """What one thread is in the middle of: the families whose code runs, and who paused the guard."""

    def __init__(self) -> None:
        self.active: set[Family] = set()
        self.pauses: list[FrameType] = []


class Ledger:
    """The breaches of this process, each told once."""

    def __init__(self, is_submission: IsSubmission, where: Where) -> None:
        self.is_submission = is_submission
        self.where = where
        self.breaches: dict[_Key, Breach] = {}
        # Told of each breach at once, so that what wipes the ledger afterwards comes too late.
        self.witness: Callable[[Breach], None] | None = None
        self._thread = _Thread()

    def reset(self) -> None:
        """Forgets the breaches, and what this thread was in the middle of when something cut it short."""
        self.breaches.clear()
        self._thread.active.clear()

    def enter(self, family: Family, *, function: str = "", kernel: str = "", public: str = "") -> bool:
        """Notes that a family's code starts; False if it runs already, so that one call is told once.

        A ``function`` is told by its own name; a ``kernel`` by the function of torch that was called on the way to it,
        or by the ``public`` name of the kernel if there is none.
        """
        active = self._thread.active
        if family in active or GROUP.get(family) in active:
            return False
        # In this order: where the note fails (an exception out of a tracer, no stack left), nothing has started.
        self.note(family, function=function, kernel=kernel, public=public)
        active.add(family)
        return True

    def leave(self, family: Family) -> None:
        """Notes that the code of a family that was entered has ended."""
        self._thread.active.discard(family)

    def note(self, family: Family, *, function: str = "", kernel: str = "", public: str = "") -> None:
        """Records a breach, unless it is known or the judge's own doing."""
        pauses = self._thread.pauses
        found = arrival(self.is_submission, pauses[-1] if pauses else None)
        frame = found.frame
        if pauses and frame is None:
            return
        file, line = ("", 0) if frame is None else (frame.f_code.co_filename, frame.f_lineno)
        key = (family, function or kernel, found.qualname, file, line)
        if key in self.breaches or sum(known[0] is family for known in [*self.breaches]) >= MOST_BREACHES:
            return
        if not function:
            function = found.function() or public
            function = f"{function} ({kernel})" if function else kernel
        breach = Breach(family, function, lines(self.is_submission, self.where, frame))
        if self.witness is not None:
            self.witness(breach)
        self.breaches[key] = breach  # now that it has been told

    def paused(self) -> Pause:
        """Returns a ``with`` block in which what the judge's own code does is not told."""
        return Pause(self._thread.pauses)


class Pause:
    """A block of the judge's own; what the submission does further in is told all the same."""

    def __init__(self, pauses: list[FrameType]) -> None:
        self.pauses = pauses

    def __enter__(self) -> None:
        self.pauses.append(sys._getframe(1))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.pauses.pop()
