"""The reference solution of both exercises: one submission among others, minimal and fast."""

from __future__ import annotations

from impl.autograd import grad_with_autograd_grad, grad_with_backward, grad_wrt_multiple_inputs
from impl.classification import ClassificationHead, accuracy, cross_entropy_from_logits, train_classifier
from impl.data import (
    NextTokenDataset,
    PaddedBatch,
    RandomCropSequenceDataset,
    TensorPairDataset,
    collate_next_token_batch,
    make_dataloader,
    pad_1d_sequences,
)
from impl.init import fan_in_fan_out, init_linear_, kaiming_uniform_, xavier_uniform_
from impl.layers import Dropout, Embedding, Linear
from impl.networks import MLP, FeedForward, Residual
from impl.norm import LayerNorm, RMSNorm
from impl.optim import AdamWState, adamw_step_, adamw_step_many_, init_adamw_state
from impl.training import train_step_mse

__all__ = [
    "MLP",
    "AdamWState",
    "ClassificationHead",
    "Dropout",
    "Embedding",
    "FeedForward",
    "LayerNorm",
    "Linear",
    "NextTokenDataset",
    "PaddedBatch",
    "RMSNorm",
    "RandomCropSequenceDataset",
    "Residual",
    "TensorPairDataset",
    "accuracy",
    "adamw_step_",
    "adamw_step_many_",
    "collate_next_token_batch",
    "cross_entropy_from_logits",
    "fan_in_fan_out",
    "grad_with_autograd_grad",
    "grad_with_backward",
    "grad_wrt_multiple_inputs",
    "init_adamw_state",
    "init_linear_",
    "kaiming_uniform_",
    "make_dataloader",
    "pad_1d_sequences",
    "train_classifier",
    "train_step_mse",
    "xavier_uniform_",
]
