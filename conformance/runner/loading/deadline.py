"""Time limits on code that does not cooperate, by an alarm that survives ``except Exception``."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

# Code that swallows the first alarm (in a bare `except:`, a `__del__`, a callback from C) gets another one this soon.
_AGAIN_SECONDS = 0.05

_deadlines: list[float] = []


class OutOfTime(BaseException):
    """The time of the code in hand is used up; no ``Exception``, so that ``except Exception`` lets it pass."""


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Raises ``OutOfTime`` in the code inside once it has run that long; limits nest, the tightest holds.

    Only the main thread can be interrupted; elsewhere, and in C code that never returns, there is no limit, and the
    parent process has to step in.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    previous = signal.getsignal(signal.SIGALRM) if _deadlines else signal.signal(signal.SIGALRM, _ring)
    depth = len(_deadlines)
    _deadlines.append(time.monotonic() + seconds)
    _arm()
    try:
        yield
    finally:
        del _deadlines[depth:]
        _arm()
        if not _deadlines:
            signal.signal(signal.SIGALRM, previous)


def _arm() -> None:
    if not _deadlines:
        signal.setitimer(signal.ITIMER_REAL, 0)
        return
    signal.setitimer(signal.ITIMER_REAL, max(min(_deadlines) - time.monotonic(), 1e-6), _AGAIN_SECONDS)


def _ring(signum: int, frame: FrameType | None) -> None:
    if _deadlines and time.monotonic() >= min(_deadlines):
        raise OutOfTime
