# ---
# jupyter:
#   jupytext:
#     text_representation:
#       format_name: percent
# ---

# %% [markdown]
# # Exercise 2, as VS Code keeps it

# %%
# %matplotlib inline
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

# %% Gradients
def grad_with_autograd_grad(x: torch.Tensor) -> torch.Tensor:
    x = x.detach().clone().requires_grad_(True)
    f = (x ** 2).sum()
    (g,) = torch.autograd.grad(f, x)
    return g


def grad_with_backward(x: torch.Tensor) -> torch.Tensor:
    x = x.detach().clone().requires_grad_(True)
    f = (x ** 2).sum()
    f.backward()
    return x.grad


def grad_wrt_multiple_inputs(
    a: torch.Tensor, b: torch.Tensor,
) -> tuple[torch.Tensor, torch.Tensor]:
    a = a.detach().clone().requires_grad_(True)
    b = b.detach().clone().requires_grad_(True)
    f = (a ** 2 + a * b).sum()
    da, db = torch.autograd.grad(f, (a, b))
    return da, db

# %% [markdown]
"""
A cell of prose: class LayerNorm( is not code here.
"""

# %% Data
class TensorPairDataset(Dataset):
    def __init__(self, x: torch.Tensor, y: torch.Tensor):
        assert len(x) == len(y), "x and y must have the same length"
        self.x = x
        self.y = y

    def __len__(self) -> int:
        return len(self.x)

    def __getitem__(self, idx: int) -> tuple[torch.Tensor, torch.Tensor]:
        return self.x[idx], self.y[idx]


class NextTokenDataset(Dataset):
    def __init__(self, tokens: torch.Tensor):
        self.inp = tokens[:, :-1]
        self.tgt = tokens[:, 1:]

    def __len__(self) -> int:
        return len(self.inp)

    def __getitem__(self, idx: int) -> tuple[torch.Tensor, torch.Tensor]:
        return self.inp[idx], self.tgt[idx]

# %% This one I never finished
class RandomCropSequenceDataset(Dataset):
    def __init__(self, tokens, crop_len, seed=None)
        self.tokens = tokens

# %% Loader
def make_dataloader(
    dataset: Dataset,
    batch_size: int,
    shuffle: bool = True,
    drop_last: bool = False,
    collate_fn=None,
    num_workers: int = 0,
) -> DataLoader:
    return DataLoader(
        dataset,
        batch_size=batch_size,
        shuffle=shuffle,
        drop_last=drop_last,
        collate_fn=collate_fn,
        num_workers=num_workers,
    )

# %%
loader = make_dataloader(TensorPairDataset(torch.arange(4), torch.arange(4)), 2)
for batch in loader:
    print(batch)

if __name__ == "__main__":
    raise SystemExit(1)
