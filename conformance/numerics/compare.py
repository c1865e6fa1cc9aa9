"""Comparison of what came back with what is right: NaN and infinities as such, everything else within its bound."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
import torch

from conformance.numerics.bounded import Bounded, as_array

# Pairs of (bound, error) kept of one comparison, for charts: a sample is enough to see the shape of the cloud.
SPREAD = 4
# Entries shown of one comparison that failed.
SHOWN = 6


@dataclass(frozen=True)
class Difference:
    """One entry that differs, by its place."""

    index: tuple[int, ...]
    got: float
    expected: float
    bound: float


@dataclass
class Comparison:
    """What comparing one tensor gave.

    ``judged`` counts the entries with a finite bound, ``informative`` those whose bound is narrower than the values
    it guards; ``budget_used`` is the largest error as a share of its bound.
    """

    entries: int = 0
    judged: int = 0
    informative: int = 0
    budget_used: float = 0.0
    violations: int = 0
    worst: list[Difference] = field(default_factory=list)
    spread: list[tuple[float, float]] = field(default_factory=list)


def close(got: torch.Tensor, expected: Bounded) -> Comparison:
    """Returns how ``got`` compares with ``expected``, entry by entry: ``|got - value| <= bound``.

    NaN is right only where NaN is expected, an infinity only where the same infinity is. An entry with an infinite
    bound accepts anything and counts as not judged.
    """
    value = expected.value
    if value.size == 0:
        return Comparison()
    bound = np.broadcast_to(expected.bound, value.shape)
    seen = as_array(got)
    with np.errstate(all="ignore"):
        error = np.abs(seen - value)
        finite, bounded = np.isfinite(value), np.isfinite(bound)
        if finite.all():
            wrong = bounded & ~(error <= bound)
            judged = bounded
        else:
            same = np.where(finite, error <= bound, (seen == value) | (np.isnan(seen) & np.isnan(value)))
            judged = np.where(finite, bounded, True)
            wrong = judged & ~same
        share = np.where(judged & finite & (error > 0), error / np.maximum(bound, 5e-324), 0.0)
        share = np.where(np.isnan(error) & wrong, math.inf, np.where(np.isnan(share), 0.0, share))
        size = np.abs(np.where(finite, value, 0.0))
        narrow = bound < np.maximum(size, size.mean())
    result = Comparison(
        entries=value.size,
        judged=int(judged.sum()),
        informative=int((judged & (narrow | (bound == 0) | ~finite)).sum()),
        budget_used=float(share.max()),
        violations=int(wrong.sum()),
    )
    step = -(-value.size // SPREAD)
    pairs = zip(bound.ravel()[::step].tolist(), error.ravel()[::step].tolist(), strict=True)
    result.spread = [(b, e) for b, e in pairs if math.isfinite(b) and math.isfinite(e)]
    if result.violations:
        badness = np.where(wrong, np.minimum(share, 1e300) + 1, -1.0).ravel()
        for place in np.argsort(-badness, kind="stable")[: min(SHOWN, result.violations)]:
            index = tuple(int(i) for i in np.unravel_index(place, value.shape))
            entry = (float(seen.ravel()[place]), float(value.ravel()[place]), float(bound.ravel()[place]))
            result.worst.append(Difference(index, *entry))
    return result


def same_bits(got: torch.Tensor, expected: torch.Tensor) -> bool:
    """Returns whether two tensors of one dtype and shape hold the same bits (every NaN equal to itself)."""
    if got.dtype != expected.dtype or got.shape != expected.shape:
        return False
    if got.numel() == 0:
        return True
    return _bytes(got) == _bytes(expected)


def _bytes(tensor: torch.Tensor) -> bytes:
    flat = tensor.detach().contiguous().reshape(-1)
    return flat.as_strided((flat.numel(),), (1,), flat.storage_offset()).view(torch.uint8).numpy().tobytes()
