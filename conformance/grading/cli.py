"""``python -m conformance grade``: a verdict on each of many submissions, and what they have in common."""

from __future__ import annotations

import argparse
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from conformance.cli import CONFORMS, DIFFERS, JUDGE_FAILED, UNUSABLE, Parser, add_judging, options_of
from conformance.engine.options import UsageError
from conformance.faces import says
from conformance.grading.folder import Folder, Line
from conformance.grading.found import Submission, find
from conformance.grading.run import grade
from conformance.signals import when_asked_to_end

INTERRUPTED = 130


def parser() -> argparse.ArgumentParser:
    """Returns the parser of the command line."""
    p = Parser(
        prog="python -m conformance grade",
        description="Judge many submissions: one page each, a table, and an overview of the class.",
        epilog="In a folder, each notebook, Python file and subfolder is a submission. Broken off and started again "
        "with the same --out, it goes on where it was. Exit codes: 0 all conform, 1 some do not, 2 wrong usage or some "
        "could not be read, 3 the judge's own fault.",
    )
    p.add_argument("targets", nargs="+", metavar="DIR|FILE", help="a folder of submissions, or submissions")
    p.add_argument("--out", type=Path, required=True, metavar="OUT", help="the folder that the results go to")
    p.add_argument("--scheduler", metavar="ADDRESS", help="judge on a dask.distributed cluster: tcp://host:8786")
    add_judging(p)
    return p


def main(argv: Sequence[str]) -> int:
    """Runs the command line and returns its exit code."""
    arguments = parser().parse_args(argv)
    try:
        with when_asked_to_end(_as_ctrl_c):
            return _grade(arguments)
    except ValueError as error:  # UsageError, an unreadable report: one sentence each
        print(f"conformance: {error}", file=sys.stderr)
        return UNUSABLE
    except OSError as error:
        print(f"conformance: {error.filename or arguments.out}: {error.strerror or error}", file=sys.stderr)
        return UNUSABLE
    except RuntimeError as error:
        print(f"conformance: the judge's own fault: {error}", file=sys.stderr)
        return JUDGE_FAILED
    except KeyboardInterrupt:  # before or after the grading itself, which takes care of what it has
        print("conformance: interrupted", file=sys.stderr)
        return INTERRUPTED
    except Exception as error:
        traceback.print_exc()
        print(f"conformance: the judge's own fault: {type(error).__name__}: {error}", file=sys.stderr)
        return JUDGE_FAILED


def _as_ctrl_c(number: int) -> NoReturn:
    raise KeyboardInterrupt


def _grade(arguments: argparse.Namespace) -> int:
    options = options_of(arguments)
    if options.in_process:
        raise UsageError("--in-process is for one submission: many need a process each to be kept apart")
    submissions, aside = find(arguments.targets, arguments.out)
    folder = Folder(arguments.out, says())
    lines: dict[Submission, Line] = {}
    interrupted = False
    try:
        grade(submissions, options, folder, lines, arguments.scheduler)
    except KeyboardInterrupt:
        interrupted = True
    finally:
        done = [lines[submission] for submission in submissions if submission in lines]
        folder.finish(done, title=f"Class overview: {Path(arguments.targets[0]).resolve().name}")
    for path in aside:
        print(f"left aside: {path} (no notebook, no Python file)", file=sys.stderr)
    print(f"{_sentence(done, len(submissions))}\nsee {arguments.out / 'index.html'} and summary.csv beside it")
    if interrupted:
        print("conformance: interrupted; the same command goes on from here", file=sys.stderr)
        return INTERRUPTED
    return exit_code(done)


def exit_code(lines: Sequence[Line]) -> int:
    """Returns the exit code that the verdicts of a class mean together: the worst."""
    if any(line.failed for line in lines):
        return JUDGE_FAILED
    if any(line.unreadable for line in lines):
        return UNUSABLE
    return CONFORMS if all(line.row.conforms for line in lines) else DIFFERS


def _sentence(lines: Sequence[Line], total: int) -> str:
    counts = {
        "conform": sum(line.row.conforms for line in lines),
        "do not conform": sum(not (line.row.conforms or line.failed or line.unreadable) for line in lines),
        "could not be read": sum(line.unreadable for line in lines),
        "without a verdict (the judge's own fault)": sum(line.failed for line in lines),
        "not judged yet": total - len(lines),
    }
    parts = [f"{count} {what}" for what, count in counts.items() if count]
    return f"{total} submission{'s' if total != 1 else ''}: {', '.join(parts)}"
