"""What a submission's source says of the names of items: what they use, which they mean, whose they are.

It explains a verdict and never makes one: what runs may be something else.
"""

from __future__ import annotations

import ast
import difflib
from collections.abc import Collection

from conformance.runner.loading.source import Source
from conformance.runner.loading.statements import split

# What people call things otherwise, from 1 for the same: layer_norm 0.95, ResidualBlock 0.76, MyMLP 0.75, LinearLayer
# 0.71, where LinearLayer is as likely another thing.
_ALIKE = 0.75

# Packages whose Linear, MLP or kaiming_uniform_ nobody hands in as his own.
_TORCHS = ("torch", "torchvision")


def uses(source: Source, items: Collection[str]) -> dict[str, list[str]]:
    """Returns, for each item, the other items that it names in its definition, or in that of a helper it names.

    Args:
        source: the submission.
        items: the names of the items.
    """
    named: dict[str, list[str]] = {}
    for statement in split(source):  # the last one that binds a name is the one that is judged
        if statement.node is None:
            continue
        reads = [node.id for node in ast.walk(statement.node) if isinstance(node, ast.Name)]
        named |= dict.fromkeys(statement.names, reads)
    return {item: [name for name in items if name in _reached(item, named, items)] for item in items}


def meant(source: Source, item: str, items: Collection[str]) -> str | None:
    """Returns the name in a submission that is most like that of an item which is not there; None if none is.

    Args:
        source: the submission.
        item: the name of the item.
        items: the names of all items; they mean themselves.
    """
    definitions = (ast.FunctionDef, ast.ClassDef)
    bound = {name for part in split(source) if isinstance(part.node, definitions) for name in part.names}
    names = {name.lower(): name for name in sorted(bound.difference(items))}
    close = difflib.get_close_matches(item.lower(), names, n=1, cutoff=_ALIKE)
    return names[close[0]] if close else None


def torchs_own(source: Source, names: Collection[str]) -> set[str]:
    """Returns the names that a submission only imports from torch, by themselves or with everything else of a module.

    They are there to be used, as ``from torch.nn import *`` brings a Linear along, and no answer to an exercise.

    Args:
        source: the submission.
        names: the names of the items that it has.
    """
    last: dict[str, bool] = {}
    star = False
    for statement in split(source):
        node = statement.node
        from_torch = isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in _TORCHS
        last |= dict.fromkeys(statement.names, from_torch)
        star = star or (from_torch and any(alias.name == "*" for alias in getattr(node, "names", ())))
    return {name for name in names if last.get(name, star)}


def _reached(item: str, named: dict[str, list[str]], items: Collection[str]) -> set[str]:
    """Returns what a definition names, directly or through helpers; another item is an end of the way."""
    seen, waiting = {item}, [item]
    while waiting:
        new = set(named.get(waiting.pop(), ())) & named.keys() - seen
        seen |= new
        waiting += [name for name in new if name not in items]
    return seen - {item}
