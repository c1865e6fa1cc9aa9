"""What must hold of Linear, Embedding and Dropout."""

from __future__ import annotations

from typing import Any

import torch

from conformance.engine.checking import Check, Seen, kind_of
from conformance.engine.properties import ALL_FLOATS, FLOATS, holds
from conformance.suite.common.gradients import are_handed_back, is_handed_back, is_untouched
from conformance.suite.common.parameters import holds_numbers
from conformance.suite.common.properties import has_signature
from conformance.suite.layers import cases, oracle
from conformance.suite.layers.cases import DropoutCase, EmbeddingCase, LinearCase, RateCase, RefusedCase, SizeCase

test_linear_has_its_signature = has_signature("Linear")
test_embedding_has_its_signature = has_signature("Embedding")
test_dropout_has_its_signature = has_signature("Dropout")


@holds(
    item="Linear",
    name="forward",
    driver="layers.linear",
    cases=cases.linears,
    requirements=("formula", "form", "untouched", "repeatable"),
    dtypes=ALL_FLOATS,
    meta=True,
    share=0.6,
)
def test_linear_multiplies_and_adds(case: LinearCase, seen: Seen, check: Check) -> None:
    expected = oracle.linear(case)
    if check.close("formula", seen.output, expected, dtype=case.x.dtype, form="form"):
        check.close("repeatable", seen.again, expected, path="output of the second call")
    check.bits("untouched", seen.x, case.x.value, path="x after the call")


@holds(
    item="Linear",
    name="no-bias",
    driver="layers.linear",
    cases=cases.biasless,
    requirements=("no-bias",),
    dtypes=FLOATS,
    meta=True,
    share=0.2,
)
def test_linear_adds_nothing_without_a_bias(case: LinearCase, seen: Seen, check: Check) -> None:
    check.close("no-bias", seen.output, oracle.linear(case), dtype=case.x.dtype)


@holds(
    item="Linear",
    name="gradient",
    driver="layers.linear",
    cases=cases.differentiated,
    requirements=("gradient", "second-order"),
    dtypes=("float64", "float32"),
    share=0.3,
)
def test_linear_hands_gradients_back(case: LinearCase, seen: Seen, check: Check) -> None:
    assert case.upstream is not None
    names = ("x", "the weight", "the bias")
    are_handed_back(check, seen, case.upstream, names, oracle.linear_gradients(case), case.x.dtype)
    twice = isinstance(seen.second, torch.Tensor)
    check.that("second-order", twice, got=seen.second, expected="a gradient that can be differentiated again")


@holds(
    item="Linear",
    name="large",
    driver="layers.linear",
    cases=cases.large_linear,
    requirements=("formula", "gradient"),
    share=0.05,
)
def test_linear_does_so_on_a_larger_scale(case: LinearCase, seen: Seen, check: Check) -> None:
    assert case.upstream is not None
    check.close("formula", seen.output, oracle.linear(case), dtype=case.x.dtype)
    names = ("x", "the weight", "the bias")
    are_handed_back(check, seen, case.upstream, names, oracle.linear_gradients(case), case.x.dtype)


@holds(
    item="Linear",
    name="built",
    driver="layers.linear_built",
    cases=cases.sizes,
    requirements=("parameters", "initialised", "own-parameters", "names", "copyable"),
    share=0.2,
)
def test_linear_starts_with_a_weight_and_a_bias(case: SizeCase, seen: Seen, check: Check) -> None:
    inner, outer = case.first, case.second
    shapes = [tuple(p.shape) for _, p in seen.parameters]
    others = [p.numel() for _, p in seen.parameters if tuple(p.shape) != (outer, inner)]
    right = shapes.count((outer, inner)) == 1 and others == [outer] * case.bias and len(shapes) == 1 + case.bias
    asked = f"a trainable weight of shape ({outer}, {inner})"
    asked += f" and a bias of shape ({outer},)" if case.bias else " and no bias"
    _is_built(seen, check, right, asked, ["bias", "weight"] if case.bias else ["weight"])


@holds(
    item="Linear",
    name="from-scratch",
    driver="layers.linear",
    cases=lambda: cases.linears("float32"),
    requirements=("from-scratch",),
    share=0.2,
)
def test_linear_is_made_from_scratch(case: LinearCase, seen: Seen, check: Check) -> None:
    """Whether the reference was reached is judged by the engine, on every call; what it is built on, here."""
    _is_no_subclass(seen, check)


@holds(
    item="Embedding",
    name="forward",
    driver="layers.embedding",
    cases=cases.lookups,
    always=cases.long_tables,
    requirements=("lookup", "form", "untouched"),
    dtypes=ALL_FLOATS,
    meta=True,
    share=0.5,
)
def test_embedding_looks_rows_up(case: EmbeddingCase, seen: Seen, check: Check) -> None:
    check.close("lookup", seen.output, oracle.embedding(case), dtype=case.table.dtype, form="form")
    check.close("lookup", seen.again, oracle.embedding(case), path="output of the second call")
    check.bits("untouched", seen.idx, case.idx.value, path="idx after the call")
    if seen.table is not None:  # a table that is no parameter cannot be set: that its rows are wrong has been said
        check.bits("untouched", seen.table, case.table.value, path="the table after the call")


