"""What a terminal report must do on any console, beyond what its snapshots show."""

from __future__ import annotations

import io
import re
import subprocess
import sys
from dataclasses import replace

import pytest
from rich.console import Console

from conformance.report.model import Status
from conformance.report.progress import progress
from conformance.report.terminal import print_result
from conformance.report.words import MARKS
from conformance.selftest.report.faces import terminal
from conformance.selftest.report.samples import SAMPLES, SAYS, half_done, hostile, parity


@pytest.mark.parametrize("name", SAMPLES)
@pytest.mark.parametrize("width", [60, 80, 200])
def test_no_prose_is_wider_than_the_console(name: str, width: int) -> None:
    # Code, values and the submission's own lines are left whole, to be copied; all are moved in by four columns.
    wide = [line for line in terminal(SAMPLES[name](), width).splitlines() if len(line) > width]
    assert [line for line in wide if not line.startswith("    ")] == []


@pytest.mark.parametrize("name", SAMPLES)
@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252"])
def test_a_console_of_a_narrow_encoding_is_no_error(name: str, encoding: str) -> None:
    assert "\nExercise 3\n" in terminal(SAMPLES[name](), encoding=encoding)


def test_colour_says_nothing_that_the_text_does_not() -> None:
    buffer = io.StringIO()
    console = Console(file=buffer, width=80, force_terminal=True, color_system="truecolor", _environ={})
    print_result(half_done(), console, says=SAYS)
    assert "\x1b[" in buffer.getvalue()
    assert re.sub(r"\x1b\[[\d;]*m", "", buffer.getvalue()) == terminal(half_done())


def test_every_status_has_its_own_mark() -> None:
    assert len(set(MARKS.values())) == len(Status)


def test_a_submission_cannot_steer_the_terminal() -> None:
    text = terminal(hostile())
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e]", text)
    assert len(text) < 10_000


def test_a_finding_is_told_in_the_order_of_reading() -> None:
    text = terminal(half_done())
    finding = text[text.index("Asked: normalize") :]
    labels = ("Asked", "Smallest case", "Got", "Expected", "Where they differ", "Looks like", "In the submission")
    places = [finding.index(f"{label}:") for label in labels]
    assert places == sorted(places)


def test_parity_findings_stand_apart_and_leave_the_verdict_alone() -> None:
    text = terminal(parity())
    assert text.startswith("CONFORMS\n")
    assert text.index("does not count") < text.index("NaN in a gradient")


def test_progress_is_silent_in_a_pipe_on_a_short_run() -> None:
    buffer = io.StringIO()
    with progress(Console(file=buffer), 2) as steps:
        steps.start("Linear")
        steps.advance("Linear", Status.PASS)
    assert buffer.getvalue() == ""


def test_progress_on_a_terminal_names_the_item_in_hand() -> None:
    buffer = io.StringIO()
    console = Console(file=buffer, width=80, force_terminal=True, _environ={"TERM": "xterm"})
    with progress(console, 2) as steps:
        steps.advance("Linear", Status.PASS)
        steps.start("Embedding")
    assert "1/2" in buffer.getvalue()
    assert "Embedding" in buffer.getvalue()


def test_the_result_model_alone_does_not_load_rich_or_jinja() -> None:
    code = "import conformance.report.model, conformance.report.message, conformance.report.json_file, sys; "
    code += "print(sorted({'rich', 'jinja2', 'torch'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_a_reason_that_was_told_is_not_told_again() -> None:
    result = half_done()
    item = next(item for item in result.items.values() if item.status is Status.WRONG)
    row = next(row for row in item.properties if row.status is Status.WRONG)
    crashes = [replace(row, status=Status.CRASH, requirement=f"{place}", got="TypeError: no", entries=[], suspect=None)
               for place in "abcd"]  # fmt: skip
    text = terminal(replace(result, items={item.name: replace(item, properties=crashes)}))
    assert text.count("TypeError: no") == 2
    assert "for the same reason: c; d\n" in text


def test_a_mistake_that_was_named_is_not_named_again_for_another_number_of_cases() -> None:
    result = half_done()
    item = next(item for item in result.items.values() if item.status is Status.WRONG)
    row = next(row for row in item.properties if row.status is Status.WRONG)
    suspects = {"a": "no root (4 of 4 cases); or: no eps (4 of 4 cases)", "b": "no eps (2 of 2 cases)",
                "c": "no eps (1 of 1 cases)", "d": "no mean (1 of 1 cases)"}  # fmt: skip
    rows = [replace(row, requirement=place, suspect=suspect) for place, suspect in suspects.items()]
    text = terminal(replace(result, items={item.name: replace(item, properties=rows)}))
    assert "for the same reason: c\n" in text
    assert "d (looks like: no mean (1 of 1 cases))\n" in text
