"""Keeps torch's compiler from being imported by code that only wants to be left alone by it.

``torch._compile._disable_dynamo`` imports ``torch._dynamo`` (one to two seconds, some 800 modules) at the first call of
a function that it wraps, to ask it for ``disable``; operations on the meta device and optimizers do. In a process that
is forked for each property, that would be paid each time.
"""

from __future__ import annotations

import contextlib
import importlib
import sys
from collections.abc import Callable, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType, SimpleNamespace
from typing import Any

import torch

NAME = "torch._dynamo"


class LazyDynamo(ModuleType):
    """Stands in for ``torch._dynamo`` until something other than being left alone is wanted of it."""

    # torch.func.grad wants its engine left alone too.
    compiled_autograd = SimpleNamespace(_disable=contextlib.nullcontext)

    @staticmethod
    def disable(function: Any = None, *args: Any, **kwargs: Any) -> Any:
        """Returns the function as it is: with no compiler, there is nothing to keep away."""
        if function is None:
            return _as_it_is
        return function

    @staticmethod
    def graph_break(*args: Any, **kwargs: Any) -> None:
        """Does nothing: with no compiler, there is no graph to break."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(_real(), name)


def _as_it_is(function: Callable[..., Any]) -> Callable[..., Any]:
    return function


def _real() -> ModuleType:
    """Returns the real ``torch._dynamo``, which takes the place of its stand-in when it is first wanted."""
    if isinstance(sys.modules.get(NAME), LazyDynamo):
        del sys.modules[NAME]
    return importlib.import_module(NAME)


class _WholeFirst(MetaPathFinder):
    """Imports all of ``torch._dynamo`` when a part of it is asked for: by itself, no part can be imported."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Returns how to come by a part of ``torch._dynamo``, which mostly came with the whole; None for all else."""
        if not fullname.startswith(f"{NAME}.") or not isinstance(sys.modules.get(NAME), LazyDynamo):
            return None
        whole = _real()
        if fullname in sys.modules:
            return ModuleSpec(fullname, _AlreadyThere())
        return PathFinder.find_spec(fullname, whole.__path__)


class _AlreadyThere(Loader):
    """Hands out a module that has been imported meanwhile."""

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """Returns the module."""
        module = sys.modules[spec.name]
        self.spec = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        """Gives the module its own specification back."""
        module.__spec__ = self.spec


def defer_dynamo() -> None:
    """Puts the stand-in where ``torch._dynamo`` would be, unless that is there already."""
    if NAME not in sys.modules:
        stand_in = LazyDynamo(NAME)
        stand_in.__path__ = []  # a package, so that `import torch._dynamo.config` looks for a part of it
        sys.modules[NAME] = stand_in
        torch._dynamo = stand_in
        sys.meta_path.insert(0, _WholeFirst())
