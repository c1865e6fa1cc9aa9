"""The output folder: one page and one JSON file each, a table, an overview; and what is there already."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from conformance.grading.found import Submission
from conformance.grading.warm import texts_changed
from conformance.report.files import write_whole
from conformance.report.html import write_html
from conformance.report.json_file import read_json, write_json
from conformance.report.model import Result
from conformance.report.overview import ClassRow, class_row, summary_rows, write_overview
from conformance.report.words import failed_judge

UNREADABLE = "UNREADABLE"
# What the table says of a submission before it says how each item fared.
ABOUT = ("submission", "verdict", "passed", "judged", "unread", "seconds", "same_as", "note")


@dataclass(frozen=True)
class Line:
    """What is kept of one submission's verdict for the table and the overview."""

    row: ClassRow
    cells: dict[str, str | int | float]
    failed: bool
    unreadable: bool


class Folder:
    """Where the results of a class go.

    Each JSON file carries the key of its verdict, and is written after its page: where one lies, the submission is
    done, and started again a run goes on from there.
    """

    def __init__(self, path: Path, says: Mapping[str, str]) -> None:
        self.path = path
        self.says = says
        path.mkdir(parents=True, exist_ok=True)

    def done(self) -> dict[str, Path]:
        """Returns the verdicts that lie here, by key; not those on which the judge itself failed."""
        found: dict[str, Path] = {}
        for path in sorted(self.path.glob("*.json")):
            try:
                result = read_json(path)
            except (ValueError, OSError):
                continue  # not ours, or of another version
            key = _grading(result).get("key")
            if isinstance(key, str) and not failed_judge(result) and path.with_suffix(".html").is_file():
                found.setdefault(key, path)
        return found

    def adopt(self, submission: Submission, key: str, path: Path, same_as: str = "") -> Line | None:
        """Takes a verdict that lies here for a submission, which may have been called otherwise then.

        Returns None if it lies here no more: its place may have gone to a submission that now has its name.
        """
        result = read_json(path)
        if _grading(result).get("key") != key:
            return None
        if path.stem == submission.stem and result.submission == submission.name:
            return self._line(submission, result, same_as)
        return self.write(submission, key, result, same_as)

    def write(self, submission: Submission, key: str, result: Result, same_as: str = "") -> Line:
        """Writes the page and the JSON file of a submission.

        Args:
            submission: whose verdict it is.
            key: of the verdict; "" for one that must not be taken up again.
            result: the verdict, which may have been given to another submission with the same content.
            same_as: the name of that one.
        """
        judged = str(_grading(result).get("file", "")) or result.submission
        if judged != submission.path.name:
            name = re.compile(rf"(?<![\w.-]){re.escape(judged)}(?![\w-])")
            result = texts_changed(result, lambda text: name.sub(lambda _: submission.path.name, text))
        about = {"key": key, "file": submission.path.name}
        result = replace(result, submission=submission.name, extras={**result.extras, "grading": about})
        write_html(result, self.path / f"{submission.stem}.html", says=self.says)
        write_json(result, self.path / f"{submission.stem}.json")
        return self._line(submission, result, same_as)

    def finish(self, lines: Sequence[Line], title: str) -> None:
        """Writes the table and the overview of what is done."""
        items = dict.fromkeys(name for line in lines for name in line.cells if name not in ABOUT)
        text = io.StringIO()
        table = csv.DictWriter(text, [*ABOUT, *items], restval="", lineterminator="\n")
        table.writeheader()
        table.writerows(line.cells for line in lines)
        write_whole(self.path / "summary.csv", text.getvalue())
        write_overview([line.row for line in lines], self.path / "index.html", says=self.says, title=title)

    def _line(self, submission: Submission, result: Result, same_as: str = "") -> Line:
        row = class_row(result, link=f"{submission.stem}.html")
        (cells,) = summary_rows([result])
        why = str(result.extras.get("unreadable", ""))
        if why:
            row = replace(row, headline=UNREADABLE)
            cells["verdict"] = UNREADABLE.lower()
        if same_as:
            row = replace(row, submission=f"{row.submission} (same as {same_as})")
        note = " ".join((why or "; ".join(result.notes)).split())
        return Line(row, {**cells, "same_as": same_as, "note": _plain(note)}, bool(failed_judge(result)), bool(why))


def _grading(result: Result) -> dict[str, object]:
    about = result.extras.get("grading")
    return about if isinstance(about, dict) else {}


def _plain(text: str) -> str:
    """A cell that no spreadsheet takes for a formula."""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@") else text
