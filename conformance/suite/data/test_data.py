"""What must hold of the datasets, the padding and the loader."""

from __future__ import annotations

import torch

from conformance.engine.checking import Check, Seen
from conformance.engine.properties import holds
from conformance.suite.common.properties import has_signature
from conformance.suite.data import cases, checks, oracle

test_tensor_pair_dataset_has_its_signature = has_signature("TensorPairDataset")
test_next_token_dataset_has_its_signature = has_signature("NextTokenDataset")
test_random_crop_sequence_dataset_has_its_signature = has_signature("RandomCropSequenceDataset")
test_padded_batch_has_its_signature = has_signature("PaddedBatch")
test_pad_1d_sequences_has_its_signature = has_signature("pad_1d_sequences")
test_collate_next_token_batch_has_its_signature = has_signature("collate_next_token_batch")
test_make_dataloader_has_its_signature = has_signature("make_dataloader")


@holds(
    item="TensorPairDataset",
    name="items",
    driver="data.pairs",
    cases=cases.pairs,
    always=cases.large_pairs,
    requirements=("pairs", "length", "form", "repeatable", "loader", "untouched"),
    meta=True,
    share=0.5,
)
def test_item_i_is_the_pair_of_rows_i(case: cases.PairCase, seen: Seen, check: Check) -> None:
    x, y = case.x.value, case.y.value
    check.that("length", seen.length == len(x), got=seen.length, expected=f"{len(x)} items", path="len(dataset)")
    rows = [{"x": row, "y": target} for row, target in zip(x, y, strict=True)]
    if checks.items("pairs", seen.items, rows, check):
        checks.items("repeatable", seen.again, rows, check)
        checks.loaded(seen.batches, [x, y], case.batch, check)
    check.bits("untouched", seen.x, x, path="x afterwards")
    check.bits("untouched", seen.y, y, path="y afterwards")


@holds(
    item="TensorPairDataset",
    name="as-torch",
    driver="data.pairs_as_torch",
    cases=cases.pairs,
    requirements=("dataset", "iteration", "lengths"),
    share=0.2,
)
def test_pairs_behave_as_torch_s_own_dataset(case: cases.PairCase, seen: Seen, check: Check) -> None:
    checks.as_torch(seen, [case.x.value[-1], case.y.value[-1]], case.x.shape[0], check)
    checks.refused("lengths", seen.refusal, check, "an exception for a y that is twice as long as x")


@holds(
    item="NextTokenDataset",
    name="items",
    driver="data.next_tokens",
    cases=cases.sequences,
    always=cases.other_sequences,
    requirements=("shift", "length", "form", "dtype", "repeatable", "loader", "untouched"),
    meta=True,
    share=0.5,
)
def test_item_i_is_sequence_i_without_its_last_and_without_its_first(
    case: cases.TokensCase, seen: Seen, check: Check
) -> None:
    tokens = case.tokens.value
    n = len(tokens)
    check.that("length", seen.length == n, got=seen.length, expected=f"{n} items", path="len(dataset)")
    inputs, targets = tokens[:, :-1], tokens[:, 1:]
    rows = [{"inputs": row, "targets": target} for row, target in zip(inputs, targets, strict=True)]
    if checks.items("shift", seen.items, rows, check, dtype="dtype"):
        checks.items("repeatable", seen.again, rows, check, dtype="dtype")
        checks.loaded(seen.batches, [inputs, targets], case.batch, check)
    check.bits("untouched", seen.tokens, tokens, path="tokens afterwards")


@holds(
    item="NextTokenDataset",
    name="as-torch",
    driver="data.next_tokens_as_torch",
    cases=cases.sequences,
    requirements=("dataset", "iteration"),
    share=0.2,
)
def test_next_tokens_behave_as_torch_s_own_dataset(case: cases.TokensCase, seen: Seen, check: Check) -> None:
    last = case.tokens.value[-1]
    checks.as_torch(seen, [last[:-1], last[1:]], case.tokens.shape[0], check)


