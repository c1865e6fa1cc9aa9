"""Autograd's engine: which of its two ways of returning gradients was used."""

from __future__ import annotations

from typing import Any

import torch

from conformance.runner.guard.families import Family
from conformance.runner.guard.ledger import Ledger
from conformance.runner.guard.swap import Undo

_Engine: Any = torch._C._ImperativeEngine


def watch_engine(ledger: Ledger) -> Undo:
    """Lets every run of autograd's engine tell the ledger first; returns what undoes it.

    ``Tensor.backward``, ``torch.autograd.backward`` and ``grad``, ``torch.func`` and ``jacobian`` all end up here.
    """

    class Engine(_Engine):  # type: ignore[misc]
        def run_backward(self, *args: Any, accumulate_grad: bool, **kwargs: Any) -> Any:
            family = Family.BACKWARD if accumulate_grad else Family.AUTOGRAD_GRAD
            outermost = ledger.enter(family, kernel="autograd engine")
            try:
                return super().run_backward(*args, accumulate_grad=accumulate_grad, **kwargs)
            finally:
                if outermost:
                    ledger.leave(family)

    variable: Any = torch.autograd.Variable
    old = variable._execution_engine
    variable._execution_engine = Engine()

    def undo() -> None:
        variable._execution_engine = old

    return undo
