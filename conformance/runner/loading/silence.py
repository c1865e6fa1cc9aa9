"""Nothing that a submission prints is seen, and nothing that it asks for is answered."""

from __future__ import annotations

import functools
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO


@contextmanager
def silence() -> Iterator[None]:
    """Sends standard output and error nowhere, leaves standard input empty, and ignores warnings.

    Both the Python objects and the file descriptors are turned, so that C code and child processes are silent too.
    """
    _flush()
    streams = (sys.stdin, sys.stdout, sys.stderr)
    saved = [_duplicate(number) for number in range(3)]
    sink, source = _sink(), _empty()
    for number in range(3):
        os.dup2(sink.fileno() if number else source.fileno(), number)
    sys.stdin, sys.stdout, sys.stderr = source, sink, sink
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        sink.flush()
        for number, copy in enumerate(saved):
            if copy is not None:
                os.dup2(copy, number)
                os.close(copy)
        sys.stdin, sys.stdout, sys.stderr = streams


# Open for good: a submission may hold on to them (a logging handler made at import) and use them in a later call.
@functools.cache
def _sink() -> TextIO:
    return open(os.devnull, "w", encoding="utf-8", errors="replace")


@functools.cache
def _empty() -> TextIO:
    return open(os.devnull, encoding="utf-8")


def _duplicate(number: int) -> int | None:
    try:
        return os.dup(number)
    except OSError:  # closed already
        return None


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError, AttributeError):
            continue