@holds(
    item="RandomCropSequenceDataset",
    name="crops",
    driver="data.crops",
    cases=cases.crops,
    always=cases.other_crops,
    requirements=("crop", "form", "length", "deterministic", "generator-left-alone", "loader", "untouched"),
    meta=True,
    share=0.5,
)
def test_crops_are_windows_that_the_seed_decides(case: cases.CropCase, seen: Seen, check: Check) -> None:
    tokens = case.tokens.value
    n = len(tokens)
    check.that("length", seen.length == n, got=seen.length, expected=f"{n} items", path="len(dataset)")
    right = [
        checks.window("crop", crop, tokens[i], case, check, f"dataset[{i}], access {place}")
        for place, (i, crop) in enumerate(zip(case.accesses, seen.first, strict=True))
    ]
    if check.variant.device != "meta":
        for i, one, other in zip(case.accesses, seen.first, seen.second, strict=True):
            same = checks.on_cpu(one) and checks.on_cpu(other) and torch.equal(one, other)
            got = f"{checks.written(one)} and {checks.written(other)}"
            check.that("deterministic", same, got=got, expected="equal crops from both", path=f"dataset[{i}]")
    checks.generators_left_alone(seen, check)
    if all(right):
        checks.loaded_crops(seen.batches, case, check)
    check.bits("untouched", seen.tokens, tokens, path="tokens afterwards")


@holds(
    item="RandomCropSequenceDataset",
    name="whole",
    driver="data.crops",
    cases=cases.whole_sequences,
    requirements=("whole", "generator-left-alone"),
    share=0.2,
)
def test_a_crop_as_long_as_the_sequence_is_the_sequence(case: cases.CropCase, seen: Seen, check: Check) -> None:
    checks.generators_left_alone(seen, check)
    for i, crop in zip(case.accesses, seen.first, strict=True):
        check.bits("whole", crop, case.tokens.value[i], path=f"dataset[{i}]")


@holds(
    item="RandomCropSequenceDataset",
    name="starts-with-a-seed",
    driver="data.crop_starts",
    cases=lambda: cases.starts(seeded=True),
    requirements=("every-start", "even", "independent", "seeded"),
    share=0.2,
    seconds=30.0,
)
def test_seeded_starts_are_even_and_independent(case: cases.StartsCase, seen: Seen, check: Check) -> None:
    starts = checks.even_starts(case, seen, check)
    others = checks.starts_of("seeded", seen.others, case, check)
    if starts is not None and others is not None:
        p = oracle.agree(case.starts, len(others)) if starts[: len(others)] == others else 1.0
        got, expected = f"the crops of seed {case.seed}", f"others with seed {case.other_seed}"
        check.chance("seeded", p, got=got, expected=expected, path="two datasets")


@holds(
    item="RandomCropSequenceDataset",
    name="starts-without-a-seed",
    driver="data.crop_starts",
    cases=lambda: cases.starts(seeded=False),
    requirements=("every-start", "even", "independent", "fresh", "anew"),
    share=0.2,
    seconds=30.0,
)
def test_starts_without_a_seed_are_even_independent_and_fresh(case: cases.StartsCase, seen: Seen, check: Check) -> None:
    starts = checks.even_starts(case, seen, check)
    again, others = (checks.starts_of("fresh", found, case, check) for found in (seen.again, seen.others))
    if starts is not None and again is not None and others is not None:
        repeats = starts[: len(again)] == again
        same = repeats and again == others
        p = oracle.agree(case.starts, len(again))
        got, expected = "the same crops each time", "other crops on a second pass, or from a second dataset"
        check.chance("fresh", p if same else 1.0, got=got, expected=expected, path="two passes, two datasets")
        got, expected = "the same crops on both", "others on the second: a start is sampled at each access"
        check.chance("anew", p if repeats else 1.0, got=got, expected=expected, path="two passes over one dataset")


@holds(
    item="RandomCropSequenceDataset",
    name="no-python-random",
    driver="data.crop_starts",
    cases=cases.few_starts,
    requirements=("no-python-random",),
    share=0.2,
)
def test_starts_do_not_come_from_python_s_random(case: cases.StartsCase, seen: Seen, check: Check) -> None:
    check.that("no-python-random", not seen.python_random, got="a draw from Python's random", expected="none")


@holds(
    item="RandomCropSequenceDataset",
    name="torch-generator",
    driver="data.crops_drawn",
    cases=cases.few_seeded_starts,
    requirements=("torch-generator",),
    share=0.2,
)
def test_seeded_starts_come_from_torch(case: cases.StartsCase, seen: Seen, check: Check) -> None:
    draws, draws_again = seen.draws
    check.that("torch-generator", draws > 0, got="no draw by torch", expected="starts drawn by a torch.Generator")
    # Without a draw the second time, the starts may be those that were drawn, and kept, the first time.
    same = draws_again > 0 and checks.same_crops(*seen.crops)
    p = oracle.agree(case.starts, len(case.tokens.value)) if same else 1.0
    got, expected = "the same crops, whatever torch draws", "starts drawn by a torch.Generator"
    check.chance("torch-generator", p, got=got, expected=expected, path="two datasets, torch's draws changed")


