"""What is asked of the parameters of anything that was just built."""

from __future__ import annotations

from typing import Any

import torch

from conformance.engine.checking import Check, Seen, kind_of


def start_at_numbers(check: Check, seen: Seen) -> None:
    """Checks that there are parameters, and that each holds numbers and is trainable."""
    check.that("initialised", bool(seen.parameters), got="no parameter at all", expected="registered parameters")
    for (name, value), trainable in zip(seen.parameters, seen.trainable, strict=True):
        check.that(
            "initialised", holds_numbers(value), got=_held(name, value), expected="parameters that start at numbers"
        )
        check.that("initialised", trainable is True, got=f"`{name}` is frozen", expected="parameters that learn")


def holds_numbers(value: Any) -> bool:
    """Returns whether a value is a tensor of finite numbers; on the meta device there are none."""
    return isinstance(value, torch.Tensor) and value.device.type != "meta" and bool(value.isfinite().all())


def _held(name: str, value: Any) -> str:
    if not isinstance(value, torch.Tensor):
        return kind_of(value)
    if value.device.type == "meta":
        return f"`{name}` lies on the meta device, where nothing has a value"
    return f"`{name}` holds NaN, infinity, or what happened to be in memory"
