"""Keeps the key at which the stubs sit among those that a thread dispatches to.

torch has guards that exclude dispatch keys. None of its own code excludes this one, so nothing else changes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from conformance.runner.guard.swap import Undo, put, undoing

_KEY = torch._C.DispatchKey.BackendSelect
_KEYS = torch._C.DispatchKeySet(_KEY)

_Wrapper = Callable[[Callable[..., Any]], Callable[..., Any]]


def keep_stubs_included() -> Undo:
    """Lets torch's guards and switches exclude every dispatch key but that of the stubs; returns what undoes it."""
    core: Any = torch._C
    undos = [
        put(getattr(core, owner), "__init__", wrapper(getattr(core, owner).__init__))
        for owner, wrapper in _GUARDS.items()
        if hasattr(core, owner)
    ]
    undos += [put(core, name, wrapper(getattr(core, name))) for name, wrapper in _SWITCHES.items()]
    return undoing(undos)


def _not_excluding(old: Callable[..., Any]) -> Callable[..., Any]:
    def start(guard: Any, keys: Any) -> None:
        old(guard, keys - _KEYS)

    return start


def _not_forcing(old: Callable[..., Any]) -> Callable[..., Any]:
    def start(guard: Any, include: Any, exclude: Any) -> None:
        old(guard, include | _KEYS, exclude - _KEYS)

    return start


def _not_setting(old: Callable[..., Any]) -> Callable[..., Any]:
    def start(guard: Any, key: Any, excluded: bool) -> None:
        old(guard, key, excluded and key != _KEY)

    return start


def _not_switching(to: bool) -> _Wrapper:
    def wrapper(old: Callable[..., Any]) -> Callable[..., Any]:
        def switch(key: Any, value: bool) -> None:
            if key != _KEY or value is not to:
                old(key, value)

        return switch

    return wrapper


_GUARDS: dict[str, _Wrapper] = {
    "ExcludeDispatchKeyGuard": _not_excluding,
    "_ExcludeDispatchKeyGuard": _not_excluding,
    "_ForceDispatchKeyGuard": _not_forcing,
    "_SetExcludeDispatchKeyGuard": _not_setting,
}
_SWITCHES: dict[str, _Wrapper] = {
    "_dispatch_tls_set_dispatch_key_excluded": _not_switching(to=True),
    "_dispatch_tls_set_dispatch_key_included": _not_switching(to=False),
}