@holds(
    item="RandomCropSequenceDataset",
    name="many-rows",
    driver="data.crop_starts",
    cases=cases.starts_of_many_rows,
    always=cases.more_starts_of_many_rows,
    requirements=("even", "every-start"),
    share=0.1,
    seconds=30.0,
    large=True,
)
def test_each_of_a_dozen_starts_is_as_likely_as_another(case: cases.StartsCase, seen: Seen, check: Check) -> None:
    checks.even_shares(case, seen, case.starts, check, every="every-start")


@holds(
    item="RandomCropSequenceDataset",
    name="long-rows",
    driver="data.crop_starts",
    cases=cases.starts_in_long_rows,
    requirements=("even",),
    share=0.1,
    seconds=30.0,
    large=True,
)
def test_starts_are_even_in_long_sequences(case: cases.StartsCase, seen: Seen, check: Check) -> None:
    checks.even_shares(case, seen, cases.SHARES, check)


@holds(
    item="RandomCropSequenceDataset",
    name="as-torch",
    driver="data.crops_as_torch",
    cases=cases.crops,
    requirements=("dataset", "too-long"),
    share=0.2,
)
def test_crops_behave_as_torch_s_own_dataset(case: cases.CropCase, seen: Seen, check: Check) -> None:
    check.that("dataset", seen.dataset is True, got="some other class", expected="a torch.utils.data.Dataset")
    checks.refused("too-long", seen.refusal, check, "an exception for crops longer than the sequences")


@holds(
    item="PaddedBatch",
    name="fields",
    driver="data.padded_batch",
    cases=cases.batches,
    always=cases.large_batches,
    requirements=("fields", "frozen"),
    share=0.2,
)
def test_a_padded_batch_hands_back_its_parts(case: cases.BatchCase, seen: Seen, check: Check) -> None:
    for name, expected in oracle.parts(case).items():
        for how, got in zip(("position", "name"), getattr(seen, name), strict=True):
            check.bits("fields", got, expected, path=f"{name} of a batch made by {how}")
    checks.refused("frozen", seen.refusal, check, "an exception where a field is set anew")


@holds(
    item="pad_1d_sequences",
    name="padded",
    driver="data.padded",
    cases=cases.sequences_to_pad,
    always=cases.many_sequences_to_pad,
    requirements=("tokens", "batch", "lengths", "mask", "long", "default", "untouched"),
    meta=True,
)
def test_sequences_are_padded_to_the_longest(case: cases.PadCase, seen: Seen, check: Check) -> None:
    (seqs,) = oracle.columns(case)
    expected, lengths = oracle.padded(seqs, case.pad_value), torch.tensor([seq.shape[0] for seq in seqs])
    check.that("batch", seen.own is not False, got=f"an object of type {seen.type}", expected="a PaddedBatch")
    if check.tensor("tokens", seen.tokens, shape=tuple(expected.shape), path="tokens") and check.tensor(
        "long", seen.tokens, dtype="int64", path="tokens"
    ):
        check.bits("tokens", seen.tokens, expected, path="tokens")
        check.bits("default", seen.default, oracle.padded(seqs), path="tokens padded without a pad_value")
    if check.variant.device != "meta":  # where lengths and mask lie is a property of its own
        check.bits("lengths", seen.lengths, lengths, path="lengths")
        check.bits("mask", seen.mask, oracle.padding_mask(seqs), path="padding_mask")
    checks.sequences_untouched(seqs, seen.seqs, check)


@holds(
    item="pad_1d_sequences",
    name="pads-among-tokens",
    driver="data.padded",
    cases=cases.sequences_of_pads,
    requirements=("mask-follows-lengths",),
    share=0.25,
)
def test_the_mask_follows_the_lengths(case: cases.PadCase, seen: Seen, check: Check) -> None:
    (seqs,) = oracle.columns(case)
    check.bits("mask-follows-lengths", seen.mask, oracle.padding_mask(seqs), path="padding_mask")


@holds(
    item="pad_1d_sequences",
    name="masks-on-meta",
    driver="data.padded_on_meta",
    cases=cases.sequences_to_pad,
    requirements=("masks-device",),
    share=0.2,
)
def test_lengths_and_mask_lie_where_the_sequences_lie(case: cases.PadCase, seen: Seen, check: Check) -> None:
    elsewhere = [device for device in seen.devices if device != "meta"]
    check.that("masks-device", not elsewhere, got=elsewhere, expected="lengths and padding_mask on meta")


