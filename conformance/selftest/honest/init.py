"""Other right ways to write the initialisers."""

from __future__ import annotations

import math
import random
from collections import namedtuple
from collections.abc import Callable

import torch
from torch import nn

from conformance.faults import honest

Fans = namedtuple("Fans", "fan_in fan_out")


@honest("fan_in_fan_out", "the shape reversed, which is a torch.Size")
def reversed_shape(weight: torch.Tensor) -> tuple[int, ...]:
    return weight.shape[1::-1]


@honest("fan_in_fan_out", "a named tuple")
def named(weight: torch.Tensor) -> Fans:
    return Fans(fan_in=weight.size(1), fan_out=weight.size(0))


@honest("fan_in_fan_out", "torch's own helper")
def by_torch(weight: torch.Tensor) -> tuple[int, int]:
    return nn.init._calculate_fan_in_and_fan_out(weight)


@honest("fan_in_fan_out", "the size of the kernel read off an entry, with an assertion and a print")
def by_entry(weight: torch.Tensor) -> tuple[int, int]:
    assert weight.dim() >= 2, "a bias has no fans"
    receptive = math.prod(weight.shape[2:])
    print("fans of", tuple(weight.shape))
    return (weight.shape[1] * receptive, weight.shape[0] * receptive)


@honest("fan_in_fan_out", "the count of entries divided by one side, which may not be zero")
def by_count(weight: torch.Tensor) -> tuple[int, int]:
    return weight.numel() // weight.size(0), weight.numel() // weight.size(1)


@honest("fan_in_fan_out", "the entries of the first row and of the first column counted")
def by_first_row(weight: torch.Tensor) -> tuple[int, int]:
    return weight[0].numel(), weight[:, 0].numel()


@honest("xavier_uniform_", "rand stretched and copied, under no_grad, with the bound as a tensor")
@torch.no_grad()
def xavier_by_copy(weight: torch.Tensor, gain: float = 1.0) -> torch.Tensor:
    fan_in, fan_out = by_entry(weight)
    bound = gain * torch.sqrt(torch.tensor(6.0 / (fan_in + fan_out)))
    weight.copy_(torch.rand(weight.shape) * 2 * bound - bound)
    return weight


@honest("xavier_uniform_", "through .data, with torch.nn.init.uniform_")
def xavier_by_data(weight: torch.Tensor, gain: float = 1.0) -> torch.Tensor:
    fan_in, fan_out = by_torch(weight)
    std = gain * math.sqrt(2.0 / float(fan_in + fan_out))
    a = math.sqrt(3.0) * std
    nn.init.uniform_(weight.data, -a, a)
    return weight


@honest("xavier_uniform_", "new memory behind the same tensor, drawn by torch.distributions")
def xavier_by_distribution(weight: torch.Tensor, gain: float = 1.0) -> torch.Tensor:
    bound = gain * (6 / (weight.size(0) + weight.size(1))) ** 0.5
    weight.data = torch.distributions.Uniform(-bound, bound).sample(weight.shape).to(weight)
    return weight


@honest("xavier_uniform_", "Python's own generator, entry by entry")
def xavier_by_hand(weight: torch.Tensor, gain: float = 1.0) -> torch.Tensor:
    bound = gain * (6 / sum(weight.shape[:2])) ** 0.5
    with torch.no_grad():
        for row in weight:
            for place in range(row.numel()):
                row.view(-1)[place] = random.uniform(-bound, bound) if row.is_contiguous() else 0.0
            if not row.is_contiguous():
                row.copy_(torch.tensor([random.uniform(-bound, bound) for _ in range(row.numel())]).view(row.shape))
    return weight


