"""The families of reference code: what belongs together when a rule says "not this one"."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Family(StrEnum):
    """One thing that a submission may be asked to write itself, with all of torch's ways of having it done."""

    LINEAR = "linear"
    EMBEDDING = "embedding"
    DROPOUT = "dropout"
    NORM = "norm"
    CROSS_ENTROPY = "cross_entropy"
    ADAMW = "adamw"  # every optimizer of torch.optim; writing a subclass of torch.optim.Optimizer is fine
    INIT = "init"  # torch.nn.init's xavier_* and kaiming_*
    INIT_HELPER = "init_helper"  # the rest of torch.nn.init: uniform_, calculate_gain, the fans, ...
    BACKWARD = "backward"  # the engine ran and accumulated into .grad
    AUTOGRAD_GRAD = "autograd_grad"  # the engine ran and returned the gradients
    JUDGE = "judge"  # the judge's own files

    # Enum's own hash runs in Python; families are looked up on each call of a kernel.
    __hash__ = str.__hash__


# A family counts as a part of its group while the group's own code runs: xavier_uniform_ calls uniform_.
GROUP = {Family.INIT_HELPER: Family.INIT}


@dataclass(frozen=True)
class Kernel:
    """An operator of torch's dispatcher that does a family's work, forwards or backwards.

    ``composite`` ones are written in terms of other operators, so autograd never sees them as one; ``public`` is how
    people call an operator that has no Python function around it.
    """

    name: str
    family: Family
    composite: bool = False
    public: str = ""


# layer_norm, group_norm, batch_norm, instance_norm and embedding_bag are composites of what is listed here, and so is
# an out= form that is not.
KERNELS = (
    Kernel("aten::linear", Family.LINEAR, composite=True, public="torch.nn.functional.linear"),
    Kernel("aten::linear.out", Family.LINEAR),
    Kernel("aten::mkldnn_linear", Family.LINEAR),
    Kernel("aten::mkldnn_linear.out", Family.LINEAR),
    Kernel("mkldnn::_linear_pointwise", Family.LINEAR),
    Kernel("mkldnn::_linear_pointwise.binary", Family.LINEAR),
    Kernel("mkl::_mkl_linear", Family.LINEAR),
    Kernel("aten::embedding", Family.EMBEDDING, public="torch.embedding"),
    Kernel("aten::_embedding_bag", Family.EMBEDDING),
    Kernel("aten::_embedding_bag_forward_only", Family.EMBEDDING),
    Kernel("aten::embedding_dense_backward", Family.EMBEDDING),
    Kernel("aten::_embedding_bag_dense_backward", Family.EMBEDDING),
    Kernel("aten::dropout", Family.DROPOUT, composite=True, public="torch.dropout"),
    Kernel("aten::dropout_", Family.DROPOUT, composite=True, public="torch.dropout_"),
    Kernel("aten::alpha_dropout", Family.DROPOUT, composite=True, public="torch.alpha_dropout"),
    Kernel("aten::alpha_dropout_", Family.DROPOUT, composite=True, public="torch.alpha_dropout_"),
    Kernel("aten::feature_dropout", Family.DROPOUT, composite=True, public="torch.feature_dropout"),
    Kernel("aten::feature_dropout_", Family.DROPOUT, composite=True, public="torch.feature_dropout_"),
    Kernel("aten::feature_alpha_dropout", Family.DROPOUT, composite=True, public="torch.feature_alpha_dropout"),
    Kernel("aten::feature_alpha_dropout_", Family.DROPOUT, composite=True, public="torch.feature_alpha_dropout_"),
    Kernel("aten::native_dropout", Family.DROPOUT, public="torch.native_dropout"),
    Kernel("aten::_fused_dropout", Family.DROPOUT),
    Kernel("aten::native_dropout_backward", Family.DROPOUT),
    Kernel("aten::native_layer_norm", Family.NORM),
    Kernel("aten::native_layer_norm_backward", Family.NORM),
    Kernel("aten::rms_norm", Family.NORM, composite=True, public="torch.rms_norm"),
    Kernel("aten::_fused_rms_norm", Family.NORM, composite=True),
    Kernel("aten::_fused_rms_norm_backward", Family.NORM),
    Kernel("aten::native_group_norm", Family.NORM),
    Kernel("aten::native_group_norm_backward", Family.NORM),
    Kernel("aten::native_batch_norm", Family.NORM),
    Kernel("aten::native_batch_norm_backward", Family.NORM),
    Kernel("aten::batch_norm_backward", Family.NORM),
    Kernel("aten::_native_batch_norm_legit", Family.NORM),
    Kernel("aten::_native_batch_norm_legit.no_stats", Family.NORM),
    Kernel("aten::_native_batch_norm_legit_functional", Family.NORM),
    Kernel("aten::_native_batch_norm_legit_no_training", Family.NORM),
    Kernel("aten::_batch_norm_with_update", Family.NORM),
    Kernel("aten::_batch_norm_no_update", Family.NORM),
    Kernel("aten::native_batch_norm.out", Family.NORM),
    Kernel("aten::_native_batch_norm_legit.out", Family.NORM),
    Kernel("aten::_native_batch_norm_legit.no_stats_out", Family.NORM),
    Kernel("aten::_batch_norm_with_update.out", Family.NORM),
    Kernel("aten::cudnn_batch_norm", Family.NORM),
    Kernel("aten::miopen_batch_norm", Family.NORM),
    Kernel("aten::cross_entropy_loss", Family.CROSS_ENTROPY, composite=True),
    Kernel("aten::_fused_adamw_", Family.ADAMW, public="torch._fused_adamw_"),
    Kernel("aten::_fused_adamw_.tensor_lr", Family.ADAMW, public="torch._fused_adamw_"),
    Kernel("aten::_fused_adam_", Family.ADAMW, public="torch._fused_adam_"),
    Kernel("aten::_fused_adam_.tensor_lr", Family.ADAMW, public="torch._fused_adam_"),
    Kernel("aten::_fused_sgd_", Family.ADAMW, public="torch._fused_sgd_"),
    Kernel("aten::_fused_sgd_.tensor_lr", Family.ADAMW, public="torch._fused_sgd_"),
    Kernel("aten::_fused_adagrad_", Family.ADAMW, public="torch._fused_adagrad_"),
    Kernel("aten::_backward", Family.BACKWARD, composite=True),
)

# Operators of TorchScript alone, which go past the dispatcher.
SCRIPT_KERNELS = (
    Kernel("prim::MKLDNNLayerNorm", Family.NORM),
    Kernel("prim::MKLDNNLayerNorm_", Family.NORM),
    Kernel("aten::backward", Family.BACKWARD),
    Kernel("aten::grad", Family.AUTOGRAD_GRAD),
)

# torch.nn classes that are a family's reference by themselves; subclasses of them count as well.
MODULES = {
    "Linear": Family.LINEAR,
    "Embedding": Family.EMBEDDING,
    "EmbeddingBag": Family.EMBEDDING,
    "modules.dropout._DropoutNd": Family.DROPOUT,
    "modules.batchnorm._NormBase": Family.NORM,
    "LayerNorm": Family.NORM,
    "RMSNorm": Family.NORM,
    "GroupNorm": Family.NORM,
    "LocalResponseNorm": Family.NORM,
    "CrossMapLRN2d": Family.NORM,
    "CrossEntropyLoss": Family.CROSS_ENTROPY,
    "LinearCrossEntropyLoss": Family.CROSS_ENTROPY,
}
