"""What drivers and reproducers share: parameters found by what they do, since names are free; gradients; switches."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import nn
from torch.nn.parameter import UninitializedParameter


def fill(parameter: torch.Tensor, value: torch.Tensor) -> None:
    """Sets a parameter to a value, reshaped where it holds the same number of entries in another shape."""
    with torch.no_grad():
        if "meta" not in (parameter.device.type, value.device.type):  # nothing can be written there, or read
            parameter.copy_(value.detach().reshape(parameter.shape))


def sized(module: Any, shape: Iterable[int]) -> None:
    """Calls a module once, on zeros, where it has lazy parts: without a size they do not survive a move to meta."""
    if any(isinstance(parameter, UninitializedParameter) for parameter in module.parameters()):
        module(torch.zeros(tuple(shape)))


def call_with_others(module: nn.Module, x: torch.Tensor) -> None:
    """Calls a module on other values of the shape of ``x``: what it keeps of its input or parameters is out of date."""
    other = x.detach().flip(0) if x.ndim else x.detach().clone()
    module(other + 1 if x.is_floating_point() else other)


def observed(module: nn.Module, x: torch.Tensor, *others: nn.Module) -> dict[str, Any]:
    """Returns what a module gives for ``x``, twice; it is called with other values before and afterwards.

    The second time its ``forward`` is called, as people do who try a layer out. Between the two, the parameters of
    others of its kind get other values, so that what they share with it shows.
    """
    call_with_others(module, x)
    seen = {"output": module(x)}
    overwrite(*others)
    written = type(module).forward is not nn.Module.forward if isinstance(module, nn.Module) else False
    seen["again"] = module.forward(x) if written else module(x)
    call_with_others(module, x)
    return seen


def overwrite(*others: nn.Module) -> None:
    """Gives every parameter of some modules a value that none starts at."""
    for other in others:
        for parameter in other.parameters():
            if not isinstance(parameter, UninitializedParameter):
                fill(parameter, torch.full_like(parameter.detach(), 12345.0))


def as_used(case: Any) -> torch.set_grad_enabled:
    """Switches autograd off where a case is in eval mode and asks for no gradient: so people evaluate."""
    return torch.set_grad_enabled(case.training or case.upstream is not None)


def switch_back() -> None:
    """Puts dtype, device and modes back that a submission may have switched for everybody."""
    torch.set_grad_enabled(True)
    torch.set_default_dtype(torch.float32)
    torch.set_default_device(None)
    torch.set_autocast_enabled("cpu", False)


def of_size(module: nn.Module, count: int) -> list[nn.Parameter]:
    """Returns the distinct parameters that hold ``count`` entries, in the order of registration."""
    return [parameter for parameter in module.parameters() if parameter.numel() == count]


def parameters_of(module: nn.Module) -> list[tuple[str, torch.Tensor]]:
    """Returns the names and the values of a module's parameters, as they are sent to the judge."""
    return [(str(name), parameter) for name, parameter in module.named_parameters()]


def scale_and_shift(module: nn.Module, width: int) -> tuple[nn.Parameter | None, nn.Parameter | None]:
    """Returns the scale and the shift of a norm over ``width`` features; None for one that is not there.

    The scale starts at one and the shift at zero; where the start does not tell, the order does, as in torch. One
    parameter alone is the scale.
    """
    found = of_size(module, width)
    if len(found) == 1:
        return found[0], None
    ones = [p for p in found if _all(p, 1.0)]
    zeros = [p for p in found if _all(p, 0.0)]
    scale = ones[0] if ones else next((p for p in found if not any(p is z for z in zeros)), None)
    shift = next((p for p in zeros if p is not scale), None)
    if shift is None:
        shift = next((p for p in found if p is not scale), None)
    return scale, shift


def gradients(
    output: Any, wrt: Iterable[torch.Tensor | None], upstream: torch.Tensor, *, times: int = 1
) -> list[torch.Tensor | None]:
    """Returns the gradients of ``sum(output * upstream)``; None for what the output does not depend on.

    ``upstream`` reaches the output as it lies in memory. Of an output without entries all gradients are zero, whatever
    it is connected to. They are taken so many ``times`` of one graph, and are those of the last time.
    """
    wrt = list(wrt)
    inputs = [tensor for tensor in wrt if tensor is not None]
    if isinstance(output, torch.Tensor) and output.shape == upstream.shape and not output.numel():
        return [torch.zeros_like(tensor) if tensor is not None else None for tensor in wrt]
    if not isinstance(output, torch.Tensor) or not output.requires_grad or output.shape != upstream.shape:
        return [None for _ in wrt]
    for turn in reversed(range(times)):
        taken = torch.autograd.grad(output, inputs, upstream.to(output), retain_graph=turn > 0, allow_unused=True)
    found = iter(taken)
    return [next(found) if tensor is not None else None for tensor in wrt]


def second_order(value: Callable[[], torch.Tensor], x: torch.Tensor) -> torch.Tensor | str | None:
    """Returns the gradient of the sum of the squared gradient of a number; a text where it cannot be taken."""
    try:
        (first,) = torch.autograd.grad(value(), x, create_graph=True)
        if not first.requires_grad:
            return "the gradient does not depend on the input"
        (second,) = torch.autograd.grad(first.square().sum(), x, allow_unused=True)
    except (RuntimeError, TypeError, AttributeError) as error:
        return f"{type(error).__name__}: {error}"
    return second


# A power of two: what is multiplied by it and divided again is what it was.
STEEP = -1024.0


def plain_gradients(
    module: nn.Module,
    x: torch.Tensor,
    wrt: Iterable[torch.Tensor | None],
    upstream: torch.Tensor,
    *args: Any,
    **named: Any,
) -> list[torch.Tensor | None]:
    """Returns the gradients of parameters where x needs none, as of a network's first layer; empty where x does.

    They are taken with ``STEEP`` times the upstream gradient, and the second time of one graph.
    """
    if x.requires_grad:
        return []
    found = gradients(module(x, *args, **named), wrt, upstream * STEEP, times=2)
    return [None if gradient is None else gradient / STEEP for gradient in found]


def frozen_gradients(
    module: nn.Module,
    frozen: torch.Tensor | None,
    x: torch.Tensor,
    wrt: Iterable[torch.Tensor | None],
    upstream: torch.Tensor,
    *args: Any,
    **named: Any,
) -> list[torch.Tensor | None]:
    """Returns the gradients of x and of other parameters where one parameter needs none, as where it is not trained."""
    if frozen is None:
        return []
    frozen.requires_grad_(False)
    try:
        return gradients(module(x, *args, **named), [x, *wrt], upstream)
    finally:
        frozen.requires_grad_(True)


def _all(parameter: torch.Tensor, number: float) -> bool:
    return bool((parameter.detach() == number).all()) if parameter.device.type != "meta" else False
