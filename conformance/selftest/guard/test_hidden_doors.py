"""Roundabout ways to the reference are seen as well, with the line that took them."""

from __future__ import annotations

import contextlib
import copy
import functools
import importlib
import inspect
import threading
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch._dispatch.python import enable_python_dispatcher
from torch.nn.functional import layer_norm as layer_norm_alias
from torch.nn.init import xavier_uniform_ as xavier_alias
from torch.optim import AdamW as AdamWAlias

from conformance.runner.guard import Guard
from conformance.runner.guard.kernels import can_see_transforms

X = torch.arange(6.0).reshape(2, 3)
any_nn: Any = nn  # torch leaves parts of it untyped
SAVED_OPERATOR = torch.ops.aten.native_layer_norm.default
SAVED_STEP = torch.optim.AdamW.step
SAVED_FORWARD = nn.LayerNorm(3).forward


class SubclassedLinear(nn.Linear):
    pass


class SubclassWithItsOwnStart(nn.Linear):
    def __init__(self) -> None:
        nn.Module.__init__(self)
        self.weight, self.bias = nn.Parameter(torch.ones(2, 3)), None  # type: ignore[assignment]


class SubclassedAdamW(torch.optim.AdamW):
    pass


class StepOnly(torch.optim.AdamW):
    def __init__(self, params: Any) -> None:
        defaults = {name: p.default for name, p in inspect.signature(torch.optim.Adam).parameters.items()}
        torch.optim.Optimizer.__init__(self, params, {**defaults, "decoupled_weight_decay": True})


class NormInBackward(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: torch.Tensor) -> torch.Tensor:
        return x.clone()

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> torch.Tensor:
        return F.layer_norm(grads[0], (3,))


def hidden_in_try() -> None:
    with contextlib.suppress(BaseException):
        F.layer_norm(X, (3,))
        raise SystemExit


def in_a_thread() -> None:
    thread = threading.Thread(target=lambda: F.layer_norm(X, (3,)))
    thread.start()
    thread.join()


def by_a_generator() -> None:
    def normed() -> Iterator[torch.Tensor]:
        yield F.layer_norm(X, (3,))

    list(normed())


def parameter() -> nn.Parameter:
    p = nn.Parameter(torch.ones(3))
    p.grad = torch.ones(3)
    return p


def reloaded_optimizer() -> None:
    module = importlib.import_module("torch.optim.adam")
    before = vars(module).copy()
    try:
        importlib.reload(module).Adam([parameter()]).step()
    finally:
        vars(module).update(before)


KEY: Any = torch._C.DispatchKey
KEYS: Any = torch._C.DispatchKeySet
any_core: Any = torch._C


def inside(*guards: contextlib.AbstractContextManager[Any]) -> Callable[[], Any]:
    def norm_and_linear() -> None:
        for guard in guards:
            guard.__enter__()
        try:
            F.layer_norm(X, (3,))
            F.linear(X, X)
        finally:
            for guard in reversed(guards):
                guard.__exit__(None, None, None)

    return norm_and_linear


EXCLUDING: dict[str, Callable[[], Callable[[], Any]]] = {
    "exclude": lambda: inside(any_core._ExcludeDispatchKeyGuard(KEYS(KEY.BackendSelect))),
    "exclude, and autograd": lambda: inside(
        any_core._ExcludeDispatchKeyGuard(KEYS(KEY.BackendSelect)), any_core._AutoDispatchBelowAutograd()
    ),
    "include the CPU": lambda: inside(
        any_core._ExcludeDispatchKeyGuard(KEYS(KEY.BackendSelect)), any_core._IncludeDispatchKeyGuard(KEY.CPU)
    ),
    "force": lambda: inside(any_core._ForceDispatchKeyGuard(KEYS(KEY.CPU), KEYS(KEY.BackendSelect))),
    "set": lambda: inside(any_core._SetExcludeDispatchKeyGuard(KEY.BackendSelect, True)),
}


@pytest.mark.parametrize("way", EXCLUDING)
def test_the_key_of_the_stubs_cannot_be_excluded(way: str, seen: Callable[[Callable[[], Any]], set[str]]) -> None:
    assert seen(lambda: EXCLUDING[way]()()) == {"norm", "linear"}


