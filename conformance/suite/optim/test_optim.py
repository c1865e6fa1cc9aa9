"""What must hold of AdamW: its state, one step, and a step of many parameters."""

from __future__ import annotations

import torch

from conformance.engine.checking import Check, Seen, kind_of
from conformance.engine.properties import ALL_FLOATS, FLOATS, holds
from conformance.numerics.bounded import Bounded
from conformance.suite.common.properties import has_signature, leaves_autograd_as_it_was
from conformance.suite.optim import cases, checks, oracle
from conformance.suite.optim.cases import InitCase, LengthsCase, ManyCase, ProgramCase, StepCase, TensorsCase

test_adamw_state_has_its_signature = has_signature("AdamWState")
test_init_adamw_state_has_its_signature = has_signature("init_adamw_state")
test_adamw_step_has_its_signature = has_signature("adamw_step_")
test_adamw_step_many_has_its_signature = has_signature("adamw_step_many_")


@holds(
    item="AdamWState",
    name="fields",
    driver="optim.state",
    cases=cases.states,
    always=cases.large_states,
    requirements=("fields", "own-fields"),
    share=0.3,
)
def test_adamw_state_keeps_what_it_is_given(case: TensorsCase, seen: Seen, check: Check) -> None:
    first, second = (case.m, case.v, case.t), (case.other_m, case.other_v, case.other_t)
    checks.holds_fields("fields", seen.first, first, check, "the first state")
    checks.holds_fields("fields", seen.second, second, check, "the second state")
    checks.holds_fields("own-fields", seen.first_again, first, check, "the first state, once there is a second one")


@holds(
    item="init_adamw_state",
    name="fresh",
    driver="optim.init",
    cases=cases.fresh,
    always=cases.large_fresh,
    requirements=("zeros", "form", "counter", "detached", "own-memory", "untouched"),
    dtypes=ALL_FLOATS,
    meta=True,
    share=0.4,
)
def test_a_fresh_state_is_zero_and_its_own(case: InitCase, seen: Seen, check: Check) -> None:
    p = case.p
    fields = {name: getattr(seen, name) for name in ("type", "m", "v", "t") if hasattr(seen, name)}
    if not checks.complete("zeros", fields, check):
        return
    zeros = torch.zeros_like(p.value)
    for name in ("m", "v"):
        if check.tensor("form", fields[name], shape=p.shape, dtype=p.dtype, path=name):
            check.close("zeros", fields[name], Bounded.exact(zeros), path=name)
            attached = bool(fields[name].requires_grad)
            check.that("detached", not attached, got="requires_grad=True", expected="requires_grad=False", path=name)
    zero = type(fields["t"]) is int and fields["t"] == 0
    check.that("counter", zero, got=kind_of(fields["t"]), expected="the int 0", path="t")
    check.bits("untouched", seen.p, seen.before, path="p after the call")
    if p.requires_grad:
        checks.stays_a_leaf("untouched", vars(seen), check)
    leaves_autograd_as_it_was(check, "untouched", seen)
    checks.keeps_its_grad("another" if case.held else "nothing", p, seen.held, seen.held_kept, check)
    for name, error in seen.refused.items():
        check.that("own-memory", error is None, got=error, expected="1 added to each entry", path=f"{name}.add_(1)")
    checks.stays_its_own(seen.v_after_m, zeros, "v after 1 was added to m", check)
    checks.stays_its_own(seen.m_after_v, zeros + 1, "m after 1 was added to it, and to v", check)
    for name in ("m", "v"):
        checks.stays_its_own(seen.after[f"next {name}"], zeros, f"next {name} after 1 was added to these", check)
        checks.stays_its_own(
            seen.after[name], zeros + 1, f"{name} after 1 was added to it and the next state made", check
        )
    check.bits("own-memory", seen.after["p"], seen.before, path="p after 1 was added to m and v")


@holds(
    item="adamw_step_",
    name="step",
    driver="optim.step",
    cases=cases.any_step,
    always=cases.late_step,
    requirements=("formula", "moments", "counter", "returns", "in-place", "form", "untouched"),
    dtypes=ALL_FLOATS,
    meta=True,
)
def test_adamw_steps_from_any_state(case: StepCase, seen: Seen, check: Check) -> None:
    after = oracle.step_of(case)
    if checks.complete("returns", seen.state, check):
        checks.counts_on("counter", seen.state, after, check)
        checks.holds_moments("moments", "form", seen.state, after, case.p, check)
    checks.moves("formula", "in-place", vars(seen), after.p, case.p, check)
    check.bits("untouched", seen.grad, case.grad.value, path="grad after the call")
    check.that("untouched", not seen.requires_grad, got="requires grad", expected="requires none, as before", path="p")
    leaves_autograd_as_it_was(check, "untouched", seen)