@holds(
    item="collate_next_token_batch",
    name="collated",
    driver="data.collated",
    cases=cases.samples,
    always=cases.many_samples,
    requirements=("inputs", "targets", "form", "padding", "attention", "default", "untouched"),
    meta=True,
)
def test_samples_are_padded_alike_and_masked(case: cases.CollateCase, seen: Seen, check: Check) -> None:
    inputs, targets = oracle.columns(case)
    batch, mask = seen.batch, oracle.padding_mask(inputs)
    if checks.is_batch(batch, check) and checks.is_batch(seen.default, check):
        for requirement, column in (("input", inputs), ("target", targets)):
            name, path = f"{requirement}_ids", f"{requirement}_ids padded without a pad_value"
            dtype = column[0].dtype
            checks.ids(f"{requirement}s", batch[name], oracle.padded(column, case.pad_value), dtype, check, name)
            checks.ids("default", seen.default[name], oracle.padded(column), dtype, check, path)
        if check.variant.device != "meta":  # where a mask lies is not asked
            for requirement, expected in (("padding", mask), ("attention", ~mask)):
                name = f"{requirement}_mask"
                if check.tensor("form", batch[name], shape=tuple(mask.shape), dtype="bool", path=name):
                    check.bits(requirement, batch[name], expected, path=name)
    left = [sample[k] for sample in seen.samples for k in range(2)]
    checks.sequences_untouched([ids for sample in case.batch for ids in sample], left, check)


@holds(
    item="make_dataloader",
    name="epochs",
    driver="data.loader",
    cases=cases.loaders,
    always=cases.loaders_of_all_sorts,
    requirements=("batches", "form", "order", "drop-last", "collate", "workers"),
    share=0.5,
)
def test_the_loader_does_as_its_arguments_say(case: cases.LoaderCase, seen: Seen, check: Check) -> None:
    _as_asked(case, seen, check)


@holds(
    item="make_dataloader",
    name="large",
    driver="data.loader",
    cases=cases.large_loader,
    requirements=("batches", "form", "order", "drop-last", "collate", "workers"),
    share=0.1,
)
def test_the_loader_does_so_on_a_larger_scale(case: cases.LoaderCase, seen: Seen, check: Check) -> None:
    _as_asked(case, seen, check)


def _as_asked(case: cases.LoaderCase, seen: Seen, check: Check) -> None:
    check.that("form", seen.loader is True, got=f"an object of type {seen.type}", expected="a DataLoader")
    checks.workers(case, seen, check)
    anew, kept = seen.fetched >= 2 * checks.kept(case), f"{2 * checks.kept(case)} in two epochs"
    check.that("batches", anew, got=f"{seen.fetched} samples taken from the dataset", expected=kept, path="the dataset")
    for epoch in seen.epochs:
        flat = checks.epoch(epoch, case, check)
        if flat is not None:
            check.that("order", flat == sorted(flat), got=f"the samples {flat}", expected="the samples in their order")


@holds(
    item="make_dataloader",
    name="shuffled",
    driver="data.loader",
    cases=cases.shuffled_loaders,
    always=cases.loaders_of_one_batch,
    requirements=("shuffle", "batches", "drop-last", "collate", "workers"),
    share=0.2,
)
def test_shuffling_is_the_default_and_new_in_each_epoch(case: cases.LoaderCase, seen: Seen, check: Check) -> None:
    checks.workers(case, seen, check)
    orders = [order for epoch in seen.epochs if (order := checks.epoch(epoch, case, check)) is not None]
    for order in orders:
        p = oracle.followed_by_successor(order)
        path = "all samples in their order" if order == sorted(order) else "samples beside their neighbours"
        check.chance("shuffle", p, got=f"the order {order}", expected="samples in random order", path=path)
        p, path = oracle.kept_in_its_half(order), "samples that stay in their half"
        check.chance("shuffle", p, got=f"the order {order}", expected="samples in random order", path=path)
    same = len(orders) > 1 and orders[0] == orders[1]
    p = oracle.same_order(case.count, len(orders[0])) if same else 1.0
    got = "the same order twice" if same else "another"
    check.chance("shuffle", p, got=got, expected="another in each epoch", path="two epochs")
    p, got = oracle.last_ones_dropped(case.count, orders), "the same samples at the end of the dataset left out"
    check.chance("shuffle", p, got=got, expected="others in each epoch", path="what drop_last drops")
