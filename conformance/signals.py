"""The signals that ask a program to end, and what it does about them."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

ASK_TO_END = (signal.SIGTERM, signal.SIGHUP)
# Ending the runner and removing its folder takes less; who asks again after it was not heard.
TIDYING_SECONDS = 10.0


@contextmanager
def when_asked_to_end(stop: Callable[[int], NoReturn]) -> Iterator[None]:
    """Calls ``stop`` with the number of a signal that asks the program to end.

    A second one is ignored while the first may still be at work, so that it does not leave half of what that one ends;
    so is one that somebody wants ignored, as ``nohup`` does.
    """
    again = 0.0

    def asked(number: int, frame: FrameType | None) -> None:
        nonlocal again
        if time.monotonic() >= again:
            again = time.monotonic() + TIDYING_SECONDS
            stop(number)

    heard = [number for number in ASK_TO_END if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, asked) for number in heard}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def held_back() -> Iterator[None]:
    """Lets signals wait that ask the program to end, for code that swallows what their handlers raise."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT, *ASK_TO_END])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
