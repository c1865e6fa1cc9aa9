"""What got better and what got worse between two results of the same submission, or of two."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from conformance.report.model import PropertyResult, Result, Status
from conformance.report.text import one_line
from conformance.report.words import WORDS, headline, judged, reason_of


class Kind(StrEnum):
    """What became of an item or a property."""

    WORSE = "worse"
    BETTER = "better"
    CHANGED = "changed"
    GONE = "gone"
    NEW = "new"


TITLES = {
    Kind.WORSE: "Worse",
    Kind.BETTER: "Better",
    Kind.CHANGED: "Fails in another way",
    Kind.GONE: "Judged before, not now",
    Kind.NEW: "Judged now, not before",
}


@dataclass(frozen=True)
class Change:
    """One item or property whose status is another now; ``property`` is None for an item."""

    kind: Kind
    item: str
    property: str | None
    old: Status | None
    new: Status | None
    reason: str


@dataclass(frozen=True)
class Comparison:
    """All changes between two results, items first, and what makes them hard to compare."""

    old: str
    new: str
    items: list[Change]
    properties: list[Change]
    caveats: list[str]

    @property
    def regressed(self) -> bool:
        """Whether an item or a property that counts got worse, or an item is gone."""
        return any(change.kind is Kind.WORSE for change in (*self.items, *self.properties)) or any(
            change.kind is Kind.GONE for change in self.items
        )

    @property
    def exit_code(self) -> int:
        """The exit code of ``--compare``: 1 if something got worse or an item is gone, else 0.

        It says nothing about whether the new result conforms: 0 may stand for "as wrong as before".
        """
        return int(self.regressed)


def compare(old: Result, new: Result) -> Comparison:
    """Returns the changes between two results.

    Worse is what passed and does not now; a check that passed and is skipped now is worse too, since nobody looked.
    One failure turned into another is neither. Properties that do not count are left out.
    """
    caveats = [
        f"{name} differs: {before} then, {after} now"
        for name, before, after in (
            ("the seed", old.seed, new.seed),
            ("the profile", old.profile, new.profile),
            ("the level", old.level.value, new.level.value),
            ("torch", old.environment.get("torch"), new.environment.get("torch")),
        )
        if before != after
    ]
    items = [
        _change(
            name,
            None,
            old.items[name].status if name in old.items else None,
            new.items[name].status if name in new.items else None,
            new.items[name].reason if name in new.items else "",
        )
        for name in {**old.items, **new.items}
    ]
    before, after = _counted(old), _counted(new)
    properties = []
    for key in {**before, **after}:
        row = after.get(key)
        was, status = before.get(key), row.status if row else None
        reason = reason_of(row) if row and row.status is not Status.PASS else ""
        shown = row or before[key]
        properties.append(_change(shown.item, judged(shown), was.status if was else None, status, reason))
    return Comparison(
        old=f"{old.submission} ({headline(old).lower()})",
        new=f"{new.submission} ({headline(new).lower()})",
        items=[change for change in items if change],
        properties=[change for change in properties if change],
        caveats=caveats,
    )


def comparison_text(comparison: Comparison) -> str:
    """Returns the comparison as plain text: what got worse first, each item followed by its properties."""
    lines = [f"Then: {one_line(comparison.old)}", f"Now:  {one_line(comparison.new)}"]
    lines += [f"Note: {one_line(caveat)}" for caveat in comparison.caveats]
    # The properties of an item that came or went as a whole add nothing to that.
    nothing = (None, Status.MISSING)
    told = {change.item for change in comparison.items if change.old in nothing or change.new in nothing}
    for kind in Kind:
        items = [change for change in comparison.items if change.kind is kind]
        rows = [change for change in comparison.properties if change.kind is kind and change.item not in told]
        if items or rows:
            lines += ["", TITLES[kind]]
        for name in dict.fromkeys(change.item for change in (*items, *rows)):
            lines += [_line(change) for change in items if change.item == name] or [f"  {name}"]
            lines += [_line(change) for change in rows if change.item == name]
    if not comparison.items and not comparison.properties:
        lines += ["", "Nothing changed."]
    return "\n".join(lines) + "\n"


def _line(change: Change) -> str:
    states = " -> ".join(WORDS[status] for status in (change.old, change.new) if status)
    reason = f" ({one_line(change.reason)})" if change.reason and change.kind is not Kind.BETTER else ""
    name = f"  {change.property}" if change.property else change.item
    return f"  {name}: {states}{reason}"


def _counted(result: Result) -> dict[tuple[str, str], PropertyResult]:
    """Returns the rows that count, by property and requirement: a property may judge several."""
    rows = (row for item in result.items.values() for row in item.properties if result.counts(row))
    return {(row.id, row.requirement): row for row in rows}


def _change(item: str, row: str | None, old: Status | None, new: Status | None, reason: str) -> Change | None:
    if old is new:
        return None
    if old is None or new is None:
        kind = Kind.NEW if old is None else Kind.GONE
    else:
        before, after = _standing(old), _standing(new)
        kind = Kind.CHANGED if before == after else Kind.BETTER if after < before else Kind.WORSE
    return Change(kind, item, row, old, new, reason)


def _standing(status: Status) -> int:
    """Passing is best, not having looked is next, and all ways of failing are alike."""
    return {Status.PASS: 0, Status.SKIPPED: 1}.get(status, 2)
