"""Keeps a submission from importing the judge's own answers."""

from __future__ import annotations

import importlib.machinery
import sys
from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from types import ModuleType

from conformance.runner.guard.families import Family
from conformance.runner.guard.ledger import Ledger
from conformance.runner.guard.swap import Undo

# The judge's root: a submission may have a module called `impl` too, and that one is its own.
_HOME = Path(__file__).resolve().parents[3]


class ForbiddenImports:
    """A finder that refuses the judge's modules of certain names, and knows nothing of any other."""

    def __init__(self, patterns: Iterable[str], home: Path, ledger: Ledger) -> None:
        self.patterns = tuple(patterns)
        self.home = home
        self.ledger = ledger

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """Raises ImportError for a forbidden module; returns None, "ask the next finder", for all others."""
        if any(fnmatchcase(name, pattern) or fnmatchcase(name, f"{pattern}.*") for pattern in self.patterns):
            spec = importlib.machinery.PathFinder.find_spec(name, path, target)
            if spec is not None and self._is_ours(spec):
                self.ledger.note(Family.JUDGE, function=f"import {name}")
                raise ImportError(f"a submission may not import `{name}`: it belongs to the judge", name=name)
        return None

    def _is_ours(self, spec: importlib.machinery.ModuleSpec) -> bool:
        files = [spec.origin] if spec.origin else list(spec.submodule_search_locations or ())
        return any(self.home in Path(file).resolve().parents for file in files)


def forbid(patterns: Iterable[str], ledger: Ledger, home: Path = _HOME) -> Undo:
    """Refuses, from now on, imports of the judge's modules whose names match; returns what undoes it."""
    finder = ForbiddenImports(patterns, home, ledger)
    sys.meta_path.insert(0, finder)

    def undo() -> None:
        sys.meta_path.remove(finder)

    return undo
