"""What must hold of cross_entropy_from_logits, ClassificationHead and train_classifier."""

from __future__ import annotations

from typing import Any

import torch

from conformance.engine.checking import Check, Seen, kind_of
from conformance.engine.properties import ALL_FLOATS, FLOATS, holds
from conformance.numerics.bounded import Bounded
from conformance.suite.classification import cases, loops, oracle
from conformance.suite.classification.cases import (
    BuiltHeadCase,
    DigitsCase,
    HeadCase,
    LogitsCase,
    LoopCase,
    SeparableCase,
)
from conformance.suite.common.parameters import start_at_numbers
from conformance.suite.common.properties import has_signature

# Outputs of a head with parameters or inputs a million times as large go far beyond what squashing or clipping leaves.
BEYOND = 1e4
# A problem that goes downhill at all is learned to the last sample; the rest is room for a loop that ends too early.
LEARNED = 0.9
# The exercise's own bar.
ACCURACY = 0.7
# Two learning rates a hundredfold apart; what scales with them at all is far above this ratio.
RATIO = 2.0

test_cross_entropy_has_its_signature = has_signature("cross_entropy_from_logits")
test_classification_head_has_its_signature = has_signature("ClassificationHead")
test_train_classifier_has_its_signature = has_signature("train_classifier")


@holds(
    item="cross_entropy_from_logits",
    name="loss",
    driver="classification.cross_entropy",
    cases=cases.any_logits,
    always=cases.further_logits,
    requirements=("formula", "form", "untouched", "repeatable"),
    dtypes=ALL_FLOATS,
    meta=True,
)
def test_cross_entropy_follows_its_formula(case: LogitsCase, seen: Seen, check: Check) -> None:
    _loses(case, seen, check, "formula")
    check.bits("untouched", seen.logits, oracle.logits_of(case), path="logits after the call")
    check.bits("untouched", seen.targets, case.targets.value, path="targets after the call")
    if isinstance(seen.loss, torch.Tensor):
        check.bits("repeatable", seen.again, seen.loss, path="loss of the second call")


@holds(
    item="cross_entropy_from_logits",
    name="extremes",
    driver="classification.cross_entropy",
    cases=cases.extreme_logits,
    requirements=("stable",),
    dtypes=FLOATS,
    share=0.3,
)
def test_cross_entropy_is_stable(case: LogitsCase, seen: Seen, check: Check) -> None:
    _loses(case, seen, check, "stable")


@holds(
    item="cross_entropy_from_logits",
    name="ruled-out",
    driver="classification.cross_entropy",
    cases=cases.masked_logits,
    requirements=("ruled-out",),
    dtypes=FLOATS,
    share=0.2,
)
def test_cross_entropy_takes_minus_infinity_off_the_target(case: LogitsCase, seen: Seen, check: Check) -> None:
    _loses(case, seen, check, "ruled-out")


@holds(
    item="cross_entropy_from_logits",
    name="gradient",
    driver="classification.cross_entropy",
    cases=cases.differentiated_logits,
    always=cases.turned_logits,
    requirements=("gradient", "second-order"),
    dtypes=FLOATS,
    share=0.3,
)
def test_cross_entropy_hands_its_gradient_back(case: LogitsCase, seen: Seen, check: Check) -> None:
    expected = oracle.cross_entropy_gradient(case.logits.value, case.targets.value) * case.upstream
    path = "gradient of the logits" + (f" for {case.upstream:g} * loss" if case.upstream != 1 else "")
    for got, when in zip(seen.gradients, ("", ", the second time of one graph"), strict=True):
        check.close("gradient", got, expected, dtype=case.logits.dtype, path=path + when)
    twice = isinstance(seen.second, torch.Tensor)
    check.that("second-order", twice, got=seen.second, expected="a gradient that can be differentiated again")


@holds(
    item="cross_entropy_from_logits",
    name="from-scratch",
    driver="classification.cross_entropy",
    cases=lambda: cases.any_logits("float32"),
    requirements=("from-scratch",),
    share=0.2,
)
def test_cross_entropy_is_made_from_scratch(case: LogitsCase, seen: Seen, check: Check) -> None:
    """Whether the reference was reached is judged by the engine, on every call."""