@holds(
    item="Embedding",
    name="large",
    driver="layers.embedding",
    cases=cases.large_lookup,
    requirements=("lookup",),
    share=0.05,
)
def test_embedding_does_so_on_a_larger_scale(case: EmbeddingCase, seen: Seen, check: Check) -> None:
    check.close("lookup", seen.output, oracle.embedding(case), dtype=case.table.dtype)


@holds(
    item="Embedding",
    name="gradient",
    driver="layers.embedding",
    cases=cases.looked_up_with_gradient,
    always=cases.often_looked_up,
    requirements=("gradient",),
    dtypes=FLOATS,
    share=0.3,
)
def test_embedding_learns_the_rows_that_were_looked_up(case: EmbeddingCase, seen: Seen, check: Check) -> None:
    assert case.upstream is not None
    is_handed_back(check, [seen.gradient], ["the table"], [oracle.embedding_gradient(case)], case.table.dtype)
    is_untouched(check, seen, case.upstream)


@holds(
    item="Embedding",
    name="built",
    driver="layers.embedding_built",
    cases=cases.sizes,
    requirements=("parameters", "initialised", "own-parameters", "names", "copyable"),
    share=0.2,
)
def test_embedding_starts_with_a_table(case: SizeCase, seen: Seen, check: Check) -> None:
    right = [p.numel() for _, p in seen.parameters] == [case.first * case.second]
    _is_built(seen, check, right, f"one trainable parameter of shape ({case.first}, {case.second})", ["weight"])


@holds(
    item="Embedding",
    name="int32",
    driver="layers.embedding",
    cases=cases.int32_lookups,
    requirements=("int32",),
    share=0.2,
)
def test_embedding_takes_int32(case: EmbeddingCase, seen: Seen, check: Check) -> None:
    check.close("int32", seen.output, oracle.embedding(case), dtype=case.table.dtype)


@holds(
    item="Embedding",
    name="refuses",
    driver="layers.embedding_refused",
    cases=cases.missing_rows,
    requirements=("refuses",),
    share=0.2,
)
def test_embedding_refuses_ids_that_it_does_not_have(case: RefusedCase, seen: Seen, check: Check) -> None:
    check.that("refuses", seen.error is not None, got="an answer", expected="an exception", path="the call")


@holds(
    item="Embedding",
    name="from-scratch",
    driver="layers.embedding",
    cases=lambda: cases.lookups("float32"),
    requirements=("from-scratch",),
    share=0.2,
)
def test_embedding_is_made_from_scratch(case: EmbeddingCase, seen: Seen, check: Check) -> None:
    """Whether the reference was reached is judged by the engine, on every call; what it is built on, here."""
    _is_no_subclass(seen, check)


@holds(
    item="Dropout",
    name="modes",
    driver="layers.dropout",
    cases=cases.dropouts,
    requirements=("scale", "eval", "form", "untouched", "parameters"),
    dtypes=ALL_FLOATS,
    meta=True,
    share=0.5,
    individual=True,
)
def test_dropout_scales_what_it_keeps_in_train_mode_only(case: DropoutCase, seen: Seen, check: Check) -> None:
    x = case.x.value
    if check.tensor("form", seen.output, shape=case.x.shape, dtype=case.x.dtype):
        check.close("scale", seen.output, oracle.dropped(case, x, _on_cpu(seen.output)), path="output in train mode")
    check.bits("eval", seen.before, x, path="output in eval mode")
    check.bits("eval", seen.after, x, path="output in eval mode, after train mode")
    check.bits("untouched", seen.x, x, path="x after the calls")
    check.that("parameters", seen.trained == [], got=seen.trained, expected="no parameter", path="trainable parameters")


@holds(
    item="Dropout",
    name="draws",
    driver="layers.dropout_repeated",
    cases=cases.repeated,
    always=cases.rare,
    requirements=("rate", "independent", "fresh"),
    dtypes=FLOATS,
    share=0.4,
)
def test_dropout_drops_each_entry_by_itself(case: DropoutCase, seen: Seen, check: Check) -> None:
    if not check.tensor("rate", seen.outputs, shape=(case.calls, *case.x.shape), path="the outputs, call by call"):
        return
    kept = seen.outputs != 0
    asked = f"entries dropped with p = {case.p:.6g}"
    dropped = f"{kept.numel() - int(kept.sum())} of {kept.numel()} entries dropped in {case.calls} calls"
    check.chance("rate", oracle.unlikely_rate(case, kept), got=dropped, expected=f"{asked}, wherever they stand")
    got = "entries dropped together, or in a number that is fixed"
    check.chance("independent", oracle.dependent(case, kept), got=got, expected=f"{asked}, each by itself")
    got = "entries dropped as in another call, or by another Dropout"
    check.chance("fresh", oracle.stale(case, kept), got=got, expected=f"{asked}, anew in each call")


