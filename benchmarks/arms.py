"""Who is measured: impl, torch and a submission, each under the contract's names."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

import impl
import impl.compiled
from conformance.runner.loading import load, read_submission

BASELINE, AGAIN = "torch", "torch again"  # the second is the first once more: what lies between them is noise

Stepper = Callable[[], object]


class MissingPartError(Exception):
    """An arm has no part of that name."""


@dataclass(frozen=True)
class Arm:
    """A name, and parts under the contract's names; `adamw` makes a step over parameters that have gradients."""

    name: str
    parts: Mapping[str, Any]
    adamw: Callable[[list[Tensor], float], Stepper]
    compiled: bool = False

    def part(self, name: str) -> Any:
        """The part of that name.

        Raises:
            MissingPartError: it has none.
        """
        if name not in self.parts:
            raise MissingPartError(f"no {name}")
        return self.parts[name]


class _TorchMLP(nn.Sequential):
    def __init__(self, in_dim: int, hidden_dim: int, out_dim: int, depth: int, use_layernorm: bool = False):
        layers: list[nn.Module] = [nn.Linear(in_dim, hidden_dim if depth > 1 else out_dim)]
        for i in range(1, depth):
            layers += [nn.LayerNorm(hidden_dim), nn.GELU()] if use_layernorm else [nn.GELU()]
            layers.append(nn.Linear(hidden_dim, out_dim if i == depth - 1 else hidden_dim))
        super().__init__(*layers)


def _pad(seqs: list[Tensor], pad_value: int = 0) -> tuple[Tensor, Tensor, Tensor]:
    lengths = torch.tensor([len(seq) for seq in seqs])
    tokens = nn.utils.rnn.pad_sequence(seqs, batch_first=True, padding_value=pad_value)
    return tokens, lengths, torch.arange(tokens.shape[1]) >= lengths[:, None]


_TORCH_PARTS: dict[str, Any] = {
    "MLP": _TorchMLP,
    "LayerNorm": nn.LayerNorm,
    "RMSNorm": lambda d, eps=1e-8: nn.RMSNorm(d, eps=eps),
    "cross_entropy_from_logits": F.cross_entropy,
    "xavier_uniform_": nn.init.xavier_uniform_,
    "kaiming_uniform_": lambda weight: nn.init.kaiming_uniform_(weight, nonlinearity="relu"),
    "pad_1d_sequences": _pad,
}


def torch_arm(
    name: str = BASELINE, compiled: bool = False, foreach: bool | None = None, fused: bool | None = None
) -> Arm:
    """torch's own parts; `foreach` or `fused` as its AdamW takes them, its default otherwise."""

    def adamw(params: list[Tensor], lr: float) -> Stepper:
        return torch.optim.AdamW(params, lr, foreach=foreach, fused=fused).step

    return Arm(name, _TORCH_PARTS, adamw, compiled)


def contract_arm(name: str, parts: Mapping[str, Any], compiled: bool = False) -> Arm:
    """Parts under the contract's names, as impl and every submission have them."""

    def adamw(params: list[Tensor], lr: float) -> Stepper:
        for needed in ("init_adamw_state", "adamw_step_", "adamw_step_many_"):
            if needed not in parts:
                raise MissingPartError(f"no {needed}")
        states = [parts["init_adamw_state"](p) for p in params]

        def step() -> None:
            grads = [p.grad for p in params]
            if len(params) == 1:
                states[0] = parts["adamw_step_"](params[0], grads[0], states[0], lr)
            else:
                states[:] = parts["adamw_step_many_"](params, grads, states, lr)

        return step

    return Arm(name, parts, adamw, compiled)


def impl_arm(compiled: bool = False) -> Arm:
    """The reference solution; compiled, its AdamW is a compiled one too."""
    if compiled:
        return contract_arm("impl compiled", {**vars(impl), **vars(impl.compiled)}, compiled)
    return contract_arm("impl", vars(impl))


def submission_arm(target: str) -> Arm:
    """A file, directory or module; its definitions are run in this process, so it must be one you trust."""
    return contract_arm("submission", load(read_submission(target)).namespace)