@pytest.mark.parametrize(
    "switch",
    [
        lambda off: any_core._dispatch_tls_set_dispatch_key_excluded(KEY.BackendSelect, off),
        lambda off: any_core._dispatch_tls_set_dispatch_key_included(KEY.BackendSelect, not off),
    ],
)
def test_the_key_of_the_stubs_cannot_be_switched_off(
    switch: Callable[[bool], None], seen: Callable[[Callable[[], Any]], set[str]]
) -> None:
    switch(True)
    try:
        assert seen(inside()) == {"norm", "linear"}
    finally:
        switch(False)


@pytest.mark.usefixtures("guard")
def test_other_keys_can_be_excluded_as_ever() -> None:
    keys = KEYS(KEY.ADInplaceOrView) | KEYS(KEY.BackendSelect)
    with any_core._ExcludeDispatchKeyGuard(keys):
        assert any_core._dispatch_tls_is_dispatch_key_excluded(KEY.ADInplaceOrView)
        with any_core._SetExcludeDispatchKeyGuard(KEY.ADInplaceOrView, False):
            assert not any_core._dispatch_tls_is_dispatch_key_excluded(KEY.ADInplaceOrView)
    any_core._dispatch_tls_set_dispatch_key_excluded(KEY.AutogradCPU, True)
    assert any_core._dispatch_tls_is_dispatch_key_excluded(KEY.AutogradCPU)
    any_core._dispatch_tls_set_dispatch_key_excluded(KEY.AutogradCPU, False)
    assert not any_core._dispatch_tls_is_dispatch_key_excluded(KEY.AutogradCPU)


@pytest.mark.parametrize("key", ["BackendSelect", "AutogradCPU"])
def test_a_stub_stays_in_front_of_a_kernel_that_somebody_else_puts_there(
    key: str, seen: Callable[[Callable[[], Any]], set[str]]
) -> None:
    library: Any = torch.library.Library("aten", "IMPL")  # type: ignore[no-untyped-call]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch warns that a kernel is replaced
        for name in ("native_layer_norm", "aten::linear"):
            library.impl(name, torch.library.fallthrough_kernel, key)
    try:
        assert seen(inside()) == {"norm", "linear"}
    finally:
        library._destroy()
    assert seen(inside()) == {"norm", "linear"}


@pytest.mark.usefixtures("guard")
def test_an_operator_of_ones_own_may_have_the_name_of_a_reference() -> None:
    library: Any = torch.library.Library("conformance_guard_test", "DEF")  # type: ignore[no-untyped-call]
    try:
        library.define("linear(Tensor x) -> Tensor")
        library.impl("linear", lambda x: x + 1, "CPU")
        own: Any = torch.ops.conformance_guard_test.linear
        assert own(torch.zeros(1)).item() == 1
    finally:
        library._destroy()


@pytest.mark.skipif(not can_see_transforms(), reason="this torch hands out no kernels")
def test_what_is_written_down_for_the_dispatcher_in_python_hides_nothing(
    seen: Callable[[Callable[[], Any]], set[str]],
) -> None:
    norm, linear = torch.ops.aten.native_layer_norm.default, torch.ops.aten.linear.default
    above = (KEY.AutogradCPU, KEY.ADInplaceOrView, KEY.BackendSelect)

    def both() -> None:
        with enable_python_dispatcher():
            norm(X, [3], None, None, 1e-5)
            linear(X, X)

    try:
        norm._dispatch_cache.update(dict.fromkeys(above, KEY.CPU))
        linear._dispatch_cache.update(dict.fromkeys(above, KEY.CompositeImplicitAutograd))
        assert seen(both) == {"norm", "linear"}
    finally:
        norm._dispatch_cache.clear()
        linear._dispatch_cache.clear()
    assert seen(both) == {"norm", "linear"}


class Claiming(torch.Tensor):
    """Claims to be on a device that is not there; works with the tensor that it carries."""

    own: torch.Tensor

    @staticmethod
    def on(device: str, own: torch.Tensor) -> Any:
        claiming: Any = any_tensor._make_wrapper_subclass(Claiming, own.shape, dtype=own.dtype, device=device)
        claiming.own = own
        return claiming

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:  # type: ignore[override]
        def own(value: Any) -> Any:
            return value.own if isinstance(value, Claiming) else value

        return func(*map(own, args), **{name: own(value) for name, value in (kwargs or {}).items()})


any_tensor: Any = torch.Tensor