@holds(
    item="adamw_step_",
    name="without-eps",
    driver="optim.step_without_eps",
    cases=cases.without_eps,
    requirements=("formula",),
    share=0.1,
)
def test_adamw_steps_without_eps_or_refuses_to(case: StepCase, seen: Seen, check: Check) -> None:
    if seen.refused is None:
        check.close("formula", seen.view, oracle.step_of(case).p, path="p")
    else:
        check.that("formula", True, got=seen.refused, expected="a step, or an eps of zero refused")


@holds(
    item="adamw_step_",
    name="large",
    driver="optim.step",
    cases=cases.large_step,
    requirements=("formula", "moments"),
    share=0.1,
    large=True,
)
def test_adamw_steps_every_entry_of_a_large_parameter(case: StepCase, seen: Seen, check: Check) -> None:
    after = oracle.step_of(case)
    check.close("formula", seen.view, after.p, path="p")
    if checks.complete("moments", seen.state, check):
        checks.holds_moments("moments", "moments", seen.state, after, case.p, check)


@holds(
    item="adamw_step_",
    name="telling",
    driver="optim.step",
    cases=cases.telling_step,
    requirements=("bias-correction", "eps-outside-root", "decoupled-decay"),
    dtypes=("float64", "float32"),
    share=0.6,
)
def test_adamw_follows_each_part_of_its_formula(case: StepCase, seen: Seen, check: Check) -> None:
    check.close(case.focus, seen.view, oracle.step_of(case).p, path="p")


@holds(
    item="adamw_step_",
    name="leaf",
    driver="optim.step",
    cases=cases.leaf_step,
    requirements=("leaf", "formula", "untouched"),
    share=0.4,
)
def test_adamw_steps_a_parameter_that_requires_grad(case: StepCase, seen: Seen, check: Check) -> None:
    after = oracle.step_of(case).p
    checks.takes_a_step("leaf", seen.view, after, case.p, check)
    check.close("formula", seen.view, after, path="p")
    checks.stays_a_leaf("leaf", vars(seen), check)
    leaves_autograd_as_it_was(check, "leaf", seen)
    for name in ("m", "v"):
        attached = isinstance(seen.state.get(name), torch.Tensor) and bool(seen.state[name].requires_grad)
        check.that("leaf", not attached, got="requires_grad=True", expected="requires_grad=False", path=name)
    check.bits("untouched", seen.grad, case.grad.value, path="grad after the call")
    checks.keeps_its_grad(case.held, case.p, seen.held, seen.held_kept, check)


@holds(
    item="adamw_step_",
    name="program",
    driver="optim.program",
    cases=cases.programs,
    requirements=("trajectory",),
    dtypes=("float64", "float32"),
    share=0.25,
)
def test_adamw_goes_where_torch_goes(case: ProgramCase, seen: Seen, check: Check) -> None:
    path, current = oracle.path_of(case)
    for place, (got, expected) in enumerate(zip(seen.path, path, strict=True)):
        check.close("trajectory", got, expected, path=f"p{case.moves[place][0]} after move {place + 1}")
    for place, after in enumerate(current):
        if after.t and checks.complete("trajectory", seen.states[place], check):
            checks.counts_on("trajectory", seen.states[place], after, check)


@holds(
    item="adamw_step_",
    name="non-finite",
    driver="optim.step",
    cases=cases.not_finite_step,
    requirements=("non-finite",),
    share=0.2,
)
def test_adamw_lets_nan_through(case: StepCase, seen: Seen, check: Check) -> None:
    check.close("non-finite", seen.view, oracle.step_of(case).p, path="p")


@holds(
    item="adamw_step_",
    name="from-scratch",
    driver="optim.step",
    cases=lambda: cases.any_step("float32"),
    requirements=("from-scratch",),
    share=0.2,
)
def test_adamw_is_made_from_scratch(case: StepCase, seen: Seen, check: Check) -> None:
    """Whether the reference was reached is judged by the engine, on every call."""


