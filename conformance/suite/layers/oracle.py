"""What Linear, Embedding and Dropout give, and within what bound or with what probability."""

from __future__ import annotations

import numpy as np
import torch

from conformance.numerics import statistics
from conformance.numerics.bounded import Bounded
from conformance.suite.layers.cases import DropoutCase, EmbeddingCase, LinearCase

# The finest step of a draw from U(0, 1) in float32, and so the probability of drawing exactly 0.
STEP = 2.0**-24
# Sizes in which a mask may be drawn once and laid side by side.
TILES = (32, 64, 128, 256, 512, 1024)


def linear(case: LinearCase) -> Bounded:
    """Returns ``x W^T + b``: for each entry one sum of in_features products and the bias, in any order."""
    x, weight = case.x.value, case.weight.value
    rows = x.reshape(-1, x.shape[-1])
    if case.bias is not None:
        rows = torch.cat((rows, torch.ones(len(rows), 1, dtype=rows.dtype)), 1)
        weight = torch.cat((weight, case.bias.value[:, None]), 1)
    product = Bounded.exact(rows) @ Bounded.exact(weight.T)
    return product.reshape((*x.shape[:-1], len(weight)))


def linear_gradients(case: LinearCase) -> list[Bounded | None]:
    """Returns the gradients of ``sum(y * upstream)`` with respect to x, weight and bias: sums of products again."""
    assert case.upstream is not None
    x, weight = case.x.value, Bounded.exact(case.weight.value)
    rows = x.reshape(-1, x.shape[-1])
    above = case.upstream.value.reshape(-1, case.weight.shape[0])
    by_x = (Bounded.exact(above) @ weight).reshape(x.shape)
    by_weight = Bounded.exact(above.T) @ Bounded.exact(rows)
    return [by_x, by_weight, Bounded.exact(above).sum(0) if case.bias is not None else None]


def embedding(case: EmbeddingCase) -> Bounded:
    """Returns the rows of the table, without any error."""
    return Bounded.exact(case.table.value[case.idx.value.long()])


def embedding_gradient(case: EmbeddingCase) -> Bounded:
    """Returns for each row the sum of upstream over the places of its id, in any order."""
    assert case.upstream is not None
    rows, width = case.table.shape
    ids = case.idx.value.reshape(-1)
    chosen = torch.zeros(rows, len(ids), dtype=case.upstream.value.dtype)
    chosen[ids, torch.arange(len(ids))] = 1
    return Bounded.exact(chosen) @ Bounded.exact(case.upstream.value.reshape(-1, width))


def dropped(case: DropoutCase, x: torch.Tensor, output: torch.Tensor, above: torch.Tensor | None = None) -> Bounded:
    """Returns ``x / (1 - p)`` where the output is not zero, and zero where it is; of ``above``, where given, the same.

    1 - p, its reciprocal and the product may each be rounded; so may p be, to the dtype of x. A p that is kept as a
    tensor is a float32 where x is a float64: then one and the same scale made of that p does, too.
    """
    exact, given = Bounded.exact(x), output.detach().double().numpy()
    off = [np.where(given != 0, given - (exact * scale).value, 0.0) for scale in _scales(exact, case.p, x.dtype)]
    best = min(range(len(off)), key=lambda place: float(np.abs(off[place]).max(initial=0.0)))
    exact = exact if above is None else Bounded.exact(above)
    scaled = exact * _scales(exact, case.p, x.dtype)[best]
    kept = given != 0
    bound = np.broadcast_to(scaled.bound, scaled.shape)
    return Bounded(np.where(kept, scaled.value, 0.0), np.where(kept, bound, 0.0), scaled.precision)


def _scales(like: Bounded, p: float, dtype: torch.dtype) -> list[Bounded]:
    """Returns ``1 / (1 - p)``, and of a float64 what it is where p, 1 - p or the quotient was kept as a float32."""
    found = [1.0 / (1.0 - like.scalar(p))]
    if dtype == torch.float64:
        single = np.float32(p)
        keeps = (1.0 - float(single), float(np.float32(1.0) - single), float(np.float32(1.0 - p)))
        found += [1.0 / like.scalar(keep) for keep in keeps]
        found += [like.scalar(float(np.float32(1.0 / keep))) for keep in (1.0 - p, *keeps)]
    return found


def unlikely_rate(case: DropoutCase, kept: torch.Tensor) -> float:
    """Returns the p-value of marks being kept with probability 1 - p: all, by place, by sign and by size of x."""
    x = case.x.value
    large = x.abs() > x.abs().median()
    groups = [kept, *(kept[:, chosen] for chosen in (x > 0, x < 0, large, ~large))]
    found = [statistics.binomial(int(group.sum()), group.numel(), 1 - case.p) for group in groups if group.numel()]
    for dim in range(1, kept.ndim):
        counts = kept.sum([other for other in range(kept.ndim) if other != dim])
        found.append(statistics.binomials(counts, kept.numel() // len(counts), 1 - case.p))
    return min(1.0, len(found) * min(found))


def dependent(case: DropoutCase, kept: torch.Tensor) -> float:
    """Returns the p-value of marks within one call not depending on each other.

    They are looked at along each dimension, from tile to tile of a few sizes, and in number.
    """
    found = [statistics.independent_along(kept, dim, 1 - case.p) for dim in range(1, kept.ndim)]
    flat = kept.flatten(1)
    for size in (size for size in TILES if 2 * size <= flat.shape[1]):
        tiles = flat[:, : flat.shape[1] // size * size].reshape(len(flat), -1, size)
        found.append(statistics.independent_along(tiles, 1, 1 - case.p))
    within = tuple(range(1, kept.ndim))
    for dims in {within, *((dim,) for dim in within)}:
        counts = kept.sum(dims)
        found.append(statistics.too_even(counts, kept.numel() // counts.numel(), 1 - case.p))
    return min(1.0, len(found) * min(found))


def stale(case: DropoutCase, kept: torch.Tensor) -> float:
    """Returns the p-value of marks in successive calls not depending on each other: of all, and of each Dropout's own.

    Two take turns.
    """
    series = (kept, kept[::2], kept[1::2])
    return min(1.0, len(series) * min(statistics.independent_along(calls, 0, 1 - case.p) for calls in series))


def drawn_zero(output: torch.Tensor) -> float:
    """Returns the probability that a draw is exactly zero for as many entries as are zero here, or more."""
    zeros, n = int((output.detach() == 0).sum()), output.numel()
    return min(1.0, (n * STEP) ** zeros) if zeros else 1.0