@pytest.mark.parametrize("device", ["lazy", "xla", "hpu", "xpu", "ipu", "privateuseone"])
def test_a_composite_is_seen_on_a_device_that_is_not_there(
    device: str, seen: Callable[[Callable[[], Any]], set[str]]
) -> None:
    x, target = Claiming.on(device, X.clone()), Claiming.on(device, torch.tensor([0, 1]))

    def loss_and_linear() -> None:
        with contextlib.suppress(RuntimeError):  # most of these, torch does not even pretend to have
            F.cross_entropy(x, target)
        with contextlib.suppress(RuntimeError):
            F.linear(x, x)

    assert seen(loss_and_linear) == {"cross_entropy", "linear"}


HIDDEN: dict[str, tuple[str, Callable[[], Any]]] = {
    "an alias made at import": ("norm", lambda: layer_norm_alias(X, (3,))),
    "getattr": ("norm", lambda: getattr(F, "_".join(("layer", "norm")))(X, (3,))),
    "getattr on torch.ops": ("norm", lambda: getattr(torch.ops.aten, "native_" + "layer_norm")(X, [3], None, None, 0)),
    "a saved operator": ("norm", lambda: SAVED_OPERATOR(X, [3], None, None, 1e-5)),
    "a saved bound method": ("norm", lambda: SAVED_FORWARD(X)),
    "a partial": ("norm", functools.partial(F.layer_norm, X, (3,))),
    "map": ("norm", lambda: list(map(functools.partial(F.layer_norm, normalized_shape=(3,)), [X]))),
    "a caught exception": ("norm", hidden_in_try),
    "a thread": ("norm", in_a_thread),
    "a generator": ("norm", by_a_generator),
    "exec of a string": ("norm", lambda: exec("import torch; torch.nn.functional.layer_norm(X, (3,))", globals())),
    "a backward of its own": ("norm", lambda: NormInBackward.apply(X.clone().requires_grad_()).sum().backward()),  # type: ignore[no-untyped-call]
    "TorchScript": ("norm", lambda: torch.jit.script(nn.LayerNorm(3))(X)),
    "functional_call": ("linear", lambda: torch.func.functional_call(nn.Linear(3, 2), {}, (X,))),
    "a subclass": ("linear", lambda: SubclassedLinear(3, 2)),
    "a subclass with its own start": ("linear", lambda: SubclassWithItsOwnStart()(X)),
    "a class made by type()": ("linear", lambda: type("L", (nn.Linear,), {})(3, 2)),
    "a deep copy": ("norm", lambda: copy.deepcopy(nn.LayerNorm(3))(X)),
    "skip_init": ("linear", lambda: any_nn.utils.skip_init(nn.Linear, 3, 2)),
    "unfold of the pure-Python module": ("norm", lambda: nn.Module.__call__(nn.LayerNorm(3), X)),
    "an aliased optimizer": ("adamw", lambda: AdamWAlias([parameter()])),
    "a subclassed optimizer": ("adamw", lambda: SubclassedAdamW([parameter()]).step()),
    "an optimizer made without its constructor": ("adamw", lambda: SAVED_STEP(StepOnly([parameter()]))),
    "an optimizer out of __wrapped__": (
        "adamw",
        # How many wrappers there are depends on whether an Adam was made before; the innermost leaves autograd on.
        torch.no_grad()(lambda: inspect.unwrap(torch.optim.Adam.step)(StepOnly([parameter()]))),
    ),
    "a reloaded optimizer": ("adamw", reloaded_optimizer),
    "an aliased initialiser": ("init", lambda: xavier_alias(torch.empty(2, 3))),
    "an initialiser by getattr": ("init", lambda: getattr(nn.init, "kaiming_" + "uniform_")(torch.empty(2, 3))),
}


@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")
@pytest.mark.parametrize("way", HIDDEN)
def test_a_hidden_way_is_seen(way: str, seen: Callable[[Callable[[], Any]], set[str]]) -> None:
    family, call = HIDDEN[way]
    assert family in seen(call)


def test_the_line_that_reached_the_reference_is_told(guard: Guard) -> None:
    guard.reset()
    hidden_in_try()
    (breach,) = guard.records()
    assert breach.what == "torch.nn.functional.layer_norm (aten::native_layer_norm)"
    assert breach.lines[-1][1] == "F.layer_norm(X, (3,))"
    assert breach.lines[-2][1] == "hidden_in_try()"
