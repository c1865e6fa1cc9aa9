"""The ways to read what the text leaves open of an MLP and a FeedForward, for the parameters that were found in one."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch

from conformance.engine.checking import Seen

# The eps of a LayerNorm by default.
EPS = 1e-5
ROLES = ("bias", "scale", "shift")


@dataclass(frozen=True)
class Layer:
    """A Linear of the network, and the LayerNorm between it and the next one; None for what is not there."""

    weight: torch.Tensor
    bias: torch.Tensor | None = None
    scale: torch.Tensor | None = None
    shift: torch.Tensor | None = None

    def tensors(self) -> list[torch.Tensor]:
        """Returns what is there."""
        return [part for part in (self.weight, self.bias, self.scale, self.shift) if part is not None]


@dataclass(frozen=True)
class Reading:
    """One way to read the text: the layers with their roles, and the choices it leaves.

    ``sources`` names, for each tensor of each layer in order, its place among the parameters reported, and whether it
    is stored transposed.
    """

    layers: tuple[Layer, ...]
    sources: tuple[tuple[int, bool], ...]
    norm: bool
    tanh: bool
    after: bool
    eps: float = EPS


def shapes(dims: list[int]) -> list[tuple[int, int]]:
    """Returns the shapes (out, in) of the Linears between ``dims``."""
    return [(n_out, n_in) for n_in, n_out in itertools.pairwise(dims)]


def fits(seen: Seen, dims: list[int]) -> bool:
    """Returns whether the matrices that were found are those of a stack over ``dims``, stored either way."""
    found = [tuple(weight.shape) for weight in seen.weights]
    asked = shapes(dims)
    return len(found) == len(asked) and all(a in (b, b[::-1]) for a, b in zip(found, asked, strict=True))


def readings(seen: Seen, dims: list[int], norm: bool) -> Iterator[Reading]:
    """Yields every reading that the parameters allow, the likeliest first."""
    gaps, norm = seen.gaps, norm and len(dims) > 2
    between = {len(gap) for gap in gaps[1:-1]}
    if gaps[0] or len(gaps[-1]) > 1 or len(between) > 1 or max(between, default=0) > (3 if norm else 1):
        return
    for turned in (False, True):
        matrices = zip(seen.weights, shapes(dims), strict=True)
        layers = [_stored(weight.detach(), shape, turned) for weight, shape in matrices]
        if turned and not any(n_out == n_in for n_out, n_in in shapes(dims)):
            return
        for roles in itertools.permutations(ROLES if norm else ROLES[:1], max(between, default=0)):
            built = _assigned(layers, gaps, roles)
            if built is None:
                continue
            kinds = (False, True) if len(dims) > 2 else (False,)
            for after, tanh in itertools.product((False, True) if norm else (False,), kinds):
                yield replace(built, norm=norm, tanh=tanh, after=after)


def _stored(weight: torch.Tensor, shape: tuple[int, int], turned: bool) -> tuple[torch.Tensor, bool]:
    """Returns a matrix as (out, in), and whether it is stored the other way round; ``turned`` tells of a square one."""
    turned = turned if shape[0] == shape[1] else tuple(weight.shape) != shape
    return (weight.T if turned else weight), turned


def _assigned(
    stored: list[tuple[torch.Tensor, bool]], gaps: list[list[torch.Tensor]], roles: tuple[str, ...]
) -> Reading | None:
    """Returns the layers with each vector in its role; None where a vector is too short or too long for it."""
    layers, sources, place = [], [], len(stored)
    for index, ((weight, turned), gap) in enumerate(zip(stored, gaps[1:], strict=True)):
        last = index == len(stored) - 1
        parts: dict[str, torch.Tensor] = {}
        places: dict[str, int] = {}
        for role, vector in zip(("bias",) if last else roles, gap, strict=False):
            if vector.numel() != weight.shape[0]:
                return None
            parts[role], places[role] = vector.detach().reshape(-1), place
            place += 1
        layers.append(Layer(weight, **parts))
        sources += [(index, turned), *((places[role], False) for role in ROLES if role in places)]
    return Reading(tuple(layers), tuple(sources), norm=False, tanh=False, after=False)
