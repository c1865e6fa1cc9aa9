"""What MLP, FeedForward and Residual give, for the parameters that were found in them.

The text leaves some things open, and each honest reading is a ``Reading``: exact or tanh GELU, LayerNorm before or
after it, its eps, how a matrix is stored, and which of the vectors between two matrices has which role. An output is
right if one reading gives it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from conformance.engine.checking import Seen
from conformance.numerics.bounded import Array, Bounded, as_array
from conformance.numerics.compare import close
from conformance.suite.networks.cases import ResidualCase
from conformance.suite.networks.readings import ROLES, Layer, Reading, readings

# Any eps up to the last of these is a LayerNorm's own business.
EPS_RANGE = (1e-12, 1e-7, 1e-4, 1e-3)
# Those that people write; between layers whose variance is of the size of eps, one of them may be none of the range's.
OTHER_EPS = (1e-6, 1e-8, *EPS_RANGE)
# An output in between two eps lies between their outputs, but for rows whose variance is of the size of eps.
EPS_ROOM = 2.0
# GELU's tanh form has sqrt(2/pi), which is often a float32 (a tensor of one number), whatever the dtype of the data.
TANH_DIGITS = 2.0**-24
# A reading that is off by more than this share of the output needs no bound: rounding is far below, in 16 bits too.
FAR = 0.25
# Readings that are tried with other eps than torch's: the nearest ones.
NEAREST = 2
# Another eps moves the rows of small variance, and leaves the typical entry where it was within this share.
SAME = 0.01
# A reading is chosen before what the text says first only if it is nearer to the output by this factor.
NO_NEARER = 0.5
# No other reading is as near as this share of the typical output: exact and tanh GELU are some 1e-4 apart.
NEAR = {torch.float64: 1e-12, torch.float32: 3e-6, torch.bfloat16: 0.0, torch.float16: 0.0}


def right(seen: Seen, x: torch.Tensor, dims: list[int], norm: bool) -> tuple[Reading, Bounded] | None:
    """Returns the reading that gives the output, with its bound; None if the parameters allow none.

    If none gives it: the nearest; but where all are about as far, the nearest of those with the exact GELU and with
    LayerNorm before it, so that what the report calls expected is what the text says first.

    Args:
        seen: output and wiring; its matrices fit ``dims``.
        x: the input.
        dims: the sizes from input to output.
        norm: whether there is a LayerNorm between layers.
    """
    partly = None
    for reading, expected, whole in fitting(seen, x, dims, norm):
        if whole:
            return reading, expected
        partly = partly or (reading, expected)
    if partly is not None:
        return partly
    best = nearest(seen, x, dims, norm)
    if best is not None and _away(best, seen.output, x) > NEAR[x.dtype] * _typical(seen.output):
        first = nearest(seen, x, dims, norm, first=True)
        if first is not None and _away(best, seen.output, x) > NO_NEARER * _away(first, seen.output, x):
            best = first
    return None if best is None else (best, bounded(best, x))


def fitting(seen: Seen, x: torch.Tensor, dims: list[int], norm: bool) -> Iterator[tuple[Reading, Bounded, bool]]:
    """Yields the readings that give the output, each with its bound and whether every entry could be judged.

    The likeliest come first; last, the few that are nearest with torch's eps, with another.
    """
    # The mean, of which zeros leave something, where they may leave nothing of the median.
    size = float(seen.output.detach().double().abs().mean().nan_to_num(math.inf)) if seen.output.numel() else 0.0
    near: list[tuple[float, int, Reading]] = []
    for place, reading in enumerate(readings(seen, dims, norm)):
        away = _away(reading, seen.output, x)
        if away <= FAR * size:
            yield from _fitted(seen, x, reading)
            near.append((away, place, reading))
    for away, _, reading in sorted(near)[:NEAREST]:
        for eps in OTHER_EPS if reading.norm and away <= SAME * size else ():
            yield from _fitted(seen, x, replace(reading, eps=eps))


def _fitted(seen: Seen, x: torch.Tensor, reading: Reading) -> Iterator[tuple[Reading, Bounded, bool]]:
    """Yields a reading if it gives the output, as ``fitting`` does."""
    expected = bounded(reading, x)
    found = close(seen.output, expected)
    if not found.violations:
        yield reading, expected, found.judged == found.entries


def nearest(seen: Seen, x: torch.Tensor, dims: list[int], norm: bool, *, first: bool = False) -> Reading | None:
    """Returns the reading whose typical entry is nearest to the output; None if there is none.

    Args:
        seen, x, dims, norm: as ``right`` takes them.
        first: whether only what the text says first counts: the exact GELU, with LayerNorm before it.
    """
    best: tuple[float, Reading] | None = None
    size = _typical(seen.output)
    for reading in readings(seen, dims, norm):
        if first and (reading.tanh or reading.after):
            continue
        away = _away(reading, seen.output, x)
        if best is None or away < best[0]:
            best = (away, reading)
        if away <= NEAR[x.dtype] * size:
            break
    return None if best is None else best[1]


def _typical(output: torch.Tensor) -> float:
    """Returns the size of a typical entry."""
    return float(output.detach().double().abs().median()) if output.numel() else 0.0


def _away(reading: Reading, got: torch.Tensor, x: torch.Tensor) -> float:
    """Returns how far a typical entry of the output is from what a reading gives."""
    away = (output(reading, x.detach().double()) - got.detach().double()).abs().nan_to_num(math.inf)
    return float(away.median()) if away.numel() else 0.0


def output(reading: Reading, x: torch.Tensor, layers: tuple[Layer, ...] = ()) -> torch.Tensor:
    """Returns what a reading gives in float64, differentiably; ``layers`` in place of the reading's own."""
    last = len(reading.layers) - 1
    for index, layer in enumerate(layers or reading.layers):
        x = F.linear(x, layer.weight.double(), _double(layer.bias))
        if index == last:
            break
        x = _gelu(x, reading) if reading.after else x
        if reading.norm:
            x = F.layer_norm(x, x.shape[-1:], _double(layer.scale), _double(layer.shift), reading.eps)
        x = x if reading.after else _gelu(x, reading)
    return x


