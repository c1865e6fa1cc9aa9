"""Looks at an item from outside: its signature, and what it is."""

from __future__ import annotations

import dataclasses
import inspect
from types import SimpleNamespace
from typing import Any

_PLAIN = (bool, int, float, str, type(None))


def signature(items: SimpleNamespace, case: SimpleNamespace) -> dict[str, Any]:
    """Reports the parameters of ``case.item``: name, kind, and default (as it is, if plain; else its repr)."""
    item = getattr(items, case.item)
    try:
        parameters = list(inspect.signature(item).parameters.values())
    except (TypeError, ValueError):
        return {"kind": _kind(item), "parameters": None}
    return {"kind": _kind(item), "parameters": [_parameter(parameter) for parameter in parameters]}


def _parameter(parameter: inspect.Parameter) -> tuple[str, str, bool, Any]:
    given = parameter.default is not inspect.Parameter.empty
    default = parameter.default if given else None
    if isinstance(default, tuple) and all(type(entry) in _PLAIN for entry in default):
        return parameter.name, parameter.kind.name, given, default
    return parameter.name, parameter.kind.name, given, default if type(default) in _PLAIN else repr(default)[:200]


def _kind(item: Any) -> str:
    if dataclasses.is_dataclass(item):
        return "dataclass"
    return "class" if inspect.isclass(item) else "function" if callable(item) else type(item).__name__
