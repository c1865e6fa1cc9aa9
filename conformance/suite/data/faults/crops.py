"""How RandomCropSequenceDataset goes wrong."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import torch
from torch.utils.data import Dataset

from conformance.faults import fault


class _Crops(Dataset[Any]):
    """A right RandomCropSequenceDataset in steps that a fault can replace."""

    def __init__(self, tokens: torch.Tensor, crop_len: int, seed: int | None = None) -> None:
        self.tokens, self.crop_len, self.seed = tokens, crop_len, seed
        self.count = tokens.shape[1] - crop_len + 1
        self.generator = None if seed is None else torch.Generator().manual_seed(seed)

    def __len__(self) -> int:
        return len(self.tokens)

    def draw(self, high: int) -> int:
        return int(torch.randint(high, (1,), generator=self.generator))

    def start(self, idx: int) -> int:
        return self.draw(self.count)

    def __getitem__(self, idx: int) -> Any:
        s = self.start(idx)
        return self.tokens[idx, s : s + self.crop_len]


@fault("RandomCropSequenceDataset", "never starts at the last place: the upper end of randint is exclusive")
class NeverTheLastStart(_Crops):
    def start(self, idx: int) -> int:
        return self.draw(max(self.count - 1, 1))


@fault("RandomCropSequenceDataset", "says that there are 256 sequences at most, as when one tries things out")
class CountsTo256(_Crops):
    def __len__(self) -> int:
        return min(len(self.tokens), 256)


@fault("RandomCropSequenceDataset", "draws from an empty range where crop_len is the length of the sequence")
class NoWholeCrop(_Crops):
    def start(self, idx: int) -> int:
        return self.draw(self.count - 1) if self.count <= 2 else self.draw(self.count)


@fault("RandomCropSequenceDataset", "never starts at the first place")
class NeverTheFirstStart(_Crops):
    def start(self, idx: int) -> int:
        return min(1 + self.draw(max(self.count - 1, 1)), self.count - 1)


@fault("RandomCropSequenceDataset", "seeds torch's global generator and draws from it")
class SeedsGlobally(_Crops):
    def __init__(self, tokens: torch.Tensor, crop_len: int, seed: int | None = None) -> None:
        super().__init__(tokens, crop_len)
        if seed is not None:
            torch.manual_seed(seed)


@fault("RandomCropSequenceDataset", "draws from torch's global generator, seed or not")
class IgnoresItsGenerator(_Crops):
    def __init__(self, tokens: torch.Tensor, crop_len: int, seed: int | None = None) -> None:
        super().__init__(tokens, crop_len)


@fault("RandomCropSequenceDataset", "seeds its generator anew at each access, so that every item starts at one place")
class ReseedsAtEachAccess(_Crops):
    def start(self, idx: int) -> int:
        if self.generator is not None and self.seed is not None:
            self.generator.manual_seed(self.seed)
        return super().start(idx)


@fault("RandomCropSequenceDataset", "draws one start at the first access and uses it for every item")
class OneStartForAll(_Crops):
    drawn: int | None = None

    def start(self, idx: int) -> int:
        self.drawn = super().start(idx) if self.drawn is None else self.drawn
        return self.drawn


@fault("RandomCropSequenceDataset", "draws from Python's random module")
class DrawsFromPython(_Crops):
    def __init__(self, tokens: torch.Tensor, crop_len: int, seed: int | None = None) -> None:
        super().__init__(tokens, crop_len)
        self.random = random.Random(seed)

    def draw(self, high: int) -> int:
        return self.random.randrange(high)


@fault("RandomCropSequenceDataset", "seeds Python's random module and draws from it")
class SeedsPython(_Crops):
    def __init__(self, tokens: torch.Tensor, crop_len: int, seed: int | None = None) -> None:
        super().__init__(tokens, crop_len)
        if seed is not None:
            random.seed(seed)

    def draw(self, high: int) -> int:
        return int(random.random() * high)


_shared = torch.Generator()


@fault("RandomCropSequenceDataset", "shares one generator among all datasets")
class SharesItsGenerator(_Crops):
    def __init__(self, tokens: torch.Tensor, crop_len: int, seed: int | None = None) -> None:
        super().__init__(tokens, crop_len)
        self.generator = None if seed is None else _shared.manual_seed(seed)


@fault("RandomCropSequenceDataset", "takes 0 for the seed, whatever seed is given")
class IgnoresTheSeed(_Crops):
    def __init__(self, tokens: torch.Tensor, crop_len: int, seed: int | None = None) -> None:
        super().__init__(tokens, crop_len, None if seed is None else 0)


@fault("RandomCropSequenceDataset", "takes the seed 0 for no seed")
class ZeroIsNoSeed(_Crops):
    def __init__(self, tokens: torch.Tensor, crop_len: int, seed: int | None = None) -> None:
        super().__init__(tokens, crop_len, seed or None)


@fault("RandomCropSequenceDataset", "picks the tokens of a crop here and there instead of one after the other")
class PicksHereAndThere(_Crops):
    def __getitem__(self, idx: int) -> Any:
        picked = torch.randperm(self.tokens.shape[1], generator=self.generator)[: self.crop_len]
        return self.tokens[idx][picked.sort().values]


@fault("RandomCropSequenceDataset", "starts at even places only")
class EvenStartsOnly(_Crops):
    def start(self, idx: int) -> int:
        return 2 * self.draw((self.count + 1) // 2)


@fault("RandomCropSequenceDataset", "rounds a uniform number: the first and the last start come up half as often")
class RoundsTheStart(_Crops):
    def start(self, idx: int) -> int:
        return round(float(torch.rand(1, generator=self.generator)) * (self.count - 1))


@fault("RandomCropSequenceDataset", "draws from 0 to T and cuts off at T - L, which favours the last start")
class CutsTheStartOff(_Crops):
    def start(self, idx: int) -> int:
        return min(self.draw(self.tokens.shape[1] + 1), self.count - 1)


@fault("RandomCropSequenceDataset", "takes the starts in turns instead of drawing them")
class TakesTurns(_Crops):
    def start(self, idx: int) -> int:
        offset = 0 if self.seed is None else self.seed
        self.turn = getattr(self, "turn", offset) + 1
        return self.turn % self.count


@fault("RandomCropSequenceDataset", "gives two items at a time the same start")
class TwoAtATime(_Crops):
    drawn: int | None = None

    def start(self, idx: int) -> int:
        self.drawn = super().start(idx) if idx % 2 == 0 or self.drawn is None else self.drawn
        return self.drawn


@fault("RandomCropSequenceDataset", "seeds by index, with 0 where no seed is given: the same crops for ever")
class NeverFresh(_Crops):
    def start(self, idx: int) -> int:
        self.generator = torch.Generator().manual_seed((self.seed or 0) + idx)
        return super().start(idx)


@fault("RandomCropSequenceDataset", "always crops the first sequence")
class AlwaysTheFirstSequence(_Crops):
    def __getitem__(self, idx: int) -> Any:
        return super().__getitem__(0)


@fault("RandomCropSequenceDataset", "returns crops of one token too many")
class OneTokenTooMany(_Crops):
    def __getitem__(self, idx: int) -> Any:
        s = self.draw(max(self.count - 1, 1))
        return self.tokens[idx, s : s + self.crop_len + 1]


@fault("RandomCropSequenceDataset", "returns the crop and where it starts")
class ReturnsTheStartToo(_Crops):
    def __getitem__(self, idx: int) -> Any:
        s = self.start(idx)
        return self.tokens[idx, s : s + self.crop_len], s


@fault("RandomCropSequenceDataset", "draws a start from anywhere and runs around the end")
class RunsAroundTheEnd(_Crops):
    def __getitem__(self, idx: int) -> Any:
        return self.tokens[idx].roll(-self.draw(self.tokens.shape[1]))[: self.crop_len]


@fault("RandomCropSequenceDataset", "has 0 as its default seed, so that every epoch of every run is the same")
class SeedsByDefault(_Crops):
    def __init__(self, tokens: torch.Tensor, crop_len: int, seed: int = 0) -> None:
        super().__init__(tokens, crop_len, seed)


@fault("RandomCropSequenceDataset", "draws from NumPy's generator instead of a torch.Generator")
class DrawsFromNumPy(_Crops):
    def __init__(self, tokens: torch.Tensor, crop_len: int, seed: int | None = None) -> None:
        super().__init__(tokens, crop_len)
        self.numpy = np.random.default_rng(seed)

    def draw(self, high: int) -> int:
        return int(self.numpy.integers(high))


@fault("RandomCropSequenceDataset", "draws all starts at once, from a generator that is not seeded: the same for ever")
class DrawsOnce(_Crops):
    def __init__(self, tokens: torch.Tensor, crop_len: int, seed: int | None = None) -> None:
        super().__init__(tokens, crop_len, seed)
        self.generator = self.generator or torch.Generator()
        self.starts = [self.draw(self.count) for _ in range(len(tokens))]

    def start(self, idx: int) -> int:
        return self.starts[idx]


@fault("RandomCropSequenceDataset", "draws from NumPy's generator, and something else from a torch.Generator")
class DrawsFromBoth(DrawsFromNumPy):
    def __init__(self, tokens: torch.Tensor, crop_len: int, seed: int | None = None) -> None:
        super().__init__(tokens, crop_len, seed)
        self.generator = None if seed is None else torch.Generator().manual_seed(seed)

    def draw(self, high: int) -> int:
        torch.rand(1, generator=self.generator)
        return super().draw(high)


@fault("RandomCropSequenceDataset", "takes a number below 16 modulo the count of starts, which favours the first ones")
class TakesTheRest(_Crops):
    def start(self, idx: int) -> int:
        return self.draw(16) % self.count


@fault("RandomCropSequenceDataset", "draws from the first hundred places of a long sequence only")
class StaysNearTheFront(_Crops):
    def start(self, idx: int) -> int:
        return self.draw(min(self.count, 100))


@fault("RandomCropSequenceDataset", "reads the tokens as float32, which does not hold large ones")
class ReadsFloats(_Crops):
    def __init__(self, tokens: torch.Tensor, crop_len: int, seed: int | None = None) -> None:
        super().__init__(tokens.float().to(tokens.dtype), crop_len, seed)


@fault("RandomCropSequenceDataset", "writes every crop into the same memory, over the one before")
class CropsInOneMemory(_Crops):
    def __getitem__(self, idx: int) -> Any:
        crop = super().__getitem__(idx)
        if getattr(self, "memory", None) is None:
            self.memory = crop.clone()
        return self.memory.copy_(crop)


@fault("RandomCropSequenceDataset", "draws by the random module from the operating system where there is no seed")
class FromTheSystem(_Crops):
    def draw(self, high: int) -> int:
        return super().draw(high) if self.generator is not None else random.SystemRandom().randrange(high)


@fault("RandomCropSequenceDataset", "never starts at the last place where there are more than sixteen")
class NoLastStartOfMany(_Crops):
    def start(self, idx: int) -> int:
        return self.draw(self.count if self.count <= 16 else self.count - 1)


@fault("RandomCropSequenceDataset", "starts among the first thousand places only")
class StartsEarly(_Crops):
    def start(self, idx: int) -> int:
        return self.draw(min(self.count, 1000))


@fault("RandomCropSequenceDataset", "draws from the global generator where there is one start only")
class DrawsForNothing(_Crops):
    def start(self, idx: int) -> int:
        return super().start(idx) if self.count > 1 else int(torch.randint(1, (1,)))


@fault(
    "RandomCropSequenceDataset", "gives the items of a batch one start, in the way by which a DataLoader asks for one"
)
class OneStartABatch(_Crops):
    def __getitems__(self, indices: list[int]) -> list[Any]:
        s = self.draw(self.count)
        return [self.tokens[idx, s : s + self.crop_len] for idx in indices]
