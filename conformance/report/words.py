"""The words that every face of a result shares: the verdict line, counts, what counts, how to get a reproducer."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Mapping

from conformance.report.model import SEVERITY, ItemResult, PropertyResult, Result, Status
from conformance.report.text import clean, one_line

WORDS = {status: status.value.replace("_", " ") for status in Status}

# Stands between two mistakes that a finding looks like.
OR = "; or: "
_CASES = re.compile(r" \(\d+ of \d+ cases\)")

# A mark beside each word, so that a column can be scanned without colour.
MARKS = {
    Status.PASS: "✓",
    Status.SKIPPED: "○",
    Status.MISSING: "-",
    Status.RULE: "§",
    Status.WRONG: "✗",
    Status.CRASH: "!",
    Status.TIMEOUT: "∞",
    Status.JUDGE_ERROR: "?",
}


# What cannot be built on; a rule broken in one item is no mistake of another.
_BROKEN = (Status.WRONG, Status.CRASH, Status.TIMEOUT, Status.MISSING)


def by_exercise(result: Result) -> dict[int, list[ItemResult]]:
    """Returns the items of each exercise, in the order of the result."""
    groups: dict[int, list[ItemResult]] = {}
    for item in result.items.values():
        groups.setdefault(item.exercise, []).append(item)
    return dict(sorted(groups.items()))


def absent(result: Result) -> list[int]:
    """Returns the exercises that the submission does not contain: all missing, while another is not."""
    empty = [
        exercise
        for exercise, items in by_exercise(result).items()
        if all(item.status is Status.MISSING for item in items)
    ]
    return empty if len(empty) < len(by_exercise(result)) else []


def tally(result: Result) -> dict[Status, int]:
    """Returns how many items have each status, worst first, of the exercises that the submission contains."""
    gone = absent(result)
    counts: dict[Status, int] = {}
    for item in result.items.values():
        if item.exercise not in gone:
            counts[item.status] = counts.get(item.status, 0) + 1
    return dict(sorted(counts.items(), key=lambda pair: -SEVERITY[pair[0]]))


def headline(result: Result) -> str:
    """Returns the verdict in a few words, without the submission's name."""
    if failed_judge(result):
        return "NO VERDICT"
    return "CONFORMS" if result.conforms else "DOES NOT CONFORM"


def failed_judge(result: Result) -> list[str]:
    """Returns the items on which the judge itself failed."""
    return [name for name, item in result.items.items() if item.status is Status.JUDGE_ERROR]


def summary(result: Result) -> str:
    """Returns what stands behind the verdict: how many items pass, and what became of the others."""
    broken = failed_judge(result)
    if broken:
        return f"the judge itself failed on {', '.join(broken)}; this says nothing about the submission"
    counts = tally(result)
    total, passed = sum(counts.values()), counts.get(Status.PASS, 0)
    if total == 0:
        return "no item was judged"
    if passed == total:
        return f"all {total} items pass" if total > 1 else "the one item passes"
    others = [f"{count} {WORDS[status]}" for status, count in counts.items() if status is not Status.PASS]
    return f"{passed} of {total} items pass, {', '.join(others)}"


def sentence_of(row: PropertyResult, says: Mapping[str, str]) -> str:
    """Returns the sentence of the exercise that a property holds a submission to, or the requirement's id."""
    return clean(says.get(row.requirement, row.requirement))


def judged(row: PropertyResult) -> str:
    """Returns a property's id, and the requirement that this row is of where the id does not say so."""
    last = row.requirement.rpartition(".")[2]
    return row.id if row.id.split("[")[0].rpartition(".")[2] == last else f"{row.id}: {last}"


def one_a_requirement(rows: Iterable[PropertyResult]) -> list[PropertyResult]:
    """Returns the first finding of each requirement: the others say the same of another dtype or device."""
    first: dict[str, PropertyResult] = {}
    for row in rows:
        first.setdefault(row.requirement, row)
    return list(first.values())


def reason_of(row: PropertyResult) -> str:
    """Returns one line on why a property did not pass."""
    if row.suspect:
        return f"looks like: {one_line(row.suspect)}"
    if row.entries:
        entry = row.entries[0]
        return one_line(f"at {entry.path}: got {entry.got}, expected {entry.expected}")
    return one_line(row.got or row.message or WORDS[row.status])


def reasons_of(row: PropertyResult) -> frozenset[str]:
    """Returns what a property did not pass for: the usual mistakes that it looks like, or else its one reason."""
    return frozenset(without_cases(row.suspect).split(OR) if row.suspect else [reason_of(row)])


def without_cases(suspect: str) -> str:
    """Returns mistakes without the number of cases behind each, which is another in each finding and submission."""
    return _CASES.sub("", suspect)


def item_reason(item: ItemResult) -> str:
    """Returns one line on an item: the reason it was given, else how closely it kept to its bounds."""
    kept = [row for row in item.properties if row.status is Status.PASS]
    shares = [row.budget_used for row in kept if row.budget_used is not None]
    if item.reason or not shares:
        return item.reason
    comparisons = sum(row.comparisons for row in kept)
    return f"{comparisons:,} comparisons, {budget(max(shares))} of the bound used"


def mend_first(item: ItemResult, result: Result) -> str:
    """Returns a sentence on the items that an item uses and that do not work themselves; empty where all do."""
    broken = [name for name in item.uses if name in result.items and result.items[name].status in _BROKEN]
    if item.status not in _BROKEN or not broken:
        return ""
    states = " and ".join(f"{name} ({WORDS[result.items[name].status]})" for name in broken)
    return f"It uses your {states}: mend that first, this may follow from it."


def budget(share: float | None) -> str:
    """Returns the share of an error budget that was used, in two digits."""
    if share is None:
        return ""
    return f"{share:.2f}" if share < 100 else f"{share:.1e}"


def reproduce_command(result: Result, item: str) -> str:
    """Returns the command line that writes a reproducer for an item's first finding."""
    named = str(result.extras.get("named", result.submission))  # on the command line, where there was one
    parts = ["python", "-m", "conformance", clean(named, 500), "--item", item]
    if result.profile != "standard":
        parts += ["--profile", result.profile]
    if result.seed != 0:
        parts += ["--seed", str(result.seed)]
    return shlex.join([*parts, "--reproduce", f"{item.strip('_').lower()}_case.py"])


def environment(result: Result) -> str:
    """Returns one line on where and how the verdict came about."""
    known = result.environment
    parts = [f"{name} {known[name]}" for name in ("torch", "python") if known.get(name)]
    devices = known.get("devices")
    if devices:
        names = devices if isinstance(devices, (list, tuple)) else [devices]
        parts.append("devices " + ", ".join(map(str, names)))
    if known.get("sandbox"):
        parts.append(f"sandbox: {known['sandbox']}")
    parts += [f"profile {result.profile}", f"seed {result.seed}", f"{result.seconds:.1f} s"]
    return clean("; ".join(parts), 1000)
