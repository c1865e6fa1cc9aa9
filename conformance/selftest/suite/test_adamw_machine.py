"""AdamW as a machine: parameters stepped alone or together, in any order, with hyper-parameters that change as they go.

The verdicts run programs, drawn whole and sent in one call, because a case must be data: it is shipped, cached, written
out as code, and run again on every usual mistake. Here nothing is shipped, so Hypothesis can drive a machine, rule by
rule, and hold three AdamWs against each other: torch.optim's in float64, the oracle, and the reference solution.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule

from conformance.numerics.compare import close
from conformance.suite.optim import oracle
from conformance.suite.optim.cases import Hyper
from conformance.suite.tensors import TensorSpec
from impl.optim import AdamWState, adamw_step_, adamw_step_many_, init_adamw_state

SHAPES = st.sampled_from([(3,), (), (2, 3), (1,), (2, 1, 2), (0,)])
SEEDS = st.integers(0, 2**16)
RATES = st.sampled_from((0.1, 0.01, 0.5, 0.0))
HYPER = st.builds(
    Hyper,
    betas=st.sampled_from(((0.9, 0.99), (0.9, 0.999), (0.5, 0.9), (0.0, 0.5))),
    eps=st.sampled_from((1e-8, 1e-3, 0.1)),
    weight_decay=st.sampled_from((0.0, 0.01, 1.0)),
)


@dataclass
class Walker:
    """One parameter, as the reference solution, torch, and the oracle in both precisions have it."""

    p: torch.Tensor
    state: AdamWState
    torchs: torch.nn.Parameter
    optimizer: torch.optim.AdamW
    own: oracle.Moments
    wide: oracle.Moments

    def grad(self, seed: int) -> torch.Tensor:
        """Returns a gradient like p."""
        dtype = str(self.p.dtype).removeprefix("torch.")
        return TensorSpec(tuple(self.p.shape), dtype, "ordinary", seed).value

    def follow(self, grad: torch.Tensor, lr: float, hyper: Hyper) -> None:
        """Steps everything but the reference solution."""
        self.own = oracle.step(self.own, grad, lr, hyper)
        self.wide = oracle.step(self.wide, grad.double(), lr, hyper)
        self.torchs.grad = grad.double()
        options = {"lr": lr, "betas": hyper.betas, "eps": hyper.eps, "weight_decay": hyper.weight_decay}
        self.optimizer.param_groups[0].update(options)
        self.optimizer.step()


class AdamWMachine(RuleBasedStateMachine):
    """Steps parameters in any order, and compares after every rule."""

    walkers = Bundle("walkers")

    def __init__(self) -> None:
        super().__init__()
        self.all: list[Walker] = []

    @rule(target=walkers, shape=SHAPES, dtype=st.sampled_from(("float32", "float64")), seed=SEEDS)
    def begin(self, shape: tuple[int, ...], dtype: str, seed: int) -> Walker:
        drawn = TensorSpec(shape, dtype, "ordinary", seed).value
        # Four copies: an exact bound and a float64 parameter would otherwise share the memory that is stepped.
        p, torchs = drawn.clone(), torch.nn.Parameter(drawn.to(torch.float64, copy=True))
        own, wide = oracle.start(drawn.clone()), oracle.start(drawn.to(torch.float64, copy=True))
        walker = Walker(p, init_adamw_state(p), torchs, torch.optim.AdamW([torchs]), own, wide)
        self.all.append(walker)
        return walker

    @rule(walker=walkers, seed=SEEDS, lr=RATES, hyper=HYPER)
    def step_one(self, walker: Walker, seed: int, lr: float, hyper: Hyper) -> None:
        grad = walker.grad(seed)
        walker.follow(grad, lr, hyper)
        walker.state = adamw_step_(walker.p, grad, walker.state, lr, hyper.betas, hyper.eps, hyper.weight_decay)  # type: ignore[arg-type]

    @rule(seed=SEEDS, lr=RATES, hyper=HYPER)
    def step_all(self, seed: int, lr: float, hyper: Hyper) -> None:
        params, grads = [walker.p for walker in self.all], [walker.grad(seed) for walker in self.all]
        states = [walker.state for walker in self.all]
        options = {"betas": hyper.betas, "eps": hyper.eps, "weight_decay": hyper.weight_decay}
        found = adamw_step_many_(params, grads, states, lr, **options)  # type: ignore[arg-type]
        for walker, grad, state in zip(self.all, grads, found, strict=True):
            walker.follow(grad, lr, hyper)
            walker.state = state

    @invariant()
    def torch_is_where_the_oracle_says(self) -> None:
        for walker in self.all:
            assert not close(walker.torchs, walker.wide.p).violations, "torch.optim.AdamW left the oracle's bound"
            assert np.allclose(walker.own.p.value, walker.wide.p.value, rtol=1e-12, atol=0)

    @invariant()
    def the_solution_is_within_the_bound(self) -> None:
        for walker in self.all:
            for got, expected in (
                (walker.p, walker.own.p),
                (walker.state.m, walker.own.m),
                (walker.state.v, walker.own.v),
            ):
                assert not close(got, expected).violations, "impl.optim left the oracle's bound"
            assert walker.state.t == walker.own.t


AdamWMachine.TestCase.settings = settings(max_examples=25, stateful_step_count=12, deadline=None, derandomize=True)
TestAdamWMachine = AdamWMachine.TestCase
