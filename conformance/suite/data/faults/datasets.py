"""How TensorPairDataset and NextTokenDataset go wrong."""

from __future__ import annotations

from typing import Any

import torch
from torch.utils.data import Dataset

from conformance.faults import fault


class _Pairs(Dataset[Any]):
    """A right TensorPairDataset."""

    def __init__(self, x: torch.Tensor, y: torch.Tensor) -> None:
        self.x, self.y = x, y

    def __len__(self) -> int:
        return len(self.x)

    def __getitem__(self, idx: int) -> Any:
        return self.x[idx], self.y[idx]


@fault("TensorPairDataset", "returns a list instead of a tuple")
class PairsAsLists(_Pairs):
    def __getitem__(self, idx: int) -> Any:
        return [self.x[idx], self.y[idx]]


@fault("TensorPairDataset", "returns a dict instead of a tuple")
class PairsAsDicts(_Pairs):
    def __getitem__(self, idx: int) -> Any:
        return {"x": self.x[idx], "y": self.y[idx]}


@fault("TensorPairDataset", "slices x[i:i+1], which keeps the dimension of the samples")
class KeepsTheDimension(_Pairs):
    def __getitem__(self, idx: int) -> Any:
        return self.x[idx : idx + 1], self.y[idx : idx + 1]


@fault("TensorPairDataset", "takes the size of the last dimension for the number of samples")
class CountsFeatures(_Pairs):
    def __len__(self) -> int:
        return self.x.shape[-1]


@fault("TensorPairDataset", "keeps the first 256 samples only, as when one tries things out")
class FirstPairs(_Pairs):
    def __init__(self, x: torch.Tensor, y: torch.Tensor) -> None:
        super().__init__(x[:256], y[:256])


@fault("TensorPairDataset", "pairs x[i] with y of the sample before")
class PairsOffByOne(_Pairs):
    def __getitem__(self, idx: int) -> Any:
        return self.x[idx], self.y[idx - 1]


@fault("TensorPairDataset", "hands out (y, x)")
class SwapsThePair(_Pairs):
    def __getitem__(self, idx: int) -> Any:
        return self.y[idx], self.x[idx]


@fault("TensorPairDataset", "casts both to float32")
class CastsToFloat(_Pairs):
    def __init__(self, x: torch.Tensor, y: torch.Tensor) -> None:
        super().__init__(x.float(), y.float())


@fault("TensorPairDataset", "hands out the next pair whatever index is asked for")
class IgnoresTheIndex(_Pairs):
    def __getitem__(self, idx: int) -> Any:
        self.at = (getattr(self, "at", -1) + 1) % len(self)
        return super().__getitem__(self.at)


@fault("TensorPairDataset", "flattens the features")
class FlattensFeatures(_Pairs):
    def __getitem__(self, idx: int) -> Any:
        return self.x[idx].reshape(-1), self.y[idx].reshape(-1)


@fault("TensorPairDataset", "reverses x in place when it is built")
class ReversesInPlace(_Pairs):
    def __init__(self, x: torch.Tensor, y: torch.Tensor) -> None:
        super().__init__(x.clone(), y)
        x.copy_(x.flip(0) + 1 if x.dtype is not torch.bool else ~x)


class _NextTokens(Dataset[Any]):
    """A right NextTokenDataset."""

    def __init__(self, tokens: torch.Tensor) -> None:
        self.tokens = tokens

    def __len__(self) -> int:
        return len(self.tokens)

    def __getitem__(self, idx: int) -> Any:
        return self.tokens[idx, :-1], self.tokens[idx, 1:]


@fault("NextTokenDataset", "does not shift: the target is the input")
class NoShift(_NextTokens):
    def __getitem__(self, idx: int) -> Any:
        return self.tokens[idx, :-1], self.tokens[idx, :-1]


@fault("NextTokenDataset", "predicts the token before instead of the next one")
class PredictsBackwards(_NextTokens):
    def __getitem__(self, idx: int) -> Any:
        return self.tokens[idx, 1:], self.tokens[idx, :-1]


@fault("NextTokenDataset", "keeps the last token in the input, so that the two differ in length")
class KeepsTheLastToken(_NextTokens):
    def __getitem__(self, idx: int) -> Any:
        return self.tokens[idx], self.tokens[idx, 1:]


