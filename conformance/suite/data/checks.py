"""Checks that several properties of the data area share."""

from __future__ import annotations

from typing import Any, TypeGuard

import torch

from conformance.engine.checking import Check, Seen, kind_of
from conformance.numerics import statistics
from conformance.suite.data import oracle
from conformance.suite.data.cases import CropCase, LoaderCase, StartsCase
from conformance.suite.tensors import TensorSpec


def is_pair(item: Any, check: Check, requirement: str, path: str) -> bool:
    """Checks that an item is a tuple of two."""
    pair = isinstance(item, tuple) and len(item) == 2
    return check.that(requirement, pair, got=kind_of(item), expected="a tuple of two tensors", path=path)


def is_batch(batch: Any, check: Check) -> bool:
    """Checks that a collated batch is a dict with the four keys."""
    keys = {"input_ids", "target_ids", "attention_mask", "padding_mask"}
    is_dict = isinstance(batch, dict) and keys <= set(batch)
    return check.that("form", is_dict, got=kind_of(batch), expected=f"a dict with the keys {sorted(keys)}")


def items(
    requirement: str, found: list[Any], rows: list[dict[str, torch.Tensor]], check: Check, dtype: str = "form"
) -> bool:
    """Checks that item i is the pair of tensors in row i, and returns whether all are.

    Args:
        requirement: what the entries serve; shape and type serve "form".
        found: the items.
        rows: for each, the name and the value of both tensors.
        check: what to check with.
        dtype: the requirement that dtypes serve.
    """
    pairs = enumerate(zip(found, rows, strict=False))
    right = [_item(requirement, i, item, row, check, dtype) for i, (item, row) in pairs]
    return all(right)


def _item(requirement: str, i: int, item: Any, row: dict[str, torch.Tensor], check: Check, dtype: str) -> bool:
    if not is_pair(item, check, "form", f"item {i}"):
        return False
    right = True
    for got, (name, expected) in zip(item, row.items(), strict=True):
        path = f"{name} of item {i}"
        right &= (
            check.tensor("form", got, shape=tuple(expected.shape), path=path)
            and check.tensor(dtype, got, dtype=expected.dtype, path=path)
            and check.bits(requirement, got, expected, path=path)
        )
    return right


def _counted(batches: list[Any] | str, count: int, expected: str, check: Check) -> list[Any]:
    """Checks that a DataLoader gave so many batches, and returns them; none where it ended in an error."""
    if not check.that("loader", isinstance(batches, list), got=str(batches), expected="batches"):
        return []
    check.that("loader", len(batches) == count, got=f"{len(batches)} batches", expected=expected)
    return list(batches)


