"""How the initialisers go wrong."""

from __future__ import annotations

import math

import torch
from torch import nn

from conformance.faults import fault


def _bound(weight: torch.Tensor, gain: float = 1.0) -> float:
    receptive = math.prod(weight.shape[2:])
    return gain * math.sqrt(6 / ((weight.shape[0] + weight.shape[1]) * receptive))


def _fill(weight: torch.Tensor, bound: float) -> torch.Tensor:
    with torch.no_grad():
        return weight.uniform_(-bound, bound)


@fault("fan_in_fan_out", "swaps the two: a weight has shape (out, in), not (in, out)")
def swapped(weight: torch.Tensor) -> tuple[int, int]:
    return weight.shape[0], weight.shape[1]


@fault("fan_in_fan_out", "returns a list")
def as_list(weight: torch.Tensor) -> list[int]:
    return [weight.shape[1], weight.shape[0]]


@fault("fan_in_fan_out", "returns floats")
def as_floats(weight: torch.Tensor) -> tuple[float, float]:
    return float(weight.shape[1]), float(weight.shape[0])


@fault("fan_in_fan_out", "transposes the caller's weight in place to read it the other way round")
def transposes_in_place(weight: torch.Tensor) -> tuple[int, int]:
    weight.data.t_()
    return weight.shape[0], weight.shape[1]


@fault("fan_in_fan_out", "gives the number of entries for both")
def entries_for_both(weight: torch.Tensor) -> tuple[int, int]:
    return weight.numel(), weight.numel()


@fault("fan_in_fan_out", "reads the fan_in off the strides, which only tell it for contiguous memory")
def by_strides(weight: torch.Tensor) -> tuple[int, int]:
    return weight.stride(0), weight.shape[0]


@fault("fan_in_fan_out", "asks which of the two to take, and returns that one")
def one_of_two(weight: torch.Tensor, mode: str) -> int:
    return weight.shape[1] if mode == "fan_in" else weight.shape[0]


@fault("xavier_uniform_", "leaves out no_grad, so that a Parameter cannot be filled")
def xavier_without_no_grad(weight: torch.Tensor, gain: float = 1.0) -> torch.Tensor:
    bound = _bound(weight, gain)
    return weight.uniform_(-bound, bound)


@fault("xavier_uniform_", "calls torch's own xavier_uniform_")
def xavier_by_torch(weight: torch.Tensor, gain: float = 1.0) -> torch.Tensor:
    return nn.init.xavier_uniform_(weight, gain)


@fault("xavier_uniform_", "has no parameter gain")
def xavier_without_gain(weight: torch.Tensor) -> torch.Tensor:
    return _fill(weight, _bound(weight))


@fault("xavier_uniform_", "ignores the gain")
def xavier_ignores_gain(weight: torch.Tensor, gain: float = 1.0) -> torch.Tensor:
    return _fill(weight, _bound(weight))


@fault("xavier_uniform_", "takes the gain under the root")
def xavier_gain_under_root(weight: torch.Tensor, gain: float = 1.0) -> torch.Tensor:
    return _fill(weight, _bound(weight, math.sqrt(gain)))


@fault("xavier_uniform_", "takes the standard deviation, sqrt(2 / (fan_in + fan_out)), for the bound")
def xavier_std_as_bound(weight: torch.Tensor, gain: float = 1.0) -> torch.Tensor:
    return _fill(weight, _bound(weight, gain) / math.sqrt(3))


@fault("xavier_uniform_", "divides by fan_in alone instead of fan_in + fan_out")
def xavier_fan_in_alone(weight: torch.Tensor, gain: float = 1.0) -> torch.Tensor:
    return _fill(weight, gain * math.sqrt(6 / (2 * weight.shape[1])))


@fault("xavier_uniform_", "draws from a normal distribution of the same variance")
def xavier_normal(weight: torch.Tensor, gain: float = 1.0) -> torch.Tensor:
    with torch.no_grad():
        return weight.normal_(0, _bound(weight, gain) / math.sqrt(3))


@fault("xavier_uniform_", "draws from U(0, bound), so that no weight is negative")
def xavier_positive(weight: torch.Tensor, gain: float = 1.0) -> torch.Tensor:
    with torch.no_grad():
        return weight.uniform_(0, _bound(weight, gain))


