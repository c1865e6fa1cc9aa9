"""What reading a submission in results in."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class UnreadStatement:
    """A statement of the submission that was not taken in, and why, in words for a learner."""

    index: int
    cell: int | None
    line: int
    why: str


@dataclass(frozen=True)
class Loaded:
    """What a submission defines.

    Args:
        namespace: its names, after everything that could be run was run.
        unread: what could not, in order.
        lost: the names that unread statements would have defined, each with place and reason: ``cell 3, line 2: …``.
        failure: why a module could not be imported at all; None for every other kind of submission.
    """

    namespace: dict[str, Any]
    unread: list[UnreadStatement] = field(default_factory=list)
    lost: dict[str, str] = field(default_factory=dict)
    failure: str | None = None
