"""A training loop is not to blame for an MLP and a head that no loop can teach."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from torch import Tensor, nn

from conformance.selftest.honest.classification.loop import keeps_best
from conformance.suite.classification import driver


class _Positive(nn.Linear):
    """Starts at weights from 0 to 1, which is legal and leaves an MLP little to learn from."""

    def __init__(self, *sizes: int) -> None:
        super().__init__(sizes[0], 10 if len(sizes) == 2 else sizes[2])
        nn.init.uniform_(self.weight)


class _Blind(_Positive):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(torch.ones_like(x))


class _Breaks(_Positive):
    def forward(self, x: Tensor) -> Tensor:
        if x.shape[0] > 2:
            raise RuntimeError("breaks under training")
        return super().forward(x)


class _SwitchesOff(_Breaks):
    def __init__(self, *sizes: int) -> None:
        super().__init__(*sizes)
        torch.set_grad_enabled(False)
        torch.set_default_dtype(torch.float64)


class _GivesUp(_Breaks):
    def forward(self, x: Tensor) -> Tensor:
        raise SystemExit(1)


@pytest.mark.parametrize("head", [_Blind, _Breaks, _SwitchesOff, _GivesUp])
def test_a_right_loop_passes_with_parts_that_do_not_learn(head: type[nn.Module]) -> None:
    case = _digits()
    items = SimpleNamespace(MLP=_Positive, ClassificationHead=head, train_classifier=keeps_best)
    seen = driver.learned_digits(items, case)
    assert seen["own"] == (1 if head in (_Blind, _GivesUp) else 0)
    assert float((seen["logits"][-1].argmax(-1) == seen["labels"]).double().mean()) > 0.7


def test_a_loop_that_teaches_nothing_has_trained_both() -> None:
    items = SimpleNamespace(MLP=None, ClassificationHead=_Positive, train_classifier=lambda *_: [])
    assert len(driver.learned_digits(items, _digits())["logits"]) == 2


def _digits() -> SimpleNamespace:
    """Returns a problem of the driver's kind: bars at ten places."""
    labels = torch.arange(100) % 10
    images = 255 * nn.functional.one_hot(labels, 10)[:, None].expand(-1, 10, -1)
    return SimpleNamespace(rates=((1e-2, 6),), batch=10, train_x=images, train_y=labels, test_x=images, test_y=labels)
