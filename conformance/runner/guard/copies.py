"""Sees when code that is known already is executed once more, from a file of torch's or from a copy of it."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Iterable, Iterator
from types import CodeType, FunctionType
from typing import Any

from conformance.runner.guard.swap import Undo

_watchers: list[Callable[[CodeType], None]] = []
_hooked = False


def watch_execution(watcher: Callable[[CodeType], None]) -> Undo:
    """Hands each code to the watcher that a module, ``exec`` or ``eval`` is about to run; returns what ends that.

    And each of which a function is made by hand: ``FunctionType(code, ...)``, ``function.__code__ = code``.
    """
    global _hooked
    if not _hooked:  # an audit hook stays as long as its process
        sys.addaudithook(_hook)
        _hooked = True
    _watchers.append(watcher)
    return lambda: _watchers.remove(watcher)


def _hook(event: str, args: tuple[Any, ...]) -> None:
    if event in ("exec", "function.__new__"):
        code = args[0]
    elif event == "object.__setattr__" and args[1] == "__code__":
        code = args[2]
    else:
        return
    if isinstance(code, CodeType):
        for watcher in _watchers:
            watcher(code)


def codes_of(code: CodeType) -> Iterator[CodeType]:
    """Returns a code, and the codes of the functions and classes that it defines, at any depth."""
    yield code
    for const in code.co_consts:
        if isinstance(const, CodeType):
            yield from codes_of(const)


def functions_of(codes: Iterable[CodeType]) -> list[FunctionType]:
    """Returns the functions that run these very codes; looks through all that Python's garbage collector knows."""
    known = {id(code): code for code in codes}
    frozen = gc.get_freeze_count() > 0
    if frozen:  # what was there when the runner forked, it does not look through
        gc.unfreeze()
    found = gc.get_referrers(*known.values())
    if frozen:
        gc.freeze()
    return [function for function in found if isinstance(function, FunctionType) and id(function.__code__) in known]
