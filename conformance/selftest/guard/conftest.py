"""A guard in the test's own process, which takes the tests in this folder for the submission."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from conformance.runner.guard import Guard, install

HERE = str(Path(__file__).parent)

Seen = Callable[[Callable[[], Any]], set[str]]


@pytest.fixture
def guard() -> Iterator[Guard]:
    """A guard that is gone after the test."""
    installed = install(is_submission=lambda name: name.startswith(HERE))
    yield installed
    installed.remove()


@pytest.fixture
def seen(guard: Guard) -> Seen:
    """Returns the families that a call was seen to use, without helpers of initialisers."""

    def families_of(call: Callable[[], Any]) -> set[str]:
        guard.reset()
        call()
        return {str(breach.family) for breach in guard.records()} - {"init_helper"}

    return families_of
