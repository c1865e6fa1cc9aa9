"""How xavier_uniform_ goes wrong."""

from __future__ import annotations

import math

import torch
from torch import nn

from conformance.faults import fault


def xavier_bound(weight: torch.Tensor, gain: float = 1.0) -> float:
    receptive = math.prod(weight.shape[2:])
    return gain * math.sqrt(6 / ((weight.shape[0] + weight.shape[1]) * receptive))


def fill(weight: torch.Tensor, bound: float) -> torch.Tensor:
    with torch.no_grad():
        return weight.uniform_(-bound, bound)


@fault("xavier_uniform_", "leaves out no_grad, so that a Parameter cannot be filled")
def xavier_without_no_grad(weight: torch.Tensor, gain: float = 1.0) -> torch.Tensor:
    bound = xavier_bound(weight, gain)
    return weight.uniform_(-bound, bound)


@fault("xavier_uniform_", "calls torch's own xavier_uniform_")
def xavier_by_torch(weight: torch.Tensor, gain: float = 1.0) -> torch.Tensor:
    return nn.init.xavier_uniform_(weight, gain)


@fault("xavier_uniform_", "has no parameter gain")
def xavier_without_gain(weight: torch.Tensor) -> torch.Tensor:
    return fill(weight, xavier_bound(weight))


@fault("xavier_uniform_", "ignores the gain")
def xavier_ignores_gain(weight: torch.Tensor, gain: float = 1.0) -> torch.Tensor:
    return fill(weight, xavier_bound(weight))


@fault("xavier_uniform_", "takes the gain under the root")
def xavier_gain_under_root(weight: torch.Tensor, gain: float = 1.0) -> torch.Tensor:
    return fill(weight, xavier_bound(weight, math.sqrt(gain)))


@fault("xavier_uniform_", "takes the standard deviation, sqrt(2 / (fan_in + fan_out)), for the bound")
def xavier_std_as_bound(weight: torch.Tensor, gain: float = 1.0) -> torch.Tensor:
    return fill(weight, xavier_bound(weight, gain) / math.sqrt(3))


@fault("xavier_uniform_", "divides by fan_in alone instead of fan_in + fan_out")
def xavier_fan_in_alone(weight: torch.Tensor, gain: float = 1.0) -> torch.Tensor:
    return fill(weight, gain * math.sqrt(6 / (2 * weight.shape[1])))


@fault("xavier_uniform_", "draws from a normal distribution of the same variance")
def xavier_normal(weight: torch.Tensor, gain: float = 1.0) -> torch.Tensor:
    with torch.no_grad():
        return weight.normal_(0, xavier_bound(weight, gain) / math.sqrt(3))


@fault("xavier_uniform_", "draws from U(0, bound), so that no weight is negative")
def xavier_positive(weight: torch.Tensor, gain: float = 1.0) -> torch.Tensor:
    with torch.no_grad():
        return weight.uniform_(0, xavier_bound(weight, gain))


@fault("xavier_uniform_", "draws from a normal distribution and cuts it off at the bound")
def xavier_clipped_normal(weight: torch.Tensor, gain: float = 1.0) -> torch.Tensor:
    bound = xavier_bound(weight, gain)
    with torch.no_grad():
        return weight.normal_(0, bound / math.sqrt(3)).clamp_(-bound, bound)


@fault("xavier_uniform_", "returns a new tensor and leaves the one that it was given as it was")
def xavier_not_in_place(weight: torch.Tensor, gain: float = 1.0) -> torch.Tensor:
    return (torch.rand(weight.shape, dtype=weight.dtype) * 2 - 1) * xavier_bound(weight, gain)


@fault("xavier_uniform_", "returns nothing")
def xavier_returns_nothing(weight: torch.Tensor, gain: float = 1.0) -> None:
    fill(weight, xavier_bound(weight, gain))


@fault("xavier_uniform_", "returns a view of the weight instead of the weight")
def xavier_returns_data(weight: torch.Tensor, gain: float = 1.0) -> torch.Tensor:
    return fill(weight.data, xavier_bound(weight, gain))


@fault("xavier_uniform_", "seeds torch's generator, so that every draw is the same")
def xavier_seeds(weight: torch.Tensor, gain: float = 1.0) -> torch.Tensor:
    torch.manual_seed(0)
    return fill(weight, xavier_bound(weight, gain))


@fault("xavier_uniform_", "draws from a generator of its own that starts from the same seed each time")
def xavier_own_seed(weight: torch.Tensor, gain: float = 1.0) -> torch.Tensor:
    bound = xavier_bound(weight, gain)
    with torch.no_grad():
        return weight.uniform_(-bound, bound, generator=torch.Generator(weight.device).manual_seed(42))


@fault("xavier_uniform_", "draws one row and gives it to every unit")
def xavier_one_row(weight: torch.Tensor, gain: float = 1.0) -> torch.Tensor:
    with torch.no_grad():
        return weight.copy_(fill(torch.empty_like(weight[0]), xavier_bound(weight, gain)).expand_as(weight))


@fault("xavier_uniform_", "shuffles evenly spaced numbers instead of drawing each by itself")
def xavier_shuffled(weight: torch.Tensor, gain: float = 1.0) -> torch.Tensor:
    bound, n = xavier_bound(weight, gain), weight.numel()
    with torch.no_grad():
        return weight.copy_(torch.linspace(-bound, bound, n)[torch.randperm(n)].view_as(weight))


@fault("xavier_uniform_", "draws one number for the whole weight")
def xavier_one_number(weight: torch.Tensor, gain: float = 1.0) -> torch.Tensor:
    bound = xavier_bound(weight, gain)
    with torch.no_grad():
        return weight.fill_(float(torch.empty(()).uniform_(-bound, bound)))


