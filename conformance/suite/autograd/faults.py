"""How the three functions that differentiate go wrong."""

from __future__ import annotations

import torch

from conformance.faults import fault

Pair = tuple[torch.Tensor, ...]


def _leaf(x: torch.Tensor) -> torch.Tensor:
    """A copy of x that requires grad, with nothing in its ``.grad``."""
    return x.detach().clone().requires_grad_()


def _grad(x: torch.Tensor) -> torch.Tensor:
    """The right answer by torch.autograd.grad."""
    leaf = _leaf(x)
    return torch.autograd.grad(leaf.square().sum(), leaf)[0]


def _backward(x: torch.Tensor) -> torch.Tensor:
    """The right answer by .backward()."""
    leaf = _leaf(x)
    torch.autograd.backward(leaf.square().sum())
    assert leaf.grad is not None
    return leaf.grad


@fault("grad_with_autograd_grad", "returns the tuple that torch.autograd.grad gives, not the tensor in it")
def forgets_to_unpack(x: torch.Tensor) -> tuple[torch.Tensor, ...]:
    leaf = _leaf(x)
    return torch.autograd.grad(leaf.square().sum(), leaf)


@fault("grad_with_autograd_grad", "takes it for granted that x requires grad")
def assumes_that_x_requires_grad(x: torch.Tensor) -> torch.Tensor:
    return torch.autograd.grad(x.square().sum(), x)[0]


@fault("grad_with_autograd_grad", "calls .backward()")
def calls_backward(x: torch.Tensor) -> torch.Tensor:
    return _backward(x)


@fault("grad_with_autograd_grad", "writes 2 x down instead of differentiating")
def writes_the_answer_down(x: torch.Tensor) -> torch.Tensor:
    return 2 * x.detach()


@fault("grad_with_autograd_grad", "differentiates something else, sum(x), and writes 2 x down")
def differentiates_the_sum(x: torch.Tensor) -> torch.Tensor:
    leaf = _leaf(x)
    torch.autograd.grad(leaf.sum(), leaf)
    return 2 * x.detach()


@fault("grad_with_autograd_grad", "adds the gradient to x.grad as well")
def adds_to_grad(x: torch.Tensor) -> torch.Tensor:
    gradient = _grad(x)
    if x.is_leaf:
        x.grad = gradient.clone() if x.grad is None else x.grad + gradient
    return gradient


@fault("grad_with_autograd_grad", "differentiates the mean of x^2 instead of the sum")
def takes_the_mean(x: torch.Tensor) -> torch.Tensor:
    leaf = _leaf(x)
    return torch.autograd.grad(leaf.square().mean(), leaf)[0]


@fault("grad_with_autograd_grad", "differentiates sum(x)^2 instead of sum(x^2)")
def squares_the_sum(x: torch.Tensor) -> torch.Tensor:
    leaf = _leaf(x)
    return torch.autograd.grad(leaf.sum().square(), leaf)[0]


@fault("grad_with_autograd_grad", "computes in float32 whatever the dtype of x")
def rounds_to_float32(x: torch.Tensor) -> torch.Tensor:
    return _grad(x.float()).to(x.dtype)


@fault("grad_with_autograd_grad", "returns the gradient in float32 whatever the dtype of x")
def returns_float32(x: torch.Tensor) -> torch.Tensor:
    return _grad(x).float()


@fault("grad_with_autograd_grad", "squares x in place")
def squares_in_place(x: torch.Tensor) -> torch.Tensor:
    gradient = _grad(x)
    with torch.no_grad():
        x.copy_(x * x)
    return gradient


@fault("grad_with_autograd_grad", "switches requires_grad of the caller's tensor off at the end")
def unmarks_the_input(x: torch.Tensor) -> torch.Tensor:
    gradient = _grad(x)
    if x.is_leaf:
        x.requires_grad_(False)
    return gradient


@fault("grad_with_autograd_grad", "turns autograd on for itself and off when it is done, whatever it was before")
def leaves_autograd_off(x: torch.Tensor) -> torch.Tensor:
    torch.set_grad_enabled(True)
    gradient = _grad(x)
    torch.set_grad_enabled(False)
    return gradient


