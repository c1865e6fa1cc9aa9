"""Other right ways to write the head."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from conformance.faults import honest


@honest("ClassificationHead", "parameters of its own, stored the other way round, without bias, all zero at the start")
class Plain(nn.Module):
    def __init__(self, d_in: int, num_classes: int) -> None:
        super().__init__()
        self.projection = nn.Parameter(torch.zeros(d_in, num_classes))

    def forward(self, x: Tensor) -> Tensor:
        return x @ self.projection


@honest("ClassificationHead", "a small MLP with LayerNorm and dropout")
class Small(nn.Module):
    def __init__(self, d_in: int, num_classes: int) -> None:
        super().__init__()
        self.net = nn.Sequential(
            nn.LayerNorm(d_in), nn.Linear(d_in, 8), nn.ReLU(), nn.Dropout(0.1), nn.Linear(8, num_classes)
        )

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.net(x)
        return y


@honest("ClassificationHead", "the nearest prototype: -|x - w|^2 / 2 but for |x|^2, which is the same for all classes")
class Prototypes(nn.Module):
    def __init__(self, d_in: int, num_classes: int) -> None:
        super().__init__()
        self.prototypes = nn.Parameter(torch.randn(num_classes, d_in))

    def forward(self, x: Tensor) -> Tensor:
        return x @ self.prototypes.T - 0.5 * self.prototypes.square().sum(-1)


@honest("ClassificationHead", "the cosine between the input and each class, times a scale that is learned")
class Cosines(nn.Module):
    def __init__(self, d_in: int, num_classes: int) -> None:
        super().__init__()
        self.classes = nn.Linear(d_in, num_classes, bias=False)
        self.scale = nn.Parameter(torch.tensor(10.0))

    def forward(self, x: Tensor) -> Tensor:
        return self.scale * F.linear(F.normalize(x, dim=-1), F.normalize(self.classes.weight, dim=-1))


@honest("ClassificationHead", "einsum and a bias kept as a row")
class Row(nn.Module):
    def __init__(self, d_in: int, num_classes: int) -> None:
        super().__init__()
        self.b = nn.Parameter(torch.zeros(1, num_classes))
        self.w = nn.Parameter(torch.randn(num_classes, d_in) / math.sqrt(d_in))

    def forward(self, x: Tensor) -> Tensor:
        if x.shape[-1] != self.w.shape[1]:
            raise ValueError(f"expected {self.w.shape[1]} features")
        return torch.einsum("...d,cd->...c", x, self.w) + self.b.view(-1)


@honest("ClassificationHead", "a lazy layer, of which it takes the negative squared distance, and a bias")
class Distances(nn.Module):
    def __init__(self, d_in: int, num_classes: int) -> None:
        super().__init__()
        self.project = nn.LazyLinear(d_in)
        self.centres = nn.Parameter(torch.randn(num_classes, d_in))
        self.bias = nn.Parameter(torch.zeros(num_classes))

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.bias - (self.project(x).unsqueeze(-2) - self.centres).square().sum(-1)
        return y


@honest("ClassificationHead", "torch's Linear by another name")
class Subclassed(nn.Linear):
    def __init__(self, d_in: int, num_classes: int) -> None:
        super().__init__(in_features=d_in, out_features=num_classes)
