"""Is this from-scratch building block really the same as torch's? ``conformance.check(path)`` answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from conformance.api import check as check
    from conformance.engine.options import Options as Options

# Loaded when asked for: the runner imports this package too, and must stay free of the judge.
_WHERE = {"check": "conformance.api", "Options": "conformance.engine.options"}

__all__ = ["Options", "check"]


def __getattr__(name: str) -> Any:
    if name in _WHERE:
        from importlib import import_module

        return getattr(import_module(_WHERE[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
