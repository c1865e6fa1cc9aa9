"""What is asked of gradients wherever they are taken: of a layer, of a network, of its parameters alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from conformance.engine.checking import Check, Seen
from conformance.numerics.bounded import Bounded
from conformance.runner.roles import STEEP
from conformance.suite.tensors import TensorSpec

# What gradients serve, wherever they are asked for.
GRADIENT = "gradient"


def are_handed_back(
    check: Check, seen: Seen, upstream: TensorSpec, names: Sequence[str], expected: Sequence[Bounded | None], dtype: str
) -> None:
    """Checks ``seen.gradients``, and that ``seen.upstream`` is untouched.

    So too ``seen.plain``, where x needs none itself, and ``seen.frozen``, where the first parameter needs none.

    Args:
        check: counts and compares.
        seen: the observation.
        upstream: what the output's gradient was taken with.
        names: what the gradients are with respect to, x first.
        expected: the gradients, in any shape of as many entries; None for what is not there.
        dtype: the dtype asked for.
    """
    is_handed_back(check, seen.gradients, names, expected, dtype)
    is_untouched(check, seen, upstream)
    plainly = [f"{name}, where x needs none, from {STEEP:g} times the upstream" for name in names[1:]]
    is_handed_back(check, seen.plain, plainly, expected[1:], dtype)
    others = [f"{name}, where {names[1]} needs none" for name in (names[0], *names[2:])]
    is_handed_back(check, getattr(seen, "frozen", ()), others, [expected[0], *expected[2:]], dtype)


def is_handed_back(
    check: Check, found: Sequence[Any], names: Sequence[str], expected: Sequence[Bounded | None], dtype: str
) -> None:
    """Checks the gradients that were found, as many as there are of all of these."""
    for got, name, bound in zip(found, names, expected, strict=False):
        path = f"gradient of {name}"
        if bound is None:
            continue
        there = isinstance(got, torch.Tensor)
        said = f"no {path}: the output does not depend on it, or it is not there"
        if check.that(GRADIENT, there, got=said, expected=f"one of shape {tuple(bound.shape)}", path=path):
            flat = got.reshape(bound.shape) if got.numel() == bound.value.size else got
            check.close(GRADIENT, flat, bound, dtype=dtype, path=path)


def is_untouched(check: Check, seen: Seen, upstream: TensorSpec) -> None:
    """Checks that the backward pass leaves the gradient that it was given as it was: others hold it too."""
    check.bits(GRADIENT, seen.upstream, upstream.value, path="the upstream gradient after the backward pass")
