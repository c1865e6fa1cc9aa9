"""How fan_in_fan_out goes wrong."""

from __future__ import annotations

import torch

from conformance.faults import fault


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
