"""Cases for a training step: small models whose forward pass depends on the mode, and torch's optimizers."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import strategies as st

from conformance.suite.strategies import SEEDS, a_tensor, ordinary
from conformance.suite.tensors import Case, TensorSpec

OPTIMIZERS = ("SGD", "momentum", "AdamW", "Adam", "RMSprop", "Adagrad")
MODELS = ("linear", "dropout", "norm")
# Rows and features in, features out. With four rows or more, no feature is the same in all of them, which would leave
# a batch norm nothing to divide by. One number out is what regression most often has, and what a squeeze takes away.
SIZES = ((4, 2, 3), (5, 1, 2), (4, 3, 1), (6, 2, 1), (6, 4, 2), (8, 2, 2), (5, 2, 1), (33, 3, 2))

# The second has more digits than people round to.
RATES = (0.1, 0.01234567)

Batch = tuple[TensorSpec, TensorSpec]


@dataclass(frozen=True, repr=False)
class TrainCase(Case):
    """Two training steps of a model on two batches.

    Attributes:
        model: "linear"; "dropout", which drops outputs; or "norm", which normalises its inputs over the batch.
        optimizer: a class of torch.optim; "momentum" is SGD with it.
        lr: its learning rate; that of its second group, if there is one, is half as large.
        weight, bias: of the linear layer at the start.
        batches: x and y of each step.
        stale: what every gradient holds before the first step; None where there is none, a text where it is no number.
        groups: of parameters in the optimizer, at most.
        frozen: whether the optimizer is not given the bias.
        training: the mode before the first step.
        seed: of the dropout.
        flat: whether the model gives its one number a row without a dimension of its own, and y is such numbers.
    """

    model: str
    optimizer: str
    lr: float
    weight: TensorSpec
    bias: TensorSpec
    batches: tuple[Batch, ...]
    stale: float | str | None
    frozen: bool
    groups: int
    training: bool
    seed: int
    flat: bool = False


@st.composite
def steps(draw: st.DrawFn, dtype: str) -> TrainCase:
    """Draws a model, an optimizer, and two batches."""
    model = draw(st.sampled_from(MODELS))
    rows, features, outputs = draw(st.sampled_from(SIZES))
    deep = model != "norm" and draw(st.booleans())
    lead = (2, rows) if deep else (rows,)
    among = ("ordinary",) if model == "norm" else ("quarters", "ordinary")
    batches = []
    for _ in range(2):
        x = a_tensor(draw, (*lead, features), dtype, among, ("contiguous", "transposed", "strided", "offset"))
        batches.append((x, a_tensor(draw, (*lead, outputs), dtype, ("quarters", "ordinary", "integers", "huge"))))
    optimizer, lr = draw(st.sampled_from(OPTIMIZERS)), draw(st.sampled_from(RATES))
    stale = draw(st.sampled_from((None, 1.0, -30.0, "nan", "inf")))
    # Who resets what the optimizer holds and looks at the size of all gradients would meet what is stale elsewhere.
    frozen = draw(st.booleans()) and not isinstance(stale, str)
    return TrainCase(
        model,
        optimizer,
        lr,
        a_tensor(draw, (outputs, features), dtype, ("quarters", "ordinary"), ()),
        a_tensor(draw, (outputs,), dtype, ("quarters", "ordinary"), ()),
        tuple(batches),
        stale,
        frozen,
        draw(st.sampled_from((1, 2))),
        draw(st.booleans()),
        draw(SEEDS),
    )


def fixed_steps(dtype: str) -> list[TrainCase]:
    """Many features and rows; a model that fits at first, then all but fits; one row; outputs that are flat."""
    x, weight, bias, y = ordinary((300, 70), (2, 70), (2,), (300, 2), dtype=dtype)
    far = TrainCase("linear", "SGD", 0.01, weight, bias, ((x, y), (x, y)), None, False, 1, True, 0)
    (x,) = ordinary((4, 2), dtype=dtype)
    weight, bias, y = (TensorSpec(shape, dtype, "zeros") for shape in ((3, 2), (3,), (4, 3)))
    near = TensorSpec((4, 3), dtype, "ordinary", scale=1e-4)
    close = TrainCase("linear", "SGD", 0.1, weight, bias, ((x, y), (x, near)), None, False, 1, True, 0)
    x, weight, bias, y = ordinary((1, 2), (1, 2), (1,), (1, 1), dtype=dtype)
    alone = TrainCase("linear", "SGD", 0.1, weight, bias, ((x, y), (x, y)), None, False, 1, True, 0)
    x, y = ordinary((5, 2), (5,), dtype=dtype)
    flat = TrainCase("linear", "SGD", 0.1, weight, bias, ((x, y), (x, y)), None, False, 1, True, 0, True)
    return [far, close, alone, flat]