def _gelu(x: torch.Tensor, reading: Reading) -> torch.Tensor:
    return F.gelu(x, approximate="tanh" if reading.tanh else "none")


def bounded(reading: Reading, x: torch.Tensor) -> Bounded:
    """Returns what a reading gives, and within what bound: running error analysis, and the room that eps has."""
    y = Bounded.exact(x)
    for index, layer in enumerate(reading.layers):
        y = _linear(y, layer)
        if index == len(reading.layers) - 1:
            break
        if reading.after:
            y = gelu(y, reading.tanh)
        if reading.norm:
            y = _layer_norm(y, layer, reading.eps)
        if not reading.after:
            y = gelu(y, reading.tanh)
    if not reading.norm or x.numel() == 0:
        return y
    value = output(reading, x.double())
    others = [output(replace(reading, eps=eps), x.double()) for eps in EPS_RANGE]
    room = torch.stack([(other - value).abs().amax(-1, keepdim=True) for other in others]).amax(0)
    return y.widened(EPS_ROOM * as_array(room))


def gelu(x: Bounded, tanh: bool) -> Bounded:
    """Returns GELU: ``x Phi(x)``, or its form with tanh."""
    if not tanh:
        return x * 0.5 * (1.0 + (x * math.sqrt(0.5)).erf())
    inner = (x + x * x * x * 0.044715) * math.sqrt(2 / math.pi)
    with np.errstate(all="ignore"):
        inner = inner.widened(TANH_DIGITS * np.abs(inner.value))
    # tanh is within one of its limits there, whatever the error of so large a number.
    inner = Bounded(inner.value, np.where(np.abs(inner.value) > 40, 1.0, inner.bound), inner.precision)
    return x * 0.5 * (1.0 + inner.tanh())


def _linear(x: Bounded, layer: Layer) -> Bounded:
    product = x @ Bounded.exact(layer.weight).transpose(0, 1)
    return product if layer.bias is None else product + Bounded.exact(layer.bias)


def _layer_norm(x: Bounded, layer: Layer, eps: float) -> Bounded:
    centred = x - x.mean(-1, keepdim=True)
    y = centred * (1.0 / (centred.square().mean(-1, keepdim=True) + eps).sqrt())
    y = y if layer.scale is None else y * Bounded.exact(layer.scale)
    return y if layer.shift is None else y + Bounded.exact(layer.shift)


def gradients(seen: Seen, x: torch.Tensor, upstream: torch.Tensor, dims: list[int], norm: bool) -> list[Bounded] | None:
    """Returns the gradients of the reading that gives output and gradients, as ``differentiated`` does.

    Where the output does not tell two readings apart (both forms of GELU are the same far from zero), the gradients
    may; where none gives both, those of the reading nearest to the output. None if there is no reading.
    """
    best = nearest(seen, x, dims, norm)
    if best is None:
        return None
    wanted = _added(differentiated(best, x, upstream), seen.places)
    if _fit(seen.gradients, wanted):
        return wanted
    others = (
        _added(differentiated(reading, x, upstream), seen.places) for reading, _, _ in fitting(seen, x, dims, norm)
    )
    return next((bounds for bounds in others if _fit(seen.gradients, bounds)), wanted)


def _added(gradients: list[Bounded], places: list[int]) -> list[Bounded]:
    """Returns the gradients of x and of the parameters; one that serves in several places has the sum of theirs."""
    total: dict[int, Bounded] = {}
    for place, gradient in zip(places, gradients[1:], strict=True):
        total[place] = total[place] + gradient if place in total else gradient
    return [gradients[0], *(total[place] for place in places)]


def _fit(found: list[Any], wanted: list[Bounded]) -> bool:
    """Returns whether gradients are within their bounds."""
    pairs = zip(found, wanted, strict=False)
    return all(
        isinstance(got, torch.Tensor) and got.numel() == bound.value.size
        and not close(got.reshape(bound.shape), bound).violations
        for got, bound in pairs
    )  # fmt: skip


