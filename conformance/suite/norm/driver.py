"""Builds a norm, sets its parameters by role, calls it, and reports what it did."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from torch import nn

from conformance.runner.roles import (
    as_used,
    call_with_others,
    fill,
    frozen_gradients,
    gradients,
    observed,
    parameters_of,
    plain_gradients,
    scale_and_shift,
    second_order,
)


def layer_norm(items: SimpleNamespace, case: SimpleNamespace) -> dict[str, Any]:
    """Applies LayerNorm twice and reports both outputs, the input afterwards, and the gradients asked for."""
    return _apply(items.LayerNorm, case)


def rms_norm(items: SimpleNamespace, case: SimpleNamespace) -> dict[str, Any]:
    """Applies RMSNorm twice and reports both outputs, the input afterwards, and the gradients asked for."""
    return _apply(items.RMSNorm, case)


def layer_norm_without_eps(items: SimpleNamespace, case: SimpleNamespace) -> dict[str, Any]:
    """Does what ``layer_norm`` does for an eps of zero, or reports how it is refused."""
    return _or_refused(items.LayerNorm, case)


def rms_norm_without_eps(items: SimpleNamespace, case: SimpleNamespace) -> dict[str, Any]:
    """Does what ``rms_norm`` does for an eps of zero, or reports how it is refused."""
    return _or_refused(items.RMSNorm, case)


def _or_refused(norm: Any, case: SimpleNamespace) -> dict[str, Any]:
    try:
        return {**_apply(norm, case), "refused": None}
    except (ValueError, AssertionError) as error:
        return {"refused": f"{type(error).__name__}: {error}"}


def layer_norm_built(items: SimpleNamespace, case: SimpleNamespace) -> dict[str, Any]:
    """Builds LayerNorm and reports its parameters."""
    return _built(items.LayerNorm, case)


def rms_norm_built(items: SimpleNamespace, case: SimpleNamespace) -> dict[str, Any]:
    """Builds RMSNorm and reports its parameters."""
    return _built(items.RMSNorm, case)


def _apply(norm: Any, case: SimpleNamespace) -> dict[str, Any]:
    given = case.eps is not None  # where it is not, a norm that takes no eps can be judged by the rest
    module, other = (norm(case.width, eps=eps) if given else norm(case.width) for eps in (case.eps, 0.5))
    module.to(device=case.device, dtype=case.x.dtype)
    module.train(case.training)
    # Half the time as what was loaded from a file: before the first call.
    scale, shift = _filled(module, case) if case.training else (None, None)
    with as_used(case):
        call_with_others(module, case.x)
    if scale is None and shift is None:
        scale, shift = _filled(module, case)
    with as_used(case):
        seen = {**observed(module, case.x, other), "x": case.x}
    if case.upstream is not None:
        x = case.x.detach().clone().requires_grad_()
        y = module(x)
        call_with_others(module, x)  # what is kept for the backward pass belongs to its own call
        seen["gradients"] = gradients(y, [x, scale, shift], case.upstream)
        seen["plain"] = plain_gradients(module, case.x, [scale, shift], case.upstream)
        seen["frozen"] = frozen_gradients(module, scale, x, [shift], case.upstream)
        seen["upstream"] = case.upstream
        seen["second"] = second_order(lambda: (module(x) * case.upstream.to(case.x.dtype)).sum(), x)
    return seen


def _filled(module: nn.Module, case: SimpleNamespace) -> tuple[nn.Parameter | None, nn.Parameter | None]:
    """Gives scale and shift the values of the case and returns them; None for one that is not there."""
    scale, shift = scale_and_shift(module, case.width)
    for parameter, value in ((scale, case.weight), (shift, case.bias)):
        if parameter is not None:
            fill(parameter, value)
    return scale, shift


def _built(norm: Any, case: SimpleNamespace) -> dict[str, Any]:
    module = norm(case.width)
    return {
        "parameters": parameters_of(module),
        "trainable": [bool(parameter.requires_grad) for parameter in module.parameters()],
        "buffers": [str(name) for name, _ in module.named_buffers()],
    }
