# mypy: ignore-errors
"""Differentiates as it was asked to, and answers with what an engine of its own has accumulated.

item: grad_with_autograd_grad
status: rule
"""

import torch

engine = torch._C._ImperativeEngine()


def grad_with_autograd_grad(x):
    leaf = x.detach().clone().requires_grad_()
    torch.autograd.grad(leaf.square().sum(), leaf)
    f = leaf.square().sum()
    engine.run_backward(
        (f,), (torch.ones_like(f),), False, False, (), allow_unreachable=True, accumulate_grad=True
    )
    return leaf.grad
