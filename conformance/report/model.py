"""The one result model: what a verdict consists of, and how it is written down and read back."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

SCHEMA = 1


class Status(StrEnum):
    """What became of a property or an item; never merged, ordered from best to worst by ``SEVERITY``."""

    PASS = "pass"
    SKIPPED = "skipped"
    MISSING = "missing"
    RULE = "rule"
    TIMEOUT = "timeout"
    CRASH = "crash"
    WRONG = "wrong"
    JUDGE_ERROR = "judge_error"


# A wrong answer outranks a crash: where both occur, the case with numbers in it teaches more.
SEVERITY = {status: rank for rank, status in enumerate(Status)}


class Level(StrEnum):
    """How binding a requirement is: asked by the text, a rule of how, or what torch does besides."""

    EXERCISE = "exercise"
    RULE = "rule"
    PARITY = "parity"


@dataclass(frozen=True)
class Entry:
    """One number that differs: where it sits, what came back, what was expected, and how far off was allowed."""

    path: str
    got: str
    expected: str
    bound: str


@dataclass(frozen=True)
class SourceLine:
    """A line of the submission that a finding passes through."""

    where: str
    code: str


@dataclass(frozen=True)
class PropertyResult:
    """What one property says about one requirement.

    ``spread`` holds up to a hundred ``(bound, error)`` pairs of single comparisons, for charts; ``budget_used`` is
    the largest error as a share of its bound; ``informative`` counts comparisons whose bound was narrower than the
    value; ``curve`` holds the losses of a training run.
    """

    id: str
    item: str
    requirement: str
    level: Level
    status: Status
    examples: int = 0
    comparisons: int = 0
    informative: int = 0
    budget_used: float | None = None
    message: str | None = None
    counterexample: str | None = None
    got: str | None = None
    expected: str | None = None
    entries: list[Entry] = field(default_factory=list)
    lines: list[SourceLine] = field(default_factory=list)
    reproducer: str | None = None
    suspect: str | None = None
    spread: list[tuple[float, float]] = field(default_factory=list)
    curve: list[float] = field(default_factory=list)
    seconds: float = 0.0


@dataclass(frozen=True)
class ItemResult:
    """The verdict on one item: the worst of its counted properties.

    ``uses`` names the submission's own items that its definition uses.
    """

    name: str
    exercise: int
    status: Status
    reason: str
    properties: list[PropertyResult]
    uses: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Unread:
    """A statement of the submission that was not taken in, and why."""

    cell: int | None
    line: int
    why: str


@dataclass(frozen=True)
class Result:
    """The verdict on one submission.

    ``environment`` names torch, python, platform, devices and sandbox; ``extras`` carries what is not a verdict
    (the loss curve of the submission's own training run, say).
    """

    submission: str
    conforms: bool
    seed: int
    profile: str
    level: Level
    rules: bool
    environment: dict[str, Any]
    items: dict[str, ItemResult]
    unread: list[Unread] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    extras: dict[str, Any] = field(default_factory=dict)
    seconds: float = 0.0
    schema: int = SCHEMA

    def findings(self) -> list[PropertyResult]:
        """Returns every property result that is neither a pass, a skip nor a missing item, in order of the items."""
        quiet = (Status.PASS, Status.SKIPPED, Status.MISSING)
        return [row for item in self.items.values() for row in item.properties if row.status not in quiet]

    def counts(self, row: PropertyResult) -> bool:
        """Returns whether a property counts towards the verdict at the level that this result was judged at."""
        if row.level is Level.PARITY:
            return self.level is Level.PARITY
        return row.level is Level.EXERCISE or self.rules

    def to_json(self) -> dict[str, Any]:
        """Returns the result as plain JSON data, in the published schema."""
        data = asdict(self)
        return {"schema": data.pop("schema"), "conforms": data.pop("conforms"), **data}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Result:
        """Returns the result written by ``to_json``.

        Raises:
            ValueError: the data is of another schema.
        """
        if data.get("schema") != SCHEMA:
            raise ValueError(f"expected a result of schema {SCHEMA} but got schema={data.get('schema')!r}")
        items = {name: _item_from_json(item) for name, item in data["items"].items()}
        unread = [Unread(**entry) for entry in data["unread"]]
        return cls(**{**data, "items": items, "unread": unread, "level": Level(data["level"])})


def worst(statuses: Iterable[Status]) -> Status:
    """Returns the worst of some statuses; of none, ``judge_error``, since no evidence is never a pass."""
    return max(statuses, key=SEVERITY.__getitem__, default=Status.JUDGE_ERROR)


def _item_from_json(data: dict[str, Any]) -> ItemResult:
    rows = [row_from_json(row) for row in data["properties"]]
    return ItemResult(**{**data, "status": Status(data["status"]), "properties": rows})


def row_from_json(data: dict[str, Any]) -> PropertyResult:
    typed = {
        "level": Level(data["level"]),
        "status": Status(data["status"]),
        "entries": [Entry(**entry) for entry in data["entries"]],
        "lines": [SourceLine(**line) for line in data["lines"]],
        # JSON has no infinities: they come as strings that float() reads.
        "budget_used": None if data["budget_used"] is None else float(data["budget_used"]),
        "spread": [(float(bound), float(error)) for bound, error in data["spread"]],
        "curve": [float(loss) for loss in data.get("curve", ())],
    }
    return PropertyResult(**{**data, **typed})
