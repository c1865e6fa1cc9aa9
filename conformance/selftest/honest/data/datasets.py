"""Other right ways to write the datasets of pairs and of next tokens."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch.utils.data import Dataset, TensorDataset

from conformance.faults import honest

Sample = tuple[torch.Tensor, torch.Tensor]


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
