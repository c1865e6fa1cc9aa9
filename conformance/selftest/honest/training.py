"""Other right ways to write a training step."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from conformance.faults import honest

Batch = tuple[Tensor, Tensor]
Optimizer = torch.optim.Optimizer


@honest("train_step_mse", "nn.MSELoss, gradients filled with zeros, float() of a detached loss, and a print")
def with_module(model: nn.Module, batch: Batch, optimizer: Optimizer) -> float:
    model = model.train(True)
    loss: Tensor = nn.MSELoss()(model(batch[0]), batch[1])
    optimizer.zero_grad(set_to_none=False)
    loss.backward()  # type: ignore[no-untyped-call]
    optimizer.step()
    print(f"loss: {loss:.4f}")
    return float(loss.detach())


@honest("train_step_mse", "the mean spelt out, gradients reset through the model, asserts, a loss in numpy on its way")
def spelt_out(model: nn.Module, batch: Batch, optimizer: Optimizer) -> float:
    x, y = batch
    model.train()
    model.zero_grad()
    for group in optimizer.param_groups:
        for p in group["params"]:
            p.grad = None
    pred = model(x)
    assert pred.shape == y.shape, f"{pred.shape} != {y.shape}"
    loss: Tensor = ((pred - y) ** 2).sum() / y.numel()
    assert torch.isfinite(loss)
    loss.backward()  # type: ignore[no-untyped-call]
    optimizer.step()
    return float(loss.detach().numpy())


@honest("train_step_mse", "a closure handed to the optimizer")
def with_closure(model: nn.Module, batch: Batch, optimizer: Optimizer) -> float:
    model.train()

    def closure() -> float:
        optimizer.zero_grad()
        loss = torch.nn.functional.mse_loss(model(batch[0]), batch[1])
        loss.backward()  # type: ignore[no-untyped-call]
        return loss.item()

    found = optimizer.step(closure)
    assert found is not None
    return found


@honest("train_step_mse", "gradients by torch.autograd.grad, put where the optimizer looks for them")
def with_autograd_grad(model: nn.Module, batch: Batch, optimizer: Optimizer) -> float:
    for module in model.modules():
        module.training = True
    params = [p for group in optimizer.param_groups for p in group["params"]]
    with torch.enable_grad():
        loss = torch.linalg.vector_norm(model(batch[0]) - batch[1]).square() / batch[1].numel()
    for p, g in zip(params, torch.autograd.grad(loss, params), strict=True):
        p.grad = g
    optimizer.step()
    (found,) = loss.detach().reshape(1).tolist()
    return float(found)


@honest("train_step_mse", "looks at the model in eval mode first, then trains")
def looks_first(model: nn.Module, batch: Batch, optimizer: Optimizer) -> float:
    x, y = batch
    model.eval()
    with torch.no_grad():
        baseline = (model(x) - y).square().mean(dim=-1).mean().item()
    model.train()
    optimizer.zero_grad()
    loss: Tensor = (model(x) - y).square().mean(dim=-1).mean()
    loss.backward()  # type: ignore[no-untyped-call]
    optimizer.step()
    print("before:", baseline)
    return loss.item()
