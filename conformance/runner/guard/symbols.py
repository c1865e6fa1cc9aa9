"""Sees a submission look for torch's kernels in torch's own library, by ctypes, past the dispatcher.

A call through what was found goes unseen, so the finding stands for every call that follows, whatever it does.
"""

from __future__ import annotations

import functools
import sys
from typing import Any

from conformance.runner.guard.families import Family
from conformance.runner.guard.ledger import Breach, Ledger

# Of C++ names in the namespace `at`, and of the C functions that compiled models call.
_TORCHS = ("_ZN2at", "_ZNK2at", "aoti_torch_")
_WORDS = {
    "layer_norm": Family.NORM,
    "rms_norm": Family.NORM,
    "group_norm": Family.NORM,
    "batch_norm": Family.NORM,
    "linear": Family.LINEAR,
    "embedding": Family.EMBEDDING,
    "dropout": Family.DROPOUT,
    "cross_entropy": Family.CROSS_ENTROPY,
    "adam": Family.ADAMW,
}


# A hook of Python's audit stays for good: there is one, for whoever watches.
_watching: list[Symbols] = []


class Symbols:
    """What was looked for in torch's library by those names; kept when the ledger forgets."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.found: list[Breach] = []
        _hook()
        _watching.append(self)

    def undo(self) -> None:
        """Watches no longer."""
        _watching.remove(self)

    def looked_for(self, family: Family, word: str) -> None:
        """Tells the ledger, and keeps what it wrote down."""
        known = set(self.ledger.breaches)
        self.ledger.note(family, function=f"torch's {word}, by ctypes")
        self.found += [breach for key, breach in self.ledger.breaches.items() if key not in known]


@functools.cache
def _hook() -> None:
    sys.addaudithook(_audited)


def _audited(event: str, args: tuple[Any, ...]) -> None:
    if not event.startswith("ctypes.dlsym") or not _watching:
        return
    name = args[1] if len(args) > 1 else None
    name = name.decode(errors="replace") if isinstance(name, bytes) else name
    if isinstance(name, str) and name.startswith(_TORCHS):
        for word in (word for word in _WORDS if word in name):
            for symbols in _watching:
                symbols.looked_for(_WORDS[word], word)
