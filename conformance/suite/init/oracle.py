"""Which bound an initialiser has, and how likely a right one is to give what was seen."""

from __future__ import annotations

import math

import torch

from conformance.numerics import statistics
from conformance.suite.init.cases import DrawCase, LayerCase

# Roundings between the fans and an entry: at most six for the bound (two roots, two quotients, the gain, the scheme's
# constant), and for low + (high - low) * r as torch draws it four at the size of the bound and two at twice that. A
# bound may have been found in float32, torch's default, whatever the dtype of the weight.
ROUNDINGS = 16

# torch.rand in float32, torch's default, draws one of 2^24 numbers, so 2^23 sizes on both sides of zero; twice that,
# since rounding may bring two of them together.
LIKELIEST = 2.0**-22

# Bins of a hundred draws each.
BINS = 20
# Of fewer draws, one on one side of zero only is not yet unlikely enough.
EDGE = 50

# Gains as torch.nn.init.calculate_gain has them; the slope of leaky_relu is 0.01 by default.
GAIN = {
    "linear": 1.0,
    "sigmoid": 1.0,
    "tanh": 5 / 3,
    "relu": math.sqrt(2),
    "selu": 3 / 4,
    "leaky_relu": math.sqrt(2 / (1 + 0.01**2)),
}


def fans(shape: tuple[int, ...]) -> tuple[int, int]:
    """Returns ``(fan_in, fan_out)`` of a weight of shape (out, in, *kernel)."""
    kernel = math.prod(shape[2:])
    return shape[1] * kernel, shape[0] * kernel


def xavier_bound(case: DrawCase) -> float:
    """Returns ``gain * sqrt(6 / (fan_in + fan_out))``."""
    gain = case.given if isinstance(case.given, float) else 1.0
    return gain * math.sqrt(6 / sum(fans(case.weight.shape)))


def kaiming_bound(case: DrawCase) -> float:
    """Returns ``sqrt(3) * gain / sqrt(fan_in)``."""
    return math.sqrt(3) * GAIN[str(case.given or "relu")] / math.sqrt(fans(case.weight.shape)[0])


def layer_bound(case: LayerCase) -> float:
    """Returns the bound of a layer's scheme."""
    fan_in, fan_out = fans(case.weight.shape)
    if case.scheme == "kaiming_relu":
        return math.sqrt(6 / fan_in)
    return math.sqrt(6 / (fan_in + fan_out))


def furthest(bound: float, dtype: torch.dtype) -> float:
    """Returns how far from zero rounding may put an honest draw from U(-bound, bound)."""
    unit = max(torch.finfo(dtype).eps, torch.finfo(torch.float32).eps) / 2
    return bound * (1 + ROUNDINGS * unit)


def short_of(drawn: torch.Tensor, bound: float) -> float:
    """Returns the probability that draws stay as far from the bound as these, on both sides, or on the worse one.

    No size beyond the largest here: ``(max / bound)^n``; none beyond it on one side: ``((1 + max / bound) / 2)^n``.
    Bonferroni over these three.
    """
    reach = bound * (2 - furthest(1.0, drawn.dtype))
    sides = float(drawn.max()) / reach, -float(drawn.min()) / reach
    worst = min(max(sides), (1 + min(sides)) / 2)
    return min(1.0, 3 * min(1.0, max(0.0, worst)) ** drawn.numel())


def uniform(drawn: torch.Tensor, bound: float) -> float:
    """Returns the p-value of draws from U(-bound, bound): by the distance of the distribution, and by bins.

    The bins see what the distance is slow to see, values that pile up at the bound; Bonferroni over the two.
    """
    limit = furthest(bound, drawn.dtype)
    counts = torch.histc(drawn.detach().double(), BINS, -limit, limit)
    bins = statistics.evenly_spread([int(count) for count in counts])
    return min(1.0, 2 * min(bins, statistics.uniform(drawn, -limit, limit)))


def uniform_at_the_edges(drawn: torch.Tensor, bound: float) -> float:
    """Returns the p-value of what lies at an edge or in a corner of each draw being from U(-bound, bound).

    Bonferroni over the edges with enough entries for the bins.
    """
    if drawn.ndim < 3:
        return 1.0
    edges = (drawn[:, 0], drawn[:, -1], drawn[:, :, 0], drawn[:, :, -1], drawn[:, 0, 0], drawn[:, -1, -1])
    found = [uniform(edge.reshape(-1), bound) for edge in edges if edge.numel() >= EDGE]
    return min(1.0, len(found) * min(found, default=1.0))


def independent(drawn: torch.Tensor) -> float:
    """Returns the p-value of signs not depending on each other along any dimension, the first being that of the draws.

    Nor may a row, or a draw, have a fixed number of them, as a shuffled ladder of numbers has; nor sizes come again, as
    in a matrix that is symmetric or drawn from a short list. That 16 bits hold few numbers is nobody's fault.
    """
    positive = drawn > 0
    found = [statistics.independent_along(positive, dim, 0.5) for dim in range(drawn.ndim)]
    for first in (1, drawn.ndim - 1):
        counts = positive.flatten(first).sum(-1)
        found.append(statistics.too_even(counts, drawn.numel() // counts.numel(), 0.5))
    if drawn.dtype.itemsize > 2:
        found.append(statistics.repeated(drawn, LIKELIEST))
    return min(1.0, len(found) * min(found))
