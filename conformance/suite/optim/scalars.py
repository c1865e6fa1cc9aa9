"""The numbers of AdamW's formula with their bounds: Bounded's arithmetic for one float, at a tenth of its cost."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch

from conformance.numerics.bounded import Bounded, Precision


@dataclass(frozen=True)
class Scalar:
    """A number with a bound on its absolute error, worked out in some precision."""

    value: float
    bound: float
    precision: Precision

    @classmethod
    def of(cls, number: float, dtype: torch.dtype) -> Scalar:
        """Returns a hyper-parameter, rounded once: to the dtype judged, but to float32 at least.

        Python works the numbers out in float64, a tensor without dimensions in the parameter's dtype or in float32.
        """
        return cls(number, 0.0, Precision.of(torch.float32 if dtype.itemsize == 2 else dtype)).rounded()

    def rounded(self, roundings: float = 1.0) -> Scalar:
        """Returns the number after some more roundings."""
        u, eta = self.precision.u, self.precision.eta
        size = abs(self.value) + self.bound
        return Scalar(self.value, self.bound + roundings * (u * size + eta), self.precision)

    def __mul__(self, other: Scalar) -> Scalar:
        carried = abs(self.value) * other.bound + abs(other.value) * self.bound + self.bound * other.bound
        return Scalar(self.value * other.value, carried, self.precision).rounded()

    def one_minus(self) -> Scalar:
        """Returns ``1 - x``."""
        return Scalar(1 - self.value, self.bound, self.precision).rounded()

    def reciprocal(self) -> Scalar:
        """Returns ``1 / x`` for x > 0, infinitely uncertain where its error reaches zero."""
        room = self.value - self.bound
        carried = self.bound / self.value / room if room > 0 else math.inf
        return Scalar(1 / self.value, carried, self.precision).rounded()

    def sqrt(self) -> Scalar:
        """Returns ``sqrt(x)`` for x >= 0; the side below is the wider one."""
        root = math.sqrt(self.value)
        return Scalar(root, root - math.sqrt(max(self.value - self.bound, 0.0)), self.precision).rounded()

    def power(self, t: int) -> Scalar:
        """Returns ``x^t`` for 0 <= x < 1 and t >= 1: a function of its own, a product of t factors, or exp(t log(x)).

        x is rounded before it is raised, a product rounds t - 1 times, an exponent that is rounded puts exp(y) off by
        |y| u, and a function rounds up to 4 times.
        """
        value = self.value**t
        roundings = 2 * t + 8 + (8 * abs(t * math.log(self.value)) if value else 0)
        return Scalar(value, value * self.precision.gamma(math.ceil(roundings)) + self.precision.eta, self.precision)

    def handed_on(self, dtype: torch.dtype) -> Bounded:
        """Returns the number as a kernel of the dtype judged gets it."""
        judged = Scalar(self.value, self.bound, Precision.of(dtype)).rounded()
        fits = abs(self.value) + self.bound <= judged.precision.top
        return Bounded(np.asarray(self.value), np.asarray(judged.bound if fits else math.inf), judged.precision)
