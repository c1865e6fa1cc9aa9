"""Optimizers without the compiler, which torch loads for the first of them and which costs as much as torch itself."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from conformance.runner.loading.hooks import Hooks


def _graph_break(msg: str = "") -> None:
    """Does nothing, as in code that is not being compiled."""


def _disable(fn: Callable[..., Any] | None = None, recursive: bool = True, **_: object) -> Any:
    """Returns the function, as in code that is not being compiled; without one, a decorator that does so."""
    return (lambda function: function) if fn is None else fn


# The two functions that eager optimizers call; for anything else, torch.compile say, the real module takes over.
_hooks = Hooks(lazy={"torch._dynamo": {"graph_break": _graph_break, "disable": _disable}})


def without_dynamo() -> None:
    """Lets this process use optimizers without loading the compiler; compiling still works, and loads it then."""
    if "torch._dynamo" not in sys.modules and _hooks not in sys.meta_path:
        sys.meta_path.insert(0, _hooks)