def loaded(batches: list[Any] | str, columns: list[torch.Tensor], size: int, check: Check) -> None:
    """Checks that the batches of a DataLoader are the columns, ``size`` rows at a time."""
    count = -(-len(columns[0]) // size)
    for k, batch in enumerate(_counted(batches, count, f"{count} batches", check)):
        pair = isinstance(batch, list | tuple) and len(batch) == 2
        if check.that("loader", pair, got=kind_of(batch), expected="a pair of batches", path=f"batch {k}"):
            for got, column in zip(batch, columns, strict=True):
                check.bits("loader", got, column[k * size : (k + 1) * size], path=f"batch {k}")


def as_torch(seen: Seen, last: list[torch.Tensor], count: int, check: Check) -> None:
    """Checks what torch's own datasets do: their class, index -1, and a loop that ends."""
    check.that("dataset", seen.dataset is True, got="some other class", expected="a torch.utils.data.Dataset")
    pair = isinstance(seen.last, tuple) and len(seen.last) == 2
    if check.that("iteration", pair, got=seen.last, expected="the last item, a tuple of two", path="dataset[-1]"):
        for got, expected in zip(seen.last, last, strict=True):
            check.bits("iteration", got, expected, path="dataset[-1]")
    ends = seen.looped == count
    check.that("iteration", ends, got=seen.looped, expected=f"a loop over the dataset that ends after {count} items")


def refused(requirement: str, refusal: Any, check: Check, expected: str) -> None:
    """Checks that something was refused, by whatever exception."""
    check.that(requirement, isinstance(refusal, str), got=refusal or "nothing raised", expected=expected)


def on_cpu(value: Any) -> TypeGuard[torch.Tensor]:
    """Returns whether something is a tensor that has values here."""
    return isinstance(value, torch.Tensor) and value.device.type == "cpu"


def written(value: Any) -> str:
    """Returns a short tensor as its numbers."""
    return str(value.tolist()) if on_cpu(value) else kind_of(value)


def window(requirement: str, crop: Any, sequence: torch.Tensor, case: CropCase, check: Check, path: str) -> bool:
    """Checks that a crop is part of a sequence of distinct tokens, and returns whether it is."""
    form = "form" if requirement == "crop" else requirement
    if not check.tensor(form, crop, shape=(case.crop_len,), dtype=sequence.dtype, path=path):
        return False
    if check.variant.device == "meta":
        return True
    fair = oracle.start_of(crop, sequence) is not None
    expected = f"{case.crop_len} tokens of {sequence.tolist()}, one after the other"
    return check.that(requirement, fair, got=written(crop), expected=expected, path=path)


def loaded_crops(batches: list[Any] | str, case: CropCase, check: Check) -> None:
    """Checks that the batches of a DataLoader hold a crop of each sequence, two at a time."""
    tokens = case.tokens.value
    count = -(-len(tokens) // 2)
    for k, batch in enumerate(_counted(batches, count, f"{count} batches of 2", check)):
        size = min(2, len(tokens) - 2 * k)
        if check.tensor("loader", batch, shape=(size, case.crop_len), dtype=tokens.dtype, path=f"batch {k}"):
            for row in range(size):
                window("loader", batch[row], tokens[2 * k + row], case, check, f"row {row} of batch {k}")


def starts_of(requirement: str, crops: Any, case: StartsCase, check: Check) -> list[int] | None:
    """Returns where crops start; where they are no crops, the requirement is not met and there is nothing to count."""
    rows = len(crops) if isinstance(crops, torch.Tensor | list) else 0
    shape = (rows, case.crop_len)
    if not check.tensor(requirement, crops, shape=shape, dtype=case.tokens.dtype, path="the crops, stacked"):
        return None
    starts = oracle.starts_of(crops, case.tokens.value)
    fair = starts is not None
    check.that(requirement, fair, got="other tokens", expected="a window of each row", path="the crops, stacked")
    return None if starts is None else starts.tolist()


def even_starts(case: StartsCase, seen: Seen, check: Check) -> list[int] | None:
    """Checks that the starts of many items are even and independent, and returns them; None where they are not even.

    Each check is for starts that pass the one before: a start that never comes up is uneven too, and says nothing more.
    """
    starts = starts_of("every-start", seen.crops, case, check)
    if starts is None:
        return None
    counts = [starts.count(start) for start in range(case.starts)]
    shown = f"starts 0 to {case.starts - 1} came up {counts} times"
    # The paths say in what way it failed: that tells one mistake from another, where the numbers drawn cannot.
    never = [place - case.starts for place, count in enumerate(counts) if not count]
    path, every = f"starts that never came up, counted from the end: {never}", "each start at least once"
    if not check.chance("every-start", oracle.stays_away(counts), got=shown, expected=every, path=path):
        return None
    each, path = f"each about {len(starts) / case.starts:.0f} times", f"start {counts.index(max(counts))}"
    if not check.chance("even", statistics.evenly_spread(counts), got=shown, expected=each, path=path):
        return None
    steps = {b - a for a, b in zip(starts[::2], starts[1::2], strict=False)}
    p, path = oracle.neighbours_independent(starts, case.starts), f"differences of neighbours: {sorted(steps)}"
    shown = f"the starts {starts[:12]} ..."
    check.chance("independent", p, got=shown, expected="each independent of the one before", path=path)
    return starts


def even_shares(case: StartsCase, seen: Seen, shares: int, check: Check, every: str = "even") -> None:
    """Checks that the starts of many items are spread evenly over so many equal shares of the places.

    A share in which none of them is serves the requirement ``every``.
    """
    starts = starts_of("even", seen.crops, case, check)
    if starts is None:
        return
    width = case.starts // shares
    counts = [0] * shares
    for start in starts:
        counts[start // width] += 1
    what = "starts" if width == 1 else f"starts, {width} at a time,"
    got, expected = f"{what} came up {counts} times", f"each about {len(starts) / shares:.0f} times"
    never = f"never among them: {[place - shares for place, count in enumerate(counts) if not count]}"
    if not check.chance(every, oracle.stays_away(counts), got=got, expected="each at least once", path=never):
        return
    path = f"share {counts.index(max(counts))}"
    check.chance("even", statistics.evenly_spread(counts), got=got, expected=expected, path=path)


def generators_left_alone(seen: Seen, check: Check) -> None:
    """Checks that no global generator moved."""
    alone = f"{' and '.join(seen.moved)} global generator moved" if seen.moved else "none moved"
    check.that("generator-left-alone", not seen.moved, got=alone, expected="global generators left alone")


def same_crops(some: Any, others: Any) -> bool:
    """Returns whether two stacks of crops hold the same."""
    return on_cpu(some) and on_cpu(others) and torch.equal(some, others)


def sequences_untouched(specs: list[TensorSpec], left: list[Any], check: Check) -> None:
    """Checks that sequences are what they were before the call, and in their order."""
    for k, (spec, sequence) in enumerate(zip(specs, left, strict=True)):
        check.bits("untouched", sequence, spec.value, path=f"sequence {k} afterwards")


def ids(requirement: str, got: Any, expected: torch.Tensor, dtype: str, check: Check, path: str) -> None:
    """Checks padded ids, in int64 or in the dtype that they came in."""
    if not check.tensor(requirement, got, shape=tuple(expected.shape), path=path):
        return
    name = str(got.dtype).removeprefix("torch.")
    if check.that(requirement, name in ("int64", dtype), got=name, expected="int64", path=f"dtype of {path}"):
        check.bits(requirement, got, expected.to(got.dtype), path=path)


def kept(case: LoaderCase) -> int:
    """Returns how many samples an epoch gives."""
    return case.count - case.count % case.batch_size if case.drop_last else case.count


def workers(case: LoaderCase, seen: Seen, check: Check) -> None:
    """Checks that the loader has the workers that were asked for."""
    asked = case.workers or 0
    got = f"num_workers = {seen.workers!r}"
    check.that("workers", seen.workers == asked, got=got, expected=f"num_workers = {asked}")


def epoch(batches: list[Any], case: LoaderCase, check: Check) -> list[int] | None:
    """Checks that an epoch gives every sample once, in batches as asked.

    Returns:
        The samples in their order; None where the batches were not made as asked, so that there is nothing to count.
    """
    found = [_samples(batch, case, check, f"batch {k}") for k, batch in enumerate(batches)]
    flat = [number for batch in found if batch is not None for number in batch]
    if None in found:
        return None
    count = kept(case)
    check.that("drop-last", len(flat) == count, got=f"{len(flat)} samples", expected=f"{count} of {case.count} samples")
    sizes = [min(case.batch_size, count - start) for start in range(0, count, case.batch_size)]
    seen_sizes = [len(batch) for batch in found if batch is not None]
    check.that("batches", seen_sizes == sizes, got=f"batches of {seen_sizes}", expected=f"batches of {sizes}")
    once = len(set(flat)) == len(flat) and set(flat) <= set(range(case.count))
    check.that("batches", once, got=f"the samples {flat}", expected="no sample twice")
    return flat


def _samples(batch: Any, case: LoaderCase, check: Check, path: str) -> list[int] | None:
    """Checks that a batch was made as asked, and returns its samples."""
    columns: Any = [batch]
    ndim, expected = 2, "the samples stacked to (B, 1)"
    if case.collate:
        columns = [batch.get("collated") if isinstance(batch, dict) else None]
        ndim, expected = 1, "what collate_fn returned"
    elif case.pairs:
        columns, expected = batch, "a pair: the inputs stacked to (B, 1), and the targets"
    made = isinstance(columns, list | tuple) and len(columns) == 1 + (case.pairs and not case.collate)
    made = made and all(on_cpu(x) and x.ndim == ndim and x.dtype == torch.int64 for x in columns)
    made = made and torch.equal(columns[0], columns[-1].abs())
    if not check.that("collate", made, got=kind_of(batch), expected=expected, path=path):
        return None
    return [int(number) for number in columns[0].reshape(-1).tolist()]
