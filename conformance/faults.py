"""Marks wrong and odd implementations of an item, each with the sentence that explains it.

The usual mistakes stand in ``suite/<area>/faults``, the right answers that look odd in ``selftest/honest/``.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

SUITE = Path(__file__).parent / "suite"
T = TypeVar("T")


@dataclass(frozen=True)
class Fault:
    """A usual mistake, or an odd way to be right: the item, the sentence for a learner, the name in its file."""

    item: str
    sentence: str
    name: str


def fault(item: str, sentence: str) -> Callable[[T], T]:
    """Marks a class or function of a ``faults.py`` as a wrong implementation of ``item``."""

    def mark(thing: T) -> T:
        thing.__fault__ = (item, sentence)  # type: ignore[attr-defined]
        return thing

    return mark


# A right answer in an odd form is marked in the same way; the file says which of the two it is.
honest = fault


def faults_of(area: str) -> list[Fault]:
    """Returns the faults of an area, in the order in which they are written down."""
    return marked_in(path_of(area), f"conformance.suite.{area}.faults")


def marked_in(path: Path, name: str) -> list[Fault]:
    """Returns what the module of a name, or each module of a package, marks; nothing where there is none."""
    if path.is_dir():
        names = [f"{name}.{file.stem}" for file in sorted(path.glob("*.py")) if file.stem != "__init__"]
    else:
        names = [name] if path.exists() else []
    return [found for each in names for found in marked(importlib.import_module(each))]


def mistakes_of(area: str, item: str) -> list[Fault]:
    """Returns the faults of one item of an area."""
    return [fault for fault in faults_of(area) if fault.item == item]


def marked(module: ModuleType) -> list[Fault]:
    """Returns what a module marks, in order; a subclass does not inherit its parent's mark."""
    found = []
    for name, thing in vars(module).items():
        mark: Any = getattr(thing, "__dict__", {}).get("__fault__")
        if mark is not None and thing.__module__ == module.__name__:
            found.append(Fault(mark[0], mark[1], name))
    return found


def path_of(area: str) -> Path:
    """Returns the file, or the folder, that holds the faults of an area."""
    return file_or_folder(SUITE / area / "faults")


def file_or_folder(folder: Path) -> Path:
    """Returns a folder that is there, or else the file of that name."""
    return folder if folder.is_dir() else folder.with_suffix(".py")
