"""The files of a folder as modules that import one another, each read statement by statement."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import FunctionType, ModuleType
from typing import Any

from conformance.runner.loading.running import Reader
from conformance.runner.loading.statements import Statement, is_unfilled


class Modules(MetaPathFinder, Loader):
    """Finds the modules whose text came with the submission.

    Args:
        statements: all statements that belong to modules.
        reader: what runs them.
        root: the folder that they come from.
    """

    def __init__(self, statements: list[Statement], reader: Reader, root: str) -> None:
        self.reader = reader
        self.root = root
        self.statements: dict[str, list[Statement]] = {}
        for statement in statements:
            # A file called random.py must not stand in for the library that everybody has imported already.
            name = statement.unit.module
            name = name if name not in sys.modules else f"__submission__{name}"
            self.statements.setdefault(name, []).append(statement)
        self.packages = {name.rpartition(".")[0] for name in self.statements} - {""}

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Returns the spec of a module of the submission, or of the package that its modules lie in."""
        if fullname in self.packages:
            spec = ModuleSpec(fullname, self, is_package=True)
            spec.submodule_search_locations = [self.root]
            return spec
        return ModuleSpec(fullname, self) if fullname in self.statements else None

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        """Leaves the making of the module to Python."""
        return None

    def exec_module(self, module: ModuleType) -> None:
        """Reads the module's statements in."""
        self.reader.run(self.statements.get(module.__name__, []), module)

    def collect(self) -> dict[str, Any]:
        """Imports every module and returns their names together.

        Of two files with the same name, the one that defines it comes before one that imports it; then one that is
        filled in before the exercise's stub; then the one that is read last.
        """
        best: dict[str, tuple[bool, bool]] = {}
        names: dict[str, Any] = {}
        for module_name, statements in self.statements.items():
            module = importlib.import_module(module_name)
            stubs = {name for entry in statements if is_unfilled(entry.node) for name in entry.names}
            for name, value in vars(module).items():
                here = isinstance(value, type | FunctionType) and value.__module__ == module_name
                rank = (here, name not in stubs)
                if name not in best or rank >= best[name]:
                    best[name], names[name] = rank, value
        return names
