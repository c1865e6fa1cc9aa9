"""Other right ways to differentiate."""

from __future__ import annotations

import warnings
from typing import Any, NamedTuple

import torch
from torch.autograd import Variable

from conformance.faults import honest

Pair = tuple[torch.Tensor, ...]


def _grad_of(x: torch.Tensor) -> torch.Tensor:
    """Returns what is in ``x.grad``."""
    assert x.grad is not None, "backward has not run"
    return x.grad


@honest("grad_with_autograd_grad", "marks the caller's tensor, as the text invites to")
def marks_the_input(x: torch.Tensor) -> torch.Tensor:
    x.requires_grad_(True)
    return torch.autograd.grad(torch.sum(x**2), x)[0]


@honest("grad_with_autograd_grad", "marks the caller's tensor only where it is not marked, and prints")
def marks_where_needed(x: torch.Tensor) -> torch.Tensor:
    print("x", x.shape, x.dtype, x.device)
    if not x.requires_grad:
        x.requires_grad = True
    f = (x * x).sum()
    (df_dx,) = torch.autograd.grad(outputs=f, inputs=x, create_graph=True)
    return df_dx


@honest("grad_with_autograd_grad", "clears x.grad first, which does no harm")
def clears_grad_first(x: torch.Tensor) -> torch.Tensor:
    x = x if x.requires_grad else x.requires_grad_()
    if x.is_leaf:
        x.grad = None
    return torch.autograd.grad(torch.einsum("i,i->", x.reshape(-1), x.reshape(-1)), [x])[0].detach()


@honest("grad_with_autograd_grad", "takes a vector-Jacobian product of x^2 with ones")
def product_with_ones(x: torch.Tensor) -> torch.Tensor:
    leaf = x.clone().detach().requires_grad_(True)
    with torch.enable_grad():
        return torch.autograd.grad(leaf.pow(2), leaf, grad_outputs=torch.ones_like(leaf), retain_graph=True)[0]


@honest("grad_with_autograd_grad", "torch.func.grad, which runs the same engine")
def by_torch_func(x: torch.Tensor) -> torch.Tensor:
    result: torch.Tensor = torch.func.grad(lambda y: y.square().sum())(x.detach())
    return result


@honest("grad_with_autograd_grad", "a mean times a count, an old Variable, and a warning")
def mean_times_count(x: torch.Tensor) -> torch.Tensor:
    warnings.warn("Variable is deprecated", stacklevel=1)
    leaf: Any = Variable(x.data, requires_grad=True)
    f = (leaf * leaf).mean() * x.numel() if x.numel() else leaf.sum()
    gradients: Pair = torch.autograd.grad(f, leaf)
    return gradients[0]


@honest("grad_with_autograd_grad", "the square of a norm")
def squared_norm(x: torch.Tensor) -> torch.Tensor:
    leaf = x.detach().requires_grad_()
    return torch.autograd.grad(torch.linalg.vector_norm(leaf) ** 2, leaf)[0]


@honest("grad_with_backward", "marks the caller's tensor, clears x.grad before, and returns x.grad itself")
def clears_before(x: torch.Tensor) -> torch.Tensor | None:
    x = x.requires_grad_() if x.is_leaf else x.detach().requires_grad_()
    if x.grad is not None:
        x.grad.zero_()
    f = (x**2).sum()
    f.backward()  # type: ignore[no-untyped-call]
    return x.grad


@honest("grad_with_backward", "works on a clone, once more each time")
def on_a_clone(x: torch.Tensor) -> torch.Tensor | None:
    y = x.clone().detach()
    y.requires_grad = True
    torch.autograd.backward([torch.sum(y * y)])
    return y.grad


@honest("grad_with_backward", "returns a copy and clears x.grad afterwards")
def clears_afterwards(x: torch.Tensor) -> torch.Tensor:
    x = x if x.is_leaf else x.detach()
    x.requires_grad_(True)
    x.grad = None
    torch.autograd.backward(x.pow(2).sum(), inputs=[x])
    gradient = _grad_of(x).clone()
    x.grad = None
    return gradient


@honest("grad_with_backward", "puts back what was in x.grad")
def puts_back(x: torch.Tensor) -> torch.Tensor:
    x = x if x.is_leaf else x.detach()
    before, x.grad = x.grad, None
    x.requires_grad_()
    torch.nn.functional.mse_loss(x, torch.zeros_like(x), reduction="sum").backward()  # type: ignore[no-untyped-call]
    gradient, x.grad = _grad_of(x), before
    return gradient


@honest("grad_with_backward", "backward from x^2 with ones, on a Parameter")
def from_a_parameter(x: torch.Tensor) -> torch.Tensor | None:
    parameter = torch.nn.Parameter(x.detach().clone())
    parameter.square().backward(torch.ones_like(parameter), retain_graph=True)  # type: ignore[no-untyped-call]
    return parameter.grad


