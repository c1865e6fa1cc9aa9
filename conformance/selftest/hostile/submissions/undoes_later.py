# mypy: ignore-errors
"""Takes the right step, and has a thread put the old parameters back once nobody looks.

item: train_step_mse
status: wrong
"""

import threading

import torch


def train_step_mse(model, batch, optimizer):
    x, y = batch
    before = [parameter.detach().clone() for parameter in model.parameters()]
    model.train()
    optimizer.zero_grad()
    loss = (model(x) - y).square().mean()
    loss.backward()
    optimizer.step()

    def undo():
        with torch.no_grad():
            for parameter, value in zip(model.parameters(), before):
                parameter.copy_(value)

    threading.Timer(0.05, undo).start()
    return loss.item()
