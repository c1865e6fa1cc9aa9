"""Other right ways to write the padded batch, the padding and the collating."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch.nn.utils.rnn import pad_sequence

from conformance.faults import honest

Sample = tuple[torch.Tensor, torch.Tensor]
Batch = dict[str, torch.Tensor]


@dataclass(frozen=True)
class PaddedBatch:
    """As in the text."""

    tokens: torch.Tensor
    lengths: torch.Tensor
    padding_mask: torch.Tensor


@honest("PaddedBatch", "a dataclass with slots, methods and a check")
@dataclass(frozen=True, slots=True)
class WithMethods:
    tokens: torch.Tensor
    lengths: torch.Tensor
    padding_mask: torch.Tensor

    def __post_init__(self) -> None:
        assert self.tokens.shape == self.padding_mask.shape

    def __len__(self) -> int:
        return len(self.lengths)

    def to(self, device: str) -> WithMethods:
        return WithMethods(self.tokens.to(device), self.lengths.to(device), self.padding_mask.to(device))


@honest("PaddedBatch", "a tuple with names")
class BatchTuple(NamedTuple):
    tokens: torch.Tensor
    lengths: torch.Tensor
    padding_mask: torch.Tensor


@honest("PaddedBatch", "a dataclass that is not frozen")
@dataclass
class NotFrozen:
    tokens: torch.Tensor
    lengths: torch.Tensor
    padding_mask: torch.Tensor
    name: str = "batch"


@honest("pad_1d_sequences", "a full tensor filled row by row, and the mask as well")
def filled_row_by_row(seqs: list[torch.Tensor], pad_value: int = 0) -> PaddedBatch:
    longest = max(map(len, seqs))
    tokens = torch.full((len(seqs), longest), pad_value, dtype=torch.long)
    mask = torch.ones(len(seqs), longest, dtype=torch.bool)
    lengths = torch.zeros(len(seqs), dtype=torch.long)
    for i, seq in enumerate(seqs):
        tokens[i, : seq.numel()] = seq
        mask[i, : seq.numel()] = False
        lengths[i] = seq.numel()
    return PaddedBatch(tokens=tokens, lengths=lengths, padding_mask=mask)


@honest("pad_1d_sequences", "pad_sequence, with lengths and mask made on the CPU")
def by_pad_sequence(seqs: list[torch.Tensor], pad_value: int = 0) -> PaddedBatch:
    tokens = pad_sequence([seq.long() for seq in seqs], batch_first=True, padding_value=pad_value)
    lengths = torch.tensor([seq.shape[0] for seq in seqs])
    return PaddedBatch(tokens, lengths, ~(torch.arange(tokens.shape[1])[None, :] < lengths.unsqueeze(1)))


@honest("pad_1d_sequences", "F.pad for each row, the mask padded with True")
def by_functional_pad(seqs: list[torch.Tensor], pad_value: int = 0) -> PaddedBatch:
    seqs = list(seqs)
    longest = max(seq.size(0) for seq in seqs)
    rows, masks = [], []
    for seq in seqs:
        gap = (0, longest - seq.size(0))
        rows.append(F.pad(seq.to(torch.int64), gap, value=pad_value))
        masks.append(F.pad(torch.zeros_like(seq, dtype=torch.bool), gap, value=True))
    lengths = torch.as_tensor([seq.size(0) for seq in seqs], device=rows[0].device)
    return PaddedBatch(torch.stack(rows), lengths, torch.stack(masks))


@honest("pad_1d_sequences", "lists of Python, and a batch of a subclass")
def by_lists(seqs: list[torch.Tensor], pad_value: int = 0) -> PaddedBatch:
    class MyBatch(PaddedBatch):
        """One with nothing more."""

    lengths = [len(seq) for seq in seqs]
    rows = [seq.tolist() + [pad_value] * (max(lengths) - len(seq)) for seq in seqs]
    mask = [[t >= length for t in range(max(lengths))] for length in lengths]
    return MyBatch(torch.LongTensor(rows), torch.LongTensor(lengths), torch.BoolTensor(mask))


@honest("pad_1d_sequences", "numpy, and torch.where over a gather")
def by_numpy(seqs: list[torch.Tensor], pad_value: int = 0) -> PaddedBatch:
    lengths = np.array([len(seq) for seq in seqs])
    mask = torch.from_numpy(np.arange(lengths.max())[None] >= lengths[:, None])
    padded = [np.pad(seq.numpy().astype(np.int64), (0, lengths.max() - len(seq))) for seq in seqs]
    tokens = torch.where(mask, pad_value, torch.from_numpy(np.stack(padded)))
    return PaddedBatch(tokens, torch.from_numpy(lengths.astype(np.int64)), mask)


@honest("collate_next_token_batch", "pad_sequence twice, the attention mask first, a key more")
def collated_by_pad_sequence(batch: list[Sample], pad_value: int = 0) -> Batch:
    inputs, targets = zip(*batch, strict=True)
    pad: Callable[..., torch.Tensor] = partial(pad_sequence, batch_first=True, padding_value=pad_value)
    lengths = torch.tensor([len(ids) for ids in inputs])
    keep = pad_sequence([torch.ones(len(ids), dtype=torch.bool) for ids in inputs], batch_first=True)
    return {
        "attention_mask": keep,
        "padding_mask": keep.logical_not(),
        "input_ids": pad(list(inputs)),
        "target_ids": pad(list(targets)),
        "lengths": lengths,
    }


@honest("collate_next_token_batch", "by pad_1d_sequences, on all rows at once, in a subclass of dict")
def collated_at_once(batch: list[Sample], pad_value: int = 0) -> Batch:
    class Encoding(dict[str, torch.Tensor]):
        """A dict with attributes, as in some libraries."""

        def __getattr__(self, name: str) -> torch.Tensor:
            return self[name]

    padded = by_functional_pad([ids for sample in batch for ids in sample], pad_value)
    (inputs, targets), (mask, _) = (
        whole.view(len(batch), 2, -1).unbind(1) for whole in (padded.tokens, padded.padding_mask)
    )
    return Encoding(input_ids=inputs, target_ids=targets, attention_mask=mask == 0, padding_mask=mask)


@honest("collate_next_token_batch", "full tensors filled row by row, masks by comparison")
def collated_row_by_row(batch: list[Sample], pad_value: int = 0) -> Batch:
    lengths = torch.tensor([len(x) for x, _ in batch])
    shape = (len(batch), int(lengths.max()))
    ids = {name: torch.full(shape, pad_value, dtype=torch.long) for name in ("input_ids", "target_ids")}
    for i, (x, y) in enumerate(batch):
        assert x.shape == y.shape
        ids["input_ids"][i, : len(x)] = x
        ids["target_ids"][i, : len(y)] = y
    attention_mask = torch.arange(shape[1]).expand(shape) < lengths[:, None]
    return {**ids, "attention_mask": attention_mask, "padding_mask": ~attention_mask}


@honest("pad_1d_sequences", "a nested tensor, of which torch knows none on meta")
def nested(seqs: list[torch.Tensor], pad_value: int = 0) -> PaddedBatch:
    lengths = torch.tensor([len(seq) for seq in seqs], device=seqs[0].device)
    shape = (len(seqs), max(map(len, seqs)))
    jagged = torch.nested.nested_tensor([seq.long() for seq in seqs])
    tokens = jagged.to_padded_tensor(pad_value, shape) if shape[1] else torch.zeros(shape, dtype=torch.long)
    return PaddedBatch(tokens, lengths, torch.arange(shape[1], device=lengths.device) >= lengths[:, None])
