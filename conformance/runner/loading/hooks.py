"""Changes to modules that take effect when, and only if, somebody imports them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

Patch = Callable[[ModuleType], None]
Attributes = Mapping[str, object]


class Hooks(MetaPathFinder):
    """Finds modules as everybody does, but makes some lazy, changes some once loaded, and invents some that miss.

    Args:
        lazy: modules that are executed at the first use of an attribute other than those given here.
        after: what to do to a module once it has been executed.
        absent: modules to invent where they are not installed, with their attributes.
    """

    def __init__(
        self,
        *,
        lazy: Mapping[str, Attributes] | None = None,
        after: Mapping[str, Patch] | None = None,
        absent: Mapping[str, Attributes] | None = None,
    ) -> None:
        self.lazy = lazy or {}
        self.after = after or {}
        self.absent = absent or {}

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Returns the spec that the other finders give, with its loader wrapped; None for all other modules."""
        parent = fullname.rpartition(".")[0]
        pending = vars(sys.modules[parent]).get("__getattr__") if parent in self.lazy else None
        if isinstance(pending, _OnDemand):
            pending.wake()  # a submodule counts on its package
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
            spec.loader = _Lazy(spec.loader, self.lazy[fullname])
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

    def __init__(self, loader: Loader, attributes: Attributes) -> None:
        super().__init__(loader)
        self.attributes = attributes

    def exec_module(self, module: ModuleType) -> None:
        vars(module).update(self.attributes)
        vars(module)["__getattr__"] = _OnDemand(module, super().exec_module)


class _OnDemand:
    """A module's ``__getattr__`` until the module is executed."""

    def __init__(self, module: ModuleType, execute: Callable[[ModuleType], None]) -> None:
        self.module = module
        self.execute = execute

    def __call__(self, name: str) -> Any:
        if name.startswith("__") and name != "__all__":
            raise AttributeError(f"module {self.module.__name__!r} has no attribute {name!r}")
        self.wake()
        return getattr(self.module, name)

    def wake(self) -> None:
        """Executes the module; if that fails, the next one who asks gets the same error."""
        del vars(self.module)["__getattr__"]
        try:
            self.execute(self.module)
        except BaseException:
            vars(self.module)["__getattr__"] = self
            raise


class _Invented(Loader):
    """A module that is not installed, with just the attributes that it is given."""

    def __init__(self, attributes: Attributes) -> None:
        self.attributes = attributes

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return None

    def exec_module(self, module: ModuleType) -> None:
        vars(module).update(self.attributes)
