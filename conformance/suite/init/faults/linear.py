"""How init_linear_ goes wrong."""

from __future__ import annotations

import math

import torch
from torch import nn

from conformance.faults import fault
from conformance.suite.init.faults.kaiming import kaiming_bound
from conformance.suite.init.faults.xavier import fill, xavier_bound


def _init(layer: nn.Linear, scheme: str) -> nn.Linear:
    if scheme not in ("xavier", "kaiming_relu", "zero"):
        raise ValueError(f"unknown scheme {scheme}")
    fill(layer.weight, kaiming_bound(layer.weight) if scheme == "kaiming_relu" else xavier_bound(layer.weight))
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


@fault("init_linear_", "turns autograd off and not on again")
def leaves_autograd_off(layer: nn.Linear, scheme: str = "xavier") -> nn.Linear:
    torch.set_grad_enabled(False)
    return _init(layer, scheme)


@fault("init_linear_", "makes weight and bias float32")
def makes_float32(layer: nn.Linear, scheme: str = "xavier") -> nn.Linear:
    return _init(layer.float(), scheme)


@fault("init_linear_", "swaps the fans, as if the weight had the shape (in, out)")
def swapped_fans(layer: nn.Linear, scheme: str = "xavier") -> nn.Linear:
    _init(layer, scheme)
    if scheme == "kaiming_relu":
        fill(layer.weight, math.sqrt(6 / layer.out_features))
    return layer


@fault("init_linear_", "writes 1.41 for the root of 2 and 1.73 for that of 3, which leaves out the last 0.4 %")
def rounded_roots(layer: nn.Linear, scheme: str = "xavier") -> nn.Linear:
    _init(layer, scheme)
    if scheme == "kaiming_relu":
        fill(layer.weight, 1.41 * 1.73 / math.sqrt(layer.in_features))
    return layer


@fault("init_linear_", "leaves parameters alone that are not trained")
def leaves_frozen(layer: nn.Linear, scheme: str = "xavier") -> nn.Linear:
    return _init(layer, scheme) if layer.weight.requires_grad else layer


@fault("init_linear_", "multiplies the bias by zero, which leaves a NaN")
def bias_times_zero(layer: nn.Linear, scheme: str = "xavier") -> nn.Linear:
    bias = layer.bias.detach() * 0 if layer.bias is not None else None
    _init(layer, scheme)
    if bias is not None:
        layer.bias.data.copy_(bias)
    return layer


@fault("init_linear_", "knows torch's own Linear only, and leaves those of a subclass as they are")
def exact_type_only(layer: nn.Linear, scheme: str = "xavier") -> nn.Linear:
    return _init(layer, scheme) if type(layer) is nn.Linear else layer


@fault("init_linear_", "switches the layer to eval mode")
def switches_mode(layer: nn.Linear, scheme: str = "xavier") -> nn.Linear:
    return _init(layer, scheme).eval()


@fault("init_linear_", "draws a large square weight as an orthogonal matrix")
def orthogonal(layer: nn.Linear, scheme: str = "xavier") -> nn.Linear:
    _init(layer, scheme)
    if layer.in_features == layer.out_features > 64 and scheme != "zero":
        nn.init.orthogonal_(layer.weight)
    return layer
