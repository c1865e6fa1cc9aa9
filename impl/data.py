"""Datasets of pairs, of next tokens and of random crops; padding; the loader."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset


class TensorPairDataset(Dataset[tuple[Tensor, Tensor]]):
    """The N pairs (x[i], y[i]).

    Args:
        x: (N, ...), any dtype.
        y: (N, ...), any dtype.

    Raises:
        ValueError: x and y are not equally long.
    """

    def __init__(self, x: Tensor, y: Tensor):
        if len(x) != len(y):
            raise ValueError(f"x has {len(x)} samples and y has {len(y)}: each x needs one y, so give as many of both")
        self.x = x
        self.y = y

    def __len__(self) -> int:
        return len(self.x)

    def __getitem__(self, idx: int) -> tuple[Tensor, Tensor]:
        return self.x[idx], self.y[idx]


class NextTokenDataset(Dataset[tuple[Tensor, Tensor]]):
    """Each sequence without its last token, and the same one without its first: what to read, and what follows it.

        input_ids = tokens[i, :-1],    target_ids = tokens[i, 1:]

    Args:
        tokens: (N, T), integers; the dtype is kept.
    """

    def __init__(self, tokens: Tensor):
        self.tokens = tokens

    def __len__(self) -> int:
        return len(self.tokens)

    def __getitem__(self, idx: int) -> tuple[Tensor, Tensor]:
        return self.tokens[idx, :-1], self.tokens[idx, 1:]


class RandomCropSequenceDataset(Dataset[Tensor]):
    """A crop of fixed length from each sequence, its start drawn anew and evenly at each access.

        tokens[i, s : s + L],    s uniform on 0, 1, ..., T - L

    Args:
        tokens: (N, T).
        crop_len: L, from 0 to T.
        seed: with a seed, the starts come from a generator of the dataset's own, so that two datasets with one seed
            give the same crops in the same order of access; without, from torch's global one. Worker processes of a
            DataLoader each start from a copy of that generator.

    Raises:
        ValueError: crop_len is longer than the sequences, or negative.
    """

    def __init__(self, tokens: Tensor, crop_len: int, seed: int | None = None):
        length = tokens.shape[1]
        if not 0 <= crop_len <= length:
            raise ValueError(f"crop_len is {crop_len}, but a crop of sequences of {length} tokens has 0 to {length}")
        self.tokens = tokens
        self.crop_len = crop_len
        self.generator = None if seed is None else torch.Generator("cpu").manual_seed(seed)

    def __len__(self) -> int:
        return len(self.tokens)

    def __getitem__(self, idx: int) -> Tensor:
        starts = self.tokens.shape[1] - self.crop_len + 1
        # device: the draw is a Python number, whatever the default device.
        s = int(torch.randint(starts, (), generator=self.generator, device="cpu"))
        return self.tokens[idx, s : s + self.crop_len]


@dataclass(frozen=True)
class PaddedBatch:
    """Sequences of different lengths as one tensor.

    Attributes:
        tokens: (B, T_max) int64.
        lengths: (B,) int64.
        padding_mask: (B, T_max) bool, True where tokens holds padding.
    """

    tokens: Tensor
    lengths: Tensor
    padding_mask: Tensor


def pad_1d_sequences(seqs: list[Tensor], pad_value: int = 0) -> PaddedBatch:
    """Pad 1-d sequences at their ends to the length of the longest.

        padding_mask[b, t] = (t >= lengths[b])

    Args:
        seqs: B >= 1 integer tensors of shape (T_b,), T_b >= 0, on one device. They are cast to int64.
        pad_value: what stands in the padding; it may be a real token too, since the mask follows the lengths.

    Raises:
        ValueError: no sequences, or one that is not 1-d.
    """
    if not seqs:
        raise ValueError("seqs is empty: there is no longest sequence to pad to, so give at least one")
    for i, seq in enumerate(seqs):
        if seq.ndim != 1:
            raise ValueError(
                f"seqs[{i}] has shape {tuple(seq.shape)}: only 1-d sequences are padded, so flatten it first"
            )
    device = seqs[0].device
    lengths = torch.tensor([len(seq) for seq in seqs], dtype=torch.int64, device=device)
    t_max = max(len(seq) for seq in seqs)
    padding_mask = torch.arange(t_max, device=device) >= lengths[:, None]
    tokens = torch.full((len(seqs), t_max), pad_value, dtype=torch.int64, device=device)
    # Row by row, the places that are no padding are exactly the sequences end to end. Cast before joining: joining an
    # empty float tensor (torch.tensor([]) is one) with integers would send these through float32.
    tokens.masked_scatter_(~padding_mask, torch.cat([seq.long() for seq in seqs]))
    return PaddedBatch(tokens, lengths, padding_mask)


def collate_next_token_batch(batch: list[tuple[Tensor, Tensor]], pad_value: int = 0) -> dict[str, Tensor]:
    """Collate (input_ids, target_ids) pairs of different lengths into one padded batch.

    Args:
        batch: B pairs of 1-d integer tensors; the two of a pair are equally long.
        pad_value: what stands in the padding of both.

    Returns:
        input_ids and target_ids, (B, T_max) int64; padding_mask, (B, T_max) bool, True where they hold padding;
        attention_mask, its logical NOT: True means "keep".

    Raises:
        ValueError: the two tensors of a pair have different lengths, so that one mask could not serve both.
    """
    for i, (input_ids, target_ids) in enumerate(batch):
        if len(input_ids) != len(target_ids):
            raise ValueError(
                f"batch[{i}] has {len(input_ids)} input_ids and {len(target_ids)} target_ids: "
                "one mask serves both, so they must be equally long"
            )
    inputs = pad_1d_sequences([input_ids for input_ids, _ in batch], pad_value)
    targets = pad_1d_sequences([target_ids for _, target_ids in batch], pad_value)
    return {
        "input_ids": inputs.tokens,
        "target_ids": targets.tokens,
        "attention_mask": ~inputs.padding_mask,
        "padding_mask": inputs.padding_mask,
    }


def make_dataloader(
    dataset: Dataset[Any],
    batch_size: int,
    shuffle: bool = True,
    drop_last: bool = False,
    collate_fn: Callable[[list[Any]], Any] | None = None,
    num_workers: int = 0,
) -> DataLoader[Any]:
    """A DataLoader over the dataset.

    Args:
        dataset: what to draw samples from.
        batch_size: samples a batch.
        shuffle: a new order each epoch; on by default, where torch's default is off.
        drop_last: leave out a last batch that is not full.
        collate_fn: makes a batch of a list of samples; None stacks them.
        num_workers: processes that load; 0 loads in this one.
    """
    return DataLoader(
        dataset,
        batch_size=batch_size,
        shuffle=shuffle,
        drop_last=drop_last,
        collate_fn=collate_fn,
        num_workers=num_workers,
    )