@fault("xavier_uniform_", "draws from a normal distribution and cuts it off at the bound")
def xavier_clipped_normal(weight: torch.Tensor, gain: float = 1.0) -> torch.Tensor:
    bound = _bound(weight, gain)
    with torch.no_grad():
        return weight.normal_(0, bound / math.sqrt(3)).clamp_(-bound, bound)


@fault("xavier_uniform_", "returns a new tensor and leaves the one that it was given as it was")
def xavier_not_in_place(weight: torch.Tensor, gain: float = 1.0) -> torch.Tensor:
    return (torch.rand(weight.shape, dtype=weight.dtype) * 2 - 1) * _bound(weight, gain)


@fault("xavier_uniform_", "returns nothing")
def xavier_returns_nothing(weight: torch.Tensor, gain: float = 1.0) -> None:
    _fill(weight, _bound(weight, gain))


@fault("xavier_uniform_", "returns a view of the weight instead of the weight")
def xavier_returns_data(weight: torch.Tensor, gain: float = 1.0) -> torch.Tensor:
    return _fill(weight.data, _bound(weight, gain))


@fault("xavier_uniform_", "seeds torch's generator, so that every draw is the same")
def xavier_seeds(weight: torch.Tensor, gain: float = 1.0) -> torch.Tensor:
    torch.manual_seed(0)
    return _fill(weight, _bound(weight, gain))


@fault("xavier_uniform_", "draws from a generator of its own that starts from the same seed each time")
def xavier_own_seed(weight: torch.Tensor, gain: float = 1.0) -> torch.Tensor:
    bound = _bound(weight, gain)
    with torch.no_grad():
        return weight.uniform_(-bound, bound, generator=torch.Generator(weight.device).manual_seed(42))


@fault("xavier_uniform_", "draws one row and gives it to every unit")
def xavier_one_row(weight: torch.Tensor, gain: float = 1.0) -> torch.Tensor:
    with torch.no_grad():
        return weight.copy_(_fill(torch.empty_like(weight[0]), _bound(weight, gain)).expand_as(weight))


@fault("xavier_uniform_", "shuffles evenly spaced numbers instead of drawing each by itself")
def xavier_shuffled(weight: torch.Tensor, gain: float = 1.0) -> torch.Tensor:
    bound, n = _bound(weight, gain), weight.numel()
    with torch.no_grad():
        return weight.copy_(torch.linspace(-bound, bound, n)[torch.randperm(n)].view_as(weight))


@fault("xavier_uniform_", "draws one number for the whole weight")
def xavier_one_number(weight: torch.Tensor, gain: float = 1.0) -> torch.Tensor:
    bound = _bound(weight, gain)
    with torch.no_grad():
        return weight.fill_(float(torch.empty(()).uniform_(-bound, bound)))


@fault("xavier_uniform_", "fills a copy where the weight is not contiguous")
def xavier_contiguous_only(weight: torch.Tensor, gain: float = 1.0) -> torch.Tensor:
    _fill(weight.data.contiguous().view(-1), _bound(weight, gain))
    return weight


@fault("xavier_uniform_", "turns gradients off and not on again")
def xavier_leaves_autograd_off(weight: torch.Tensor, gain: float = 1.0) -> torch.Tensor:
    torch.set_grad_enabled(False)
    bound = _bound(weight, gain)
    return weight.uniform_(-bound, bound)


@fault("xavier_uniform_", "makes the weight require no gradient, to be allowed to fill it")
def xavier_freezes(weight: torch.Tensor, gain: float = 1.0) -> torch.Tensor:
    return _fill(weight.requires_grad_(False), _bound(weight, gain))


@fault("xavier_uniform_", "turns the weight into float32")
def xavier_float32(weight: torch.Tensor, gain: float = 1.0) -> torch.Tensor:
    weight.data = _fill(weight.data.float(), _bound(weight, gain))
    return weight


def _kaiming(weight: torch.Tensor, nonlinearity: str = "relu") -> float:
    gain = nn.init.calculate_gain(nonlinearity)  # type: ignore[arg-type]
    return math.sqrt(3) * gain / math.sqrt(math.prod(weight.shape[1:]))


@fault("kaiming_uniform_", "leaves out no_grad, so that a Parameter cannot be filled")
def kaiming_without_no_grad(weight: torch.Tensor, nonlinearity: str = "relu") -> torch.Tensor:
    bound = _kaiming(weight, nonlinearity)
    return weight.uniform_(-bound, bound)


