"""Changes to modules that take effect when, and only if, a submission imports them."""

from __future__ import annotations

import importlib.machinery
import importlib.util
import sys
from collections.abc import Callable, Mapping, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

Patch = Callable[[ModuleType], None]


class Hooks(MetaPathFinder):
    """Finds modules as everybody does, but makes some lazy, changes some once loaded, and invents some that miss.

    Args:
        lazy: modules that are executed at the first use of one of their attributes.
        after: what to do to a module once it has been executed.
        absent: modules to invent where they are not installed, with their attributes.
    """

    def __init__(
        self, lazy: frozenset[str], after: Mapping[str, Patch], absent: Mapping[str, Mapping[str, object]]
    ) -> None:
        self.lazy = lazy
        self.after = after
        self.absent = absent

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Returns the spec that the other finders give, with its loader wrapped; None for all other modules."""
        if fullname not in self.lazy and fullname not in self.after and fullname not in self.absent:
            return None
        spec = self._found(fullname, path, target)
        if spec is None and fullname in self.absent:
            return ModuleSpec(fullname, _Invented(self.absent[fullname]), is_package=True)
        if spec is None or spec.loader is None:
            return spec
        if fullname in self.after:
            spec.loader = _Patched(spec.loader, self.after[fullname])
        if fullname in self.lazy:
            spec.loader = importlib.util.LazyLoader(spec.loader)
        return spec

    def _found(self, fullname: str, path: Sequence[str] | None, target: ModuleType | None) -> ModuleSpec | None:
        for finder in sys.meta_path:
            spec = None if finder is self else finder.find_spec(fullname, path, target)
            if spec is not None:
                return spec
        return None


class _Patched(Loader):
    """Loads as another loader does, then changes the module."""

    def __init__(self, loader: Loader, patch: Patch) -> None:
        self.loader = loader
        self.patch = patch

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self.loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        self.loader.exec_module(module)
        self.patch(module)


class _Invented(Loader):
    """A module that is not installed, with just the attributes that it is given."""

    def __init__(self, attributes: Mapping[str, object]) -> None:
        self.attributes = attributes

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return None

    def exec_module(self, module: ModuleType) -> None:
        vars(module).update(self.attributes)
