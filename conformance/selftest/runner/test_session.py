"""Sessions: a fresh process for each property, one for all on an accelerator, and whatever becomes of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from conformance.engine import session as sessions
from conformance.engine.session import NotObservedError, Outcome, RunnerSession, outcome_of
from conformance.runner.protocol import Strided

COUNTING = """
import os, torch
from torch import nn
calls = []
class LayerNorm(nn.Module):
    def __init__(self, width, eps=1e-5):
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.ones(width)), nn.Parameter(torch.zeros(width))
    def forward(self, x):
        calls.append(1)
        {then}
        return torch.full_like(x, len(calls))
"""

Open = Callable[..., RunnerSession]

# What was there before the fork is frozen, which get_objects passes over.
EVERYTHING = "(__import__('gc').unfreeze() or __import__('gc').get_objects())"


def counting(then: str = "pass") -> str:
    """Returns a submission whose outputs say how often it has been called in its process."""
    return COUNTING.replace("{then}", then)


def call(session: RunnerSession, **options: Any) -> Outcome:
    """Calls LayerNorm on two numbers; the driver applies it five times, and reports the third and the fourth."""
    x, vector = Strided(torch.tensor([1.0, 2.0]), (1, 2), (2, 1)), Strided(torch.ones(2), (2,), (1,))
    case: dict[str, Any] = {
        "width": 2,
        "eps": None,
        "x": x,
        "weight": vector,
        "bias": vector,
        "training": True,
        "upstream": None,
    }
    case["device"] = "cpu"
    return session.call("norm.layer_norm", ["LayerNorm"], case, options.pop("seconds", 10.0), **options)


def first_output(outcome: Outcome) -> float:
    """Returns the first number of the first output."""
    assert outcome.seen is not None, outcome.trouble
    return float(outcome.seen.output[0, 0])


def trouble(outcome: Outcome) -> str:
    """Returns what kind of trouble a call had."""
    assert outcome.trouble is not None
    return outcome.trouble.kind


def test_each_property_starts_afresh(session_on: Open) -> None:
    session = session_on(counting())
    session.begin()
    assert [first_output(call(session)), first_output(call(session))] == [3, 8]
    session.begin()
    assert first_output(call(session)) == 3


@pytest.mark.parametrize(
    "then",
    [
        "raise NotImplementedError",
        "try:\n            {}['x']\n        except KeyError:\n            raise NotImplementedError",
    ],
)
def test_a_stub_is_missing_wherever_it_is_raised(session_on: Open, then: str) -> None:
    session = session_on(counting(then))
    session.begin()
    assert trouble(call(session)) == "missing"


def test_on_an_accelerator_one_process_serves_every_property(session_on: Open) -> None:
    session = session_on(counting(), accelerated=True)
    session.begin()
    assert first_output(call(session)) == 3
    session.begin()
    assert first_output(call(session)) == 8
    assert session.child is session.host


def test_on_an_accelerator_a_process_that_died_is_made_anew(session_on: Open) -> None:
    session = session_on(counting("len(calls) > 5 and os._exit(0)"), accelerated=True)
    session.begin()
    assert first_output(call(session)) == 3
    assert trouble(call(session)) == "died"
    assert first_output(call(session)) == 3


def test_workers_have_a_host_each_on_an_accelerator(session_on: Open) -> None:
    session = session_on(counting(), accelerated=True)
    base = session.base.fork()
    other = session.share(base)
    assert other.host is not session.host
    assert first_output(call(session)) == 3
    assert first_output(call(other)) == 3
    other.close()
    assert first_output(call(session)) == 8
    base.close()


def test_unseen_calls_come_before_the_one_that_counts(session_on: Open) -> None:
    session = session_on(counting())
    assert first_output(call(session, warm=20)) == 103


def test_a_call_that_dies_or_hangs_costs_itself(session_on: Open) -> None:
    session = session_on(counting("len(calls) == 6 and os._exit(0)"))
    assert first_output(call(session)) == 3
    assert trouble(call(session)) == "died"
    assert first_output(call(session)) == 3


def test_an_item_that_runs_out_of_time_is_given_up(session_on: Open) -> None:
    session = session_on(counting("while True: pass"))
    kinds = [call(session, seconds=0.3) for _ in range(sessions.MAX_TIMEOUTS + 1)]
    assert [trouble(outcome) for outcome in kinds] == ["timeout"] * (sessions.MAX_TIMEOUTS + 1)
    assert "not run" in str(kinds[-1].trouble)


def test_an_item_that_dawdles_is_given_up(session_on: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "ITEM_SECONDS", 0.2)
    monkeypatch.setattr(sessions, "crowding", lambda: 1.0)
    session = session_on(counting("import time; time.sleep(0.2)"))
    assert first_output(call(session, seconds=2.0)) == 3
    assert "slow calls" in str(call(session, seconds=2.0).trouble)


def test_a_host_that_ends_by_itself_is_the_submissions_trouble(session_on: Open) -> None:
    session = session_on(counting() + "import threading\nif True:\n    threading.Timer(0.5, os._exit, (0,)).start()\n")
    kinds = set()
    for _ in range(20):
        session.begin()
        outcome = call(session)
        kinds.add(outcome.trouble.kind if outcome.trouble else "")
    assert kinds <= {"", "died"}


def test_memory_ends_the_property_alone(session_on: Open) -> None:
    session = session_on(counting("len(calls) > 5 and torch.ones(2**32)"))
    assert first_output(call(session)) == 3
    assert trouble(call(session)) == "error"
    session.begin()
    assert first_output(call(session)) == 3


def test_a_reply_of_another_form_counts_as_a_death() -> None:
    replies: list[Any] = [
        None,
        1,
        "seen",
        [],
        {},
        {"breaches": 1},
        {"breaches": [], "seen": 3},
        {"breaches": [], "error": 1},
    ]
    for reply in replies:
        assert trouble(outcome_of(reply)) == "died"
    broken = outcome_of({"breaches": [{"family": 1}], "seen": {}})
    assert [breach.family for breach in broken.breaches] == ["judge"]


def test_what_was_not_observed_is_named() -> None:
    outcome = outcome_of({"breaches": [], "seen": {"output": 1}})
    assert outcome.seen is not None
    assert outcome.seen.output == 1
    with pytest.raises(NotObservedError, match="again"):
        _ = outcome.seen.again


def test_a_breach_is_known_though_the_process_ended_or_wiped_it(session_on: Open) -> None:
    reference = "torch.nn.functional.layer_norm(x, (2,))"
    found = f"[thing for thing in {EVERYTHING} if type(thing).__name__ == 'Ledger']"
    wipe = f"[ledger.breaches.clear() for ledger in {found}]"
    for then in (f"{reference}; os._exit(0)", f"{reference}; {wipe}"):
        outcome = call(session_on(counting(then)))
        assert [breach.family for breach in outcome.breaches][:1] == ["norm"]


def test_a_guard_that_was_taken_away_is_a_breach(session_on: Open) -> None:
    remove = f"[thing.remove() for thing in {EVERYTHING} if type(thing).__name__ == 'Guard']"
    early = call(session_on(counting() + f"gone = {remove}\n"))
    late = call(session_on(counting(remove)), warm=1)
    for outcome in (early, late):
        assert [breach.family for breach in outcome.breaches] == ["judge"]


def test_classes_put_in_the_place_of_torchs_are_no_attack(session_on: Open) -> None:
    session = session_on(counting() + "nn.LayerNorm = LayerNorm\nnn.functional.layer_norm = LayerNorm\n")
    assert not call(session, warm=1).breaches