@holds(
    item="ClassificationHead",
    name="forward",
    driver="classification.head",
    cases=cases.features,
    always=cases.large_features,
    requirements=("form", "row-wise", "untouched", "repeatable", "state"),
    dtypes=FLOATS,
    meta=True,
    share=0.5,
    individual=True,
)
def test_head_maps_rows_to_logits(case: HeadCase, seen: Seen, check: Check) -> None:
    shape = (*case.x.shape[:-1], case.num_classes)
    formed = check.tensor("form", seen.output, shape=shape, dtype=case.x.dtype)
    formed = check.tensor("form", seen.still, shape=shape, dtype=case.x.dtype, path="output in eval mode") and formed
    check.bits("untouched", seen.x, case.x.value, path="x after the call")
    if formed:
        check.bits("repeatable", seen.again, seen.still, path="output of the second call")
    if formed and check.variant.device != "meta" and seen.still.numel():
        last = seen.still.detach().reshape(-1, case.num_classes)[-1:]
        # Both are the submission's own, and sums of numbers no larger than these.
        expected = Bounded.to_half_digits(last, 1 + float(seen.still.detach().abs().max()), last.dtype)
        check.close("row-wise", seen.alone, expected, path="logits of the last row alone")
        check.bits(
            "state", seen.alike, seen.still, path="logits of another head that loaded the state dict of this one"
        )


@holds(
    item="ClassificationHead",
    name="logits",
    driver="classification.head",
    cases=cases.signed_features,
    always=cases.large_signed_features,
    requirements=("logits",),
    dtypes=FLOATS,
    share=0.2,
)
def test_head_gives_logits(case: HeadCase, seen: Seen, check: Check) -> None:
    low, high, torn = seen.extremes or (0.0, 0.0, 0.0)
    got = f"outputs from {low:.4g} to {high:.4g} over {case.fills} draws of parameters or inputs of the size of 1e6"
    expected = f"outputs below {-BEYOND:g} and above {BEYOND:g}"
    check.that("logits", low < -BEYOND and high > BEYOND, got=got, expected=expected)
    got, expected = f"{torn:g} rows with zeros among their outputs", "logits, of which no dropout makes some zero"
    check.that("logits", torn == 0, got=got, expected=expected, path="rows")


@holds(
    item="ClassificationHead",
    name="gradient",
    driver="classification.head",
    cases=cases.differentiated_features,
    requirements=("gradient",),
    dtypes=("float64", "float32"),
    share=0.2,
    individual=True,
)
def test_head_hands_gradients_back(case: HeadCase, seen: Seen, check: Check) -> None:
    names = ["x", *(name for name, _ in seen.parameters)]
    for name, got in zip(names, seen.gradients, strict=False):
        reached = isinstance(got, torch.Tensor) and bool(got.isfinite().all())
        shown = "no gradient" if got is None else kind_of(got)
        check.that("gradient", reached, got=shown, expected="a gradient of finite numbers", path=f"gradient of {name}")
    if case.training:
        return  # what dropout does to a gradient is not known
    parameters = [value for _, value in seen.parameters]
    linear = oracle.linear(case, parameters, seen.output) if isinstance(seen.output, torch.Tensor) else None
    if linear is None:
        return  # a small MLP
    weight, bias, turned = linear
    expected = oracle.affine_gradients(case, weight, bias)
    order = [expected[0], *(expected[1] if value.ndim > 1 else expected[2] for value in parameters)]
    for name, got, bound in zip(names, seen.gradients, order, strict=False):
        transposed = turned and isinstance(got, torch.Tensor) and name != "x" and got.ndim > 1
        check.close("gradient", got.T if transposed else got, bound, path=f"gradient of {name}")


@holds(
    item="ClassificationHead",
    name="learns",
    driver="classification.head_learns",
    cases=cases.learning_heads,
    requirements=("gradient", "logits", "state"),
    dtypes=FLOATS,
    share=0.1,
)
def test_every_part_of_a_head_learns(case: HeadCase, seen: Seen, check: Check) -> None:
    got = f"no gradient but zero for {', '.join(seen.idle)} in {case.fills} draws of parameters and inputs"
    check.that("gradient", not seen.idle, got=got, expected="a gradient for every parameter and every column of x")
    got = f"the same logit for each of {case.num_classes} classes in {case.fills} draws of parameters and inputs"
    check.that("logits", seen.differed, got=got, expected="logits that tell classes apart")
    rows = seen.untrained if isinstance(seen.untrained, torch.Tensor) else torch.ones(1)
    got = "logits that tell one row from another by what is no parameter"
    check.that("state", bool((rows == rows[:1]).all()), got=got, expected="the same logits", path="all parameters zero")


@holds(
    item="ClassificationHead",
    name="built",
    driver="classification.head_built",
    cases=cases.built_heads,
    requirements=("initialised",),
    share=0.2,
)
def test_head_starts_at_numbers(case: BuiltHeadCase, seen: Seen, check: Check) -> None:
    start_at_numbers(check, seen)


