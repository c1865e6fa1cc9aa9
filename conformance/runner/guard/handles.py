"""The ways by which torch hands out a kernel to be called past the dispatcher, and so past the stubs at it."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch

from conformance.runner.guard.families import KERNELS, SCRIPT_KERNELS, Kernel
from conformance.runner.guard.kernels import find, stub
from conformance.runner.guard.ledger import Ledger
from conformance.runner.guard.swap import Undo, put, undoing

# Of `torch._C`: torch's own Python, `torch.library.get_kernel` for one, looks them up there at each call.
_GET_KERNEL = "_dispatch_get_computed_kernel_for_dispatch_key"  # since torch 2.9
_GET_OVERLOAD = "_get_operation_overload"
_GET_OPERATION = "_jit_get_operation"
_REDISPATCH = "redispatch_boxed"


class _Told:
    """A kernel that was asked for by itself, which tells the ledger when it is called."""

    def __init__(self, kernel: Kernel, own: Any, ledger: Ledger) -> None:
        self.op_handle = own.op_handle
        self.call_boxed = stub(kernel, own.call_boxed, ledger)


def watch_handles(ledger: Ledger) -> Undo:
    """Lets the kernels of every family tell the ledger also where they are called by themselves; to be undone first.

    Asking for a kernel is not told, calling it is.
    """
    present = {kernel.name: kernel for kernel in KERNELS if find(kernel) is not None}
    core: Any = torch._C
    handles: Any = core._DispatchOperatorHandle
    redispatch, get_overload = getattr(handles, _REDISPATCH), getattr(core, _GET_OVERLOAD)
    get_operation = getattr(core, _GET_OPERATION)
    scripts = {kernel.name: kernel for kernel in SCRIPT_KERNELS}
    get_kernel: Any = getattr(core, _GET_KERNEL, None)

    def redispatch_told(handle: Any, *args: Any, **kwargs: Any) -> Any:
        kernel, run = present.get(_full_name(handle)), partial(redispatch, handle)
        return (run if kernel is None else stub(kernel, run, ledger))(*args, **kwargs)

    def get_kernel_told(*args: Any, **kwargs: Any) -> Any:
        own = get_kernel(*args, **kwargs)
        kernel = present.get(_full_name(own.op_handle))
        return own if kernel is None else _Told(kernel, own, ledger)

    def get_overload_told(name: str, overload: str) -> Any:
        found = get_overload(name, overload)
        if found is not None and name in scripts:
            return _scripted(scripts[name], found[0], ledger), *found[1:]
        kernel = present.get(f"{name}.{overload}" if overload else name)
        return found if kernel is None else (found[0], stub(kernel, found[1], ledger), *found[2:])

    def get_operation_told(name: str) -> Any:
        found = get_operation(name)
        known = name in scripts and found[0] is not None
        return (_scripted(scripts[name], found[0], ledger), *found[1:]) if known else found

    undos = [
        put(handles, _REDISPATCH, redispatch_told),
        put(core, _GET_OVERLOAD, get_overload_told),
        put(core, _GET_OPERATION, get_operation_told),
    ]
    if get_kernel is not None:
        undos.append(put(core, _GET_KERNEL, get_kernel_told))
    for kernel in present.values():
        operator = find(kernel)
        undos.append(put(operator, "_op_dk", stub(kernel, operator._op_dk, ledger)))
    return undoing(undos)


def _scripted(kernel: Kernel, operation: Any, ledger: Ledger) -> Any:
    return partial(stub(kernel, lambda _, *args, **kwargs: operation(*args, **kwargs), ledger), None)


def _full_name(handle: Any) -> str:
    schema = handle.schema()
    return f"{schema.name}.{schema.overload_name}" if schema.overload_name else str(schema.name)
