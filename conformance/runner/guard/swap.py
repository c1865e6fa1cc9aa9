"""Changes a Python function in place, so that every alias, subclass and saved method of it changes with it.

What is not Python cannot be changed in place: another function is put where it lies.
"""

from __future__ import annotations

import dis
from collections.abc import Callable, Iterable
from types import CodeType, FunctionType
from typing import Any

Undo = Callable[[], None]
Wrapper = Callable[[Callable[..., Any]], Callable[..., Any]]


def swap(function: FunctionType, wrapper: Wrapper, made: Callable[[FunctionType], None] = lambda _: None) -> Undo:
    """Lets ``function`` call ``wrapper(original)`` from now on; returns what undoes it.

    The function that keeps the original is handed to ``made``.
    """
    code = function.__code__
    original = FunctionType(code, function.__globals__, function.__name__, function.__defaults__, function.__closure__)
    original.__kwdefaults__ = function.__kwdefaults__
    original.__annotations__ = function.__annotations__
    function.__code__ = _forwarding(code, wrapper(original))
    added = not hasattr(function, "__wrapped__")
    if added:
        function.__wrapped__ = _likeness(original)  # type: ignore[attr-defined]
    made(original)

    def undo() -> None:
        function.__code__ = code
        if added:
            del function.__wrapped__  # type: ignore[attr-defined]

    return undo


def put(owner: Any, name: str, value: Callable[..., Any]) -> Undo:
    """Puts another function where a class, a module or an object has one; returns what puts the old one back."""
    old = vars(owner)[name]
    setattr(owner, name, value)
    return lambda: setattr(owner, name, old)


def undoing(undos: Iterable[Undo]) -> Undo:
    """Returns what undoes all of these, in order."""
    each = tuple(undos)

    def undo() -> None:
        for undo_one in each:
            undo_one()

    return undo


def _likeness(function: FunctionType) -> FunctionType:
    """Returns what ``inspect`` is shown instead (torch's own skip_init asks): the signature and the place, no body."""
    nothing = _nothing.__code__
    code = function.__code__.replace(
        co_code=nothing.co_code,
        co_consts=nothing.co_consts,
        co_linetable=nothing.co_linetable,
        co_exceptiontable=nothing.co_exceptiontable,
    )
    likeness = FunctionType(code, {}, function.__name__, function.__defaults__, function.__closure__)
    likeness.__kwdefaults__ = function.__kwdefaults__
    likeness.__annotations__ = function.__annotations__
    return likeness


def _nothing() -> None:
    return None


# In a table of lines: one instruction that belongs to none.
_NOWHERE = b"\xf8"
_TARGET = "the function to be called"


def _template(*args: Any, **kwargs: Any) -> Any:
    target: Any = "the function to be called"
    return target(*args, **kwargs)


def _forwarding(code: CodeType, target: Callable[..., Any]) -> CodeType:
    """Returns code that calls ``target`` and otherwise looks like ``code``; the closure stays, unused."""
    template = _template.__code__
    if code.co_freevars:
        # Without this, whoever looks at the frame's locals (a debugger, a traceback with values) finds no cells there.
        template = template.replace(
            co_code=bytes((dis.opmap["COPY_FREE_VARS"], len(code.co_freevars))) + template.co_code,
            co_linetable=_NOWHERE + template.co_linetable,
        )
    return template.replace(
        co_consts=tuple(target if const == _TARGET else const for const in template.co_consts),
        co_freevars=code.co_freevars,
        co_name=code.co_name,
        co_qualname=code.co_qualname,
        co_filename=code.co_filename,
        co_firstlineno=code.co_firstlineno,
    )