@fault("grad_with_autograd_grad", "takes x to the CPU")
def goes_to_the_cpu(x: torch.Tensor) -> torch.Tensor:
    return _grad(torch.zeros(x.shape, dtype=x.dtype) if x.is_meta else x.cpu())


_kept: dict[tuple[int, ...], torch.Tensor] = {}


@fault("grad_with_autograd_grad", "keeps the first gradient of each shape and returns it again")
def keeps_the_first_answer(x: torch.Tensor) -> torch.Tensor:
    return _kept.setdefault(tuple(x.shape), _grad(x))


@fault("grad_with_autograd_grad", "returns one buffer that the next call writes into")
def reuses_its_buffer(x: torch.Tensor) -> torch.Tensor:
    buffer = _kept.setdefault(tuple(x.shape), torch.empty_like(_grad(x)))
    return buffer.copy_(_grad(x))


@fault("grad_with_backward", "leaves what was in x.grad, so that the new gradient is added to it")
def accumulates(x: torch.Tensor) -> torch.Tensor | None:
    if not x.is_leaf:
        return _backward(x)
    x.requires_grad_()
    torch.autograd.backward(x.square().sum())
    return None if x.grad is None else x.grad.clone()


@fault("grad_with_backward", "hands the same x.grad out that the next call adds to")
def hands_out_what_grows(x: torch.Tensor) -> torch.Tensor | None:
    if not x.is_leaf:
        return _backward(x)
    x.requires_grad_()
    torch.autograd.backward(x.square().sum())
    return x.grad


@fault("grad_with_backward", "returns the right gradient but leaves x.grad to grow from call to call")
def leaves_the_sum_behind(x: torch.Tensor) -> torch.Tensor:
    gradient = _backward(x)
    if x.is_leaf:
        x.grad = gradient.clone() if x.grad is None else x.grad + gradient
    return gradient


@fault("grad_with_backward", "takes it for granted that x requires grad")
def relies_on_requires_grad(x: torch.Tensor) -> torch.Tensor:
    torch.autograd.backward(0 * x.sum())
    return _backward(x)


@fault("grad_with_backward", "calls torch.autograd.grad")
def calls_autograd_grad(x: torch.Tensor) -> torch.Tensor:
    return _grad(x)


@fault("grad_with_backward", "writes 2 x down instead of differentiating")
def knows_the_answer(x: torch.Tensor) -> torch.Tensor:
    return 2 * x.detach()


@fault("grad_with_backward", "differentiates something else, sum(x), and writes 2 x down")
def goes_back_from_the_sum(x: torch.Tensor) -> torch.Tensor:
    torch.autograd.backward(_leaf(x).sum())
    return 2 * x.detach()


@fault("grad_with_backward", "clears x.grad by multiplying it by 0, which keeps what is not finite in it")
def clears_by_a_product(x: torch.Tensor) -> torch.Tensor | None:
    x = x.requires_grad_() if x.is_leaf else x.detach().requires_grad_()
    if x.grad is not None:
        x.grad.mul_(0)
    torch.autograd.backward(x.square().sum())
    return x.grad


@fault("grad_with_backward", "reads x.grad of an x that is no leaf, where there is none")
def reads_grad_of_no_leaf(x: torch.Tensor) -> torch.Tensor | None:
    if x.is_leaf:
        return _backward(x)
    torch.autograd.backward(x.square().sum())
    return x.grad


@fault("grad_with_backward", "clears the gradient that it is about to return")
def clears_what_it_returns(x: torch.Tensor) -> torch.Tensor:
    return _backward(x).zero_()


@fault("grad_with_backward", "clears x.grad with None before returning it")
def returns_none(x: torch.Tensor) -> torch.Tensor | None:
    leaf = _leaf(x)
    torch.autograd.backward(leaf.square().sum())
    leaf.grad = None
    return leaf.grad


