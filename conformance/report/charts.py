"""The geometry of a report's charts: error against bound, and a loss curve. The templates draw them as inline SVG."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate

WIDTH, HEIGHT = 460.0, 280.0
LEFT, RIGHT, TOP, BOTTOM = 58.0, 12.0, 12.0, 44.0

# Enough to see the cloud; thirty items of them keep the page below a megabyte.
POINTS = 400
CURVE_POINTS = 500

_SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


@dataclass(frozen=True)
class Tick:
    """A mark on an axis: where it is, and what it says."""

    at: float
    label: str


@dataclass(frozen=True)
class ErrorChart:
    """Comparisons as points: ``inside`` and ``outside`` are SVG paths, ``limit`` is the line error = bound."""

    inside: str
    outside: str
    limit: tuple[float, float, float, float]
    x_ticks: list[Tick]
    y_ticks: list[Tick]
    summary: str


@dataclass(frozen=True)
class LossChart:
    """A loss curve: the losses as they came, and their running mean, as SVG paths."""

    raw: str
    smooth: str
    x_ticks: list[Tick]
    y_ticks: list[Tick]
    summary: str


def error_chart(spread: Sequence[tuple[float, float]]) -> ErrorChart | None:
    """Returns the chart of error against bound, both logarithmic, or None if there is nothing to draw.

    Args:
        spread: (bound, error) of single comparisons. An error of 0 is drawn at the lower edge, one that is not finite
            at the upper edge; bounds that are not finite and positive cannot be drawn.
    """
    points = [(bound, error) for bound, error in spread if 0 < bound < math.inf]
    if not points:
        return None
    sizes = [math.log10(value) for pair in points for value in pair if 0 < value < math.inf]
    low, high = math.floor(min(sizes)), math.ceil(max(sizes))
    high = max(high, low + 1)
    kept = _thinned(points)
    inside = [pair for pair in kept if pair[1] <= pair[0]]
    outside = [pair for pair in kept if not pair[1] <= pair[0]]
    outside_all = sum(not error <= bound for bound, error in points)

    def at(bound: float, error: float) -> tuple[float, float]:
        height = low if error == 0 else high if not error < math.inf else math.log10(error)
        return _x(math.log10(bound), low, high), _y(height, low, high)

    step = max(1, math.ceil((high - low) / 6))
    powers = range(low, high + 1, step)
    return ErrorChart(
        inside="".join(f"M{x:.1f} {y:.1f}h0" for x, y in (at(*pair) for pair in inside)),
        outside="".join(f"M{x - 3:.1f} {y - 3:.1f}l6 6m0-6l-6 6" for x, y in (at(*pair) for pair in outside)),
        limit=(_x(low, low, high), _y(low, low, high), _x(high, low, high), _y(high, low, high)),
        x_ticks=[Tick(_x(power, low, high), _power(power)) for power in powers],
        y_ticks=[Tick(_y(power, low, high), _power(power)) for power in powers],
        summary=f"{len(points):,} comparisons, {outside_all:,} of them outside their bound",
    )


def loss_chart(losses: Iterable[object]) -> LossChart | None:
    """Returns the chart of a loss curve, or None if fewer than two losses are finite.

    Args:
        losses: one for each update step; what is no finite number is left out.
    """
    values = [
        (step, loss) for step, loss in enumerate(losses) if isinstance(loss, (int, float)) and math.isfinite(loss)
    ]
    if len(values) < 2:
        return None
    last = values[-1][0]
    width = max(1, len(values) // 50)
    sums = [0.0, *accumulate(loss for _, loss in values)]
    smooth = [
        (values[end - width // 2 - 1][0], (sums[end] - sums[end - width]) / width)
        for end in range(width, len(values) + 1)
    ]
    low, high = min(0.0, min(loss for _, loss in values)), max(loss for _, loss in values)
    high = high if high > low else low + 1.0

    def path(curve: list[tuple[int, float]]) -> str:
        stride = max(1, math.ceil(len(curve) / CURVE_POINTS))
        corners = (f"{_x(step, 0, last):.1f} {_y(loss, low, high):.1f}" for step, loss in curve[::stride])
        return "M" + "L".join(corners)

    return LossChart(
        raw=path(values),
        smooth=path(smooth),
        x_ticks=[Tick(_x(tick, 0, last), f"{tick:,.0f}") for tick in _round_ticks(0, last) if tick == int(tick)],
        y_ticks=[Tick(_y(tick, low, high), f"{tick:g}") for tick in _round_ticks(low, high)],
        summary=f"training loss over {len(values):,} updates: from {values[0][1]:.3g} to {smooth[-1][1]:.3g}",
    )


def _thinned(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """The points with the largest share of their bound, which matter most, and an even sample of the others."""
    if len(points) <= POINTS:
        return points
    ranked = sorted(points, key=lambda pair: math.inf if math.isnan(pair[1]) else pair[1] / pair[0], reverse=True)
    rest = ranked[POINTS // 2 :]
    return ranked[: POINTS // 2] + rest[:: math.ceil(len(rest) / (POINTS // 2))]


def _x(value: float, low: float, high: float) -> float:
    return LEFT + (value - low) / (high - low) * (WIDTH - LEFT - RIGHT)


def _y(value: float, low: float, high: float) -> float:
    return HEIGHT - BOTTOM - (value - low) / (high - low) * (HEIGHT - TOP - BOTTOM)


def _power(exponent: int) -> str:
    return "10" + str(exponent).translate(_SUPERSCRIPT)


def _round_ticks(low: float, high: float) -> list[float]:
    """About five round numbers (1, 2 or 5 times a power of ten) that fall between two values."""
    raw = (high - low) / 5
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= raw)
    return [k * step for k in range(math.ceil(low / step), math.floor(high / step) + 1)]
