"""How PaddedBatch, pad_1d_sequences and collate_next_token_batch go wrong."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

from conformance.faults import fault

Batch = dict[str, torch.Tensor]
Sample = tuple[torch.Tensor, torch.Tensor]


@dataclass(frozen=True)
class PaddedBatch:
    """A right PaddedBatch."""

    tokens: torch.Tensor
    lengths: torch.Tensor
    padding_mask: torch.Tensor


@fault("PaddedBatch", "calls the mask `mask`")
@dataclass(frozen=True)
class OtherName:
    tokens: torch.Tensor
    lengths: torch.Tensor
    mask: torch.Tensor


@fault("PaddedBatch", "has the mask in second place")
@dataclass(frozen=True)
class OtherOrder:
    tokens: torch.Tensor
    padding_mask: torch.Tensor
    lengths: torch.Tensor


@fault("PaddedBatch", "turns the mask around")
@dataclass
class TurnsTheMask:
    tokens: torch.Tensor
    lengths: torch.Tensor
    padding_mask: torch.Tensor

    def __post_init__(self) -> None:
        self.padding_mask = ~self.padding_mask


@fault("PaddedBatch", "keeps the first 64 sequences only")
@dataclass
class FirstSequences:
    tokens: torch.Tensor
    lengths: torch.Tensor
    padding_mask: torch.Tensor

    def __post_init__(self) -> None:
        self.tokens, self.lengths = self.tokens[:64], self.lengths[:64]
        self.padding_mask = self.padding_mask[:64]


@fault("PaddedBatch", "keeps the lengths as a list")
@dataclass
class LengthsAsList:
    tokens: torch.Tensor
    lengths: Any
    padding_mask: torch.Tensor

    def __post_init__(self) -> None:
        self.lengths = self.lengths.tolist()


@fault("PaddedBatch", "is a dataclass whose fields are not in its constructor")
@dataclass
class NoConstructor:
    def __init__(self) -> None:
        self.tokens = self.lengths = self.padding_mask = torch.zeros(0)


def _padded(seqs: list[torch.Tensor], pad_value: int = 0) -> PaddedBatch:
    """A right pad_1d_sequences."""
    lengths = torch.tensor([len(seq) for seq in seqs], device=seqs[0].device)
    longest = max(len(seq) for seq in seqs)
    mask = torch.arange(longest, device=seqs[0].device) >= lengths[:, None]
    rows = [torch.cat((seq.long(), seq.new_full((longest - len(seq),), pad_value, dtype=torch.long))) for seq in seqs]
    return PaddedBatch(torch.stack(rows), lengths, mask)


@fault("pad_1d_sequences", "makes the mask from the tokens that equal pad_value, which real tokens may do too")
def mask_from_values(seqs: list[torch.Tensor], pad_value: int = 0) -> PaddedBatch:
    right = _padded(seqs, pad_value)
    return PaddedBatch(right.tokens, right.lengths, right.tokens == pad_value)


@fault("pad_1d_sequences", "counts the tokens that differ from pad_value for the lengths")
def lengths_from_values(seqs: list[torch.Tensor], pad_value: int = 0) -> PaddedBatch:
    right = _padded(seqs, pad_value)
    lengths = (right.tokens != pad_value).sum(1)
    return PaddedBatch(right.tokens, lengths, torch.arange(right.tokens.shape[1]) >= lengths[:, None])


@fault("pad_1d_sequences", "has the mask the wrong way round: True on real tokens")
def mask_the_wrong_way(seqs: list[torch.Tensor], pad_value: int = 0) -> PaddedBatch:
    right = _padded(seqs, pad_value)
    return PaddedBatch(right.tokens, right.lengths, ~right.padding_mask)


@fault("pad_1d_sequences", "masks where t > lengths[b], one place too late")
def mask_one_late(seqs: list[torch.Tensor], pad_value: int = 0) -> PaddedBatch:
    right = _padded(seqs, pad_value)
    late = torch.arange(right.tokens.shape[1], device=right.lengths.device) > right.lengths[:, None]
    return PaddedBatch(right.tokens, right.lengths, late)


@fault("pad_1d_sequences", "returns the mask as integers")
def mask_as_integers(seqs: list[torch.Tensor], pad_value: int = 0) -> PaddedBatch:
    right = _padded(seqs, pad_value)
    return PaddedBatch(right.tokens, right.lengths, right.padding_mask.long())


@fault("pad_1d_sequences", "pads in front of the sequences")
def pads_in_front(seqs: list[torch.Tensor], pad_value: int = 0) -> PaddedBatch:
    right = _padded([seq.flip(0) for seq in seqs], pad_value)
    return PaddedBatch(right.tokens.flip(1), right.lengths, right.padding_mask.flip(1))


@fault("pad_1d_sequences", "keeps the dtype of the sequences instead of casting to int64")
def keeps_the_dtype(seqs: list[torch.Tensor], pad_value: int = 0) -> PaddedBatch:
    right = _padded(seqs, pad_value)
    return PaddedBatch(right.tokens.to(seqs[0].dtype), right.lengths, right.padding_mask)


@fault("pad_1d_sequences", "fills a float32 tensor first, which loses the digits of large tokens")
def goes_through_float32(seqs: list[torch.Tensor], pad_value: int = 0) -> PaddedBatch:
    right = _padded(seqs, pad_value)
    return PaddedBatch(right.tokens.float().long(), right.lengths, right.padding_mask)


@fault("pad_1d_sequences", "pads with 0 whatever pad_value is")
def ignores_pad_value(seqs: list[torch.Tensor], pad_value: int = 0) -> PaddedBatch:
    return _padded(seqs)


@fault("pad_1d_sequences", "pads with -100 by default")
def other_default(seqs: list[torch.Tensor], pad_value: int = -100) -> PaddedBatch:
    return _padded(seqs, pad_value)


@fault("pad_1d_sequences", "cuts all sequences to the shortest")
def cuts_to_the_shortest(seqs: list[torch.Tensor], pad_value: int = 0) -> PaddedBatch:
    shortest = min(len(seq) for seq in seqs)
    return _padded([seq[:shortest] for seq in seqs], pad_value)


@fault("pad_1d_sequences", "returns the lengths as a list")
def lengths_as_list(seqs: list[torch.Tensor], pad_value: int = 0) -> PaddedBatch:
    right = _padded(seqs, pad_value)
    return PaddedBatch(right.tokens, right.lengths.tolist(), right.padding_mask)  # type: ignore[arg-type]


@fault("pad_1d_sequences", "returns the lengths as int32")
def lengths_as_int32(seqs: list[torch.Tensor], pad_value: int = 0) -> PaddedBatch:
    right = _padded(seqs, pad_value)
    return PaddedBatch(right.tokens, right.lengths.int(), right.padding_mask)


@fault("pad_1d_sequences", "returns a tuple instead of a PaddedBatch")
def padded_as_tuple(seqs: list[torch.Tensor], pad_value: int = 0) -> tuple[torch.Tensor, ...]:
    right = _padded(seqs, pad_value)
    return right.tokens, right.lengths, right.padding_mask


@fault("pad_1d_sequences", "sorts the sequences by length first")
def sorts_by_length(seqs: list[torch.Tensor], pad_value: int = 0) -> PaddedBatch:
    return _padded(sorted(seqs, key=len, reverse=True), pad_value)


@fault("pad_1d_sequences", "adds 1 to the tokens that it was given, in place")
def pads_in_place(seqs: list[torch.Tensor], pad_value: int = 0) -> PaddedBatch:
    right = _padded(seqs, pad_value)
    for seq in seqs:
        seq.add_(1)
    return right


@fault("pad_1d_sequences", "puts the tokens on the CPU wherever the sequences lie")
def pads_on_the_cpu(seqs: list[torch.Tensor], pad_value: int = 0) -> PaddedBatch:
    return _padded([torch.zeros_like(seq, device="cpu") if seq.is_meta else seq.cpu() for seq in seqs], pad_value)


@fault("pad_1d_sequences", "cuts the sequences to 512 tokens, which nobody asked for")
def cuts_to_a_context(seqs: list[torch.Tensor], pad_value: int = 0) -> PaddedBatch:
    return _padded([seq[:512] for seq in seqs], pad_value)


@fault("pad_1d_sequences", "fills in the first eight sequences and leaves the other rows as padding")
def fills_eight_rows(seqs: list[torch.Tensor], pad_value: int = 0) -> PaddedBatch:
    right = _padded(seqs, pad_value)
    right.tokens[8:] = pad_value
    return right


@fault("pad_1d_sequences", "caps pad_value at 1000")
def caps_pad_value(seqs: list[torch.Tensor], pad_value: int = 0) -> PaddedBatch:
    return _padded(seqs, min(pad_value, 1000))


def _collated(batch: list[Sample], pad_value: int = 0) -> Batch:
    """A right collate_next_token_batch."""
    inputs, targets = (_padded([sample[k] for sample in batch], pad_value) for k in range(2))
    mask = inputs.padding_mask
    return {"input_ids": inputs.tokens, "target_ids": targets.tokens, "attention_mask": ~mask, "padding_mask": mask}


@fault("collate_next_token_batch", "gives the padding mask for the attention mask")
def attention_is_padding(batch: list[Sample], pad_value: int = 0) -> Batch:
    right = _collated(batch, pad_value)
    return {**right, "attention_mask": right["padding_mask"]}


@fault("collate_next_token_batch", "swaps the two masks")
def swaps_the_masks(batch: list[Sample], pad_value: int = 0) -> Batch:
    right = _collated(batch, pad_value)
    return {**right, "attention_mask": right["padding_mask"], "padding_mask": right["attention_mask"]}


@fault("collate_next_token_batch", "pads the targets with -100 whatever pad_value is")
def pads_targets_with_ignore_index(batch: list[Sample], pad_value: int = 0) -> Batch:
    return {**_collated(batch, pad_value), "target_ids": _collated(batch, -100)["target_ids"]}


@fault("collate_next_token_batch", "makes the masks from the ids that equal pad_value")
def masks_from_values(batch: list[Sample], pad_value: int = 0) -> Batch:
    right = _collated(batch, pad_value)
    mask = right["input_ids"] == pad_value
    return {**right, "attention_mask": ~mask, "padding_mask": mask}


@fault("collate_next_token_batch", "gives the inputs for the targets")
def targets_are_inputs(batch: list[Sample], pad_value: int = 0) -> Batch:
    right = _collated(batch, pad_value)
    return {**right, "target_ids": right["input_ids"].clone()}


@fault("collate_next_token_batch", "shifts the targets once more, which the dataset has done already")
def shifts_again(batch: list[Sample], pad_value: int = 0) -> Batch:
    right = _collated(batch, pad_value)
    return {**right, "target_ids": right["target_ids"].roll(-1, 1)}


@fault("collate_next_token_batch", "returns the attention mask as integers")
def attention_as_integers(batch: list[Sample], pad_value: int = 0) -> Batch:
    right = _collated(batch, pad_value)
    return {**right, "attention_mask": right["attention_mask"].long()}


@fault("collate_next_token_batch", "leaves the padding mask out")
def leaves_a_mask_out(batch: list[Sample], pad_value: int = 0) -> Batch:
    return {name: value for name, value in _collated(batch, pad_value).items() if name != "padding_mask"}


@fault("collate_next_token_batch", "does not hand pad_value on")
def drops_pad_value(batch: list[Sample], pad_value: int = 0) -> Batch:
    return _collated(batch)


@fault("collate_next_token_batch", "returns a tuple instead of a dict")
def collated_as_tuple(batch: list[Sample], pad_value: int = 0) -> tuple[torch.Tensor, ...]:
    return tuple(_collated(batch, pad_value).values())


@fault("collate_next_token_batch", "adds 1 to the ids that it was given, in place")
def collates_in_place(batch: list[Sample], pad_value: int = 0) -> Batch:
    right = _collated(batch, pad_value)
    for inputs, _ in batch:
        inputs.add_(1)
    return right


@fault("collate_next_token_batch", "cuts the samples to 512 tokens, which nobody asked for")
def collates_a_context(batch: list[Sample], pad_value: int = 0) -> Batch:
    return _collated([(inputs[:512], targets[:512]) for inputs, targets in batch], pad_value)


@fault("collate_next_token_batch", "pads with -100 where no pad value is given")
def pads_with_ignored(batch: list[Sample], pad_value: int = -100) -> dict[str, torch.Tensor]:
    return _collated(batch, pad_value)


@fault("PaddedBatch", "fills zeros in where the mask says padding, whatever the pad value was")
@dataclass
class Refills:
    tokens: torch.Tensor
    lengths: torch.Tensor
    padding_mask: torch.Tensor

    def __post_init__(self) -> None:
        self.tokens = self.tokens.masked_fill(self.padding_mask, 0)


@fault("PaddedBatch", "keeps its parts on its class, where the next batch overwrites them")
class PartsOnTheClass:
    def __init__(self, tokens: torch.Tensor, lengths: torch.Tensor, padding_mask: torch.Tensor) -> None:
        cls: Any = type(self)
        cls.tokens, cls.lengths, cls.padding_mask = tokens, lengths, padding_mask


@fault("pad_1d_sequences", "marks -1 as padding, wherever it stands")
def marks_minus_one(seqs: list[torch.Tensor], pad_value: int = 0) -> PaddedBatch:
    tokens = torch.nn.utils.rnn.pad_sequence([seq.long() for seq in seqs], True, -1)
    mask = tokens == -1
    return PaddedBatch(tokens.masked_fill(mask, pad_value), (~mask).sum(1), mask)


_rows: dict[int, torch.Tensor] = {}


@fault("pad_1d_sequences", "pads in memory that every batch has, so that the next one overwrites the tokens")
def pads_in_one_memory(seqs: list[torch.Tensor], pad_value: int = 0) -> PaddedBatch:
    right = _padded(seqs, pad_value)
    kept = _rows.setdefault(0, right.tokens)
    if kept.numel() < right.tokens.numel():
        kept = _rows[0] = right.tokens.clone()
    tokens = kept.reshape(-1)[: right.tokens.numel()].view(right.tokens.shape)
    return PaddedBatch(tokens.copy_(right.tokens), right.lengths, right.padding_mask)


@fault("pad_1d_sequences", "keeps lengths as shares of the longest, and makes them whole by cutting off what is behind")
def lengths_from_shares(seqs: list[torch.Tensor], pad_value: int = 0) -> PaddedBatch:
    right = _padded(seqs, pad_value)
    longest = right.tokens.shape[1]
    lengths = (right.lengths.float() / longest * longest).long()
    return PaddedBatch(right.tokens, lengths, torch.arange(longest, device=lengths.device) >= lengths[:, None])


@fault("pad_1d_sequences", "counts lengths in 16 bits")
def short_lengths(seqs: list[torch.Tensor], pad_value: int = 0) -> PaddedBatch:
    right = _padded(seqs, pad_value)
    lengths = right.lengths.to(torch.int16).long()
    return PaddedBatch(right.tokens, lengths, right.padding_mask)


@fault("pad_1d_sequences", "pads with -100 at the lowest")
def pads_from_minus_hundred(seqs: list[torch.Tensor], pad_value: int = 0) -> PaddedBatch:
    return _padded(seqs, max(pad_value, -100))


@fault("collate_next_token_batch", "makes the attention mask of whole numbers where no sample needs padding")
def ones_where_even(batch: list[Sample], pad_value: int = 0) -> Batch:
    right = _collated(batch, pad_value)
    even = len({len(ids) for ids, _ in batch}) == 1
    return {**right, "attention_mask": right["attention_mask"].long() if even else right["attention_mask"]}


@fault("collate_next_token_batch", "pays no attention to tokens that are the pad value where that is below zero")
def pads_below_zero(batch: list[Sample], pad_value: int = 0) -> Batch:
    right = _collated(batch, pad_value)
    seen = right["input_ids"] != pad_value if pad_value < 0 else True
    return {**right, "attention_mask": right["attention_mask"] & seen}