@fault("grad_with_backward", "returns sum(x^2) instead of its gradient")
def returns_the_value(x: torch.Tensor) -> torch.Tensor:
    _backward(x)
    return x.detach().square().sum()


@fault("grad_with_backward", "computes in float32 whatever the dtype of x")
def differentiates_in_float32(x: torch.Tensor) -> torch.Tensor:
    return _backward(x.float()).to(x.dtype)


@fault("grad_with_backward", "writes the gradient over x")
def writes_over_x(x: torch.Tensor) -> torch.Tensor:
    gradient = _backward(x)
    with torch.no_grad():
        x.copy_(gradient)
    return gradient


def _both(a: torch.Tensor, b: torch.Tensor) -> Pair:
    """The right answer by torch.autograd.grad."""
    x, y = _leaf(a), _leaf(b)
    return torch.autograd.grad((x.square() + x * y).sum(), (x, y))


@fault("grad_wrt_multiple_inputs", "returns (df/db, df/da)")
def swaps_the_two(a: torch.Tensor, b: torch.Tensor) -> Pair:
    return _both(a, b)[::-1]


@fault("grad_wrt_multiple_inputs", "marks only a, not b")
def marks_only_a(a: torch.Tensor, b: torch.Tensor) -> Pair:
    x = _leaf(a)
    return torch.autograd.grad((x.square() + x * b).sum(), (x, b))


@fault("grad_wrt_multiple_inputs", "returns a list instead of a tuple")
def returns_a_list(a: torch.Tensor, b: torch.Tensor) -> list[torch.Tensor]:
    return list(_both(a, b))


@fault("grad_wrt_multiple_inputs", "gives the gradient of a number a dimension")
def makes_rows_of_numbers(a: torch.Tensor, b: torch.Tensor) -> Pair:
    df_da, df_db = _both(a, b)
    return (df_da, df_db) if a.ndim else (df_da.reshape(1), df_db.reshape(1))


