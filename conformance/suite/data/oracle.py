"""What the datasets, the padding and the loader give.

The starts of crops are judged by chance: each p-value below is exact or conservative (Bonferroni over exact binomial
tests), and a right submission is failed by one of them with probability ``statistics.ALPHA``. With 768 rows and three
starts, one half as likely again as it should be is missed in 0.4 % of the cases; one that never occurs, in none.
"""

from __future__ import annotations

import math
from itertools import pairwise

import torch

from conformance.numerics import statistics
from conformance.suite.data.cases import BatchCase, CollateCase, PadCase
from conformance.suite.tensors import TensorSpec

# The default of the exercise's signatures.
PAD_VALUE = 0


def padded(seqs: list[TensorSpec], pad_value: int = PAD_VALUE) -> torch.Tensor:
    """Returns the rows, each followed by the pad value up to the longest, as int64."""
    longest = max(seq.shape[0] for seq in seqs)
    rows = [seq.value.tolist() + [pad_value] * (longest - seq.shape[0]) for seq in seqs]
    return torch.tensor(rows, dtype=torch.int64)


def padding_mask(seqs: list[TensorSpec]) -> torch.Tensor:
    """Returns ``t >= lengths[b]``."""
    longest = max(seq.shape[0] for seq in seqs)
    return torch.arange(longest) >= torch.tensor([seq.shape[0] for seq in seqs])[:, None]


def start_of(crop: torch.Tensor, row: torch.Tensor) -> int | None:
    """Returns where a crop of a row of distinct tokens starts; None if it is no window of the row."""
    length = crop.shape[0]
    for start in range(row.shape[0] - length + 1):
        if torch.equal(row[start : start + length], crop):
            return start
    return None


def starts_of(crops: torch.Tensor, tokens: torch.Tensor) -> torch.Tensor | None:
    """Returns where each crop starts in its row of consecutive numbers; None if one is no window of its row."""
    starts = crops[:, 0] - tokens[: len(crops), 0]
    last = tokens.shape[1] - crops.shape[1]
    windows = tokens[: len(crops), :1] + starts[:, None] + torch.arange(crops.shape[1])
    fair = bool((starts >= 0).all() and (starts <= last).all() and (windows == crops).all())
    return starts if fair else None


def stays_away(counts: list[int]) -> float:
    """Returns the probability that a start stays away as one of these did; 1 if none did."""
    if all(counts):
        return 1.0
    return min(1.0, len(counts) * statistics.never_seen(len(counts), sum(counts)))


def neighbours_independent(starts: list[int], count: int) -> float:
    """Returns the p-value of each pair of starts of neighbouring items being as likely as any other."""
    pairs = [0] * (count * count)
    for a, b in zip(starts[::2], starts[1::2], strict=False):
        pairs[a * count + b] += 1
    return statistics.evenly_spread(pairs)


def agree(count: int, draws: int) -> float:
    """Returns the probability that ``draws`` starts, out of ``count`` each, agree with others by chance."""
    return float(count) ** -draws


def same_order(count: int, drawn: int) -> float:
    """Returns the probability of two orders of ``drawn`` out of ``count`` samples being the same."""
    return 1 / math.perm(count, drawn)


def followed_by_successor(order: list[int]) -> float:
    """Returns the p-value of as many samples being followed by their successor as are in this order.

    The chance of c given samples all being followed by theirs is (n - c)! / n!, and there are at most n choose c ways
    to choose them: together at most 1 / c!. Of those before their predecessor there are as many; Bonferroni over both.
    """
    found = max(sum(b == a + step for a, b in pairwise(order)) for step in (1, -1))
    return min(1.0, 2 / math.factorial(found))


def kept_in_its_half(order: list[int]) -> float:
    """Returns the p-value of as many samples of the first half coming in the first half, or in the second, as do here.

    Of a random order that is hypergeometric.
    """
    n, half = len(order), len(order) // 2
    first = set(sorted(order)[:half])
    here = sum(number in first for number in order[:half])
    found = max(here, half - here)
    ways = sum(math.comb(half, k) * math.comb(n - half, half - k) for k in range(found, half + 1))
    return min(1.0, 2 * ways / math.comb(n, half))


def parts(case: BatchCase) -> dict[str, torch.Tensor]:
    """Returns the parts of a batch by name."""
    return {"tokens": case.tokens.value, "lengths": case.lengths.value, "padding_mask": case.padding_mask.value}


def columns(case: PadCase | CollateCase) -> list[list[TensorSpec]]:
    """Returns what is padded together: the sequences, or the inputs and the targets."""
    if isinstance(case, PadCase):
        return [list(case.seqs)]
    return [[sample[k] for sample in case.batch] for k in range(2)]


def last_ones_dropped(count: int, orders: list[list[int]]) -> float:
    """Returns the probability of the last of ``count`` samples being those that each order lacks; 1 if they are not."""
    if not orders or any(sorted(order) != list(range(len(order))) for order in orders):
        return 1.0
    return math.prod(1 / math.comb(count, len(order)) for order in orders)
