"""Tensors as data: a spec that a case holds, that can be shipped to the runner and written as code that runs."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import Any

import torch

from conformance.runner.protocol import DTYPES, Strided

# Up to this many entries a tensor is written out; beyond, by the expression that makes it.
LITERAL = 24

_Make = Callable[[tuple[int, ...], torch.Generator], torch.Tensor]


def _row(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Returns the shape of one number for each row of the last dimension."""
    return (*shape[:-1], 1) if shape else ()


def _outlier(shape: tuple[int, ...], g: torch.Generator) -> torch.Tensor:
    x = torch.randn(shape, generator=g, dtype=torch.float64)
    if x.numel():
        x.view(-1)[x.numel() // 2] = 300.0
    return x


def _mixed(shape: tuple[int, ...], g: torch.Generator) -> torch.Tensor:
    size = torch.randn(shape, generator=g, dtype=torch.float64)
    return size * 10.0 ** torch.randint(-3, 3, shape, generator=g)


def _randn(shape: tuple[int, ...], g: torch.Generator) -> torch.Tensor:
    return torch.randn(shape, generator=g, dtype=torch.float64)


def _counting(shape: tuple[int, ...], g: torch.Generator) -> torch.Tensor:
    return torch.arange(math.prod(shape), dtype=torch.float64).view(shape)


def _staircase(shape: tuple[int, ...], g: torch.Generator) -> torch.Tensor:
    """Returns ones, but that row i of a matrix starts with i zeros."""
    ones = torch.ones(shape, dtype=torch.float64)
    return ones.triu() if len(shape) > 1 else ones


def _quarters(shape: tuple[int, ...], g: torch.Generator) -> torch.Tensor:
    return torch.randint(-8, 9, shape, generator=g, dtype=torch.int64).double() / 4


# From the easiest to read to the hardest; Hypothesis shrinks towards the front.
REGIMES: dict[str, _Make] = {
    "quarters": _quarters,
    "ones": lambda shape, g: torch.ones(shape, dtype=torch.float64),
    "zeros": lambda shape, g: torch.zeros(shape, dtype=torch.float64),
    "counting": _counting,  # no entry twice, so that a part tells where it was taken
    "staircase": _staircase,
    "integers": lambda shape, g: torch.randint(-100, 101, shape, generator=g).double(),
    "ordinary": _randn,
    "positive": lambda shape, g: _randn(shape, g).abs() + 0.01,
    "constant": lambda shape, g: _quarters(_row(shape), g).expand(shape).clone(),
    "small": lambda shape, g: _randn(shape, g) * 1e-3,
    "tiny": lambda shape, g: _randn(shape, g) * 1e-7,
    "large": lambda shape, g: _randn(shape, g) * 100,
    "huge": lambda shape, g: _randn(shape, g) * 1e4,
    "offset": lambda shape, g: _randn(shape, g) + 100 * torch.randint(1, 5, _row(shape), generator=g),
    "far": lambda shape, g: _randn(shape, g) + 10_000,
    "outlier": _outlier,
    "mixed": _mixed,
}

LAYOUTS = ("contiguous", "transposed", "strided", "offset", "expanded")


@dataclass(frozen=True, repr=False)
class TensorSpec:
    """A tensor described by how its values are made and how it lies in memory.

    Args:
        shape: its shape.
        dtype: its dtype, by name.
        regime: how the values are made, a key of ``REGIMES``; or "index" for integers in [0, ``high``).
        seed: of the generator that makes them.
        layout: one of ``LAYOUTS``; one that the shape does not allow is contiguous.
        requires_grad: whether it is a leaf that requires grad.
        scale: what the values are multiplied by.
        high: exclusive upper limit of "index" values.
    """

    shape: tuple[int, ...]
    dtype: str = "float32"
    regime: str = "quarters"
    seed: int = 0
    layout: str = "contiguous"
    requires_grad: bool = False
    scale: float = 1.0
    high: int = 2

    @functools.cached_property
    def value(self) -> torch.Tensor:
        """The values, contiguous and on the CPU."""
        g = torch.Generator().manual_seed(self.seed)
        if self.regime == "index":
            drawn = torch.randint(0, max(self.high, 1), self.shape, generator=g)
            return (drawn * int(self.scale)).to(DTYPES[self.dtype])
        expanded = self._laid_out == "expanded"
        made = REGIMES[self.regime]((1, *self.shape[1:]) if expanded else self.shape, g)
        made = (made * self.scale if self.scale != 1.0 else made).to(DTYPES[self.dtype])
        return made.expand(self.shape).contiguous() if expanded else made

    @property
    def _laid_out(self) -> str:
        """The layout that the shape allows."""
        if self.layout == "transposed" and len(self.shape) < 2:
            return "contiguous"
        if self.layout == "expanded" and (not self.shape or self.shape[0] < 2 or math.prod(self.shape) == 0):
            return "contiguous"
        return self.layout

    def ship(self, device: str) -> Strided:
        """Returns the tensor as the runner is to lay it out; the gaps of a strided one hold a value of their own."""
        x, shape, layout = self.value, self.shape, self._laid_out
        stride, offset = x.stride(), 0
        if layout == "transposed":
            x = x.transpose(-1, -2).contiguous()
            stride = x.transpose(-1, -2).stride()
        elif layout == "strided":
            x = torch.stack((x, torch.full_like(x, 77)), -1)
            stride = tuple(2 * step for step in stride)
        elif layout == "offset":
            x, offset = torch.cat((torch.full((3,), 77).to(x.dtype), x.reshape(-1))), 3
        elif layout == "expanded":
            x, stride = x[:1].contiguous(), (0, *x[:1].contiguous().stride()[1:])
        return Strided(x.reshape(-1), shape, tuple(stride), offset, self.requires_grad, device)

    def code(self) -> str:
        """Returns Python that makes the tensor with nothing but torch."""
        dtype = f"torch.{self.dtype}"
        x = self.value
        if self._laid_out == "expanded":
            first = replace(self, shape=(1, *self.shape[1:]), layout="contiguous", requires_grad=False)
            text = f"{first.code()}.expand({self.shape})"
            return f"{text}.requires_grad_()" if self.requires_grad else text
        if x.numel() == 0:
            text = f"torch.empty({self.shape}, dtype={dtype})"
        elif x.numel() > 1 and bool(((x == x.reshape(-1)[0]) & (x.signbit() == x.reshape(-1)[0].signbit())).all()):
            text = f"torch.full({self.shape}, {x.reshape(-1)[0].item()!r}, dtype={dtype})"
        elif x.numel() <= LITERAL:
            text = f"torch.tensor({_digits(x)}, dtype={dtype})"
        else:
            text = f"made({self.regime!r}, {self.shape}, seed={self.seed}, scale={self.scale!r}, dtype={dtype})"
            if self.regime == "index":
                text = f"made('index', {self.shape}, seed={self.seed}, high={self.high}, dtype={dtype})"
        text = {
            "contiguous": text,
            "transposed": f"{text}.mT.contiguous().mT",
            "strided": f"torch.stack(({text},) * 2, -1)[..., 0]",
            "offset": f"torch.cat((torch.zeros(3, dtype={dtype}), {text}.flatten()))[3:].view({self.shape})",
        }[self._laid_out]
        return f"{text}.requires_grad_()" if self.requires_grad else text

    __repr__ = code


def _digits(x: torch.Tensor) -> str:
    """Returns the nested list of a tensor, each float in the fewest digits that give it back in its dtype."""
    if x.ndim:
        return "[" + ", ".join(_digits(row) for row in x) + "]"
    number = x.item()
    if not isinstance(number, float):
        return repr(number)
    for digits in range(1, 18):
        text = f"{number:.{digits}g}"
        if torch.tensor(float(text), dtype=torch.float64).to(x.dtype) == x:
            break
    return f"float({text!r})" if text in ("nan", "inf", "-inf") else repr(float(text))


class Case:
    """Base of the cases: a frozen dataclass whose fields are plain data, tensor specs, or lists of these."""

    def ship(self, device: str = "cpu") -> dict[str, Any]:
        """Returns the fields as the driver gets them, tensors on ``device``, which is a field too."""
        values = {field.name: _shipped(getattr(self, field.name), device) for field in fields(self)}  # type: ignore[arg-type]
        return {**values, "device": device}

    def __repr__(self) -> str:
        inner = ", ".join(f"{field.name}={getattr(self, field.name)!r}" for field in fields(self))  # type: ignore[arg-type]
        return f"{type(self).__name__}({inner})"


def _shipped(value: Any, device: str) -> Any:
    if isinstance(value, TensorSpec):
        return value.ship(device)
    if isinstance(value, list | tuple):
        return type(value)(_shipped(item, device) for item in value)
    return value


def made(
    regime: str, shape: tuple[int, ...], *, dtype: torch.dtype, seed: int = 0, scale: float = 1.0, high: int = 2
) -> torch.Tensor:
    """Returns the tensor that a case's code means by ``made(...)``: ``REGIMES[regime]``, scaled, in ``dtype``."""
    name = next(name for name, known in DTYPES.items() if known is dtype)
    return TensorSpec(shape, name, regime, seed, scale=scale, high=high).value