@fault("grad_wrt_multiple_inputs", "stacks the two gradients into one tensor")
def stacks_them(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    return torch.stack(_both(a, b))


@fault("grad_wrt_multiple_inputs", "calls .backward()")
def calls_backward_on_both(a: torch.Tensor, b: torch.Tensor) -> Pair:
    x, y = _leaf(a), _leaf(b)
    torch.autograd.backward((x.square() + x * y).sum())
    assert x.grad is not None
    assert y.grad is not None
    return x.grad, y.grad


@fault("grad_wrt_multiple_inputs", "writes 2 a + b and a down instead of differentiating")
def writes_both_down(a: torch.Tensor, b: torch.Tensor) -> Pair:
    return 2 * a.detach() + b.detach(), a.detach().clone()


@fault("grad_wrt_multiple_inputs", "differentiates something else, sum(a + b), and writes 2 a + b and a down")
def differentiates_their_sum(a: torch.Tensor, b: torch.Tensor) -> Pair:
    x, y = _leaf(a), _leaf(b)
    torch.autograd.grad((x + y).sum(), (x, y))
    summed = [d for d in range(a.ndim) if b.ndim < a.ndim and d < a.ndim - b.ndim]
    df_da, df_db = 2 * a.detach() + b.detach(), a.detach().clone()
    return df_da, df_db.sum(summed) if summed else df_db


@fault("grad_wrt_multiple_inputs", "differentiates sum(a^2 + b), without the product")
def leaves_out_the_product(a: torch.Tensor, b: torch.Tensor) -> Pair:
    x, y = _leaf(a), _leaf(b)
    return torch.autograd.grad((x.square() + y).sum(), (x, y))


@fault("grad_wrt_multiple_inputs", "differentiates sum((a + b)^2)")
def squares_both(a: torch.Tensor, b: torch.Tensor) -> Pair:
    x, y = _leaf(a), _leaf(b)
    return torch.autograd.grad((x + y).square().sum(), (x, y))


@fault("grad_wrt_multiple_inputs", "asks for one gradient after the other, when the graph of the first is gone")
def frees_the_graph(a: torch.Tensor, b: torch.Tensor) -> Pair:
    x, y = _leaf(a), _leaf(b)
    f = (x.square() + x * y).sum()
    return torch.autograd.grad(f, x)[0], torch.autograd.grad(f, y)[0]


@fault("grad_wrt_multiple_inputs", "detaches b in the product, so that df/db is zero")
def detaches_b(a: torch.Tensor, b: torch.Tensor) -> Pair:
    x, y = _leaf(a), _leaf(b)
    return torch.autograd.grad((x.square() + x * y.detach() + 0 * y).sum(), (x, y))


@fault("grad_wrt_multiple_inputs", "adds the gradients to a.grad and b.grad as well")
def adds_to_both(a: torch.Tensor, b: torch.Tensor) -> Pair:
    gradients = _both(a, b)
    for x, gradient in zip((a, b), gradients, strict=True):
        if x.is_leaf:
            x.grad = gradient.clone() if x.grad is None else x.grad + gradient
    return gradients


@fault("grad_wrt_multiple_inputs", "computes in float32 whatever the dtype of the inputs")
def differentiates_both_in_float32(a: torch.Tensor, b: torch.Tensor) -> Pair:
    x, y = _both(a.float(), b.float())
    return x.to(a.dtype), y.to(b.dtype)


@fault("grad_wrt_multiple_inputs", "adds b to a in place")
def adds_in_place(a: torch.Tensor, b: torch.Tensor) -> Pair:
    gradients = _both(a, b)
    with torch.no_grad():
        a.copy_(a + b)
    return gradients


@fault("grad_with_autograd_grad", "needs the function to differentiate, which the text leaves out")
def needs_a_function(x: torch.Tensor, function: object) -> torch.Tensor:
    return _grad(x)


@fault("grad_with_backward", "needs a leaf beside x to hand the gradient over in")
def needs_a_leaf(x: torch.Tensor, leaf: torch.Tensor) -> torch.Tensor:
    return _backward(x)


@fault("grad_wrt_multiple_inputs", "takes one tuple of inputs instead of a and b")
def takes_a_tuple(inputs: Pair) -> Pair:
    a, b = map(_leaf, inputs)
    return torch.autograd.grad((a * b).sum() + b.square().sum(), (a, b))


@fault("grad_wrt_multiple_inputs", "differentiates with respect to a, and returns a as what it knows df/db to be")
def knows_one_of_both(a: torch.Tensor, b: torch.Tensor) -> Pair:
    x, y = _leaf(a), _leaf(b)
    (gradient,) = torch.autograd.grad((x * x + x * y).sum(), x)
    return gradient, a.detach().clone()


@fault("grad_with_backward", "clears x.grad after backward instead of before it, which adds to what was there")
def clears_too_late(x: torch.Tensor) -> torch.Tensor:
    x.requires_grad_(True)
    if not x.is_leaf:
        return _backward(x)
    x.square().sum().backward()  # type: ignore[no-untyped-call]
    assert x.grad is not None
    gradient = x.grad.clone()
    x.grad = None
    return gradient


@fault("grad_with_autograd_grad", "squares the norm, whose root has no gradient where all of x is zero")
def squares_the_norm(x: torch.Tensor) -> torch.Tensor:
    leaf = _leaf(x)
    return torch.autograd.grad(leaf.square().sum().sqrt().square(), leaf)[0]


@fault("grad_with_backward", "squares the norm, whose root has no gradient where all of x is zero")
def squares_the_norm_backward(x: torch.Tensor) -> torch.Tensor:
    leaf = _leaf(x)
    torch.autograd.backward(leaf.square().sum().sqrt().square())
    assert leaf.grad is not None
    return leaf.grad


@fault("grad_wrt_multiple_inputs", "divides by a to write a^2 + a b as a (a + b), which is NaN where a is zero")
def divides_by_a(a: torch.Tensor, b: torch.Tensor) -> Pair:
    first, second = _leaf(a), _leaf(b)
    return torch.autograd.grad((first * first * (1 + second / first)).sum(), (first, second))
