"""Hides the modules of the judge that are loaded already from a submission, which may not import them anew."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from fnmatch import fnmatchcase


def hide(patterns: Iterable[str]) -> None:
    """Takes modules out of ``sys.modules`` and off their packages; whoever has imported them goes on using them."""
    forbidden = [*patterns]
    for name in list(sys.modules):
        if any(fnmatchcase(name, pattern) or fnmatchcase(name, f"{pattern}.*") for pattern in forbidden):
            parent, _, last = name.rpartition(".")
            del sys.modules[name]
            if parent in sys.modules:
                vars(sys.modules[parent]).pop(last, None)