def differentiated(reading: Reading, x: torch.Tensor, upstream: torch.Tensor) -> list[Bounded]:
    """Returns the gradients of ``sum(y * upstream)`` with respect to x and each parameter, in the order reported.

    Each to half of the digits of the dtype judged, on the scale of what is summed into its entries, and with the room
    that eps has.
    """
    found = _gradients(reading, x, upstream)
    scales = _gradients(reading, x, upstream, sizes=True)
    results = [Bounded.to_half_digits(g, scale, x.dtype) for g, scale in zip(found, scales, strict=True)]
    if reading.norm and x.numel():
        others = [_gradients(replace(reading, eps=eps), x, upstream) for eps in EPS_RANGE]
        room = [max(float((other[i] - g).abs().max()) for other in others) for i, g in enumerate(found)]
        results = [g.widened(EPS_ROOM * extra) for g, extra in zip(results, room, strict=True)]
    ordered: list[Bounded] = [results[0]] * len(results)
    for result, (place, turned) in zip(results[1:], reading.sources, strict=True):
        ordered[1 + place] = result.transpose(0, 1) if turned else result
    return ordered


def _gradients(reading: Reading, x: torch.Tensor, upstream: torch.Tensor, sizes: bool = False) -> list[torch.Tensor]:
    """Returns the gradients of x and of the parameters; with ``sizes``, those with every term taken as positive."""
    leaves = [x.double(), *(part.double() for layer in reading.layers for part in layer.tensors())]
    leaves = [(leaf.abs() if sizes else leaf).detach().requires_grad_() for leaf in leaves]
    rest = iter(leaves[1:])
    names = ("weight", *ROLES)
    layers = tuple(
        Layer(**{name: next(rest) for name in names if getattr(layer, name) is not None}) for layer in reading.layers
    )
    y = _size(reading, x.double(), leaves[0], layers) if sizes else output(reading, leaves[0], layers)
    above = upstream.double().abs() if sizes else upstream.double()
    found = torch.autograd.grad((y * above).sum(), leaves, allow_unused=True)
    return [torch.zeros_like(leaf) if g is None else g for g, leaf in zip(found, leaves, strict=True)]


def _size(reading: Reading, x: torch.Tensor, size: torch.Tensor, layers: tuple[Layer, ...]) -> torch.Tensor:
    """Returns the output with every term positive: GELU's slope is at most 1.13, a LayerNorm's about 1/sigma."""
    for index, layer in enumerate(layers):
        own = reading.layers[index]
        x = F.linear(x, own.weight.double(), None if own.bias is None else own.bias.double())
        size = F.linear(size, layer.weight, layer.bias)
        if index == len(layers) - 1:
            return size
        if reading.after:
            x, size = F.gelu(x), 1.13 * size
        if reading.norm:
            sigma = (x.var(-1, keepdim=True, unbiased=False) + reading.eps).sqrt()
            x = F.layer_norm(x, x.shape[-1:], _double(own.scale), _double(own.shift), reading.eps)
            size = size * (1 + math.sqrt(x.shape[-1])) / sigma
            size = size if layer.scale is None else size * layer.scale
            size = size if layer.shift is None else size + layer.shift
        if not reading.after:
            x, size = F.gelu(x), 1.13 * size
    return size


def _double(tensor: torch.Tensor | None) -> torch.Tensor | None:
    return None if tensor is None else tensor.double()


def residual(case: ResidualCase) -> Bounded:
    """Returns ``x + fn(x, *args, **named)`` for the function of the case."""
    x = Bounded.exact(case.x.value)
    return x + _inner(case, x)


def _inner(case: ResidualCase, x: Bounded) -> Bounded:
    if case.kind == "itself":
        return x
    if case.kind == "kept":
        return Bounded.exact(torch.ones_like(case.x.value))
    y = x @ Bounded.exact(case.weight.value)
    for arg in case.args:
        y = y + Bounded.exact(arg.value)
    scale, shift = (dict(case.named).get(name) for name in ("scale", "shift"))
    y = y if scale is None else y * scale
    return y if shift is None else y + shift


def residual_gradients(case: ResidualCase) -> list[Bounded]:
    """Returns the gradients of ``sum(y * upstream)``: of x, the function's weight, its arguments, the shift by name."""
    assert case.upstream is not None
    above = as_array(case.upstream.value)
    x, weight = as_array(case.x.value), as_array(case.weight.value)
    scale = dict(case.named).get("scale") or 1.0
    width = x.shape[-1]
    rows, up = x.reshape(-1, width), above.reshape(-1, width)
    dtype = case.x.value.dtype
    found: list[tuple[Array, Array]] = [
        (above + scale * above @ weight.T, np.abs(above) + abs(scale) * np.abs(above) @ np.abs(weight.T)),
        (scale * rows.T @ up, abs(scale) * np.abs(rows.T) @ np.abs(up)),
        *((scale * above, abs(scale) * np.abs(above)) for _ in case.args),
        (above, np.abs(above)),
    ]
    return [
        Bounded.to_half_digits(torch.from_numpy(np.array(g)), torch.from_numpy(np.array(size)), dtype)
        for g, size in found
    ]
