"""What must hold of a training run, by what the model noted of it."""

from __future__ import annotations

import itertools
import math
from typing import Any

from conformance.engine.checking import Check, Seen, kind_of
from conformance.suite.classification import oracle
from conformance.suite.classification.cases import LoopCase
from conformance.suite.common.properties import leaves_autograd_as_it_was

# Images for testing carry numbers from here on; see the driver.
FIRST_TEST = 2048
REQUIREMENTS = (
    "losses",
    "loss-values",
    "backward",
    "batches",
    "updates",
    "fresh-gradients",
    "train-mode",
    "eval-mode",
    "evaluates",
    "never-trained",
    "given-model",
    "autograd-on",
)


def trains_and_evaluates(case: LoopCase, seen: Seen, check: Check) -> None:
    """Checks all that a model noted of a training run."""
    per_epoch = -(-case.x.shape[0] // case.batch)
    notes = oracle.in_batches(seen.notes, case.batch)
    places = oracle.updates(notes)
    trained = [notes[place] for place in places]
    tested = [note for note in notes if any(number >= FIRST_TEST for number in note["ids"])]
    _trains_in_mode([note for note in notes if note["used"]], check)
    _never_trains_on_tests(tested, check)
    _trains_on_every_batch(case, trained, per_epoch, check)
    returns_losses(case.epochs, seen.losses, per_epoch, check)
    _loses_what_the_logits_say(case, seen.losses, trained, check)
    _goes_down_the_cross_entropy(case, seen.notes, check)
    _updates(seen, notes, places, check)
    _evaluates(case, notes, places, per_epoch, check)
    _takes_what_it_is_given(seen, notes, check)
    leaves_autograd_as_it_was(check, "autograd-on", seen)


def _takes_what_it_is_given(seen: Seen, notes: list[dict[str, Any]], check: Check) -> None:
    check.bits("given-model", seen.first, seen.start, path="the weight in the first forward of training")
    other = sum(note["collated"] is not True for note in notes)
    got = f"{other} batches that the loaders' collate_fn had not made"
    check.that("batches", other == 0, got=got, expected="the batches of the loaders that were given")


def _trains_in_mode(trained: list[dict[str, Any]], check: Check) -> None:
    off = next((note for note in trained if not (note["training"] is True and note["inner"] is True)), None)
    check.that("train-mode", off is None, got=_mode(off), expected="train mode, as model.train() sets it")


def _never_trains_on_tests(tested: list[dict[str, Any]], check: Check) -> None:
    used = sum(note["used"] is True for note in tested)
    check.that("never-trained", used == 0, got=f"{used} test batches that a gradient came back from", expected="none")
    off = next((note for note in tested if not (note["training"] is False and note["inner"] is False)), None)
    check.that("eval-mode", off is None, got=_mode(off), expected="eval mode, as model.eval() sets it")


def _mode(note: dict[str, Any] | None) -> str:
    if note is None:
        return ""
    return f"a forward with training = {note['training']} in the model, {note['inner']} in a submodule"


def _trains_on_every_batch(case: LoopCase, trained: list[dict[str, Any]], per_epoch: int, check: Check) -> None:
    count, samples = per_epoch * case.epochs, list(range(case.x.shape[0]))
    got = f"{len(trained)} batches that a gradient came back from"
    expected = f"{count}: {case.epochs} epochs of {per_epoch} batches"
    if not check.that("batches", len(trained) == count, got=got, expected=expected):
        return
    for epoch in range(case.epochs):
        seen = sorted(number for note in trained[epoch * per_epoch : (epoch + 1) * per_epoch] for number in note["ids"])
        path = f"images of epoch {epoch + 1}"
        check.that("batches", seen == samples, got=seen, expected=f"each of {len(samples)} images once", path=path)
    if case.shuffle and case.epochs > 1:
        _samples_anew(case, trained, per_epoch, check)


def _samples_anew(case: LoopCase, trained: list[dict[str, Any]], per_epoch: int, check: Check) -> None:
    """Checks that a loader that shuffles did so for each epoch."""
    order = [note["ids"] for note in trained]
    same = order == order[:per_epoch] * case.epochs
    by_chance = math.factorial(case.x.shape[0]) ** float(1 - case.epochs) if same else 1.0
    got = f"{'the same order' if same else 'other orders'} of images in {case.epochs} epochs of a loader that shuffles"
    check.chance("batches", by_chance, got=got, expected="batches sampled anew for each epoch")


def returns_losses(epochs: int, losses: Any, per_epoch: int, check: Check) -> None:
    count = per_epoch * epochs
    right = type(losses) is list and len(losses) == count
    expected = f"a list of {count} floats: {epochs} epochs of {per_epoch} batches"
    if check.that("losses", right, got=kind_of(losses), expected=expected):
        other = next((loss for loss in losses if type(loss) is not float), None)
        check.that("losses", other is None, got=f"{kind_of(other)} among the losses", expected="Python floats")


def _loses_what_the_logits_say(case: LoopCase, losses: Any, trained: list[dict[str, Any]], check: Check) -> None:
    known = not isinstance(losses, list) or len(losses) != len(trained)
    if known or any(max(note["ids"], default=0) >= case.y.shape[0] for note in trained):
        return
    for place, (loss, note) in enumerate(zip(losses, trained, strict=True)):
        expected = oracle.cross_entropy(note["logits"], case.y.value[note["ids"]])
        check.number("loss-values", loss, expected, path=f"losses[{place}]")


def _goes_down_the_cross_entropy(case: LoopCase, notes: list[dict[str, Any]], check: Check) -> None:
    """Checks that what went backward is a multiple of the cross-entropy, in each forward that it came back to once."""
    for place, note in enumerate(notes):
        if len(note["gradients"]) != 1 or not all(0 <= number < case.y.shape[0] for number in note["ids"]):
            continue  # several losses of one forward, or images that were changed beyond recognition
        (found,) = note["gradients"]
        expected = oracle.multiple_of_gradient(note["logits"], case.y.value[note["ids"]], found)
        if expected is not None:
            check.close("backward", found, expected, path=f"logits{place + 1}.grad")


def _updates(seen: Seen, notes: list[dict[str, Any]], places: list[int], check: Check) -> None:
    changes = oracle.changes(notes, places)
    got = f"{sum(changes)} changes of the weights in between {len(changes)} training batches and what came next"
    # A schedule may start, end, or come by at a learning rate of zero.
    few = len(changes) - sum(changes) <= 2 + len(changes) // 10
    # An optimizer that was asked each time, and changed something, may find nothing more to change (LBFGS).
    few = few or (len(seen.steps) >= len(places) and any(changes))
    check.that("updates", few, got=got, expected="a change after every batch")
    got = f"{sum(seen.steps)} times an optimizer stepped again along a gradient that it had stepped along"
    check.that("updates", sum(seen.steps) == 0, got=got, expected="one step for each backward")
    got = f"{' and '.join(seen.still)} of the model that was given as before"
    check.that("updates", not seen.still, got=got, expected="every parameter changes")
    check.bits("updates", seen.later, seen.end, path="the weight some time after training, against what it was then")
    got = f"{seen.stale} times a gradient was added to what was left in .grad"
    check.that("fresh-gradients", seen.stale == 0, got=got, expected="zero_grad before each backward")


def _evaluates(case: LoopCase, notes: list[dict[str, Any]], places: list[int], per_epoch: int, check: Check) -> None:
    tests = set(range(FIRST_TEST, FIRST_TEST + case.test_x.shape[0]))
    lasts, nexts = places[per_epoch - 1 :: per_epoch] or [0], [*places[per_epoch::per_epoch], len(notes)]
    for epoch, (start, end) in enumerate(zip(lasts, nexts, strict=False)):
        seen = {number for note in notes[start:end] for number in note["ids"]}
        earlier = _tested_after(notes, places[epoch * per_epoch : (epoch + 1) * per_epoch])
        when = f"; it was given some after batch {', '.join(earlier)} of {per_epoch}" if earlier else ""
        got = f"{len(tests & seen)} of {len(tests)} test images given to the model"
        got = f"{got} after the last batch of epoch {epoch + 1}{when}"
        check.that("evaluates", tests <= seen, got=got, expected="all of them")


def _tested_after(notes: list[dict[str, Any]], places: list[int]) -> list[str]:
    """Returns the batches of one epoch, counted from one, after which test images came before the next batch."""
    return [
        str(batch)
        for batch, (start, end) in enumerate(itertools.pairwise(places), 1)
        if any(number >= FIRST_TEST for note in notes[start:end] for number in note["ids"])
    ]