@holds(
    item="train_classifier",
    name="loop",
    driver="classification.trained",
    cases=cases.loops,
    requirements=loops.REQUIREMENTS,
    share=0.4,
    individual=True,
)
def test_train_classifier_trains_and_evaluates(case: LoopCase, seen: Seen, check: Check) -> None:
    loops.trains_and_evaluates(case, seen, check)


@holds(
    item="train_classifier",
    name="long",
    driver="classification.trained",
    cases=cases.long_loop,
    requirements=loops.REQUIREMENTS,
    share=0.05,
    seconds=30.0,
    individual=True,
)
def test_train_classifier_does_so_to_the_end(case: LoopCase, seen: Seen, check: Check) -> None:
    loops.trains_and_evaluates(case, seen, check)


@holds(
    item="train_classifier",
    name="learning-rate",
    driver="classification.trained_at_two_rates",
    cases=cases.one_epoch_loops,
    requirements=("learning-rate",),
    share=0.1,
)
def test_train_classifier_uses_its_learning_rate(case: LoopCase, seen: Seen, check: Check) -> None:
    large, small = seen.steps
    got = f"first updates of length {large:.4g} at lr = 0.01 and {small:.4g} at lr = 0.0001"
    expected = f"an update more than {RATIO:g} times as long at 0.01"
    check.that("learning-rate", large > RATIO * small, got=got, expected=expected)


@holds(
    item="train_classifier",
    name="seed",
    driver="classification.trained_twice",
    cases=cases.shuffled_loops,
    requirements=("repeatable",),
    share=0.1,
)
def test_train_classifier_repeats_itself(case: LoopCase, seen: Seen, check: Check) -> None:
    same = isinstance(seen.first, list) and seen.first == seen.second
    check.that("repeatable", same, got=f"{seen.first}, then {seen.second}", expected="the same losses twice")


@holds(
    item="train_classifier",
    name="learns",
    driver="classification.learned",
    cases=cases.separable,
    requirements=("learns", "losses"),
    share=0.05,
    seconds=30.0,
)
def test_train_classifier_learns_clusters(case: SeparableCase, seen: Seen, check: Check) -> None:
    _learned(seen, check, "learns", LEARNED, [f"lr = {lr:g}" for lr in (*case.lrs, case.last_resort)])
    for losses in seen.losses:  # what is learned early is trained to the end all the same
        loops.returns_losses(case.epochs, losses, -(-case.noise.shape[0] // case.batch), check)


@holds(
    item="train_classifier",
    name="digits",
    driver="classification.learned_digits",
    cases=cases.digits,
    requirements=("digits",),
    share=0.05,
    seconds=60.0,
)
def test_train_classifier_learns_digits(case: DigitsCase, seen: Seen, check: Check) -> None:
    rates = [f"lr = {lr:g}" for lr, _ in case.rates]
    of_torch = [f"{rate} with layers of torch's" for rate in rates]
    check.draw(seen.losses)
    _learned(seen, check, "digits", ACCURACY, [*rates[: seen.own], *of_torch])


@holds(
    item="train_classifier",
    name="from-scratch",
    driver="classification.trained",
    cases=cases.one_epoch_loops,
    requirements=("from-scratch",),
    share=0.1,
)
def test_train_classifier_uses_its_own_loss(case: LoopCase, seen: Seen, check: Check) -> None:
    """Whether the reference was reached is judged by the engine, on every call."""


def _loses(case: LogitsCase, seen: Seen, check: Check, requirement: str) -> None:
    form = "form" if "form" in check.prop.requirements else requirement
    if check.tensor(form, seen.loss, shape=(), dtype=case.logits.dtype, path="loss"):
        expected = oracle.cross_entropy(oracle.logits_of(case), case.targets.value)
        check.close(requirement, seen.loss, expected, path="loss")


def _learned(seen: Seen, check: Check, requirement: str, bar: float, ways: list[str]) -> None:
    labels = seen.labels
    right = [_accuracy(logits, labels) for logits in seen.logits]
    got = ", ".join(f"{share:.0%} right at {way}" for share, way in zip(right, ways, strict=False))
    check.that(requirement, max(right, default=0.0) >= bar, got=got, expected=f"{bar:.0%} right at one of them")


def _accuracy(logits: Any, labels: torch.Tensor) -> float:
    if not isinstance(logits, torch.Tensor) or logits.ndim != 2 or len(logits) != len(labels):
        return 0.0
    return float((logits.argmax(-1) == labels).double().mean())
