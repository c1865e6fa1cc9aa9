"""Stubs at torch's dispatcher: they tell the ledger, then run the kernel that was there.

The dispatcher is one for all threads and lies below every alias. Each call passes the key ``BackendSelect``, below
autograd and above the backends, and none of these operators has a kernel there: a stub at it sees an operator on any
backend. A composite operator is taken apart above it, at autograd's keys and by torch.func's transforms, so it needs
a stub at each of those too.
"""

from __future__ import annotations

import ctypes
import warnings
from collections.abc import Callable, Iterable
from types import FunctionType
from typing import Any, cast

import torch

from conformance.runner.guard.families import KERNELS, Kernel
from conformance.runner.guard.ledger import Ledger
from conformance.runner.guard.swap import Undo, put, swap, undoing

# Every backend with a key for autograd at which a kernel can be put; a tensor can claim to be on one that nobody has.
_BACKENDS = (
    "CPU", "CUDA", "MPS", "Meta", "HIP", "XLA", "IPU", "XPU", "HPU", "VE", "Lazy", "MTIA", "MAIA",
    "PrivateUse1", "PrivateUse2", "PrivateUse3",
)  # fmt: skip
_AUTOGRAD_KEYS = {f"Autograd{name}": name for name in _BACKENDS if torch._C._parse_dispatch_key(f"Autograd{name}")}
# Nested tensors, and all backends that have no such key of their own (Vulkan, FPGA, MKL-DNN).
_AUTOGRAD_KEYS |= {"AutogradNestedTensor": "NestedTensorCPU", "AutogradOther": "MkldnnCPU"}
# Where torch.func takes composites apart by itself.
_TRANSFORM_KEYS = ("FuncTorchDynamicLayerFrontMode", "FuncTorchBatched")
# Above all others: torch's own dispatcher in Python, where anybody may write down which kernel a key stands for.
_IN_PYTHON = "PythonDispatcher"
# The ways in which a library puts a kernel at a key; the last one put there is the one that runs.
_PUTTING = ("impl", "impl_t_t", "impl_with_aoti_compile")
_COMPOSITE = torch._C.DispatchKey.CompositeImplicitAutograd
_BELOW = torch._C._dispatch_keyset_full_after(torch._C.DispatchKey.BackendSelect)

_old_kernel: Any = getattr(torch._C, "_dispatch_get_computed_kernel_for_dispatch_key", None)

Run = Callable[..., Any]


def find(kernel: Kernel) -> Any:
    """Returns a kernel's operator, or None where this torch has none of that name."""
    namespace, _, rest = kernel.name.partition("::")
    packet, _, overload = rest.partition(".")
    try:
        return getattr(getattr(getattr(torch.ops, namespace), packet), overload or "default")
    except AttributeError:
        return None


def stub_kernels(ledger: Ledger) -> Undo:
    """Puts stubs before the kernels of every family; returns what takes them away again."""
    libraries = {name: _library(name) for name in {kernel.name.partition("::")[0] for kernel in KERNELS}}
    present = {kernel.name: kernel for kernel in KERNELS if find(kernel) is not None}
    stubs = {
        kernel.name: [(key, stub(kernel, run, ledger)) for key, run in _doors(kernel, find(kernel)).items()]
        for kernel in present.values()
    }
    impl: Run = torch._C._DispatchModule.impl

    def place(name: str) -> None:
        with warnings.catch_warnings():
            # torch warns where a kernel is replaced; here that is the intention.
            warnings.simplefilter("ignore")
            for key, run in stubs[name]:
                impl(libraries[name.partition("::")[0]], name, key, run, True)

    for name in stubs:
        place(name)
    undo_place = _keep_in_front(stubs, place)
    decompose = cast(FunctionType, torch._ops.OpOverload.decompose)
    undo_decompose = swap(decompose, _telling(present, ledger))  # it chooses a dispatch key past the stubs

    def undo() -> None:
        undo_decompose()
        undo_place()
        for library in libraries.values():
            ctypes.pythonapi.Py_DecRef(ctypes.py_object(library))
        libraries.clear()

    return undo


def _keep_in_front(names: Iterable[str], place: Callable[[str], None]) -> Undo:
    """Lets the stubs of an operator be put anew whenever somebody else puts a kernel at one of its name."""
    ours = {name.partition("::")[2]: name for name in names}  # a library does not tell whose operators it means
    module: Any = torch._C._DispatchModule

    def wrapper(old: Run) -> Run:
        def put_elsewhere(library: Any, name: str, *args: Any, **kwargs: Any) -> Any:
            try:
                return old(library, name, *args, **kwargs)
            finally:
                known = ours.get(str(name).rpartition("::")[2])
                if known is not None:
                    place(known)

        return put_elsewhere

    return undoing([put(module, name, wrapper(vars(module)[name])) for name in _PUTTING if name in vars(module)])


def _library(namespace: str) -> Any:
    # Without a torch.library.Library around it gc does not know the handle; the extra reference keeps it for good.
    library = torch._C._dispatch_library("IMPL", namespace, "")
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(library))
    return library


def _doors(kernel: Kernel, operator: Any) -> dict[str, Run]:
    """Returns the dispatch keys at which an operator is seen, and how each runs what was there."""
    redispatch, at_key = operator._handle.redispatch_boxed, operator._op_dk
    doors: dict[str, Run] = {
        "BackendSelect": lambda keyset, *args, **kwargs: redispatch(keyset & _BELOW, *args, **kwargs)
    }
    if can_see_transforms() and torch._C._dispatch_has_computed_kernel_for_dispatch_key(kernel.name, _IN_PYTHON):
        doors[_IN_PYTHON] = _old_kernel(kernel.name, torch._C.DispatchKey.__members__[_IN_PYTHON]).call_boxed
    if not kernel.composite:
        return doors
    for key, backend in _AUTOGRAD_KEYS.items():
        # A backend with a kernel of its own is reached through BackendSelect.
        if not _has(kernel.name, backend):
            doors[key] = lambda keyset, *args, **kwargs: at_key(_COMPOSITE, *args, **kwargs)
    for key in _TRANSFORM_KEYS if can_see_transforms() else ():
        if torch._C._dispatch_has_computed_kernel_for_dispatch_key(kernel.name, key):
            doors[key] = _old_kernel(kernel.name, torch._C.DispatchKey.__members__[key]).call_boxed
    return doors


def can_see_transforms() -> bool:
    """Tells whether composites inside torch.func's transforms are seen; before torch 2.9, old kernels cannot be had."""
    return _old_kernel is not None


def _has(name: str, key: str) -> bool:
    return bool(torch._C._dispatch_has_kernel_for_dispatch_key(name, key))


def stub(kernel: Kernel, run: Run, ledger: Ledger) -> Run:
    """Returns what tells the ledger of a kernel, then runs it; the first argument is none of the kernel's own."""
    family, name, public = kernel.family, kernel.name, kernel.public

    def told(keyset: Any, *args: Any, **kwargs: Any) -> Any:
        outermost = ledger.enter(family, kernel=name, public=public)
        try:
            return run(keyset, *args, **kwargs)
        finally:
            if outermost:
                ledger.leave(family)

    return told


def _telling(present: dict[str, Kernel], ledger: Ledger) -> Callable[[Run], Run]:
    def wrapper(original: Run) -> Run:
        def decompose(operator: Any, *args: Any, **kwargs: Any) -> Any:
            kernel = present.get(operator._name)
            run = original if kernel is None else stub(kernel, original, ledger)
            return run(operator, *args, **kwargs)

        return decompose

    return wrapper
