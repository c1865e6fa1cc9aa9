"""Does the guard work with the torch at hand? Every door tells, every permitted way is silent, every value stays."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from conformance.runner.guard.families import KERNELS, Family, Kernel
from conformance.runner.guard.guard import Guard
from conformance.runner.guard.kernels import can_see_transforms, find
from conformance.runner.guard.samples import KERNEL_SAMPLES, PERMITTED, Sample

_SEED = 1


def check_guard(guard: Guard) -> list[str]:
    """Tries every stub and every permitted way once (about 10 ms).

    Args:
        guard: the installed guard; what it has recorded, and torch's random state, come back as they were.

    Returns:
        What is wrong, as sentences; empty when all is well. An operator that this torch does not have is not wrong.
    """
    generator = torch.default_generator
    state = generator.get_state()
    breaches, guard.ledger.breaches = guard.ledger.breaches, {}
    try:
        with torch.enable_grad():
            return [*_kernels(guard), *_functions(guard), *_permitted(guard)]
    finally:
        guard.ledger.breaches = breaches
        generator.set_state(state)


def missing_stubs(guard: Guard) -> list[str]:
    """Returns the operators at which the guard no longer sees a call; what it has recorded stays as it was.

    Only what lies below every name that a submission could put something else under: ``nn.LayerNorm = MyLayerNorm``
    is no attack.
    """
    ledger = guard.ledger
    breaches, ledger.breaches, witness, ledger.witness = ledger.breaches, {}, ledger.witness, None
    try:
        samples = [(kernel, find(kernel), KERNEL_SAMPLES.get(kernel.name)) for kernel in KERNELS]
        return [
            kernel.name
            for kernel, operator, sample in samples
            if operator is not None
            and sample is not None
            and kernel.family not in _recorded(guard, partial(_run, operator, sample))
        ]
    finally:
        ledger.breaches, ledger.witness = breaches, witness


def absent_kernels() -> list[str]:
    """Returns the operators which the guard knows and this torch does not have."""
    return [kernel.name for kernel in KERNELS if find(kernel) is None]


def _kernels(guard: Guard) -> list[str]:
    problems = []
    for kernel in KERNELS:
        operator, sample = find(kernel), KERNEL_SAMPLES.get(kernel.name)
        if operator is None:
            continue
        if sample is None:
            if not torch._C._dispatch_has_kernel_for_dispatch_key(kernel.name, "BackendSelect"):
                problems.append(f"the guard has no stub at {kernel.name}")
        else:
            problems += _told(guard, kernel.family, kernel.name, partial(_run, operator, sample))
            problems += _unchanged(kernel, operator, sample)
    return problems


def _unchanged(kernel: Kernel, operator: Any, sample: Sample) -> list[str]:
    """Compares a call through the stubs with one that goes to the CPU's kernel directly."""
    keyset = torch._C.DispatchKeySet(torch._C.DispatchKey.CPU)
    with torch.no_grad():
        torch.default_generator.manual_seed(_SEED)
        through = _run(operator, sample)
        torch.default_generator.manual_seed(_SEED)
        direct = _run(partial(operator._handle.redispatch_boxed, keyset), sample)
    same = len(through) == len(direct) and all(map(torch.equal, through, direct))
    return [] if same else [f"{kernel.name} gives other values under the guard"]


def _run(function: Callable[..., Any], sample: Sample) -> list[torch.Tensor]:
    *args, last = sample()
    if isinstance(last, dict):
        results = function(*args, **last)
    else:
        args.append(last)
        results = function(*args)
    results = results if isinstance(results, tuple) else (results,)
    flat = [part for value in (*results, *args) for part in (value if isinstance(value, list) else [value])]
    return [value.nan_to_num() for value in flat if isinstance(value, torch.Tensor)]


def _functions(guard: Guard) -> list[str]:
    x, weight = torch.ones(2, 2, requires_grad=True), torch.ones(2, 2)
    doors: list[tuple[Family, str, Callable[[], Any]]] = [
        (Family.LINEAR, "nn.Linear", lambda: nn.Linear(1, 1)),
        (Family.EMBEDDING, "nn.Embedding", lambda: nn.Embedding(1, 1)),
        (Family.DROPOUT, "nn.Dropout", nn.Dropout),
        (Family.NORM, "nn.LayerNorm", lambda: nn.LayerNorm(1)),
        (Family.NORM, "nn.BatchNorm1d", lambda: nn.BatchNorm1d(1)),
        (Family.CROSS_ENTROPY, "nn.CrossEntropyLoss", nn.CrossEntropyLoss),
        (Family.NORM, "F.layer_norm", lambda: F.layer_norm(x, (2,))),
        (Family.ADAMW, "AdamW", lambda: torch.optim.AdamW([x])),
        (Family.ADAMW, "SGD", lambda: torch.optim.SGD([x], lr=0.1)),
        (Family.INIT, "xavier_uniform_", lambda: nn.init.xavier_uniform_(weight)),
        (Family.INIT, "kaiming_uniform_", lambda: nn.init.kaiming_uniform_(weight)),
        (Family.INIT_HELPER, "nn.init.uniform_", lambda: nn.init.uniform_(weight)),
        (Family.BACKWARD, "Tensor.backward", lambda: torch.autograd.backward(x.sum(), inputs=[x])),
        (Family.AUTOGRAD_GRAD, "autograd.grad", lambda: torch.autograd.grad(x.sum(), x)),
        (Family.LINEAR, "F.linear in a new thread", lambda: _in_a_thread(lambda: F.linear(weight, weight))),
    ]
    if can_see_transforms():
        doors.append((Family.LINEAR, "vmap of F.linear", lambda: torch.vmap(lambda row: F.linear(row, weight))(weight)))
    return [problem for family, name, call in doors for problem in _told(guard, family, name, call)]


def _in_a_thread(call: Callable[[], Any]) -> None:
    thread = threading.Thread(target=call)
    thread.start()
    thread.join()


def _told(guard: Guard, family: Family, name: str, call: Callable[[], Any]) -> list[str]:
    try:
        return [] if family in _recorded(guard, call) else [f"the guard does not see {name}"]
    except (RuntimeError, TypeError) as error:
        return [f"the guard's check cannot call {name}: {error}"]


def _permitted(guard: Guard) -> list[str]:
    told = ((name, _recorded(guard, call)) for name, call in PERMITTED.items())
    return [f"the guard takes {name} for {', '.join(families)}" for name, families in told if families]


def _recorded(guard: Guard, call: Callable[[], Any]) -> list[Family]:
    guard.reset()
    call()
    return [breach.family for breach in guard.records()]
