"""Other right ways to write the dataset of crops."""

from __future__ import annotations

import torch
from torch.utils.data import Dataset

from conformance.faults import honest


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


@honest("RandomCropSequenceDataset", "a generator, and draws, on the device of the tokens")
class GeneratorWhereTokensAre(_Crops):
    def prepare(self) -> None:
        self.generator = None
        if self.seed is not None:
            self.generator = torch.Generator(device=self.tokens.device).manual_seed(self.seed)

    def start(self, idx: int) -> int:
        drawn = torch.randint(self.max_start + 1, (1,), generator=self.generator, device=self.tokens.device)
        return int(drawn)
