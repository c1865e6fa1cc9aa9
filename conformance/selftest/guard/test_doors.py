"""Each way that torch offers to have the reference do the work is seen."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch._decomp
import torch._refs
import torch.nn.functional as F
from torch import nn

# What torch itself leaves untyped.
any_torch: Any = torch
aten: Any = torch.ops.aten
refs: Any = torch._refs


def rows(*shape: int) -> torch.Tensor:
    return torch.arange(1.0, 1.0 + torch.Size(shape).numel()).reshape(shape).requires_grad_()


def adamw_lists() -> tuple[list[torch.Tensor], ...]:
    p, grad, m, v = ([torch.ones(2)] for _ in range(4))
    return p, grad, m, v, [], [torch.ones(())]


ADAMW = {"lr": 0.1, "beta1": 0.9, "beta2": 0.99, "weight_decay": 0.1, "eps": 1e-8, "amsgrad": False, "maximize": False}
TARGET = torch.tensor([0, 1])
CPU_KEY = torch._C.DispatchKey.CPU
CPU = torch._C.DispatchKeySet(CPU_KEY)

IMAGE = torch.ones(2, 3, 1, 1)
MKLDNN = (torch.ones(2, 3).to_mkldnn(), [3], torch.ones(3).to_mkldnn(), torch.zeros(3).to_mkldnn())

DOORS: dict[str, tuple[str, Callable[[], Any]]] = {
    "F.linear": ("linear", lambda: F.linear(rows(2, 3), rows(4, 3))),
    "nn.Linear": ("linear", lambda: nn.Linear(3, 4)),
    "nn.LazyLinear": ("linear", lambda: nn.LazyLinear(4)(rows(2, 3))),
    "torch._C._nn.linear": ("linear", lambda: torch._C._nn.linear(rows(2, 3), rows(4, 3))),
    "aten.linear": ("linear", lambda: aten.linear(rows(2, 3), rows(4, 3))),
    "aten.linear.out": ("linear", lambda: aten.linear(rows(2, 3).data, rows(4, 3).data, out=torch.empty(2, 4))),
    "aten.linear.decompose": ("linear", lambda: aten.linear.default.decompose(rows(2, 3), rows(4, 3))),
    "aten.embedding.out": ("embedding", lambda: aten.embedding(rows(4, 3).data, TARGET, out=torch.empty(2, 3))),
    "F.embedding": ("embedding", lambda: F.embedding(TARGET, rows(4, 3))),
    "torch.embedding": ("embedding", lambda: torch.embedding(rows(4, 3), TARGET)),
    "nn.Embedding": ("embedding", lambda: nn.Embedding(4, 3)),
    "nn.Embedding.from_pretrained": ("embedding", lambda: any_torch.nn.Embedding.from_pretrained(rows(4, 3))(TARGET)),
    "F.embedding_bag": ("embedding", lambda: F.embedding_bag(TARGET[:, None], rows(4, 3))),
    "decomposed embedding": (
        "embedding",
        lambda: torch._decomp.decomposition_table[aten.embedding.default](rows(4, 3), TARGET),
    ),
    "F.dropout": ("dropout", lambda: F.dropout(rows(2, 3))),
    "F.dropout, at evaluation": ("dropout", lambda: F.dropout(rows(2, 3), training=False)),
    "F.dropout, in place": ("dropout", lambda: F.dropout(torch.ones(3), inplace=True)),
    "F.dropout1d": ("dropout", lambda: F.dropout1d(rows(2, 3, 4))),
    "F.alpha_dropout": ("dropout", lambda: F.alpha_dropout(rows(2, 3), training=True)),
    "F.feature_alpha_dropout": ("dropout", lambda: F.feature_alpha_dropout(rows(2, 3, 1), training=True)),
    "nn.Dropout": ("dropout", nn.Dropout),
    "torch.dropout": ("dropout", lambda: torch.dropout(rows(2, 3), 0.5, True)),
    "torch.native_dropout": ("dropout", lambda: torch.native_dropout(rows(2, 3), 0.5, True)),
    "_refs dropout": ("dropout", lambda: refs.nn.functional.dropout(rows(2, 3))),
    "F.layer_norm": ("norm", lambda: F.layer_norm(rows(2, 3), (3,))),
    "torch.layer_norm": ("norm", lambda: torch.layer_norm(rows(2, 3), (3,))),
    "torch.native_layer_norm": ("norm", lambda: torch.native_layer_norm(rows(2, 3), (3,), None, None, 1e-5)),
    "aten.native_layer_norm.redispatch": (
        "norm",
        lambda: aten.native_layer_norm.default.redispatch(CPU, rows(2, 3).data, [3], None, None, 1e-5),
    ),
    "a handle's redispatch": (
        "norm",
        lambda: aten.native_layer_norm.default._handle.redispatch_boxed(CPU, rows(2, 3).data, [3], None, None, 1e-5),
    ),
    "an operator at a key": (
        "norm",
        lambda: aten.native_layer_norm.default._op_dk(CPU_KEY, rows(2, 3).data, [3], None, None, 1e-5),
    ),
    "an overload at a key": (
        "norm",
        lambda: any_torch._C._get_operation_overload("aten::native_layer_norm", "")[1](
            CPU_KEY, rows(2, 3).data, [3], None, None, 1e-5
        ),
    ),
    "aten.layer_norm.decompose": ("norm", lambda: aten.layer_norm.default.decompose(rows(2, 3), [3])),
    "_refs.native_layer_norm": ("norm", lambda: refs.native_layer_norm(rows(2, 3), [3], None, None, 1e-5)),
    "_refs layer_norm": ("norm", lambda: refs.nn.functional.layer_norm(rows(2, 3), (3,))),
    "decomposed layer norm": (
        "norm",
        lambda: torch._decomp.decomposition_table[aten.native_layer_norm.default](rows(2, 3), [3], None, None, 1e-5),
    ),
    "nn.LayerNorm": ("norm", lambda: nn.LayerNorm(3)),
    "aten.native_layer_norm.out": (
        "norm",
        lambda: aten.native_layer_norm(
            rows(2, 3).data, [3], None, None, 1e-5, out0=torch.empty(0), out1=torch.empty(0), out2=torch.empty(0)
        ),
    ),
    "aten.native_batch_norm.out": (
        "norm",
        lambda: torch.native_batch_norm(
            rows(2, 3).data, None, None, None, None, True, 0.1, 1e-5, out=[torch.empty(0) for _ in range(3)]
        ),
    ),
    "aten._fused_rms_norm": ("norm", lambda: aten._fused_rms_norm(rows(2, 3), [3], None, 1e-5)),
    "rms_norm of nested tensors": (
        "norm",
        lambda: F.rms_norm(torch.nested.nested_tensor_from_jagged(rows(2, 3), torch.tensor([0, 2])), (3,)),
    ),
    "dropout on a backend without a key": ("dropout", lambda: F.dropout(torch.ones(2).to_mkldnn(), training=False)),
    "CrossMapLRN2d's function": ("norm", lambda: any_torch.nn.modules._functions.CrossMapLRN2d.apply(IMAGE, 6, 2.0)),
    "an operator of TorchScript": (
        "norm",
        lambda: any_torch._C._jit_get_operation("prim::MKLDNNLayerNorm")[0](*MKLDNN, 1e-5, False),
    ),
    "torch.ops.prim": ("norm", lambda: any_torch.ops.prim.MKLDNNLayerNorm(*MKLDNN, 1e-5, False)),
    "an overload in torch.ops.prim": (
        "norm",
        lambda: any_torch.ops.prim.MKLDNNLayerNorm.default(*MKLDNN, 1e-5, False),
    ),
    "what a decorator keeps": (
        "embedding",
        lambda: any_torch._decomp.decompositions.embedding.__wrapped__(rows(4, 3), TARGET),
    ),
    "_refs._normalize": ("norm", lambda: refs._normalize(rows(2, 3), [1], 1e-5)),
    "F.rms_norm": ("norm", lambda: F.rms_norm(rows(2, 3), (3,))),
    "aten.rms_norm.decompose": ("norm", lambda: aten.rms_norm.default.decompose(rows(2, 3), [3])),
    "nn.RMSNorm": ("norm", lambda: nn.RMSNorm(3)),
    "F.instance_norm": ("norm", lambda: F.instance_norm(rows(1, 2, 3))),
    "F.group_norm": ("norm", lambda: F.group_norm(rows(2, 3), 1)),
    "F.batch_norm on the transpose": ("norm", lambda: F.batch_norm(rows(2, 3).T, None, None, training=True)),
    "F.batch_norm, at evaluation": ("norm", lambda: F.batch_norm(rows(2, 3), torch.zeros(3), torch.ones(3))),
    "F.local_response_norm": ("norm", lambda: F.local_response_norm(rows(1, 2, 3), 3)),
    "nn.GroupNorm": ("norm", lambda: nn.GroupNorm(1, 3)),
    "nn.BatchNorm1d": ("norm", lambda: nn.BatchNorm1d(3)),
    "nn.InstanceNorm1d": ("norm", lambda: nn.InstanceNorm1d(3)),
    "F.cross_entropy": ("cross_entropy", lambda: F.cross_entropy(rows(2, 3), TARGET)),
    "F.cross_entropy of probabilities": ("cross_entropy", lambda: F.cross_entropy(rows(2, 3), torch.ones(2, 3) / 3)),
    "nn.CrossEntropyLoss": ("cross_entropy", nn.CrossEntropyLoss),
    "aten.cross_entropy_loss": ("cross_entropy", lambda: aten.cross_entropy_loss(rows(2, 3), TARGET)),
    "AdamW": ("adamw", lambda: torch.optim.AdamW([rows(2)])),
    "Adam": ("adamw", lambda: torch.optim.Adam([rows(2)])),
    "SGD": ("adamw", lambda: torch.optim.SGD([rows(2)], lr=0.1)),
    "adamw": ("adamw", lambda: any_torch.optim._functional.adamw(*adamw_lists(), foreach=False, **ADAMW)),
    "torch._fused_adamw_": ("adamw", lambda: any_torch._fused_adamw_(*adamw_lists(), **ADAMW)),
    "torch._fused_adam_": ("adamw", lambda: any_torch._fused_adam_(*adamw_lists(), **ADAMW)),
    "xavier_uniform_": ("init", lambda: nn.init.xavier_uniform_(torch.empty(2, 3))),
    "xavier_normal_": ("init", lambda: nn.init.xavier_normal_(torch.empty(2, 3))),
    "kaiming_uniform_": ("init", lambda: nn.init.kaiming_uniform_(torch.empty(2, 3), nonlinearity="relu")),
    "kaiming_normal_": ("init", lambda: nn.init.kaiming_normal_(torch.empty(2, 3))),
    "Tensor.backward": ("backward", lambda: rows(2).sum().backward()),  # type: ignore[no-untyped-call]
    "autograd.backward": ("backward", lambda: torch.autograd.backward(rows(2).sum())),
    "aten._backward": ("backward", lambda: aten._backward((x := rows(2)).sum(), [x])),
    "the engine itself": (
        "backward",
        lambda: any_torch.autograd.Variable._execution_engine.run_backward(
            (rows(2).sum(),), (torch.ones(()),), False, False, (), allow_unreachable=True, accumulate_grad=True
        ),
    ),
    "an engine made anew": (
        "backward",
        lambda: any_torch._C._ImperativeEngine().run_backward(
            (rows(2).sum(),), (torch.ones(()),), False, False, (), allow_unreachable=True, accumulate_grad=True
        ),
    ),
    "backward, an operator of TorchScript": (
        "backward",
        lambda: any_torch._C._jit_get_operation("aten::backward")[0](rows(2).sum()),
    ),
    "autograd.grad": ("autograd_grad", lambda: torch.autograd.grad((x := rows(2)).sum(), x)),
    "torch.func.grad": ("autograd_grad", lambda: torch.func.grad(torch.sum)(rows(2))),
    "jacobian": ("autograd_grad", lambda: torch.autograd.functional.jacobian(torch.sum, rows(2))),  # type: ignore[no-untyped-call]
}


@pytest.mark.parametrize("name", DOORS)
def test_a_door_is_seen(name: str, seen: Callable[[Callable[[], Any]], set[str]]) -> None:
    family, call = DOORS[name]
    assert family in seen(call)


COMPOSITES: dict[str, tuple[str, Callable[[torch.Tensor], torch.Tensor]]] = {
    "linear": ("linear", lambda x: F.linear(x, torch.ones(2, 3))),
    "layer_norm": ("norm", lambda x: F.layer_norm(x, (3,))),
    "rms_norm": ("norm", lambda x: F.rms_norm(x, (3,))),
    "cross_entropy": ("cross_entropy", lambda x: F.cross_entropy(x, torch.ones((), dtype=torch.int64))),
    "dropout": ("dropout", lambda x: F.dropout(x, 0.5)),
}

WRAPPERS: dict[str, Callable[[Callable[[torch.Tensor], torch.Tensor]], Any]] = {
    "no_grad": lambda f: torch.no_grad()(f)(torch.ones(3)),
    "inference_mode": lambda f: torch.inference_mode()(lambda: f(torch.ones(3)))(),
    "autocast": lambda f: torch.autocast("cpu")(f)(torch.ones(3)),
    "vmap": lambda f: torch.vmap(f, randomness="different")(torch.ones(4, 3)),
    "grad": lambda f: torch.func.grad(lambda x: f(x).sum())(torch.ones(3)),
    "jvp": lambda f: torch.func.jvp(f, (torch.ones(3),), (torch.ones(3),)),
    "jacrev": lambda f: torch.func.jacrev(f)(torch.ones(3)),
    "compile": lambda f: torch.compile(f)(torch.ones(3)),
    "jit.trace": lambda f: torch.jit.trace(f, torch.ones(3), check_trace=False)(torch.ones(3)),  # type: ignore[no-untyped-call]
    "meta": lambda f: any_torch.set_default_device("meta") or f(torch.ones(3)),
}


@pytest.mark.filterwarnings("ignore:.*is (deprecated|not supported):DeprecationWarning")
@pytest.mark.parametrize("wrapper", WRAPPERS)
@pytest.mark.parametrize("name", COMPOSITES)
def test_a_kernel_is_seen_inside(name: str, wrapper: str, seen: Callable[[Callable[[], Any]], set[str]]) -> None:
    family, function = COMPOSITES[name]
    try:
        assert family in seen(lambda: WRAPPERS[wrapper](function))
    finally:
        torch.set_default_device(None)


BUILT: dict[str, Callable[[], Any]] = {
    "mkldnn::_linear_pointwise": lambda: torch.ops.mkldnn._linear_pointwise(
        rows(2, 3).data, rows(4, 3).data, None, "none", [], ""
    ),
    "mkldnn::_linear_pointwise.binary": lambda: torch.ops.mkldnn._linear_pointwise.binary(
        rows(2, 3).data, torch.ones(2, 4), rows(4, 3).data, None, "add"
    ),
    "mkl::_mkl_linear": lambda: torch.ops.mkl._mkl_linear(rows(2, 3).data, rows(4, 3).data, rows(4, 3).data, None, 2),
}


@pytest.mark.parametrize("name", BUILT)
def test_a_linear_of_a_library_is_seen(name: str, seen: Callable[[Callable[[], Any]], set[str]]) -> None:
    if name not in torch._C._dispatch_get_all_op_names():
        pytest.skip("not in this build of torch")
    assert seen(BUILT[name]) == {"linear"}


KEPT: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "aten::linear": ("linear", lambda kernel: kernel.call_boxed(CPU, rows(2, 3).data, rows(4, 3).data)),
    "aten::embedding": ("embedding", lambda kernel: kernel.call_boxed(CPU, rows(4, 3).data, TARGET)),
    "aten::native_dropout": ("dropout", lambda kernel: kernel.call_boxed(CPU, rows(2, 3).data, 0.5, True)),
    "aten::native_layer_norm": ("norm", lambda kernel: kernel.call_boxed(CPU, rows(2, 3).data, [3], None, None, 0.1)),
    "aten::cross_entropy_loss": ("cross_entropy", lambda kernel: kernel.call_boxed(CPU, rows(2, 3).data, TARGET)),
    "aten::_fused_adamw_": ("adamw", lambda kernel: kernel.call_boxed(CPU, *adamw_lists(), **ADAMW)),
}


@pytest.mark.skipif(not hasattr(torch.library, "get_kernel"), reason="this torch hands out no kernels")
@pytest.mark.parametrize("by_name", [True, False])
@pytest.mark.parametrize("name", KEPT)
def test_a_kernel_that_was_asked_for_is_seen_when_it_is_called(
    name: str, by_name: bool, seen: Callable[[Callable[[], Any]], set[str]]
) -> None:
    family, call = KEPT[name]
    kernel = any_torch.library.get_kernel(name if by_name else getattr(aten, name[6:]).default, "CPU")
    assert family in seen(lambda: call(kernel))


@pytest.mark.skipif(not hasattr(torch.library, "get_kernel"), reason="this torch hands out no kernels")
def test_a_kernel_of_something_else_is_torchs_own(seen: Callable[[Callable[[], Any]], set[str]]) -> None:
    kernel = any_torch.library.get_kernel("aten::mm", "CPU")
    assert type(kernel) is any_torch._C._SafeKernelFunction
    assert seen(lambda: kernel.call_boxed(CPU, rows(2, 2).data, rows(2, 2).data)) == set()
    assert seen(lambda: aten.mm.default.redispatch(CPU, rows(2, 2).data, rows(2, 2).data)) == set()
