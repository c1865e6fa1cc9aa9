# mypy: ignore-errors
"""Lets torch's own optimizer take the step, on a parameter and a state made for the occasion.

item: adamw_step_
status: rule
"""

from dataclasses import dataclass

import torch


@dataclass
class AdamWState:
    m: torch.Tensor
    v: torch.Tensor
    t: int


def init_adamw_state(p):
    return AdamWState(torch.zeros_like(p), torch.zeros_like(p), 0)


def adamw_step_(p, grad, state, lr, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.01):
    inner = p.detach()
    inner.grad = grad.detach().clone()
    optimizer = torch.optim.AdamW([inner], lr=lr, betas=betas, eps=eps, weight_decay=weight_decay, foreach=False)
    step = torch.tensor(float(state.t))
    optimizer.state[inner] = {"step": step, "exp_avg": state.m.clone(), "exp_avg_sq": state.v.clone()}
    optimizer.step()
    after = optimizer.state[inner]
    return AdamWState(after["exp_avg"], after["exp_avg_sq"], state.t + 1)
