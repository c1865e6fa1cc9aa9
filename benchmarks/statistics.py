"""Medians, quartiles, and how sure a ratio is."""

from __future__ import annotations

import random
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

_RESAMPLES = 1000  # of the bootstrap: its interval then moves by some 1 % of its width from one seed to the next
_COVERAGE = 0.95


@dataclass(frozen=True)
class Summary:
    """What is reported of one arm's samples, in seconds a step."""

    median: float
    iqr: float
    minimum: float
    n: int

    @property
    def spread(self) -> float:
        """IQR over median; torch.utils.benchmark warns from 0.1 and calls 0.25 unusable."""
        return self.iqr / self.median if self.median else 0.0


@dataclass(frozen=True)
class Ratio:
    """A ratio of times with its 95 % interval."""

    value: float
    low: float
    high: float


def summarise(seconds: Sequence[float]) -> Summary:
    """Median, interquartile range, minimum and number of the samples, of which there is at least one."""
    if len(seconds) == 1:
        return Summary(seconds[0], 0.0, seconds[0], 1)
    first, median, third = statistics.quantiles(seconds, n=4, method="inclusive")
    return Summary(median, third - first, min(seconds), len(seconds))


def paired_ratio(baseline: Sequence[float], arm: Sequence[float], seed: int = 0) -> Ratio:
    """How many times as fast as the baseline the arm is: the median over rounds, and its bootstrap interval.

    The two samples of a round were taken one after the other, so what slowed the machine in that round cancels.

    Args:
        baseline: seconds, one for each round.
        arm: likewise, of the same rounds.
        seed: of the resampling.

    Raises:
        ValueError: the two were not measured in the same rounds.
    """
    if len(baseline) != len(arm) or not arm:
        raise ValueError(f"{len(baseline)} and {len(arm)} samples: a paired ratio needs one of each in every round")
    ratios = [b / a for b, a in zip(baseline, arm, strict=True)]
    rng = random.Random(seed)
    medians = sorted(statistics.median(rng.choices(ratios, k=len(ratios))) for _ in range(_RESAMPLES))
    tail = (1 - _COVERAGE) / 2
    low, high = medians[int(tail * _RESAMPLES)], medians[int((1 - tail) * _RESAMPLES) - 1]
    return Ratio(statistics.median(ratios), low, high)


def noise_floor(again: Ratio) -> float:
    """How far from 1 the ratio of torch to itself may lie here, as a share: nothing smaller is a difference."""
    return max(again.high, 1 / again.low) - 1


def claim(ratio: Ratio, floor: float) -> str:
    """'faster' or 'slower' where the whole interval lies outside the noise floor, else 'level'."""
    if ratio.low > 1 + floor:
        return "faster"
    if ratio.high < 1 / (1 + floor):
        return "slower"
    return "level"