@holds(
    item="adamw_step_many_",
    name="step",
    driver="optim.many",
    cases=lambda dtype: cases.many(dtype, leaf=False),
    requirements=("formula", "returns", "states", "in-place", "untouched"),
    dtypes=FLOATS,
    meta=True,
    share=0.7,
)
def test_each_of_many_takes_its_own_step(case: ManyCase, seen: Seen, check: Check) -> None:
    count = len(case.slots)
    right, got = seen.kind == "list" and len(seen.states) == count, f"a {seen.kind} of {len(seen.states)} states"
    check.that("returns", right, got=got, expected=f"a list of {count} states", path="what came back")
    expected = oracle.steps_of(case)
    for place, (slot, after) in enumerate(zip(case.slots, expected, strict=True)):
        name, p = f"params[{place}]", slot[0]
        checks.moves("formula", "in-place", seen.params[place], after.p, p, check, name)
        check.bits("untouched", seen.grads[place], slot[1].value, path=f"grads[{place}] after the call")
        if place < len(seen.states) and checks.complete("returns", seen.states[place], check):
            checks.counts_on("states", seen.states[place], after, check, f"states[{place}].")
            checks.holds_moments("states", "states", seen.states[place], after, p, check, f"states[{place}].")
    kept = seen.lengths == [count] * 3
    check.that("untouched", kept, got=seen.lengths, expected=f"three of {count}", path="lengths of the lists")
    # Not so the states: the updated ones may take the places of the old ones.
    for name, same in seen.same.items():
        got = "others, or in another order"
        check.that("untouched", same is True, got=got, expected="the tensors that it held", path=f"the list {name}")


@holds(
    item="adamw_step_many_",
    name="large",
    driver="optim.many",
    cases=cases.large_among_small,
    requirements=("formula", "states"),
    share=0.1,
    large=True,
)
def test_many_steps_every_entry_of_a_large_parameter(case: ManyCase, seen: Seen, check: Check) -> None:
    checks.all_step(case, seen, check)


@holds(
    item="adamw_step_many_",
    name="dozen",
    driver="optim.many",
    cases=cases.a_dozen,
    requirements=("formula", "states"),
    share=0.1,
)
def test_many_steps_a_dozen_parameters(case: ManyCase, seen: Seen, check: Check) -> None:
    checks.all_step(case, seen, check)


@holds(
    item="adamw_step_many_",
    name="leaves",
    driver="optim.many",
    cases=lambda: cases.many("float32", leaf=True),
    requirements=("leaf", "formula", "untouched"),
    share=0.2,
)
def test_many_steps_parameters_that_require_grad(case: ManyCase, seen: Seen, check: Check) -> None:
    check.that("leaf", len(seen.params) == len(case.slots), got=len(seen.params), expected=f"{len(case.slots)}")
    leaves_autograd_as_it_was(check, "leaf", seen)
    for place, after in enumerate(oracle.steps_of(case)):
        p, view, name = case.slots[place][0], seen.params[place]["view"], f"params[{place}]"
        checks.takes_a_step("leaf", view, after.p, p, check, name)
        check.close("formula", view, after.p, path=name)
        checks.stays_a_leaf("leaf", seen.params[place], check)
        check.bits("untouched", seen.grads[place], case.slots[place][1].value, path=f"grads[{place}] after the call")
        checks.keeps_its_grad(case.held, p, seen.held[place], seen.held_kept[place], check, f"params[{place}].grad")


@holds(
    item="adamw_step_many_",
    name="rounds",
    driver="optim.rounds",
    cases=cases.programs,
    requirements=("trajectory",),
    dtypes=("float64",),
    share=0.2,
)
def test_many_goes_where_torch_goes(case: ProgramCase, seen: Seen, check: Check) -> None:
    whole = seen.stopped is None
    check.that(
        "trajectory", whole, got=seen.stopped or "", expected="the states for the next call", path="what came back"
    )
    for turn, (got, expected) in enumerate(zip(seen.path, oracle.rounds_of(case), strict=False)):
        for place, (p, after) in enumerate(zip(got, expected, strict=True)):
            check.close("trajectory", p, after, path=f"params[{place}] after call {turn + 1}")


@holds(
    item="adamw_step_many_",
    name="lengths",
    driver="optim.lengths",
    cases=cases.lengths,
    requirements=("lengths",),
    share=0.2,
)
def test_many_refuses_lists_of_different_lengths(case: LengthsCase, seen: Seen, check: Check) -> None:
    refused = seen.refused is not None
    check.that("lengths", refused, got="no exception", expected="an exception that says which lengths differ")


@holds(
    item="adamw_step_many_",
    name="from-scratch",
    driver="optim.many",
    cases=lambda: cases.many("float32", leaf=False),
    requirements=("from-scratch",),
    share=0.2,
)
def test_many_is_made_from_scratch(case: ManyCase, seen: Seen, check: Check) -> None:
    """Whether the reference was reached is judged by the engine, on every call."""
