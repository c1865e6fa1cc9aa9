"""Autograd's engine: which of its two ways of returning gradients was used."""

from __future__ import annotations

import sys
from typing import Any

import torch

from conformance.runner.guard.families import Family
from conformance.runner.guard.ledger import Ledger
from conformance.runner.guard.swap import Undo, put, undoing


def watch_engine(ledger: Ledger) -> Undo:
    """Lets every run of autograd's engine tell the ledger first; returns what undoes it.

    ``Tensor.backward``, ``torch.autograd.backward`` and ``grad``, ``torch.func`` and ``jacobian`` all end up here, and
    so does an engine that somebody makes: its class stands where torch has its own, and does not descend from that.
    """
    variable: Any = torch.autograd.Variable
    own: Any = variable._execution_engine

    class Engine:
        def run_backward(self, *args: Any, accumulate_grad: bool, **kwargs: Any) -> Any:
            family = Family.BACKWARD if accumulate_grad else Family.AUTOGRAD_GRAD
            outermost = ledger.enter(family, kernel="autograd engine")
            try:
                return own.run_backward(*args, accumulate_grad=accumulate_grad, **kwargs)
            finally:
                if outermost:
                    ledger.leave(family)

        def queue_callback(self, callback: Any) -> Any:
            return own.queue_callback(callback)

        def is_checkpoint_valid(self) -> bool:
            return bool(own.is_checkpoint_valid())

    variable._execution_engine = Engine()

    def undo() -> None:
        variable._execution_engine = own

    core: Any = torch._C
    places = ((core, "_ImperativeEngine"), (sys.modules["torch.autograd.variable"], "ImperativeEngine"))
    return undoing((undo, *(put(owner, name, Engine) for owner, name in places if hasattr(owner, name))))
