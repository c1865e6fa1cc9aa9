"""Which of torch's ready-made modules a class is built on, or a module holds."""

from __future__ import annotations

from collections.abc import Iterator
from operator import attrgetter

import torch

from conformance.runner.guard.families import MODULES, Family
from conformance.runner.guard.stack import public_name


def reference_bases(cls: type, *families: Family) -> list[str]:
    """Returns torch's reference modules among a class's ancestors, most derived first.

    Args:
        cls: any class.
        families: the families that count; without any, all of them do.

    Returns:
        Names such as ``torch.nn.LayerNorm``.
    """
    references = tuple(_references(families))
    return [
        public_name(parent.__module__, parent.__qualname__)
        for parent in cls.__mro__
        if parent.__module__.startswith("torch.") and issubclass(parent, references)
    ]


def reference_submodules(module: torch.nn.Module, *families: Family) -> list[str]:
    """Returns the reference modules that a module holds, as ``path: torch.nn.LayerNorm``; see ``reference_bases``."""
    held = ((path, reference_bases(type(child), *families)) for path, child in module.named_modules() if path)
    return [f"{path}: {bases[0]}" for path, bases in held if bases]


def _references(families: tuple[Family, ...]) -> Iterator[type]:
    for path, family in MODULES.items():
        if not families or family in families:
            try:
                yield attrgetter(path)(torch.nn)
            except AttributeError:  # this torch has no such module
                continue
