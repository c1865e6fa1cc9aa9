"""Arithmetic that carries ``(value in float64, bound on the absolute error)`` through each operation.

Running error analysis (Wilkinson; Higham, *Accuracy and Stability of Numerical Algorithms*, 2nd ed., ch. 3): one
operation computed in a precision of unit roundoff u satisfies ``fl(a op b) = (a op b)(1 + d) + e`` with ``|d| <= u``
and ``|e|`` at most half the smallest subnormal; a sum of n terms, in any order, is off by at most
``gamma_{n-1} sum |x_i|`` with ``gamma_n = n u / (1 - n u)``. Every order of summation, and every fused or upcast
computation of the same formula, is inside the bound; a different formula is not.

Where a computation in that precision may overflow, the bound is infinite: the formula proves nothing there.
The arrays are NumPy's, whose operations on a handful of numbers cost a third of torch's.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from scipy import special

Array = npt.NDArray[np.float64]
Dims = int | tuple[int, ...] | None

_U64 = float(np.finfo(np.float64).eps) / 2
# Library functions (exp, log, erf, tanh, rsqrt, pow) promise fewer than 4 ulp in torch's vectorised kernels (SLEEF's
# "u10" variants stay within 1 ulp, CUDA's worst of these within 4).
_FUNCTION_ULPS = 4.0
# torch takes square roots of larger tensors from a vector library that stays within one ulp, not half of one.
_ROOT_ROUNDINGS = 2.0
_U32 = float(np.finfo(np.float32).eps) / 2
# Below float64, ATen's vectorised erf is formula 7.1.26 of Abramowitz and Stegun, ``1 - poly(t) exp(-x^2)``: its
# absolute error is 1.5e-7 by design, and a few roundings of numbers near one in evaluating it.
_ERF32 = 1.5e-7 + 4 * _U32


@dataclass(frozen=True)
class Precision:
    """A working precision: unit roundoff, half the smallest subnormal, largest finite value."""

    u: float
    eta: float
    top: float

    @classmethod
    def of(cls, dtype: torch.dtype) -> Precision:
        """Returns the precision of a float dtype; the oracle's own float64 rounding is added to u."""
        return _PRECISIONS[dtype]

    def gamma(self, n: int) -> float:
        """Returns ``gamma_n = n u / (1 - n u)``, infinite where n u reaches 1."""
        return n * self.u / (1 - n * self.u) if n * self.u < 1 else math.inf


def _precision(dtype: torch.dtype) -> Precision:
    info = torch.finfo(dtype)
    return Precision(info.eps / 2 + _U64, info.smallest_normal * info.eps / 2, info.max)


_PRECISIONS = {dtype: _precision(dtype) for dtype in (torch.float64, torch.float32, torch.float16, torch.bfloat16)}