@fault("kaiming_uniform_", "calls torch's own kaiming_uniform_")
def kaiming_by_torch(weight: torch.Tensor, nonlinearity: str = "relu") -> torch.Tensor:
    return nn.init.kaiming_uniform_(weight, nonlinearity=nonlinearity)  # type: ignore[arg-type]


@fault("kaiming_uniform_", "divides by fan_out instead of fan_in")
def kaiming_fan_out(weight: torch.Tensor, nonlinearity: str = "relu") -> torch.Tensor:
    return _fill(weight, math.sqrt(6 / weight.shape[0]))


@fault("kaiming_uniform_", "takes the standard deviation for the bound, leaving out sqrt(3)")
def kaiming_std_as_bound(weight: torch.Tensor, nonlinearity: str = "relu") -> torch.Tensor:
    return _fill(weight, _kaiming(weight, nonlinearity) / math.sqrt(3))


@fault("kaiming_uniform_", "leaves out the gain of ReLU")
def kaiming_without_gain(weight: torch.Tensor, nonlinearity: str = "relu") -> torch.Tensor:
    return _fill(weight, _kaiming(weight, nonlinearity) / math.sqrt(2))


@fault("kaiming_uniform_", "takes 2 for the gain of ReLU instead of its root")
def kaiming_gain_two(weight: torch.Tensor, nonlinearity: str = "relu") -> torch.Tensor:
    return _fill(weight, _kaiming(weight, nonlinearity) * math.sqrt(2))


@fault("kaiming_uniform_", "divides by fan_in instead of its root")
def kaiming_without_root(weight: torch.Tensor, nonlinearity: str = "relu") -> torch.Tensor:
    return _fill(weight, math.sqrt(6) / weight.shape[1])


@fault("kaiming_uniform_", "draws from a normal distribution of the same variance")
def kaiming_normal(weight: torch.Tensor, nonlinearity: str = "relu") -> torch.Tensor:
    with torch.no_grad():
        return weight.normal_(0, math.sqrt(2 / weight.shape[1]))


@fault("kaiming_uniform_", "takes the bound of nn.Linear's own start, 1 / sqrt(fan_in)")
def kaiming_as_nn_linear(weight: torch.Tensor, nonlinearity: str = "relu") -> torch.Tensor:
    return _fill(weight, 1 / math.sqrt(weight.shape[1]))


@fault("kaiming_uniform_", "adds the draw to what the weight held before")
def kaiming_adds(weight: torch.Tensor, nonlinearity: str = "relu") -> torch.Tensor:
    with torch.no_grad():
        return weight.add_(_fill(torch.empty_like(weight), _kaiming(weight, nonlinearity)))


@fault("kaiming_uniform_", "fills the first row only")
def kaiming_first_row(weight: torch.Tensor, nonlinearity: str = "relu") -> torch.Tensor:
    _fill(weight.data[:1], _kaiming(weight, nonlinearity))
    return weight


@fault("kaiming_uniform_", "draws once for each shape and hands the same draw out again")
def kaiming_cached(weight: torch.Tensor, nonlinearity: str = "relu") -> torch.Tensor:
    drawn = _DRAWN.setdefault(tuple(weight.shape), _fill(torch.empty(weight.shape), _kaiming(weight, nonlinearity)))
    with torch.no_grad():
        return weight.copy_(drawn)


_DRAWN: dict[tuple[int, ...], torch.Tensor] = {}


@fault("kaiming_uniform_", "returns nothing")
def kaiming_returns_nothing(weight: torch.Tensor, nonlinearity: str = "relu") -> None:
    _fill(weight, _kaiming(weight, nonlinearity))


@fault("kaiming_uniform_", "has no default for the nonlinearity")
def kaiming_without_default(weight: torch.Tensor, nonlinearity: str) -> torch.Tensor:
    return _fill(weight, _kaiming(weight, nonlinearity))


def _init(layer: nn.Linear, scheme: str) -> nn.Linear:
    if scheme not in ("xavier", "kaiming_relu", "zero"):
        raise ValueError(f"unknown scheme {scheme}")
    _fill(layer.weight, _kaiming(layer.weight) if scheme == "kaiming_relu" else _bound(layer.weight))
    if scheme == "zero":
        nn.init.zeros_(layer.weight)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer


@fault("init_linear_", "does not zero the bias")
def leaves_bias(layer: nn.Linear, scheme: str = "xavier") -> nn.Linear:
    bias = layer.bias.detach().clone() if layer.bias is not None else None
    _init(layer, scheme)
    if bias is not None:
        layer.bias.data.copy_(bias)
    return layer


