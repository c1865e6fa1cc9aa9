"""Tests of distribution, all paid from one budget: a right submission fails by chance less than once in 10^6 runs.

Each function returns a p-value that is exact or conservative; ``ALPHA`` says below what a p-value is a finding. The
distribution functions are scipy.special's, which are those of scipy.stats without its second of import time.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from scipy import special

# A right submission may fail by chance in fewer than one of this many runs of the whole suite.
RUNS = 1e6
# Upper limit on the p-values that one run of the suite looks at (at `thorough`; a test counts them), so that the
# Bonferroni bound holds whatever depends on what.
MOST_LOOKS = 40_000
ALPHA = 1 / (RUNS * MOST_LOOKS)


def uniform(samples: torch.Tensor, low: float, high: float) -> float:
    """Returns the p-value of ``samples`` being independent draws from U(low, high), by Kolmogorov and Smirnov.

    The asymptotic distribution of ``sqrt(n) D`` is conservative for small n in the far tail (Massart's inequality,
    ``P(sqrt(n) D > x) <= 2 exp(-2 x^2)``, holds for every n and is what is used here).
    """
    x = np.sort(samples.detach().to(torch.float64).reshape(-1).numpy())
    n = len(x)
    if n == 0:
        return 1.0
    cdf = np.clip((x - low) / (high - low), 0.0, 1.0)
    steps = np.arange(n + 1) / n
    distance = max(float((steps[1:] - cdf).max()), float((cdf - steps[:-1]).max()))
    return min(1.0, 2 * math.exp(-2 * n * distance * distance))


def binomial(successes: int, trials: int, p: float) -> float:
    """Returns the two-sided p-value of a count under Binomial(trials, p): twice the smaller tail."""
    if p <= 0 or p >= 1:
        return 1.0 if successes == (trials if p >= 1 else 0) else 0.0
    lower = float(special.bdtr(successes, trials, p))
    return min(1.0, 2 * min(lower, binomial_upper(successes, trials, p)))


def binomials(counts: torch.Tensor, trials: int, p: float) -> float:
    """Returns the p-value of counts that are each Binomial(trials, p), whatever depends on what: Bonferroni."""
    successes = counts.reshape(-1).numpy()
    if p <= 0 or p >= 1 or not len(successes):
        return float((successes == (trials if p >= 1 else 0)).all())
    tails = np.minimum(special.bdtr(successes, trials, p), special.bdtrc(successes - 1.0, trials, p))
    # Of no success or more there is certainty, for which bdtrc has no answer.
    tails = np.where(successes > 0, tails, special.bdtr(0, trials, p))
    return min(1.0, 2 * len(successes) * float(tails.min()))


def never_seen(outcomes: int, draws: int) -> float:
    """Returns the probability that one of ``outcomes`` equally likely values stays away in ``draws`` draws."""
    return float((1 - 1 / outcomes) ** draws) if outcomes > 1 else 0.0


def evenly_spread(counts: list[int]) -> float:
    """Returns the p-value of counts being draws from equally likely outcomes.

    Bonferroni over an exact binomial test for each outcome, so that it is conservative for every number of draws
    (the chi-squared approximation is not, in the far tail).
    """
    total, k = sum(counts), len(counts)
    if k < 2 or total == 0:
        return 1.0
    return min(1.0, k * min(binomial(count, total, 1 / k) for count in counts))


def repeated(samples: torch.Tensor, likeliest: float) -> float:
    """Returns the p-value of independent draws coming up again, with either sign, as often as they do here.

    No size has a probability above ``likeliest``, so a draw repeats one of the others with at most ``n - 1`` times
    that, whatever came before: the repeats are at most Binomial(n, (n - 1) likeliest).
    """
    n = samples.numel()
    sizes = np.unique(samples.detach().abs().double().numpy()).size
    return binomial_upper(n - sizes, n, min(1.0, (n - 1) * likeliest))


def binomial_upper(successes: int, trials: int, p: float) -> float:
    """Returns the probability of ``successes`` or more under Binomial(trials, p)."""
    return float(special.bdtrc(successes - 1, trials, p)) if successes > 0 else 1.0


def independent_along(marks: torch.Tensor, dim: int, p: float) -> float:
    """Returns the p-value of marks, each true with probability ``p``, not depending on each other along ``dim``.

    Marks next to each other, and marks half of the dimension apart, are paired off. The pairs are disjoint, so those
    that agree are Binomial(pairs, p^2 + (1 - p)^2); Bonferroni over the two ways of pairing.
    """
    half = marks.shape[dim] // 2
    if half == 0 or marks.numel() == 0:
        return 1.0
    rows = marks.detach().transpose(0, dim)
    ways = ((rows[: 2 * half : 2], rows[1 : 2 * half : 2]), (rows[:half], rows[half : 2 * half]))
    agreements = (int((a == b).sum()) for a, b in ways)
    pairs = half * (marks.numel() // marks.shape[dim])
    return min(1.0, 2 * min(binomial(count, pairs, p * p + (1 - p) * (1 - p)) for count in agreements))


def too_even(counts: torch.Tensor, trials: int, p: float) -> float:
    """Returns the p-value of draws from Binomial(trials, p) lying as close together as ``counts`` do.

    ``m`` draws lie within a window of ``r + 1`` values with a probability of at most ``P(window)^m``, summed over the
    windows there are. Draws whose sum is fixed in advance, as when an exact share is dropped, have no spread at all.
    """
    found = counts.reshape(-1)
    if found.numel() == 0:
        return 1.0
    spread = int(found.max() - found.min())
    below = special.bdtr(np.arange(trials + 1), trials, p)
    windows = below[spread:] - np.concatenate(([0.0], below[: trials - spread]))
    return min(1.0, float((np.clip(windows, 0.0, 1.0) ** found.numel()).sum()))
