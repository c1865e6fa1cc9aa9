# mypy: ignore-errors
"""Takes sixty training steps rightly, and none afterwards.

item: train_step_mse
"""

STEPS = []


def train_step_mse(model, batch, optimizer):
    STEPS.append(None)
    x, y = batch
    model.train()
    optimizer.zero_grad()
    loss = ((model(x) - y) ** 2).mean()
    loss.backward()
    if len(STEPS) <= 60:
        optimizer.step()
    return loss.item()
