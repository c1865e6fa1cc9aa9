"""References written in Python over ordinary operators: optimizers, initialisers, modules, decompositions.

No kernel gives them away, so the functions themselves are changed, in place.
"""

from __future__ import annotations

import contextlib
import inspect
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from operator import attrgetter
from types import CodeType, FunctionType, ModuleType
from typing import Any, cast

import torch
from torch.nn.modules._functions import CrossMapLRN2d

from conformance.runner.guard.copies import codes_of, functions_of, watch_execution
from conformance.runner.guard.families import KERNELS, MODULES, Family
from conformance.runner.guard.ledger import Ledger
from conformance.runner.guard.stack import public_name
from conformance.runner.guard.swap import Undo, Wrapper, swap, undoing
from conformance.runner.guard.uncompiled import subclasses

_SCHEMES = ("xavier_uniform_", "xavier_normal_", "kaiming_uniform_", "kaiming_normal_")
_INIT_HELPERS = ("calculate_gain", "_calculate_fan_in_and_fan_out", "_calculate_correct_fan")
_FUNCTIONAL = {"local_response_norm": Family.NORM, "linear_cross_entropy": Family.CROSS_ENTROPY}
# Parts of those written out, and composites of them, that carry no operator's name.
_NORMS = ("layer_norm", "group_norm", "_normalize", "native_layer_norm_fake", "native_batch_norm_helper")
# Where torch keeps its operators written out in Python, under the operators' names.
_WRITTEN_OUT = ("torch._refs", "torch._refs.nn.functional", "torch._decomp.decompositions")


class Functions:
    """Every reference written in Python: it tells the ledger first, and so does each copy that is made of it."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.undos: dict[FunctionType, Undo] = {}
        self.known: dict[str, list[tuple[Family, FunctionType, CodeType]]] = defaultdict(list)
        self.copied: list[tuple[Family, CodeType]] = []
        self.own: set[FunctionType] = set()
        self.swapping = False
        for family, function in [*_references()]:
            if function not in self.undos:
                code = inspect.unwrap(function).__code__
                self.known[code.co_name].append((family, function, code))
                self.swap(family, function)
        self.undo_watch = watch_execution(self.executed)

    def swap(self, family: Family, function: FunctionType) -> None:
        """Lets a function tell the ledger, unless it does already."""
        if function in self.undos or function in self.own:
            return
        self.swapping = True
        try:
            undo = swap(function, _telling(family, function, self.ledger), self.own.add)
            self.undos[function] = undoing((undo, _keep_from_script(function)))
        finally:
            self.swapping = False

    def executed(self, code: CodeType) -> None:
        """Tells of code that defines a reference anew, as when its module is executed once more."""
        if self.swapping:
            return
        for inner in codes_of(code):
            for family, function, original in self.known.get(inner.co_name, ()):
                if inner == original:  # whatever file it comes from
                    self.copied.append((family, inner))
                    self.ledger.note(family, function=f"a new copy of {function.__module__}")

    def swap_copies(self) -> None:
        """Lets the functions of code that was executed once more tell the ledger as well."""
        families = {id(code): family for family, code in self.copied}
        for function in functions_of(code for _, code in self.copied):
            self.swap(families[id(function.__code__)], function)
        self.copied.clear()

    def undo(self) -> None:
        """Leaves every function as it was."""
        undoing((self.undo_watch, *self.undos.values()))()


def _references() -> Iterator[tuple[Family, FunctionType]]:
    for path, family in MODULES.items():
        with contextlib.suppress(AttributeError):
            yield family, attrgetter(f"{path}.__init__")(torch.nn)
    for name, family in _FUNCTIONAL.items():
        yield from _functions(torch.nn.functional, {name: family})
    for name in vars(torch.nn.init):
        if name in _SCHEMES:
            yield from _functions(torch.nn.init, {name: Family.INIT})
        elif name.endswith("_") or name in _INIT_HELPERS:
            yield from _functions(torch.nn.init, {name: Family.INIT_HELPER})
    yield Family.NORM, cast(FunctionType, CrossMapLRN2d.forward)
    yield from _optimizers()
    families = {kernel.name.partition("::")[2].partition(".")[0]: kernel.family for kernel in KERNELS}
    families |= dict.fromkeys(_NORMS, Family.NORM)
    families |= dict.fromkeys(("_dropout_helper", "_fused_dropout_decomposition"), Family.DROPOUT)
    for where in _WRITTEN_OUT:
        if where in sys.modules:
            yield from _functions(sys.modules[where], families)


def _optimizers() -> Iterator[tuple[Family, FunctionType]]:
    yield from _functions(torch.optim._functional, {"sparse_adam": Family.ADAMW})
    for optimizer in subclasses(torch.optim.Optimizer):
        own = vars(optimizer)
        yield from ((Family.ADAMW, own[method]) for method in ("__init__", "step") if method in own)
        name = optimizer.__name__.lower()
        names = (name, f"_single_tensor_{name}", f"_multi_tensor_{name}", f"_fused_{name}")
        modules = {own[method].__module__ for method in ("__init__", "step") if method in own}
        for where in modules & sys.modules.keys():
            yield from _functions(sys.modules[where], dict.fromkeys(names, Family.ADAMW))


def _functions(module: ModuleType, families: Mapping[str, Family]) -> Iterator[tuple[Family, FunctionType]]:
    for name, family in families.items():
        value = vars(module).get(name)
        while isinstance(value, FunctionType):  # what a decorator keeps can be called as well
            yield family, value
            value = getattr(value, "__wrapped__", None)


def _keep_from_script(function: FunctionType) -> Undo:
    """Keeps TorchScript, which compiles the source, from a function: a script calls it, and it is no script itself."""
    marks = {
        "_torchscript_modifier": torch._jit_internal.FunctionModifiers.IGNORE,
        "__script_unsupported": "beside the judge, torch's own building blocks are not compiled",
    }
    added = marks.keys() - vars(function).keys()
    vars(function).update({name: marks[name] for name in added})

    def undo() -> None:
        for name in added & vars(function).keys():
            delattr(function, name)

    return undo


def _telling(family: Family, function: FunctionType, ledger: Ledger) -> Wrapper:
    name = public_name(function.__module__, function.__qualname__)
    is_constructor = function.__name__ == "__init__"

    def wrapper(original: Callable[..., Any]) -> Callable[..., Any]:
        def reference(*args: Any, **kwargs: Any) -> Any:
            what = _class_name(type(args[0])) if is_constructor and args else name
            outermost = ledger.enter(family, function=what)
            try:
                return original(*args, **kwargs)
            finally:
                if outermost:
                    ledger.leave(family)

        return reference

    return wrapper


def _class_name(kind: type) -> str:
    """Returns the name of the first class of torch's own in a class's ancestry."""
    torchs = next(parent for parent in kind.__mro__ if parent.__module__.startswith("torch."))
    return public_name(torchs.__module__, torchs.__qualname__)
