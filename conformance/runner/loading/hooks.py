"""Changes to modules that take effect when, and only if, a submission imports them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

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
            spec.loader = _Lazy(spec.loader)
        return spec

    def _found(self, fullname: str, path: Sequence[str] | None, target: ModuleType | None) -> ModuleSpec | None:
        for finder in sys.meta_path:
            spec = None if finder is self else finder.find_spec(fullname, path, target)
            if spec is not None:
                return spec
        return None


class _Wrapped(Loader):
    """Loads as another loader does, which it leaves behind as the module's own."""

    def __init__(self, loader: Loader) -> None:
        self.loader = loader

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self.loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        module.__loader__ = self.loader
        if module.__spec__ is not None:
            module.__spec__.loader = self.loader
        self.loader.exec_module(module)


class _Patched(_Wrapped):
    """Changes the module once it is executed."""

    def __init__(self, loader: Loader, patch: Patch) -> None:
        super().__init__(loader)
        self.patch = patch

    def exec_module(self, module: ModuleType) -> None:
        super().exec_module(module)
        self.patch(module)


class _Lazy(_Wrapped):
    """Executes the module when somebody asks for an attribute of its own.

    importlib's LazyLoader would do so for ``__file__`` and ``__spec__`` as well, which ``inspect`` asks of everything
    in ``sys.modules`` for any traceback.
    """

    def exec_module(self, module: ModuleType) -> None:
        def on_demand(name: str) -> Any:
            if name.startswith("__") and name != "__all__":
                raise AttributeError(f"module {module.__name__!r} has no attribute {name!r}")
            del vars(module)["__getattr__"]
            try:
                super(_Lazy, self).exec_module(module)
            except BaseException:
                vars(module)["__getattr__"] = on_demand
                raise
            return getattr(module, name)

        vars(module)["__getattr__"] = on_demand


class _Invented(Loader):
    """A module that is not installed, with just the attributes that it is given."""

    def __init__(self, attributes: Mapping[str, object]) -> None:
        self.attributes = attributes

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return None

    def exec_module(self, module: ModuleType) -> None:
        vars(module).update(self.attributes)
