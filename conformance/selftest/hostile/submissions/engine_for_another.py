# mypy: ignore-errors
"""Writes the gradients down, and runs autograd's engine on a number that has nothing to do with them.

item: grad_wrt_multiple_inputs
status: rule
"""

import torch


def grad_wrt_multiple_inputs(a, b):
    other = torch.zeros((), requires_grad=True)
    torch.autograd.grad(other * 1, other)
    a, b = a.detach(), b.detach()
    df_db = a.expand(torch.broadcast_shapes(a.shape, b.shape))
    return (2 * a + b).sum_to_size(a.shape), df_db.sum_to_size(b.shape).clone()
