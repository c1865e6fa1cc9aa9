"""What must hold of a training step."""

from __future__ import annotations

from typing import Any

import torch

from conformance.engine.checking import Check, Seen, kind_of
from conformance.engine.properties import FLOATS, holds
from conformance.suite.common.properties import has_signature
from conformance.suite.training import cases, oracle
from conformance.suite.training.cases import TrainCase

test_train_step_mse_has_its_signature = has_signature("train_step_mse")


@holds(
    item="train_step_mse",
    name="step",
    driver="training.train",
    cases=cases.steps,
    always=cases.fixed_steps,
    requirements=(
        "loss",
        "float",
        "train-mode",
        "fresh-gradients",
        "forward",
        "gradient",
        "one-step",
        "same-optimizer",
        "only-optimizer",
        "untouched",
    ),
    dtypes=FLOATS,
    share=0.4,
)
def test_a_training_step_goes_once_down_the_gradient(case: TrainCase, seen: Seen, check: Check) -> None:
    before = {} if case.stale is None else {name: torch.tensor(float(case.stale)) for name in seen.held}
    for place, turn in enumerate(seen.turns):
        _one_turn(case, place, turn, seen.held, before, check)
        before = turn["steps"][-1]["gradients"] if turn["steps"] else before
    later, path = torch.cat([value.reshape(-1) for value in seen.later]), "the parameters some time after the last step"
    check.bits("only-optimizer", later, seen.turns[-1]["end"][0], path=path)
    _steps_as_torch(case, seen, check)


def _one_turn(
    case: TrainCase, place: int, turn: dict[str, Any], held: list[str], before: dict[str, Any], check: Check
) -> None:
    x, y = (spec.value for spec in case.batches[place])
    when = ("on the first step", "on the second step")[place]
    check.bits("untouched", turn["x"], x, path=f"x {when}")
    check.bits("untouched", turn["y"], y, path=f"y {when}")
    ran = bool(turn["passes"])
    if not check.that("forward", ran, got="no call of the model", expected="a forward pass", path=when):
        return
    forward = oracle.forward_of(turn["passes"], y, turn["loss"])
    if not check.bits("forward", forward["x"], x, path=f"what the model was given {when}"):
        return
    for modes, during in ((forward["modes"], "during the forward pass"), (turn["modes"], "afterwards")):
        idle = [name for name, training in modes.items() if not training]
        got = f"in eval mode: {', '.join(idle)}"
        check.that("train-mode", not idle, got=got, expected="all in train mode", path=f"{during} {when}")
    check.that("float", type(turn["loss"]) is float, got=kind_of(turn["loss"]), expected="a Python float", path=when)
    if type(turn["loss"]) is float:
        check.number("loss", turn["loss"], oracle.loss(forward["output"], y), path=f"the loss {when}")
    steps = len(turn["steps"])
    if check.that("one-step", steps == 1, got=f"{steps} steps", expected="one step of the optimizer", path=when):
        _stepped(case, place, turn, forward, before, check)
    _only_in_the_step(turn, held, check, when)


def _stepped(
    case: TrainCase, place: int, turn: dict[str, Any], forward: dict[str, Any], before: dict[str, Any], check: Check
) -> None:
    """Checks the gradients that the optimizer stepped along; ``before``: what was in .grad before, by name."""
    x, y = (spec.value for spec in case.batches[place])
    expected = oracle.gradients(turn["start"], x, y, forward["kept"])
    for name, got in turn["steps"][0]["gradients"].items():
        path = f"the gradient of {name} at step {place + 1}"
        alone = not oracle.left_over(got, expected[name], before.get(name))
        check.that("fresh-gradients", alone, got="it, and what was in .grad before", expected="it alone", path=path)
        if alone:
            check.close("gradient", got, expected[name], dtype=y.dtype, path=path)


def _only_in_the_step(turn: dict[str, Any], held: list[str], check: Check, when: str) -> None:
    """Checks that parameters stay between steps, and that those that the optimizer does not hold stay throughout."""
    start = turn["start"]
    own = torch.cat([value.reshape(-1) for name, value in start.items() if name in held])
    rest = [value.reshape(-1) for name, value in start.items() if name not in held]
    for step in turn["steps"]:
        check.bits("only-optimizer", step["before"][0], own, path=f"the parameters before the step {when}")
        own = step["after"][0]
    check.bits("only-optimizer", turn["end"][0], own, path=f"the parameters after the step {when}")
    if rest:
        path = f"the parameters that the optimizer does not hold {when}"
        check.bits("only-optimizer", turn["end"][1], torch.cat(rest), path=path)


def _steps_as_torch(case: TrainCase, seen: Seen, check: Check) -> None:
    """Checks what the steps made of their gradients, which tells of the optimizer's learning rate and its memory."""
    gradients: dict[str, list[torch.Tensor]] = {name: [] for name in seen.held}
    for place, turn in enumerate(seen.turns):
        if len(turn["steps"]) != 1:
            return
        (step,) = turn["steps"]
        after = iter(step["after"][0].split([turn["start"][name].numel() for name in seen.held]))
        for name in seen.held:
            start, gradient = turn["start"][name], step["gradients"][name]
            if not isinstance(gradient, torch.Tensor) or gradient.shape != start.shape:
                return
            gradients[name].append(gradient)
            lr = case.lr / 2 if case.groups > 1 and name != seen.held[0] else case.lr
            expected = oracle.step_of(case.optimizer, lr, start, gradients[name])
            path = f"{name} after step {place + 1} of {case.optimizer}"
            check.close("same-optimizer", next(after).view(start.shape), expected, path=path)