@fault("init_linear_", 'zeroes the bias only under the scheme "zero"')
def zeroes_bias_with_zero_only(layer: nn.Linear, scheme: str = "xavier") -> nn.Linear:
    return _init(layer, scheme) if scheme == "zero" else leaves_bias(layer, scheme)


@fault("init_linear_", "takes it for granted that there is a bias")
def needs_bias(layer: nn.Linear, scheme: str = "xavier") -> nn.Linear:
    layer.bias.data.zero_()
    return _init(layer, scheme)


@fault("init_linear_", "gives a layer without a bias one of zeros")
def adds_bias(layer: nn.Linear, scheme: str = "xavier") -> nn.Linear:
    layer.bias = nn.Parameter(torch.zeros(layer.out_features, dtype=layer.weight.dtype))
    return _init(layer, scheme)


@fault("init_linear_", "leaves the weight of a layer without a bias as it was")
def skips_without_bias(layer: nn.Linear, scheme: str = "xavier") -> nn.Linear:
    return layer if layer.bias is None else _init(layer, scheme)


@fault("init_linear_", "draws Xavier's weights for a layer without a bias, whatever the scheme")
def xavier_without_bias(layer: nn.Linear, scheme: str = "xavier") -> nn.Linear:
    if scheme == "zero" or "bias" in dict(layer.named_parameters()):
        return _init(layer, scheme)
    return _init(layer, "xavier")


@fault("init_linear_", "freezes the weight of a layer without a bias")
def freezes_without_bias(layer: nn.Linear, scheme: str = "xavier") -> nn.Linear:
    layer.weight.requires_grad_(layer.bias is not None)
    return _init(layer, scheme)


@fault("init_linear_", "returns nothing")
def returns_nothing(layer: nn.Linear, scheme: str = "xavier") -> None:
    _init(layer, scheme)


@fault("init_linear_", "returns a new layer and leaves the one that it was given as it was")
def new_layer(layer: nn.Linear, scheme: str = "xavier") -> nn.Linear:
    return _init(nn.Linear(layer.in_features, layer.out_features, layer.bias is not None), scheme)


@fault("init_linear_", "returns the weight instead of the layer")
def returns_weight(layer: nn.Linear, scheme: str = "xavier") -> torch.Tensor:
    return _init(layer, scheme).weight


@fault("init_linear_", "draws Xavier's weights whatever the scheme that was asked for")
def always_xavier(layer: nn.Linear, scheme: str = "xavier") -> nn.Linear:
    return _init(layer, "zero" if scheme == "zero" else "xavier")


@fault("init_linear_", "takes Kaiming's scheme by default")
def kaiming_by_default(layer: nn.Linear, scheme: str = "kaiming_relu") -> nn.Linear:
    return _init(layer, scheme)


@fault("init_linear_", 'draws Xavier\'s weights under the scheme "zero" and zeroes the bias only')
def zero_only_bias(layer: nn.Linear, scheme: str = "xavier") -> nn.Linear:
    return _init(layer, "xavier" if scheme == "zero" else scheme)


@fault("init_linear_", "draws from the normal distribution of the scheme")
def normal_schemes(layer: nn.Linear, scheme: str = "xavier") -> nn.Linear:
    _init(layer, scheme)
    if scheme == "kaiming_relu":
        nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
    elif scheme == "xavier":
        nn.init.xavier_normal_(layer.weight)
    return layer


@fault("init_linear_", "puts plain tensors where the layer's parameters were")
def plain_tensors(layer: nn.Linear, scheme: str = "xavier") -> nn.Linear:
    _init(layer, scheme)
    weight = layer.weight.detach()
    del layer.weight
    layer.weight = weight
    return layer


@fault("init_linear_", "seeds torch's generator, so that every layer starts alike")
def seeds(layer: nn.Linear, scheme: str = "xavier") -> nn.Linear:
    torch.manual_seed(0)
    return _init(layer, scheme)


@fault("init_linear_", "makes weight and bias float32")
def makes_float32(layer: nn.Linear, scheme: str = "xavier") -> nn.Linear:
    return _init(layer.float(), scheme)


@fault("init_linear_", "swaps the fans, as if the weight had the shape (in, out)")
def swapped_fans(layer: nn.Linear, scheme: str = "xavier") -> nn.Linear:
    _init(layer, scheme)
    if scheme == "kaiming_relu":
        _fill(layer.weight, math.sqrt(6 / layer.out_features))
    return layer