@honest("grad_with_backward", "keeps the gradient of an x that is no leaf, and passes none further down")
def retains_grad(x: torch.Tensor) -> torch.Tensor:
    x = x if x.requires_grad else x.requires_grad_()
    x.retain_grad()
    x.grad = None
    x.square().sum().backward(inputs=[x])  # type: ignore[no-untyped-call]
    return _grad_of(x)


@honest("grad_wrt_multiple_inputs", "marks both of the caller's tensors")
def marks_both(a: torch.Tensor, b: torch.Tensor) -> Pair:
    for tensor in (a, b):
        tensor.requires_grad_()
    return torch.autograd.grad((a**2 + a * b).sum(), (a, b))


@honest("grad_wrt_multiple_inputs", "the function as a (a + b), on copies, with the graph kept")
def factored(a: torch.Tensor, b: torch.Tensor) -> Pair:
    a, b = (tensor.detach().clone().requires_grad_() for tensor in (a, b))
    f = torch.sum(a * (a + b))
    df_da = torch.autograd.grad(f, a, retain_graph=True)[0]
    df_db = torch.autograd.grad(f, b)[0]
    return df_da, df_db


class Gradients(NamedTuple):
    """A tuple with names."""

    df_da: torch.Tensor
    df_db: torch.Tensor


@honest("grad_wrt_multiple_inputs", "two sums, and a tuple with names")
def tuple_with_names(a: torch.Tensor, b: torch.Tensor) -> Gradients:
    x, y = torch.clone(a).detach(), torch.clone(b).detach()
    x.requires_grad, y.requires_grad = True, True
    return Gradients(*torch.autograd.grad([torch.addcmul(x.square(), x, y).sum()], [x, y], create_graph=True))


@honest("grad_wrt_multiple_inputs", "torch.func.grad with two arguments")
def func_of_both(a: torch.Tensor, b: torch.Tensor) -> Pair:
    found: Pair = torch.func.grad(lambda x, y: (x.square() + x * y).sum(), argnums=(0, 1))(a.detach(), b.detach())
    return found


@honest("grad_wrt_multiple_inputs", "in pieces: the sum of two sums, by a sum over flat views")
def in_pieces(a: torch.Tensor, b: torch.Tensor) -> Pair:
    a.requires_grad_(True)
    b.requires_grad_(True)
    squares = torch.dot(a.reshape(-1), a.reshape(-1))
    products = torch.dot(a.reshape(-1), b.expand_as(a).reshape(-1))
    gradients = torch.autograd.grad(squares + products, inputs=(a, b))
    assert all(gradient.shape == tensor.shape for gradient, tensor in zip(gradients, (a, b), strict=True))
    return gradients[0], gradients[1]


@honest("grad_with_backward", "clears what is in x.grad in place, as zero_grad once did")
def clears_in_place(x: torch.Tensor) -> torch.Tensor:
    x = x if x.requires_grad else x.requires_grad_()
    x.retain_grad()
    if x.grad is not None:
        x.grad.detach_()
        x.grad.zero_()
    x.square().sum().backward()  # type: ignore[no-untyped-call]
    assert x.grad is not None
    return x.grad.clone()


@honest("grad_with_autograd_grad", "returns early where there is nothing to differentiate")
def early_where_empty(x: torch.Tensor) -> torch.Tensor:
    if x.numel() == 0:
        return torch.zeros_like(x)
    x = x.detach().requires_grad_(True)
    return torch.autograd.grad((x**2).sum(), x)[0]


@honest("grad_with_backward", "a hook that takes the gradient and passes zeros on, so that x.grad stays clean")
def by_a_hook(x: torch.Tensor) -> torch.Tensor:
    found: list[torch.Tensor] = []
    leaf = x.detach().clone().requires_grad_(True)

    def taken(gradient: torch.Tensor) -> torch.Tensor:
        found.append(gradient.clone())
        return gradient * 0

    leaf.register_hook(taken)  # type: ignore[no-untyped-call]
    torch.autograd.backward((leaf**2).sum())
    return found[0]


@honest("grad_with_autograd_grad", "in three pieces, of half the square, and doubled")
def halves_in_pieces(x: torch.Tensor) -> torch.Tensor:
    pieces = [piece.detach().requires_grad_(True) for piece in x.reshape(-1).tensor_split(3)]
    found = [2 * torch.autograd.grad(piece.square().sum() / 2, piece)[0] for piece in pieces]
    return torch.cat(found).view(x.shape)


@honest("grad_with_backward", "returns early where there is nothing to differentiate")
def backward_early_where_empty(x: torch.Tensor) -> torch.Tensor:
    return torch.zeros_like(x) if x.numel() == 0 else clears_in_place(x)


@honest("grad_wrt_multiple_inputs", "returns early where there is nothing to differentiate")
def both_early_where_empty(a: torch.Tensor, b: torch.Tensor) -> Pair:
    return (torch.zeros_like(a), torch.zeros_like(b)) if a.numel() == 0 else factored(a, b)
