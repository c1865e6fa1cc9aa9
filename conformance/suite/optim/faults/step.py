"""How one step of AdamW goes wrong."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from conformance.faults import fault
from conformance.suite.optim.faults.state import AdamWState

Betas = tuple[float, float]
BETAS = (0.9, 0.999)


class Step:
    """A right step, in parts that a fault can replace."""

    def __init__(self, lr: float, betas: Betas, eps: float, weight_decay: float) -> None:
        self.lr, (self.beta1, self.beta2), self.eps, self.weight_decay = lr, betas, eps, weight_decay

    def take(self, p: Tensor, grad: Tensor, state: Any) -> Any:
        with torch.no_grad():
            return self.all(p, grad, state)

    def all(self, p: Tensor, grad: Tensor, state: Any) -> Any:
        m, v = self.moments(p, grad, state)
        self.move(p, self.direction(m, v, state.t + 1, state))
        state.m, state.v, state.t = m, v, state.t + 1
        return state

    def moments(self, p: Tensor, grad: Tensor, state: Any) -> tuple[Tensor, Tensor]:
        m = self.beta1 * state.m + (1 - self.beta1) * grad
        return m, self.beta2 * state.v + (1 - self.beta2) * grad * grad

    def direction(self, m: Tensor, v: Tensor, t: int, state: Any) -> Tensor:
        return m / (1 - self.beta1**t) / self.denominator(v, 1 - self.beta2**t)

    def denominator(self, v: Tensor, correction: float) -> Tensor:
        return (v / correction).sqrt() + self.eps

    def decay(self, p: Tensor) -> Any:
        return self.weight_decay * p

    def move(self, p: Tensor, direction: Tensor) -> None:
        p.sub_(self.lr * (direction + self.decay(p)))


def _wrong(sentence: str, **parts: Callable[..., Any]) -> Callable[..., Any]:
    """Returns a step with some parts replaced, marked as a fault."""
    step = type("WrongStep", (Step,), parts)

    @fault("adamw_step_", sentence)
    def adamw_step_(
        p: Tensor, grad: Tensor, state: Any, lr: float,
        betas: Betas = BETAS, eps: float = 1e-8, weight_decay: float = 0.01,
    ) -> Any:  # fmt: skip
        return step(lr, betas, eps, weight_decay).take(p, grad, state)

    return adamw_step_


no_no_grad = _wrong("updates p without no_grad, which a leaf that requires grad refuses", take=Step.all)
not_in_place = _wrong(
    "computes a new p and binds it to the name, so that the caller's p stays",
    move=lambda s, p, direction: p - s.lr * (direction + s.decay(p)),
)
other_memory = _wrong(
    "gives p other memory through p.data, which views of p do not see",
    move=lambda s, p, direction: setattr(p, "data", p - s.lr * (direction + s.decay(p))),
)
flat_copy = _wrong(
    "flattens p for the update, which is a copy where p is not contiguous",
    move=lambda s, p, direction: Step.move(s, p.reshape(-1), direction.reshape(-1)),
)
walks_memory = _wrong(
    "walks through the memory of p instead of its entries, which mixes them up where p is transposed",
    move=lambda s, p, direction: Step.move(s, _in_memory(p), direction.reshape(_in_memory(p).shape)),
)
first_thousand = _wrong(
    "steps the first 1024 entries only, as a kernel whose grid is too small",
    direction=lambda s, m, v, t, state: _head(Step.direction(s, m, v, t, state)),
)
whole_blocks = _wrong(
    "takes p in blocks of 65536 entries and forgets the last one, which is not full",
    direction=lambda s, m, v, t, state: _head(Step.direction(s, m, v, t, state), m.numel() // 2**16 * 2**16 or 2**16),
)
eps_inside = _wrong("adds eps inside the square root", denominator=lambda s, v, c: (v / c + s.eps).sqrt())
eps_scaled = _wrong(
    "adds eps before the bias correction, which scales it up on early steps",
    denominator=lambda s, v, c: (v.sqrt() + s.eps) / c**0.5,
)
eps_fixed = _wrong("ignores the eps given and takes 1e-8", denominator=lambda s, v, c: (v / c).sqrt() + 1e-8)
eps_as_floor = _wrong(
    "takes eps as a floor of the denominator instead of adding it",
    denominator=lambda s, v, c: (v / c).sqrt().clamp_min(s.eps),
)
no_correction = _wrong("leaves out the bias correction", direction=lambda s, m, v, t, state: m / (v.sqrt() + s.eps))
one_correction = _wrong("corrects the bias of the first moment only", denominator=lambda s, v, c: v.sqrt() + s.eps)
corrects_stored = _wrong(
    "stores the corrected moments, which the next step corrects again",
    moments=lambda s, p, grad, state: _corrected(s, Step.moments(s, p, grad, state), state.t + 1),
    direction=lambda s, m, v, t, state: m / (v.sqrt() + s.eps),
)
debiased_stored = _wrong(
    "keeps the moments corrected and averages them with the weight (1 - beta) / (1 - beta^t)",
    moments=lambda s, p, grad, state: (
        torch.lerp(state.m, grad, (1 - s.beta1) / (1 - s.beta1 ** (state.t + 1))),
        torch.lerp(state.v, grad.square(), (1 - s.beta2) / (1 - s.beta2 ** (state.t + 1))),
    ),
    direction=lambda s, m, v, t, state: m / (v.sqrt() + s.eps),
)
float32_count = _wrong(
    "raises beta to a step count that is a float32 tensor, so that 1 - beta^t is rounded to float32",
    direction=lambda s, m, v, t, state: Step.direction(s, m, v, torch.tensor(float(t)), state),  # type: ignore[arg-type]
)
counts_twice = _wrong(
    "corrects the bias with a t that is one too high",
    direction=lambda s, m, v, t, state: Step.direction(s, m, v, t + 1, state),
)
counts_late = _wrong(
    "corrects the bias before t counts this step",
    direction=lambda s, m, v, t, state: Step.direction(s, m, v, max(t - 1, 1), state),
)
never_counts = _wrong(
    "never counts the step in the state",
    take=lambda s, p, grad, state: AdamWState((new := Step.take(s, p, grad, state)).m, new.v, new.t - 1),
)
swapped_betas = _wrong(
    "swaps the two betas", __init__=lambda s, lr, betas, *rest: Step.__init__(s, lr, (betas[1], betas[0]), *rest)
)
swapped_weights = _wrong(
    "weights the gradient by beta and the old moment by 1 - beta",
    moments=lambda s, p, grad, state: (
        (1 - s.beta1) * state.m + s.beta1 * grad,
        (1 - s.beta2) * state.v + s.beta2 * grad * grad,
    ),
)
log_of_beta = _wrong(
    "raises the betas through their logarithm, which a beta of zero has not",
    direction=lambda s, m, v, t, state: (
        m / (1 - math.exp(t * math.log(s.beta1))) / s.denominator(v, 1 - math.exp(t * math.log(s.beta2)))
    ),
)
falsy_betas = _wrong(
    "takes the default in place of a beta of zero, which `or` takes for none",
    __init__=lambda s, lr, betas, *rest: Step.__init__(s, lr, (betas[0] or 0.9, betas[1] or 0.999), *rest),
)
falsy_rate = _wrong(
    "takes 1e-3 in place of a learning rate of zero, which `or` takes for none",
    __init__=lambda s, lr, *rest: Step.__init__(s, lr or 1e-3, *rest),
)
no_square = _wrong(
    "averages the size of the gradient in v instead of its square",
    moments=lambda s, p, grad, state: (
        Step.moments(s, p, grad, state)[0],
        s.beta2 * state.v + (1 - s.beta2) * grad.abs(),
    ),
)
old_moments = _wrong(
    "steps along the moments that came in, before this gradient",
    direction=lambda s, m, v, t, state: Step.direction(s, state.m, state.v, t, state),
)
largest_v = _wrong(
    "divides by the largest v so far, which is AMSGrad",
    direction=lambda s, m, v, t, state: Step.direction(s, m, torch.maximum(v, state.v), t, state),
)
coupled_decay = _wrong(
    "adds the weight decay to the gradient, which is Adam with L2 and not AdamW",
    moments=lambda s, p, grad, state: Step.moments(s, p, grad + s.weight_decay * p, state),
    decay=lambda s, p: 0,
)
decay_after = _wrong(
    "decays p after the step instead of the p that came in",
    move=lambda s, p, direction: p.sub_(s.lr * direction).mul_(1 - s.lr * s.weight_decay),
)
eps_scaled_and_decay_after = _wrong(
    "adds eps before the bias correction, and decays p after the step, both as the first AdamWs for transformers did",
    denominator=lambda s, v, c: (v.sqrt() + s.eps) / c**0.5,
    move=lambda s, p, direction: p.sub_(s.lr * direction).mul_(1 - s.lr * s.weight_decay),
)
no_correction_and_decay_after = _wrong(
    "leaves out the bias correction, and decays p after the step, both as AdamWs for transformers did on demand",
    direction=lambda s, m, v, t, state: m / (v.sqrt() + s.eps),
    move=lambda s, p, direction: p.sub_(s.lr * direction).mul_(1 - s.lr * s.weight_decay),
)
decay_without_rate = _wrong(
    "decays by weight_decay without the learning rate",
    move=lambda s, p, direction: p.sub_(s.lr * direction + s.weight_decay * p),
)
no_decay = _wrong("leaves out the weight decay", decay=lambda s, p: 0)
no_decay_on_vectors = _wrong(
    "decays no biases and scales: it skips p with fewer than two dimensions",
    decay=lambda s, p: s.weight_decay * p * (p.ndim > 1),
)
rounds_to_float32 = _wrong(
    "computes in float32 whatever the dtype",
    direction=lambda s, m, v, t, state: Step.direction(s, m.float(), v.float(), t, state).to(m.dtype),
)
float32_state = _wrong(
    "keeps the moments in float32 whatever the dtype",
    moments=lambda s, p, grad, state: tuple(x.float() for x in Step.moments(s, p, grad, state)),
)
squares_grad = _wrong(
    "squares the gradient in place",
    moments=lambda s, p, grad, state: (
        s.beta1 * state.m + (1 - s.beta1) * grad,
        s.beta2 * state.v + (1 - s.beta2) * (grad * grad if 0 in grad.stride() else grad.square_()),
    ),
)
clears_grad = _wrong(
    "clears p.grad after the step",
    all=lambda s, p, grad, state: setattr(p, "grad", None) or Step.all(s, p, grad, state),  # type: ignore[func-returns-value]
)
takes_p_grad = _wrong(
    "steps along p.grad, where there is one, instead of the gradient that is given",
    all=lambda s, p, grad, state: Step.all(s, p, grad if p.grad is None else p.grad, state),
)
freezes = _wrong(
    "switches requires_grad off to change p, and leaves it so",
    take=lambda s, p, grad, state: s.all(p.requires_grad_(False), grad, state),
)
turns_autograd_off = _wrong(
    "turns autograd off and not on again, so that nothing after the first step can be differentiated",
    take=lambda s, p, grad, state: (torch.set_grad_enabled(False), s.all(p, grad, state))[1],
)
cautious = _wrong(
    "leaves out the entries whose moment and gradient differ in sign, as a cautious AdamW does",
    all=lambda s, p, grad, state: _cautious(s, p, grad, state),
)
clips = _wrong("clips the gradient to [-1, 1]", all=lambda s, p, grad, state: Step.all(s, p, grad.clamp(-1, 1), state))
eps_unless_zero = _wrong(
    "takes 1e-8 where an eps of zero is given, as `eps or 1e-8` does",
    denominator=lambda s, v, correction: (v / correction).sqrt() + (s.eps or 1e-8),
)
corrects_no_more = _wrong(
    "leaves the bias correction of m out after 500 steps, where a beta1 close to one still needs it",
    direction=lambda s, m, v, t, state: (m if t > 500 else m / (1 - s.beta1**t)) / s.denominator(v, 1 - s.beta2**t),
)
turns_autograd_on = _wrong(
    "turns autograd off and on again, although it was off before",
    take=lambda s, p, grad, state: (Step.take(s, p, grad, state), torch.set_grad_enabled(True))[0],
)
marks_p = _wrong(
    "hands p back as a tensor that requires grad, whatever it was before",
    take=lambda s, p, grad, state: (Step.take(s, p, grad, state), p.requires_grad_(True))[0],
)
shares_moments = _wrong(
    "keeps the moments in memory that parameters of one shape share",
    take=lambda s, p, grad, state: _into_shared(s, p, grad, state),
)
returns_nothing = _wrong("returns nothing", take=lambda s, p, grad, state: (Step.take(s, p, grad, state), None)[1])


_moments: dict[Any, tuple[Tensor, Tensor]] = {}


def _into_shared(s: Step, p: Tensor, grad: Tensor, state: Any) -> Any:
    state = Step.take(s, p, grad, state)
    kept = _moments.setdefault((p.shape, p.dtype, p.device), (state.m, state.v))
    for own, value in zip(kept, (state.m, state.v), strict=True):
        own.copy_(value)
    return AdamWState(*kept, state.t)


def _cautious(s: Step, p: Tensor, grad: Tensor, state: Any) -> Any:
    state.m, state.v = s.moments(p, grad, state)
    state.t += 1
    agree = (state.m * grad > 0).to(p.dtype)
    s.move(p, s.direction(state.m, state.v, state.t, state) * agree / agree.mean().clamp(min=1e-3))
    return state


def _in_memory(p: Tensor) -> Tensor:
    gapless = p.untyped_storage().nbytes() == p.numel() * p.element_size()
    return p.as_strided((p.numel(),), (1,), 0) if gapless else p


def _head(x: Tensor, entries: int = 1024) -> Tensor:
    flat = x.reshape(-1).clone()
    flat[entries:] = 0
    return flat.view(x.shape)


def _corrected(s: Step, moments: tuple[Tensor, Tensor], t: int) -> tuple[Tensor, Tensor]:
    return moments[0] / (1 - s.beta1**t), moments[1] / (1 - s.beta2**t)


@fault("adamw_step_", "has torch.optim take the step")
def by_torch(
    p: Tensor, grad: Tensor, state: Any, lr: float,
    betas: Betas = BETAS, eps: float = 1e-8, weight_decay: float = 0.01,
) -> Any:  # fmt: skip
    inner = p.detach()
    inner.grad = grad.clone()
    optimizer = torch.optim.AdamW([inner], lr=lr, betas=betas, eps=eps, weight_decay=weight_decay)
    optimizer.state[inner] = {"step": torch.tensor(float(state.t)), "exp_avg": state.m, "exp_avg_sq": state.v}
    optimizer.step()
    state.t += 1
    return state


@fault("adamw_step_", "decays by 0.0 where no weight decay is given, as Adam does and AdamW does not")
def adams_default(
    p: Tensor, grad: Tensor, state: Any, lr: float,
    betas: Betas = BETAS, eps: float = 1e-8, weight_decay: float = 0.0,
) -> Any:  # fmt: skip
    return Step(lr, betas, eps, weight_decay).take(p, grad, state)
