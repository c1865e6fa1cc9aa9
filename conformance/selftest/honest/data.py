"""Other right ways to write the datasets, the padding and the loader."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import BatchSampler, DataLoader, Dataset, RandomSampler, SequentialSampler, TensorDataset

from conformance.faults import honest

Sample = tuple[torch.Tensor, torch.Tensor]
Batch = dict[str, torch.Tensor]
Collate = Callable[[list[Any]], Any]
Loader = DataLoader[Any]


@honest("TensorPairDataset", "a subclass of TensorDataset")
class FromTensorDataset(TensorDataset):
    def __init__(self, x: torch.Tensor, y: torch.Tensor) -> None:
        super().__init__(x, y)


@honest("TensorPairDataset", "a list of pairs made beforehand, in no class of torch's")
class ListOfPairs:
    def __init__(self, x: torch.Tensor, y: torch.Tensor) -> None:
        assert x.shape[0] == y.shape[0], "x and y must have as many samples"
        self.samples = list(zip(x, y, strict=True))

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, idx: int) -> Sample:
        return self.samples[idx]


@honest("TensorPairDataset", "NumPy's arrays, made tensors again item by item")
class KeptInNumpy(Dataset[Sample]):
    def __init__(self, x: torch.Tensor, y: torch.Tensor) -> None:
        self.x, self.y = x.numpy(), y.numpy()

    def __len__(self) -> int:
        return len(self.x)

    def __getitem__(self, idx: int) -> Sample:
        return torch.as_tensor(self.x[idx]), torch.as_tensor(self.y[idx])


class Pair(NamedTuple):
    """A tuple with names."""

    x: torch.Tensor
    y: torch.Tensor


@honest("TensorPairDataset", "copies of copies, indices checked, a tuple with names")
class CheckedCopies(Dataset[Pair]):
    def __init__(self, x: torch.Tensor, y: torch.Tensor) -> None:
        super().__init__()
        self._data = {"inputs": x.clone().detach(), "labels": y.clone().detach()}
        print(f"{len(self)} samples")

    def __len__(self) -> int:
        return int(self._data["inputs"].size(0))

    def __getitem__(self, idx: int) -> Pair:
        if not 0 <= idx < len(self):
            raise IndexError(f"index {idx} is not in 0 to {len(self) - 1}")
        return Pair(self._data["inputs"].index_select(0, torch.tensor(idx)).squeeze(0), self._data["labels"][idx, ...])


@honest("NextTokenDataset", "both halves sliced beforehand")
class SlicedBefore(Dataset[Sample]):
    def __init__(self, tokens: torch.Tensor) -> None:
        self.inputs, self.targets = tokens[:, :-1].contiguous(), tokens[:, 1:].contiguous()

    def __len__(self) -> int:
        return self.inputs.size(0)

    def __getitem__(self, idx: int) -> Sample:
        return self.inputs[idx], self.targets[idx]


@honest("NextTokenDataset", "one row taken, narrowed and cloned")
class Narrowed(Dataset[Sample]):
    def __init__(self, tokens: torch.Tensor) -> None:
        assert not tokens.is_floating_point()
        self.data = tokens
        self.seq_len = tokens.shape[1] - 1

    def __len__(self) -> int:
        return self.data.shape[0]

    def __getitem__(self, idx: int) -> Sample:
        row = self.data[idx]
        return row.narrow(0, 0, self.seq_len).clone(), row.narrow(0, 1, self.seq_len).clone()


@honest("NextTokenDataset", "unbound to rows, split with gather")
class Gathered(Dataset[Sample]):
    def __init__(self, tokens: torch.Tensor) -> None:
        self.rows = list(tokens.unbind(0))

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, idx: int) -> Sample:
        steps = torch.arange(self.rows[idx].shape[0] - 1, device=self.rows[idx].device)
        return self.rows[idx].gather(0, steps), self.rows[idx].gather(0, steps + 1)


class _Crops(Dataset[torch.Tensor]):
    """A dataset of crops whose starts come from elsewhere."""

    def __init__(self, tokens: torch.Tensor, crop_len: int, seed: int | None = None) -> None:
        if crop_len > tokens.size(1):
            raise ValueError("crop_len must not exceed the length of the sequences")
        self.tokens, self.crop_len, self.seed = tokens, crop_len, seed
        self.max_start = tokens.size(1) - crop_len
        self.prepare()

    def prepare(self) -> None:
        """Makes what the starts come from."""

    def start(self, idx: int) -> int:
        """Returns where the crop of an item starts."""
        raise NotImplementedError

    def __len__(self) -> int:
        return self.tokens.size(0)

    def __getitem__(self, idx: int) -> torch.Tensor:
        s = self.start(idx)
        return self.tokens[idx, s : s + self.crop_len]


@honest("RandomCropSequenceDataset", "a generator for each index, made of seed + index")
class GeneratorPerIndex(_Crops):
    def start(self, idx: int) -> int:
        generator = None
        if self.seed is not None:
            generator = torch.Generator()
            generator.manual_seed(self.seed + idx)
        return int(torch.randint(0, self.max_start + 1, (1,), generator=generator).item())


@honest(
    "RandomCropSequenceDataset", "a generator for each index, made of a product, that goes on from access to access"
)
class GeneratorsKept(_Crops):
    def prepare(self) -> None:
        base = self.seed if self.seed is not None else torch.initial_seed() % 2**31
        self.generators = [torch.Generator().manual_seed(base * 1_000_003 + idx) for idx in range(len(self))]

    def start(self, idx: int) -> int:
        return int(torch.rand((), generator=self.generators[idx]) * (self.max_start + 1))


@honest("RandomCropSequenceDataset", "one generator, not seeded where no seed is given: the same crops in each dataset")
class UnseededGenerator(_Crops):
    def prepare(self) -> None:
        self.generator = torch.Generator()
        if self.seed is not None:
            self.generator.manual_seed(self.seed)

    def start(self, idx: int) -> int:
        return int(torch.randperm(self.max_start + 1, generator=self.generator)[0])


@honest(
    "RandomCropSequenceDataset", "starts drawn beforehand, with multinomial and a seed of its own where none is given"
)
class DrawnBeforehand(_Crops):
    def prepare(self) -> None:
        generator = torch.Generator()
        generator.manual_seed(self.seed) if self.seed is not None else generator.seed()
        weights = torch.ones(self.max_start + 1)
        self.starts = torch.multinomial(weights, len(self), replacement=True, generator=generator)

    def start(self, idx: int) -> int:
        return int(self.starts[idx])


@honest("RandomCropSequenceDataset", "the global generator forked, so that it comes back as it was; crops from unfold")
class ForkedGlobal(_Crops):
    def start(self, idx: int) -> int:
        if self.seed is None:
            return int(torch.empty(()).uniform_(0, self.max_start + 1).floor().clamp_max(self.max_start))
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed * 31 + idx)
            return int(torch.randint(high=self.max_start + 1, size=(1,)))

    def __getitem__(self, idx: int) -> torch.Tensor:
        return self.tokens[idx].unfold(0, self.crop_len, 1)[self.start(idx)].clone()


@honest("RandomCropSequenceDataset", "an in-place draw; the whole sequence without one; a gather of positions")
class DrawnInPlace(_Crops):
    def prepare(self) -> None:
        self.g = torch.Generator(device="cpu").manual_seed(self.seed if self.seed is not None else torch.seed())

    def __getitem__(self, idx: int) -> torch.Tensor:
        if self.max_start == 0:
            return self.tokens[idx].clone()
        s = torch.zeros(1, dtype=torch.long).random_(0, self.max_start + 1, generator=self.g)
        positions = (s + torch.arange(self.crop_len)).to(self.tokens.device)
        return self.tokens[idx].index_select(0, positions)


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


@honest("make_dataloader", "a batch sampler instead of shuffle and drop_last")
def with_a_batch_sampler(
    dataset: Any, batch_size: int, shuffle: bool = True, drop_last: bool = False,
    collate_fn: Collate | None = None, num_workers: int = 0,
) -> Loader:  # fmt: skip
    sampler = RandomSampler(dataset) if shuffle else SequentialSampler(dataset)
    batches = BatchSampler(sampler, batch_size, drop_last)
    return DataLoader(dataset, batch_sampler=batches, collate_fn=collate_fn, num_workers=num_workers)


class MyLoader(DataLoader[Any]):
    """A loader with nothing more."""


@honest("make_dataloader", "a subclass, a generator of its own, arguments gathered in a dict")
def with_a_generator(
    dataset: Any, batch_size: int, shuffle: bool = True, drop_last: bool = False,
    collate_fn: Collate | None = None, num_workers: int = 0, **more: Any,
) -> Loader:  # fmt: skip
    options: dict[str, Any] = {"batch_size": batch_size, "shuffle": shuffle, "drop_last": drop_last, **more}
    if collate_fn is not None:
        options["collate_fn"] = collate_fn
    if num_workers > 0:
        options.update(num_workers=num_workers, persistent_workers=True)
    return MyLoader(dataset, generator=torch.Generator().manual_seed(0), pin_memory=False, **options)


class Shuffled(RandomSampler):
    """A sampler that draws its order by sorting random numbers."""

    def __iter__(self) -> Any:
        data: Sequence[Any] = self.data_source  # type: ignore[assignment]
        return iter(torch.rand(len(data)).argsort().tolist())


@honest("make_dataloader", "a sampler of one's own, default_collate by name")
def with_a_sampler(
    dataset: Any, batch_size: int, shuffle: bool = True, drop_last: bool = False,
    collate_fn: Collate | None = None, num_workers: int = 0,
) -> Loader:  # fmt: skip
    collate = torch.utils.data.default_collate if collate_fn is None else collate_fn
    sampler = Shuffled(dataset) if shuffle else None
    return DataLoader(
        dataset, batch_size, sampler=sampler, num_workers=num_workers, collate_fn=collate, drop_last=drop_last
    )