@honest("xavier_uniform_", "a sign and a size, drawn apart; requires_grad off and on again")
def xavier_by_sign(weight: torch.Tensor, gain: float = 1.0) -> torch.Tensor:
    bound, trained = gain * math.sqrt(6) / math.sqrt(weight.shape[0] + weight.shape[1]), weight.requires_grad
    weight.requires_grad_(False)
    weight.copy_(torch.rand_like(weight) * (torch.randint(0, 2, weight.shape, device=weight.device) * 2 - 1) * bound)
    return weight.requires_grad_(trained)


_GENERATOR = torch.Generator().manual_seed(7)


@honest("kaiming_uniform_", "a generator of the module's own")
@torch.no_grad()
def kaiming_own_generator(weight: torch.Tensor, nonlinearity: str = "relu") -> torch.Tensor:
    if nonlinearity != "relu":
        raise ValueError(f"unknown nonlinearity {nonlinearity}")
    std = math.sqrt(2) / math.sqrt(weight.shape[1])
    return weight.uniform_(-math.sqrt(3) * std, math.sqrt(3) * std, generator=_GENERATOR)


@honest("kaiming_uniform_", "torch.nn.init's gain and fans")
def kaiming_by_helpers(weight: torch.Tensor, nonlinearity: str = "relu") -> torch.Tensor:
    gain = nn.init.calculate_gain(nonlinearity)  # type: ignore[arg-type]
    fan_in, _ = nn.init._calculate_fan_in_and_fan_out(weight)
    bound = math.sqrt(3.0) * gain / math.sqrt(fan_in)
    return nn.init.uniform_(weight, -bound, bound)


@honest("kaiming_uniform_", "lerp between the two bounds, all in tensors of the weight's dtype")
def kaiming_by_lerp(weight: torch.Tensor, nonlinearity: str = "relu") -> torch.Tensor:
    gain = torch.tensor(2.0, dtype=weight.dtype).sqrt()
    std = gain / torch.tensor(float(weight.shape[1]), dtype=weight.dtype).sqrt()
    bound = torch.tensor(3.0, dtype=weight.dtype).sqrt() * std
    with torch.no_grad():
        weight[...] = torch.lerp(-bound, bound, torch.rand(weight.shape, dtype=weight.dtype))
    return weight


@honest("kaiming_uniform_", "through .data, scaling what was drawn in place")
def kaiming_by_scaling(weight: torch.Tensor, nonlinearity: str = "relu") -> torch.Tensor:
    weight.data.uniform_(-1, 1).mul_((6 / weight.size(1)) ** 0.5)
    return weight


@honest("init_linear_", "torch.nn.init throughout")
def by_nn_init(layer: nn.Linear, scheme: str = "xavier") -> nn.Linear:
    match scheme:
        case "xavier":
            nn.init.xavier_uniform_(layer.weight)
        case "kaiming_relu":
            nn.init.kaiming_uniform_(layer.weight, nonlinearity="relu")
        case "zero":
            nn.init.zeros_(layer.weight)
        case _:
            raise ValueError(scheme)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer


@honest("init_linear_", "new Parameters in the same layer")
def new_parameters(layer: nn.Linear, scheme: str = "xavier") -> nn.Linear:
    weight = torch.empty_like(layer.weight)
    schemes: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
        "xavier": xavier_by_copy,
        "kaiming_relu": kaiming_by_scaling,
        "zero": torch.zero_,
    }
    layer.weight = nn.Parameter(schemes[scheme](weight.detach()))
    if layer.bias is not None:
        layer.bias = nn.Parameter(torch.zeros_like(layer.bias))
    return layer


@honest("init_linear_", "the bias first, everything under no_grad, kaiming_uniform_ with its defaults")
@torch.no_grad()
def bias_first(layer: nn.Linear, scheme: str = "xavier") -> nn.Linear:
    if hasattr(layer, "bias") and layer.bias is not None:
        layer.bias.fill_(0.0)
    if scheme == "xavier":
        xavier_by_sign(layer.weight, gain=1)
    elif scheme == "kaiming_relu":
        nn.init.kaiming_uniform_(layer.weight)
    else:
        layer.weight.mul_(0)
    return layer