class Bounded:
    """An array of exact values with, for each, how far rounding may put an honest answer."""

    __slots__ = ("bound", "precision", "value")

    def __init__(self, value: Array, bound: Array, precision: Precision) -> None:
        self.value = value
        self.bound = bound
        self.precision = precision

    @classmethod
    def exact(cls, tensor: torch.Tensor, dtype: torch.dtype | None = None) -> Bounded:
        """Returns a tensor as it is: its entries are inputs, known without error.

        Args:
            tensor: any float or integer tensor.
            dtype: the precision to work in; the tensor's own by default.
        """
        value = as_array(tensor)
        return cls(value, np.zeros_like(value), Precision.of(dtype or tensor.dtype))

    @classmethod
    def to_half_digits(cls, tensor: torch.Tensor, scale: torch.Tensor | float, dtype: torch.dtype) -> Bounded:
        """Returns a reference computed in float64, asked for to half of the digits that ``dtype`` has.

        For what the arithmetic here does not follow (gradients of compositions, trajectories): a wrong formula is
        off in the first digits, rounding in the last ones, and ``sqrt(u)`` lies midway between.

        Args:
            tensor: the reference.
            scale: the size of what is summed into each entry.
            dtype: the dtype judged.
        """
        value, precision = as_array(tensor), Precision.of(dtype)
        size = as_array(scale) if isinstance(scale, torch.Tensor) else np.asarray(float(scale))
        return cls(value, np.sqrt(precision.u) * size + precision.eta, precision)

    def scalar(self, number: float) -> Bounded:
        """Returns a Python number as an honest computation may see it: rounded to the working precision."""
        value = np.float64(number)
        return Bounded(
            np.asarray(value), np.asarray(abs(value) * self.precision.u + self.precision.eta), self.precision
        )

    def _lift(self, other: Bounded | float) -> Bounded:
        return other if isinstance(other, Bounded) else self.scalar(other)

    def _rounded(self, value: Array, carried: Array, roundings: float = 1.0) -> Bounded:
        """Returns a result: the carried error, plus that of rounding it, infinite where it may overflow."""
        size = np.abs(value) + carried
        bound = carried + (roundings * self.precision.u) * size + roundings * self.precision.eta
        return Bounded(value, self._capped(bound, size), self.precision)

    def _capped(self, bound: Array, size: Array) -> Array:
        within = size <= self.precision.top
        return bound if within.all() else np.where(within, bound, math.inf)

    def __add__(self, other: Bounded | float) -> Bounded:
        other = self._lift(other)
        with np.errstate(all="ignore"):
            return self._rounded(self.value + other.value, self.bound + other.bound)

    __radd__ = __add__

    def __neg__(self) -> Bounded:
        return Bounded(-self.value, self.bound, self.precision)

    def __sub__(self, other: Bounded | float) -> Bounded:
        other = self._lift(other)
        with np.errstate(all="ignore"):
            return self._rounded(self.value - other.value, self.bound + other.bound)

    def __rsub__(self, other: Bounded | float) -> Bounded:
        return self._lift(other) - self

    def __mul__(self, other: Bounded | float) -> Bounded:
        other = self._lift(other)
        with np.errstate(all="ignore"):
            a, b = np.abs(self.value), np.abs(other.value)
            carried = a * other.bound + b * self.bound + self.bound * other.bound
            return self._rounded(self.value * other.value, _defined(carried))

    __rmul__ = __mul__

    def __truediv__(self, other: Bounded | float) -> Bounded:
        other = self._lift(other)
        with np.errstate(all="ignore"):
            value = self.value / other.value
            room = np.abs(other.value) - other.bound
            carried = (self.bound + np.abs(value) * other.bound) / room
            return self._rounded(value, np.where(room > 0, _defined(carried), math.inf))

    def __rtruediv__(self, other: Bounded | float) -> Bounded:
        return self._lift(other) / self

    def abs(self) -> Bounded:
        """Returns ``|x|``, exact."""
        return Bounded(np.abs(self.value), self.bound, self.precision)

    def square(self) -> Bounded:
        """Returns ``x * x``."""
        return self * self

    def sqrt(self) -> Bounded:
        """Returns ``sqrt(x)`` for x >= 0; where the error reaches below zero, the wider side counts."""
        with np.errstate(all="ignore"):
            value = np.sqrt(np.maximum(self.value, 0))
            above = np.sqrt(np.maximum(self.value + self.bound, 0)) - value
            below = value - np.sqrt(np.maximum(self.value - self.bound, 0))
            return self._rounded(value, np.maximum(above, below), _ROOT_ROUNDINGS)

    def exp(self) -> Bounded:
        """Returns ``exp(x)``."""
        with np.errstate(all="ignore"):
            value = np.exp(self.value)
            return self._rounded(value, _defined(value * np.expm1(self.bound)), _FUNCTION_ULPS)

    def log(self) -> Bounded:
        """Returns ``log(x)`` for x > 0; infinitely uncertain where the error reaches zero."""
        with np.errstate(all="ignore"):
            carried = np.where(self.value > self.bound, -np.log1p(-self.bound / self.value), math.inf)
            return self._rounded(np.log(self.value), _defined(carried), _FUNCTION_ULPS)

    def erf(self) -> Bounded:
        """Returns ``erf(x)``, whose slope is at most 2/sqrt(pi)."""
        with np.errstate(all="ignore"):
            carried = self.bound * (2 / math.sqrt(math.pi))
            if self.precision.u > _U32 / 2:
                carried = carried + _ERF32
            return self._rounded(special.erf(self.value), carried, _FUNCTION_ULPS)

    def tanh(self) -> Bounded:
        """Returns ``tanh(x)``, whose slope is at most 1."""
        with np.errstate(all="ignore"):
            return self._rounded(np.tanh(self.value), self.bound, _FUNCTION_ULPS)

    def sum(self, dim: Dims = None, keepdim: bool = False) -> Bounded:
        """Returns the sum over ``dim`` (all by default), in any order."""
        n = self._count(dim)
        with np.errstate(all="ignore"):
            total = self.value.sum(axis=dim, keepdims=keepdim)
            carried = self.bound.sum(axis=dim, keepdims=keepdim)
            size = np.abs(self.value).sum(axis=dim, keepdims=keepdim) + carried
            bound = carried + self.precision.gamma(max(n - 1, 0)) * size + n * self.precision.eta
            return Bounded(np.asarray(total), self._capped(np.asarray(_defined(bound)), size), self.precision)

    def mean(self, dim: Dims = None, keepdim: bool = False) -> Bounded:
        """Returns the mean over ``dim``: the sum divided by the count, or the sum of the divided terms."""
        total, n = self.sum(dim, keepdim), self._count(dim)
        with np.errstate(all="ignore"):
            # 1/n rounded, then the product rounded: one rounding more than the division has.
            return self._rounded(total.value / max(n, 1), total.bound / max(n, 1), 2.0)

    def _count(self, dim: Dims) -> int:
        if dim is None:
            return int(self.value.size)
        return math.prod(self.value.shape[d] for d in ((dim,) if isinstance(dim, int) else dim))

    def __matmul__(self, other: Bounded) -> Bounded:
        """Returns the matrix product, each entry a sum of products in any order."""
        n = self.value.shape[-1]
        with np.errstate(all="ignore"):
            value = self.value @ other.value
            a, b = np.abs(self.value), np.abs(other.value)
            size = a @ b
            if self.bound.any() or other.bound.any():
                carried = _defined(a @ other.bound + self.bound @ b + self.bound @ other.bound)
            else:
                carried = np.zeros_like(size)
            size = size + carried
            bound = carried + self.precision.gamma(n) * size + (2 * n) * self.precision.eta
            return Bounded(value, self._capped(_defined(bound), size), self.precision)

    def __getitem__(self, index: Any) -> Bounded:
        return Bounded(np.asarray(self.value[index]), np.asarray(self.bound[index]), self.precision)

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the value."""
        return tuple(self.value.shape)

    def reshape(self, shape: Sequence[int]) -> Bounded:
        """Returns the same entries in another shape."""
        full = np.broadcast_to(self.bound, self.value.shape)
        return Bounded(self.value.reshape(shape), full.reshape(shape), self.precision)

    def transpose(self, a: int, b: int) -> Bounded:
        """Returns the array with two dimensions swapped."""
        return Bounded(np.swapaxes(self.value, a, b), np.swapaxes(self.bound, a, b), self.precision)

    def clamp_min(self, floor: float) -> Bounded:
        """Returns ``max(x, floor)``, which never widens an error."""
        return Bounded(np.maximum(self.value, floor), self.bound, self.precision)

    def widened(self, extra: Array | float) -> Bounded:
        """Returns the same values with an extra term in the bound; the caller says where the term comes from."""
        return Bounded(self.value, self.bound + extra, self.precision)

    def stored(self, dtype: torch.dtype) -> Bounded:
        """Returns the value as it is kept in ``dtype``: one more rounding, in that precision."""
        return Bounded(self.value, self.bound, Precision.of(dtype))._rounded(self.value, self.bound)


def as_array(tensor: torch.Tensor) -> Array:
    """Returns a tensor's values in float64, without its autograd history."""
    array: Array = tensor.detach().to("cpu", torch.float64).numpy()
    return array


def _defined(bound: Array) -> Array:
    """Returns a bound with 0 * inf read as infinite: nothing is known there."""
    return np.where(np.isnan(bound), math.inf, bound) if np.isnan(bound).any() else bound
