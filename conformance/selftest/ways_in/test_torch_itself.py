"""torch's own classes and functions pass everything but the rules: the suite asks nothing that torch does not give."""

from __future__ import annotations

from pathlib import Path

from conformance import Options, check
from conformance.report.model import Level, Status

ADAPTER = Path(__file__).parents[1] / "data" / "torch_adapter.py"
# Made of torch's parts as the exercises ask for it, or nothing that torch has under another name.
BY_RULE = {
    "Linear", "Embedding", "Dropout", "LayerNorm", "RMSNorm", "adamw_step_", "adamw_step_many_", "xavier_uniform_",
    "kaiming_uniform_", "cross_entropy_from_logits", "train_classifier",
}  # fmt: skip


def test_torch_passes_everything_but_the_rules() -> None:
    result = check(ADAPTER, Options(profile="quick"))
    wrong = [row for row in result.findings() if result.counts(row) and row.level is not Level.RULE]
    assert not wrong, [row.message for row in wrong]
    ruled = {name for name, item in result.items.items() if item.status is Status.RULE}
    assert ruled == BY_RULE


def test_torch_conforms_where_the_rules_are_off() -> None:
    result = check(ADAPTER, Options(profile="quick", rules=False))
    present = {name: item for name, item in result.items.items() if item.status is not Status.MISSING}
    assert {name: item.reason for name, item in present.items() if item.status is not Status.PASS} == {}
