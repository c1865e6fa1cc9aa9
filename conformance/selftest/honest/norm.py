"""Other right ways to write LayerNorm and RMSNorm."""

from __future__ import annotations

import torch
from torch import nn

from conformance.faults import honest


@honest("LayerNorm", "eps kept as a tensor, which is float32 whatever the dtype of the data")
class EpsAsTensor(nn.Module):
    def __init__(self, normalized_shape: int, eps: float = 1e-5, elementwise_affine: bool = True) -> None:
        super().__init__()
        self.eps = torch.tensor(eps)
        self.weight = nn.Parameter(torch.ones(normalized_shape))
        self.bias = nn.Parameter(torch.zeros(normalized_shape))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        centred = x - x.mean(-1, keepdim=True)
        var = (centred**2).mean(-1, keepdim=True)
        return centred / torch.sqrt(var + self.eps) * self.weight + self.bias


@honest("RMSNorm", "eps in a buffer, which follows the module's dtype and has lost its digits in float32 before")
class EpsInBuffer(nn.Module):
    eps: torch.Tensor

    def __init__(self, normalized_shape: int, eps: float = 1e-8) -> None:
        super().__init__()
        self.register_buffer("eps", torch.tensor(eps))
        self.weight = nn.Parameter(torch.ones(normalized_shape))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.weight * (x * torch.rsqrt(x.square().mean(dim=-1, keepdim=True) + self.eps))


@honest("LayerNorm", "torch.var_mean and rsqrt, parameters under other names")
class Rsqrt(nn.Module):
    def __init__(self, normalized_shape: int, eps: float = 1e-5, elementwise_affine: bool = True) -> None:
        super().__init__()
        self.eps = eps
        self.beta = nn.Parameter(torch.zeros(normalized_shape))
        self.gamma = nn.Parameter(torch.ones(normalized_shape))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        var, mean = torch.var_mean(x, dim=-1, keepdim=True, unbiased=False)
        return (x - mean) * torch.rsqrt(var + self.eps) * self.gamma + self.beta


@honest("RMSNorm", "upcast to float64 and back, with a norm instead of a mean of squares")
class Upcast(nn.Module):
    def __init__(self, normalized_shape: int, eps: float = 1e-8) -> None:
        super().__init__()
        self.eps = eps
        self.g = nn.Parameter(torch.ones(normalized_shape))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        wide = x.double()
        mean_square = torch.linalg.vector_norm(wide, dim=-1, keepdim=True).square() / x.shape[-1]
        return (wide / torch.sqrt(mean_square + self.eps) * self.g.double()).to(x.dtype)


@honest("LayerNorm", "in float64 and back, by E[x^2] - E[x]^2, which float64 has room for where it is not judged")
class Float64Inside(nn.Module):
    def __init__(self, normalized_shape: int, eps: float = 1e-5, elementwise_affine: bool = True) -> None:
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(normalized_shape))
        self.bias = nn.Parameter(torch.zeros(normalized_shape))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        wide = x.double()
        centred = wide - wide.mean(dim=-1, keepdim=True)
        var = (centred * centred).sum(-1, keepdim=True) / x.size(-1)
        return (centred / (var + self.eps) ** 0.5 * self.weight + self.bias).to(x.dtype)


@honest("LayerNorm", "standard deviation squared, a flattened batch, einsum, and checks that read values")
class Flattened(nn.Module):
    def __init__(
        self, normalized_shape: int, eps: float = 1e-5, elementwise_affine: bool = True, **unused: object
    ) -> None:
        super().__init__()
        self.normalized_shape, self.eps = normalized_shape, eps
        self._scale = nn.Parameter(torch.empty(normalized_shape).fill_(1))
        self._shift = nn.Parameter(torch.empty(normalized_shape).zero_())

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        assert x.shape[-1] == self.normalized_shape
        if torch.isnan(x).any():
            print("careful: NaN")
        rows = x.reshape(-1, self.normalized_shape)
        mean = torch.einsum("nd->n", rows)[:, None] / self.normalized_shape
        spread = (rows - mean).pow(2).mean(dim=1, keepdim=True)
        normal = (rows - mean) * spread.add(self.eps).rsqrt()
        return torch.addcmul(self._shift, normal, self._scale).reshape(x.shape)


@honest("LayerNorm", "torch.std without correction, squared again")
class StdSquared(nn.Module):
    def __init__(self, normalized_shape: int, eps: float = 1e-5, elementwise_affine: bool = True) -> None:
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.ones((normalized_shape,)))
        self.bias = nn.Parameter(torch.zeros((normalized_shape,)))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        std = torch.std(x, dim=-1, keepdim=True, correction=0)
        return self.weight * ((x - x.mean(-1, True)) / torch.sqrt(std**2 + self.eps)) + self.bias


@honest("RMSNorm", "pow and rsqrt, in the input's dtype")
class Plain(nn.Module):
    def __init__(self, normalized_shape: int, eps: float = 1e-8) -> None:
        super().__init__()
        self.epsilon = eps
        self.scale = nn.Parameter(torch.ones(normalized_shape))

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        return self.scale * (hidden * torch.rsqrt(hidden.pow(2).mean(-1, keepdim=True) + self.epsilon))


@honest("RMSNorm", "in float32 where the input is narrower, as LLaMA does, and in the input's dtype elsewhere")
class AsLlama(nn.Module):
    def __init__(self, normalized_shape: int, eps: float = 1e-8) -> None:
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(normalized_shape))

    def _norm(self, x: torch.Tensor) -> torch.Tensor:
        return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.eps)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        wide = x.float() if x.dtype in (torch.float16, torch.bfloat16) else x
        return self._norm(wide).type_as(x) * self.weight


@honest("RMSNorm", "autocast switched off for the device of x, which torch does not know of meta")
class WithoutAutocast(nn.Module):
    def __init__(self, normalized_shape: int, eps: float = 1e-8) -> None:
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(normalized_shape))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        with torch.autocast(device_type=x.device.type, enabled=False):
            return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + self.eps) * self.weight


@honest("LayerNorm", "prints a mean to three digits, which has none on meta")
class PrintsAMean(StdSquared):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        print(f"mean of the input: {x.mean():.3f}")
        return super().forward(x)


@honest("RMSNorm", "the scale as a column, and the squares summed by a matrix product")
class ScaleInAColumn(nn.Module):
    def __init__(self, normalized_shape: int, eps: float = 1e-8) -> None:
        super().__init__()
        self.eps = eps
        self.gain = nn.Parameter(torch.ones(normalized_shape, 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        squares = (x.unsqueeze(-2) @ x.unsqueeze(-1)).squeeze(-1)
        return x * (squares / x.shape[-1] + self.eps).pow(-0.5) * self.gain.squeeze(-1)


@honest("LayerNorm", "scale and shift folded into one product and one sum, as group norm has it")
class FoldedAffine(Rsqrt):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        mean = x.mean(-1, keepdim=True)
        a = self.gamma * torch.rsqrt((x - mean).square().mean(-1, keepdim=True) + self.eps)
        return x * a + (self.beta - mean * a)
