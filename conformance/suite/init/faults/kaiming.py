"""How kaiming_uniform_ goes wrong."""

from __future__ import annotations

import math

import torch
from torch import nn

from conformance.faults import fault
from conformance.suite.init.faults.xavier import fill


def kaiming_bound(weight: torch.Tensor, nonlinearity: str = "relu") -> float:
    gain = nn.init.calculate_gain(nonlinearity)  # type: ignore[arg-type]
    return math.sqrt(3) * gain / math.sqrt(math.prod(weight.shape[1:]))


@fault("kaiming_uniform_", "leaves out no_grad, so that a Parameter cannot be filled")
def kaiming_without_no_grad(weight: torch.Tensor, nonlinearity: str = "relu") -> torch.Tensor:
    bound = kaiming_bound(weight, nonlinearity)
    return weight.uniform_(-bound, bound)


@fault("kaiming_uniform_", "calls torch's own kaiming_uniform_")
def kaiming_by_torch(weight: torch.Tensor, nonlinearity: str = "relu") -> torch.Tensor:
    return nn.init.kaiming_uniform_(weight, nonlinearity=nonlinearity)  # type: ignore[arg-type]


@fault("kaiming_uniform_", "divides by fan_out instead of fan_in")
def kaiming_fan_out(weight: torch.Tensor, nonlinearity: str = "relu") -> torch.Tensor:
    return fill(weight, math.sqrt(6 / weight.shape[0]))


@fault("kaiming_uniform_", "takes the standard deviation for the bound, leaving out sqrt(3)")
def kaiming_std_as_bound(weight: torch.Tensor, nonlinearity: str = "relu") -> torch.Tensor:
    return fill(weight, kaiming_bound(weight, nonlinearity) / math.sqrt(3))


@fault("kaiming_uniform_", "leaves out the gain of ReLU")
def kaiming_without_gain(weight: torch.Tensor, nonlinearity: str = "relu") -> torch.Tensor:
    return fill(weight, kaiming_bound(weight, nonlinearity) / math.sqrt(2))


@fault("kaiming_uniform_", "takes 2 for the gain of ReLU instead of its root")
def kaiming_gain_two(weight: torch.Tensor, nonlinearity: str = "relu") -> torch.Tensor:
    return fill(weight, kaiming_bound(weight, nonlinearity) * math.sqrt(2))


@fault("kaiming_uniform_", "divides by fan_in instead of its root")
def kaiming_without_root(weight: torch.Tensor, nonlinearity: str = "relu") -> torch.Tensor:
    return fill(weight, math.sqrt(6) / weight.shape[1])


@fault("kaiming_uniform_", "draws from a normal distribution of the same variance")
def kaiming_normal(weight: torch.Tensor, nonlinearity: str = "relu") -> torch.Tensor:
    with torch.no_grad():
        return weight.normal_(0, math.sqrt(2 / weight.shape[1]))


@fault("kaiming_uniform_", "takes the bound of nn.Linear's own start, 1 / sqrt(fan_in)")
def kaiming_as_nn_linear(weight: torch.Tensor, nonlinearity: str = "relu") -> torch.Tensor:
    return fill(weight, 1 / math.sqrt(weight.shape[1]))


@fault("kaiming_uniform_", "adds the draw to what the weight held before")
def kaiming_adds(weight: torch.Tensor, nonlinearity: str = "relu") -> torch.Tensor:
    with torch.no_grad():
        return weight.add_(fill(torch.empty_like(weight), kaiming_bound(weight, nonlinearity)))


@fault("kaiming_uniform_", "fills the first row only")
def kaiming_first_row(weight: torch.Tensor, nonlinearity: str = "relu") -> torch.Tensor:
    fill(weight.data[:1], kaiming_bound(weight, nonlinearity))
    return weight


@fault("kaiming_uniform_", "draws once for each shape and hands the same draw out again")
def kaiming_cached(weight: torch.Tensor, nonlinearity: str = "relu") -> torch.Tensor:
    drawn = _DRAWN.setdefault(tuple(weight.shape), fill(torch.empty(weight.shape), kaiming_bound(weight, nonlinearity)))
    with torch.no_grad():
        return weight.copy_(drawn)


_DRAWN: dict[tuple[int, ...], torch.Tensor] = {}


@fault("kaiming_uniform_", "returns nothing")
def kaiming_returns_nothing(weight: torch.Tensor, nonlinearity: str = "relu") -> None:
    fill(weight, kaiming_bound(weight, nonlinearity))


@fault("kaiming_uniform_", "has no default for the nonlinearity")
def kaiming_without_default(weight: torch.Tensor, nonlinearity: str) -> torch.Tensor:
    return fill(weight, kaiming_bound(weight, nonlinearity))


@fault("kaiming_uniform_", "makes the square part of the weight symmetric")
def kaiming_symmetric(weight: torch.Tensor, nonlinearity: str = "relu") -> torch.Tensor:
    fill(weight, kaiming_bound(weight, nonlinearity))
    n = min(weight.shape[:2])
    with torch.no_grad():
        square = weight[:n, :n].reshape(n, n, -1).clone()
        upper = torch.triu(torch.ones(n, n, dtype=torch.bool, device=weight.device))[..., None]
        weight[:n, :n] = torch.where(upper, square, square.transpose(0, 1)).view(weight[:n, :n].shape)
    return weight


@fault("kaiming_uniform_", "draws whole numbers from 0 to 200 and spreads them between the bounds")
def kaiming_whole_numbers(weight: torch.Tensor, nonlinearity: str = "relu") -> torch.Tensor:
    drawn = torch.randint(0, 201, weight.shape, device=weight.device)
    with torch.no_grad():
        return weight.copy_((drawn / 100 - 1) * kaiming_bound(weight, nonlinearity))


@fault("kaiming_uniform_", "writes 1.41 for the root of 2 and 1.73 for that of 3, which leaves out the last 0.4 %")
def kaiming_rounded_roots(weight: torch.Tensor, nonlinearity: str = "relu") -> torch.Tensor:
    return fill(weight, 1.41 * 1.73 / math.sqrt(math.prod(weight.shape[1:])))


@fault("kaiming_uniform_", "writes 1.414 and 1.732 for the roots of 2 and 3")
def kaiming_three_digits(weight: torch.Tensor, nonlinearity: str = "relu") -> torch.Tensor:
    return fill(weight, kaiming_bound(weight) * 1.414 * 1.732 / math.sqrt(6))
