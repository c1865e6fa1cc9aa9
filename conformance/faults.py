"""Marks the usual mistakes: small wrong implementations of one item, each with the sentence that explains it."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

SUITE = Path(__file__).parent / "suite"
T = TypeVar("T")


@dataclass(frozen=True)
class Fault:
    """A usual mistake: the item it gets wrong, the sentence for a learner, and the name it is defined under."""

    item: str
    sentence: str
    name: str


def fault(item: str, sentence: str) -> Callable[[T], T]:
    """Marks a class or function of a ``faults.py`` as a wrong implementation of ``item``."""

    def mark(thing: T) -> T:
        thing.__fault__ = (item, sentence)  # type: ignore[attr-defined]
        return thing

    return mark


def faults_of(area: str) -> list[Fault]:
    """Returns the faults of an area, in the order in which they are written down."""
    if not path_of(area).exists():
        return []
    module = importlib.import_module(f"conformance.suite.{area}.faults")
    found = []
    for name, thing in vars(module).items():
        mark: Any = getattr(thing, "__dict__", {}).get("__fault__")
        if mark is not None and thing.__module__ == module.__name__:
            found.append(Fault(mark[0], mark[1], name))
    return found


def path_of(area: str) -> Path:
    """Returns the file that holds the faults of an area."""
    return SUITE / area / "faults.py"