@fault("NextTokenDataset", "rolls the targets around, which brings the first token to the end")
class RollsTheTargets(_NextTokens):
    def __getitem__(self, idx: int) -> Any:
        return self.tokens[idx], self.tokens[idx].roll(-1)


@fault("NextTokenDataset", "takes zeros at the end of a row for padding and leaves them out")
class LeavesOutZeros(_NextTokens):
    def __getitem__(self, idx: int) -> Any:
        row = self.tokens[idx]
        row = row[: int(row.nonzero().max()) + 1] if row.any() else row
        return row[:-1], row[1:]


@fault("NextTokenDataset", "casts the tokens to float")
class TokensAsFloats(_NextTokens):
    def __init__(self, tokens: torch.Tensor) -> None:
        super().__init__(tokens.float())


@fault("NextTokenDataset", "casts the tokens to int64 whatever their dtype")
class TokensAsLongs(_NextTokens):
    def __init__(self, tokens: torch.Tensor) -> None:
        super().__init__(tokens.long())


@fault("NextTokenDataset", "takes the length of a sequence for the number of sequences")
class CountsTokens(_NextTokens):
    def __len__(self) -> int:
        return self.tokens.shape[1] - 1


@fault("NextTokenDataset", "keeps the dimension of the samples: items of shape (1, T-1)")
class KeepsRows(_NextTokens):
    def __getitem__(self, idx: int) -> Any:
        return self.tokens[idx : idx + 1, :-1], self.tokens[idx : idx + 1, 1:]


@fault("NextTokenDataset", "cuts the sequences at 512 tokens")
class CutsSequences(_NextTokens):
    def __init__(self, tokens: torch.Tensor) -> None:
        super().__init__(tokens[:, :513])


@fault("NextTokenDataset", "returns the two stacked in one tensor")
class StacksTheTwo(_NextTokens):
    def __getitem__(self, idx: int) -> Any:
        return torch.stack(super().__getitem__(idx))


@fault("TensorPairDataset", "keeps x and y on its class, where the next dataset overwrites them")
class PairsOnTheClass(_Pairs):
    def __init__(self, x: torch.Tensor, y: torch.Tensor) -> None:
        cls: Any = type(self)
        cls.x, cls.y = x, y


@fault("TensorPairDataset", "takes one tuple of tensors instead of x and y")
class TakesATuple(_Pairs):
    def __init__(self, pair: tuple[torch.Tensor, torch.Tensor]) -> None:
        super().__init__(*pair)


@fault("NextTokenDataset", "keeps the tokens on its class, where the next dataset overwrites them")
class TokensOnTheClass(_NextTokens):
    def __init__(self, tokens: torch.Tensor) -> None:
        cls: Any = type(self)
        cls.tokens = tokens


@fault("NextTokenDataset", "needs a length that the tokens tell")
class NeedsALength(_NextTokens):
    def __init__(self, tokens: torch.Tensor, length: int) -> None:
        super().__init__(tokens[:, :length])


@fault("TensorPairDataset", "sorts the indices of a batch, so that a loader that shuffles gets its samples in order")
class SortsABatch(_Pairs):
    def __getitems__(self, indices: list[int]) -> list[Any]:
        return [self[index] for index in sorted(indices)]


@fault("NextTokenDataset", "takes tokens below zero for zeros")
class ClampsTokens(_NextTokens):
    def __init__(self, tokens: torch.Tensor) -> None:
        super().__init__(tokens.clamp(min=0))


@fault("TensorPairDataset", "leaves out a pair that is the same as the one before")
class PairsOnce(_Pairs):
    def __init__(self, x: torch.Tensor, y: torch.Tensor) -> None:
        new = [i for i in range(len(x)) if not (i and torch.equal(x[i], x[i - 1]) and torch.equal(y[i], y[i - 1]))]
        super().__init__(x[new], y[new])


@fault("NextTokenDataset", "leaves out a sequence that is the same as the one before")
class SequencesOnce(_NextTokens):
    def __init__(self, tokens: torch.Tensor) -> None:
        super().__init__(torch.unique_consecutive(tokens, dim=0))


@fault("NextTokenDataset", "keeps the tokens as floats of double precision, which do not hold every int64")
class TokensAsDoubles(_NextTokens):
    def __init__(self, tokens: torch.Tensor) -> None:
        super().__init__(tokens.double().to(tokens.dtype))