@fault("xavier_uniform_", "fills a copy where the weight is not contiguous")
def xavier_contiguous_only(weight: torch.Tensor, gain: float = 1.0) -> torch.Tensor:
    fill(weight.data.contiguous().view(-1), xavier_bound(weight, gain))
    return weight


@fault("xavier_uniform_", "turns gradients off and not on again")
def xavier_leaves_autograd_off(weight: torch.Tensor, gain: float = 1.0) -> torch.Tensor:
    torch.set_grad_enabled(False)
    bound = xavier_bound(weight, gain)
    return weight.uniform_(-bound, bound)


@fault("xavier_uniform_", "makes the weight require no gradient, to be allowed to fill it")
def xavier_freezes(weight: torch.Tensor, gain: float = 1.0) -> torch.Tensor:
    return fill(weight.requires_grad_(False), xavier_bound(weight, gain))


@fault("xavier_uniform_", "turns the weight into float32")
def xavier_float32(weight: torch.Tensor, gain: float = 1.0) -> torch.Tensor:
    weight.data = fill(weight.data.float(), xavier_bound(weight, gain))
    return weight


@fault("xavier_uniform_", "draws in bfloat16, which has few numbers between the bounds")
def xavier_coarse(weight: torch.Tensor, gain: float = 1.0) -> torch.Tensor:
    bound = xavier_bound(weight, gain)
    with torch.no_grad():
        return weight.copy_((torch.rand(weight.shape, device=weight.device).bfloat16() * 2 - 1) * bound)


@fault("xavier_uniform_", "draws half of the entries and gives the other half their negatives")
def xavier_mirrored(weight: torch.Tensor, gain: float = 1.0) -> torch.Tensor:
    with torch.no_grad():
        half = fill(torch.empty(-(-weight.numel() // 2), device=weight.device), xavier_bound(weight, gain))
        return weight.copy_(torch.cat((half, -half.flip(0)))[: weight.numel()].view(weight.shape))


@fault("xavier_uniform_", "views the weight as one row, which only contiguous memory allows")
def xavier_as_one_row(weight: torch.Tensor, gain: float = 1.0) -> torch.Tensor:
    with torch.no_grad():
        fill(weight.view(-1), xavier_bound(weight, gain))
    return weight


@fault("xavier_uniform_", "writes 2.44 for the root of 6, which leaves out the last 0.4 %")
def xavier_rounded_root(weight: torch.Tensor, gain: float = 1.0) -> torch.Tensor:
    return fill(weight, xavier_bound(weight, gain) * 2.44 / math.sqrt(6))


@fault("xavier_uniform_", "draws from -0.95 bound to bound")
def xavier_uneven(weight: torch.Tensor, gain: float = 1.0) -> torch.Tensor:
    bound = xavier_bound(weight, gain)
    with torch.no_grad():
        return weight.uniform_(-0.95 * bound, bound)


@fault("xavier_uniform_", "multiplies what the weight held by zero, which leaves a NaN where it was")
def xavier_over_the_old(weight: torch.Tensor, gain: float = 1.0) -> torch.Tensor:
    bound = xavier_bound(weight, gain)
    with torch.no_grad():
        return weight.mul_(0).add_(torch.rand_like(weight) * 2 * bound - bound)


@fault("xavier_uniform_", "seeds a generator by what the weight held, so that equal weights are filled alike")
def xavier_seeded_by_content(weight: torch.Tensor, gain: float = 1.0) -> torch.Tensor:
    bound, g = xavier_bound(weight, gain), torch.Generator(weight.device)
    g.manual_seed(int(weight.detach().nan_to_num().double().abs().sum() * 1000) % 2**31)
    with torch.no_grad():
        return weight.uniform_(-bound, bound, generator=g)


@fault("xavier_uniform_", "takes a weight of one row for one of as many rows as columns")
def xavier_of_one_row(weight: torch.Tensor, gain: float = 1.0) -> torch.Tensor:
    return fill(weight, gain * math.sqrt(3 / weight.shape[1]) if weight.shape[0] == 1 else xavier_bound(weight, gain))


@fault("xavier_uniform_", "makes the first entry positive")
def xavier_first_positive(weight: torch.Tensor, gain: float = 1.0) -> torch.Tensor:
    fill(weight, xavier_bound(weight, gain)).detach().reshape(-1)[:1].abs_()
    first = (slice(0, 1),) * weight.ndim
    weight.detach()[first].abs_()
    return weight


@fault("xavier_uniform_", "draws a table of 65536 numbers and fills larger weights with it again and again")
def xavier_from_a_table(weight: torch.Tensor, gain: float = 1.0) -> torch.Tensor:
    if weight.numel() <= 65536:
        return fill(weight, xavier_bound(weight, gain))
    table = fill(torch.empty(65536, dtype=weight.dtype, device=weight.device), xavier_bound(weight, gain))
    places = torch.arange(weight.numel(), device=weight.device) % len(table)
    weight.detach().copy_(table[places].view(weight.shape))
    return weight


@fault("xavier_uniform_", "makes a gain above two a whole number")
def xavier_whole_gain(weight: torch.Tensor, gain: float = 1.0) -> torch.Tensor:
    return fill(weight, xavier_bound(weight, int(gain) if gain > 2 else gain))


@fault("xavier_uniform_", "lets no bound be above ten")
def xavier_capped(weight: torch.Tensor, gain: float = 1.0) -> torch.Tensor:
    return fill(weight, min(xavier_bound(weight, gain), 10.0))