@holds(
    item="Dropout",
    name="gradient",
    driver="layers.dropout",
    cases=cases.differentiated_dropouts,
    requirements=("gradient",),
    dtypes=FLOATS,
    share=0.3,
    individual=True,
)
def test_dropout_hands_gradients_back_where_it_kept(case: DropoutCase, seen: Seen, check: Check) -> None:
    assert case.upstream is not None
    upstream = case.upstream.value
    if check.tensor("gradient", seen.kept, shape=case.x.shape, path="output in train mode"):
        expected = oracle.dropped(case, case.x.value, seen.kept, upstream)
        check.close("gradient", seen.gradient, expected, dtype=case.x.dtype, path="gradient in train mode")
    check.bits("gradient", seen.eval_gradient, upstream, path="gradient in eval mode")
    is_untouched(check, seen, case.upstream)


@holds(
    item="Dropout",
    name="p-zero",
    driver="layers.dropout_repeated",
    cases=cases.keeping_all,
    requirements=("p-zero",),
    share=0.2,
    individual=True,
)
def test_dropout_keeps_all_at_zero(case: DropoutCase, seen: Seen, check: Check) -> None:
    outputs, shape = seen.outputs, (case.calls, *case.x.shape)
    if not check.tensor("p-zero", outputs, shape=shape, dtype=case.x.dtype, path="the outputs, call by call"):
        return
    got = f"{int((outputs == 0).sum())} of {outputs.numel()} entries dropped"
    check.chance("p-zero", oracle.drawn_zero(outputs), got=got, expected="the input", path="output")
    check.close("p-zero", outputs, oracle.dropped(case, case.x.value.expand(shape), outputs))


@holds(
    item="Dropout",
    name="p-one",
    driver="layers.dropout_edge",
    cases=cases.dropping_all,
    requirements=("p-one",),
    share=0.1,
)
def test_dropout_drops_all_at_one(case: DropoutCase, seen: Seen, check: Check) -> None:
    check.that("p-one", seen.error is None, got=seen.error, expected="zeros", path="output")
    if check.tensor("p-one", seen.output, shape=case.x.shape, dtype=case.x.dtype):
        zeros = bool((seen.output == 0).all())
        check.that("p-one", zeros, got=f"entries like {seen.output.reshape(-1)[:3].tolist()}", expected="zeros")


@holds(
    item="Dropout",
    name="refuses",
    driver="layers.dropout_edge",
    cases=cases.no_probabilities,
    requirements=("refuses",),
    share=0.1,
)
def test_dropout_refuses_what_is_no_probability(case: RateCase, seen: Seen, check: Check) -> None:
    check.that("refuses", seen.error is not None, got="an answer", expected="an exception", path="the call")


@holds(
    item="Dropout",
    name="from-scratch",
    driver="layers.dropout",
    cases=lambda: cases.dropouts("float32"),
    requirements=("from-scratch",),
    share=0.2,
)
def test_dropout_is_made_from_scratch(case: DropoutCase, seen: Seen, check: Check) -> None:
    """Whether the reference was reached is judged by the engine, on every call; what it is built on, here."""
    _is_no_subclass(seen, check)


def _is_no_subclass(seen: Seen, check: Check) -> None:
    own = seen.bases == []
    check.that("from-scratch", own, got=f"a subclass of {seen.bases}", expected="a module of its own", path="its class")


def _is_built(seen: Seen, check: Check, right: bool, asked: str, names: list[str]) -> None:
    """Checks what a layer starts with, and that another of its kind has its own."""
    got = [f"{name}: shape {tuple(p.shape)}" for name, p in seen.parameters]
    trainable = right and all(seen.trainable)
    check.that("parameters", trainable, got=", ".join(got) or "no parameter", expected=asked, path="the parameters")
    unwritten = [name for name, p in seen.parameters if not holds_numbers(p)]
    check.that("initialised", not unwritten, got=unwritten, expected="values in every parameter", path="not written")
    own = len(seen.others_before) == len(seen.others_after) and all(
        torch.equal(a.nan_to_num(), b.nan_to_num()) for a, b in zip(seen.others_before, seen.others_after, strict=True)
    )
    expected = "another layer's parameters as they were"
    check.that("own-parameters", own, got="another layer's parameters changed too", expected=expected)
    found = sorted(name for name, _ in seen.parameters)
    check.that("names", found == names, got=str(found), expected=str(names), path="names")
    same = _fits(seen.copied, getattr(seen.output, "shape", None)) and torch.equal(seen.copied, seen.output)
    got_copy = kind_of(seen.copied) if not isinstance(seen.copied, str) else seen.copied
    check.that("copyable", same, got=got_copy, expected="the output of the original", path="output of a deep copy")


def _fits(value: Any, shape: Any) -> bool:
    return isinstance(value, torch.Tensor) and shape is not None and value.numel() == torch.Size(shape).numel()


def _on_cpu(output: torch.Tensor) -> torch.Tensor:
    return torch.zeros(output.shape) if output.device.type == "meta" else output
