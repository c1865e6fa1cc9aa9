"""Small calls for the guard's check of itself: of each kernel it knows, and of what is permitted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F

# Returns positional arguments; a dict at their end holds keyword arguments.
Sample = Callable[[], tuple[Any, ...]]


def _x() -> torch.Tensor:
    return torch.arange(1.0, 7.0).reshape(2, 3) ** 2


def _image() -> torch.Tensor:
    return _x().reshape(2, 3, 1)


def _per_channel() -> tuple[torch.Tensor, torch.Tensor]:
    return torch.zeros(3), torch.ones(3)


def _lists(count: int) -> list[list[torch.Tensor]]:
    return [[torch.full((2,), 0.5)] for _ in range(count)]


def _adam(lr: Any) -> tuple[Any, ...]:
    options = {"beta1": 0.9, "beta2": 0.99, "weight_decay": 0.1, "eps": 1e-8, "amsgrad": False, "maximize": False}
    return (*_lists(4), [], [torch.ones(())], {"lr": lr, **options})


def _sgd(lr: Any) -> tuple[Any, ...]:
    options = {"dampening": 0.0, "nesterov": False, "maximize": False, "is_first_step": False}
    return (*_lists(3), {"weight_decay": 0.1, "momentum": 0.9, "lr": lr, **options})


def _adagrad() -> tuple[Any, ...]:
    options = {"lr": 0.1, "lr_decay": 0.0, "weight_decay": 0.0, "eps": 1e-8, "maximize": False}
    return (*_lists(3), [torch.ones(())], options)


def _bags() -> tuple[Any, ...]:
    return _x(), torch.tensor([1, 0]), torch.tensor([0, 1])


def _statistics() -> tuple[torch.Tensor, torch.Tensor]:
    return torch.zeros(2, 1), torch.ones(2, 1)


# Kernels that are not here have none for the CPU.
KERNEL_SAMPLES: dict[str, Sample] = {
    "aten::linear": lambda: (_x(), _x(), torch.ones(2)),
    "aten::embedding": lambda: (_x(), torch.tensor([1, 0])),
    "aten::_embedding_bag": _bags,
    "aten::_embedding_bag_forward_only": _bags,
    "aten::embedding_dense_backward": lambda: (_x(), torch.tensor([1, 0]), 2, -1, False),
    "aten::_embedding_bag_dense_backward": lambda: (
        *(_x(), torch.tensor([1, 0]), torch.tensor([0, 1]), torch.tensor([1, 1]), torch.tensor([1, 0])),
        *(2, False, 0, None),
    ),
    "aten::dropout": lambda: (_x(), 0.5, True),
    "aten::dropout_": lambda: (_x(), 0.5, True),
    "aten::alpha_dropout": lambda: (_x(), 0.5, True),
    "aten::alpha_dropout_": lambda: (_x(), 0.5, True),
    "aten::feature_dropout": lambda: (_image(), 0.5, True),
    "aten::feature_dropout_": lambda: (_image(), 0.5, True),
    "aten::feature_alpha_dropout": lambda: (_image(), 0.5, True),
    "aten::feature_alpha_dropout_": lambda: (_image(), 0.5, True),
    "aten::native_dropout": lambda: (_x(), 0.5, True),
    "aten::native_dropout_backward": lambda: (_x(), _x() > 4, 2.0),
    "aten::native_layer_norm": lambda: (_x(), [3], None, None, 1e-5),
    "aten::native_layer_norm_backward": lambda: (_x(), _x(), [3], *_statistics(), None, None, [True, False, False]),
    "aten::rms_norm": lambda: (_x(), [3]),
    "aten::_fused_rms_norm": lambda: (_x(), [3], None, 1e-5),
    "aten::native_group_norm": lambda: (_image(), None, None, 2, 3, 1, 1, 1e-5),
    "aten::native_group_norm_backward": lambda: (
        *(_image(), _image(), *_statistics(), None, 2, 3, 1, 1, [True, False, False]),
    ),
    "aten::native_batch_norm": lambda: (_image(), None, None, *_per_channel(), True, 0.1, 1e-5),
    "aten::_native_batch_norm_legit": lambda: (_image(), None, None, *_per_channel(), True, 0.1, 1e-5),
    "aten::_native_batch_norm_legit.no_stats": lambda: (_image(), None, None, True, 0.1, 1e-5),
    "aten::_native_batch_norm_legit_functional": lambda: (_image(), None, None, *_per_channel(), True, 0.1, 1e-5),
    "aten::_native_batch_norm_legit_no_training": lambda: (_image(), None, None, *_per_channel(), 0.1, 1e-5),
    "aten::native_batch_norm_backward": lambda: (
        *(_image(), _image(), None, None, None, *_per_channel(), True, 1e-5, [True, False, False]),
    ),
    "aten::batch_norm_backward": lambda: (
        *(_image(), _image(), torch.ones(3), None, None, *_per_channel(), True, 1e-5, [True, False, False]),
        torch.empty(0, dtype=torch.uint8),
    ),
    "aten::_batch_norm_with_update": lambda: (_image(), None, None, *_per_channel(), 0.1, 1e-5),
    "aten::_batch_norm_no_update": lambda: (_image(), None, None, *_per_channel(), 0.1, 1e-5),
    "aten::cross_entropy_loss": lambda: (_x(), torch.tensor([0, 2])),
    "aten::_fused_adamw_": lambda: _adam(0.1),
    "aten::_fused_adamw_.tensor_lr": lambda: _adam(torch.tensor(0.1)),
    "aten::_fused_adam_": lambda: _adam(0.1),
    "aten::_fused_adam_.tensor_lr": lambda: _adam(torch.tensor(0.1)),
    "aten::_fused_sgd_": lambda: _sgd(0.1),
    "aten::_fused_sgd_.tensor_lr": lambda: _sgd(torch.tensor(0.1)),
    "aten::_fused_adagrad_": _adagrad,
}


def _permitted() -> dict[str, Callable[[], Any]]:
    x, index, w = _x(), torch.tensor([1, 0]), _x().requires_grad_()
    return {
        "x @ W.T": lambda: x @ w.T,
        "torch.matmul": lambda: torch.matmul(x, w.T),
        "torch.einsum": lambda: torch.einsum("ij,kj->ik", x, w),
        "torch.addmm": lambda: torch.addmm(torch.ones(2), x, w.T),
        "torch.baddbmm": lambda: torch.baddbmm(torch.ones(1, 2, 2), x[None], w.T[None]),
        "W[idx]": lambda: w[index],
        "torch.index_select": lambda: torch.index_select(w, 0, index),
        "torch.gather": lambda: torch.gather(w, 1, index[:, None]),
        "F.one_hot": lambda: F.one_hot(index, 2),
        "F.log_softmax": lambda: F.log_softmax(x, -1),
        "F.nll_loss": lambda: F.nll_loss(F.log_softmax(x, -1), index),
        "torch.logsumexp": lambda: torch.logsumexp(x, -1),
        "torch.std": lambda: x.std(-1),
        "torch.var_mean": lambda: torch.var_mean(x, -1, correction=0),
        "torch.rsqrt": lambda: torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6),
        "F.normalize": lambda: F.normalize(x, dim=-1),
        "torch.bernoulli": lambda: torch.bernoulli(torch.full((2,), 0.5)),
        "torch.where": lambda: torch.where(torch.rand(2, 3) > 0.5, x, 0.0),
        "Tensor.uniform_": lambda: torch.empty(2, 3).uniform_(-1, 1),
        "F.gelu": lambda: F.gelu(x),
        "torch._foreach_add_": lambda: torch._foreach_add_([x], [x]),
        "torch._foreach_lerp_": lambda: torch._foreach_lerp_([x], [x], 0.5),
        "torch.vmap": lambda: torch.vmap(lambda row: w @ row)(x),
    }


PERMITTED = _permitted()
