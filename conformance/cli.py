"""The command line: judges submissions, and tells what is asked of them."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from conformance.signals import held_back

if TYPE_CHECKING:
    from conformance.engine.options import Options
    from conformance.report.model import Level, Result
    from conformance.runner.launch import Launch
    from conformance.runner.loading.source import Source

CONFORMS, DIFFERS, UNUSABLE, JUDGE_FAILED = range(4)
# The options that write a report.
REPORTS = ("json", "html", "junit", "markdown", "gradescope", "reproduce")


class Parser(argparse.ArgumentParser):
    """A parser whose complaint is one sentence; argparse's own buries it under the list of all options."""

    def error(self, message: str) -> NoReturn:
        """Says what is wrong and where the options are told, and exits."""
        self.exit(UNUSABLE, f"conformance: {message}; --help tells the options\n")


def parser() -> argparse.ArgumentParser:
    """Returns the parser of the command line."""
    p = Parser(
        prog="python -m conformance",
        description="Judge from-scratch PyTorch building blocks: are they really the same as torch's?",
        epilog="Exit codes: 0 conforms, 1 does not, 2 wrong usage or nothing to judge, 3 the judge's own fault. "
        "`python -m conformance grade --help` tells how to grade a folder of submissions.",
    )
    p.add_argument("submissions", nargs="*", metavar="SUBMISSION", help="notebook, .py file, directory or module")
    p.add_argument("--submission", action="append", default=[], dest="named", help="the same, as pytest takes it")
    add_judging(p)
    out = p.add_argument_group("reports")
    out.add_argument("--json", type=Path, metavar="FILE", help="write the result as JSON")
    out.add_argument("--html", type=Path, metavar="FILE", help="write one self-contained page")
    out.add_argument("--junit", type=Path, metavar="FILE", help="write JUnit XML")
    out.add_argument("--markdown", type=Path, metavar="FILE", help="write a summary for a CI job page")
    out.add_argument("--gradescope", type=Path, metavar="FILE", help="write Gradescope's results.json")
    out.add_argument("--points", type=Path, metavar="TOML", help="points an item, for --gradescope")
    out.add_argument("--reproduce", type=Path, metavar="FILE", help="write a script that shows the first finding")
    tell = p.add_argument_group("instead of judging")
    tell.add_argument("--list", action="store_true", help="show every item and what is asked of it")
    tell.add_argument("--explain", metavar="ID", help="explain a requirement: norm.LayerNorm.biased-variance")
    tell.add_argument("--compare", nargs=2, type=Path, metavar=("OLD", "NEW"), help="compare two results in JSON")
    return p


def add_judging(p: argparse.ArgumentParser) -> None:
    """Adds the options that say what is judged and how."""
    how = p.add_argument_group("what is judged, and how")
    how.add_argument("--item", action="append", default=[], metavar="NAME", help="judge only this item (repeatable)")
    how.add_argument("--exercise", type=int, metavar="N", help="judge only exercise 2 or 3")
    how.add_argument("--profile", default="standard", help="quick (25 examples a property), standard (100), thorough")
    how.add_argument("--seed", type=int, default=0, help="another seed is another exam (default: 0)")
    how.add_argument("--level", default="exercise", help="exercise, or parity to count what torch does besides")
    how.add_argument("--no-rules", action="store_true", help="do not ask how the work was done")
    how.add_argument("--device", action="append", default=[], help="judge on this device too: cuda, mps (repeatable)")
    how.add_argument("-n", "--jobs", type=_jobs, default=0, metavar="N", help="judging processes (default: one a core)")
    how.add_argument("--in-process", action="store_true", help="run the submission in the judge, for a debugger")
    how.add_argument("--no-sandbox", action="store_true", help="do not use bubblewrap even where it is installed")


def _jobs(text: str) -> int:
    """Returns a number of processes; "auto", which pytest-xdist takes, is one a core."""
    if text == "auto":
        return 0
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"a number of processes or auto, but got {text!r}") from None


def level_of(text: str) -> Level:
    """Returns the level to judge at.

    Raises:
        UsageError: there is no such level.
    """
    from conformance.engine.options import UsageError
    from conformance.report.model import Level

    if text not in (Level.EXERCISE, Level.PARITY):
        raise UsageError(f"there is no level {text!r} to judge at; the levels are exercise and parity")
    return Level(text)


def options_of(arguments: argparse.Namespace) -> Options:
    """Returns the options that a command line asks for.

    Raises:
        UsageError: one of them makes no sense.
    """
    from conformance.engine.options import Options, UsageError

    if arguments.in_process and arguments.jobs > 1:
        raise UsageError("--in-process judges in one process, so it contradicts -n " + str(arguments.jobs))
    return Options(
        items=tuple(dict.fromkeys(arguments.item)),
        exercise=arguments.exercise,
        profile=arguments.profile,
        seed=arguments.seed,
        level=level_of(arguments.level),
        rules=not arguments.no_rules,
        devices=tuple(dict.fromkeys(["cpu", *arguments.device])),
        jobs=arguments.jobs,
        in_process=arguments.in_process,
        sandbox=not arguments.no_sandbox,
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command line and returns its exit code."""
    argv = list(sys.argv[1:] if argv is None else argv)
    if argv[:1] == ["grade"]:
        with held_back():
            from conformance.grading.cli import main as grade

        return grade(argv[1:])
    arguments = parser().parse_args(argv)
    try:
        if arguments.list or arguments.explain or arguments.compare:
            return _tell(arguments)
        check_paths(arguments)
        return _judge_all(arguments)
    except ValueError as error:  # UsageError, UnreadableSubmission, an unreadable report: one sentence each
        print(f"conformance: {error}", file=sys.stderr)
        return UNUSABLE
    except KeyboardInterrupt:
        print("conformance: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:  # whoever read the output has seen enough: `--list | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what is left in the buffer is for nobody
        return UNUSABLE
    except Exception as error:
        import traceback

        traceback.print_exc()
        print(f"conformance: the judge's own fault: {type(error).__name__}: {error}", file=sys.stderr)
        return JUDGE_FAILED


def check_path(report: str, path: Path | None) -> None:
    """Looks whether a report can be written.

    Raises:
        UsageError: it cannot.
    """
    from conformance.engine.options import UsageError

    if path is not None and path.is_dir():
        raise UsageError(f"--{report} writes a file, but {path} is a folder")
    if path is not None and not os.access(path.parent, os.W_OK):
        raise UsageError(f"--{report} cannot write {path}: there is no folder {path.parent} that may be written in")


def check_paths(arguments: argparse.Namespace) -> None:
    """Looks, before anything is judged, whether the reports can be written and the points be read.

    Raises:
        UsageError: one cannot.
    """
    from conformance import contract
    from conformance.engine.options import UsageError

    for name in REPORTS:
        check_path(name, getattr(arguments, name))
    if arguments.points:
        from conformance.report.gradescope import read_scheme

        if not arguments.gradescope:
            raise UsageError("--points says what an item is worth in --gradescope FILE, which was not asked for")
        try:
            read_scheme(arguments.points, list(contract.items()))
        except OSError as error:
            raise UsageError(f"--points cannot read {arguments.points}: {error.strerror}") from error


def _judge_all(arguments: argparse.Namespace) -> int:
    """Judges each submission and returns the worst exit code."""
    from conformance.runner.loading.reading import read_submission

    targets = [*arguments.submissions, *arguments.named] or ["impl"]
    sources = [read_submission(target) for target in targets]
    if len(sources) > 1:
        from conformance import several

        options = options_of(arguments)
        if several.side_by_side(sources, options):
            return _tell_all(several.verdicts(sources, options), targets, arguments)
    return _tell_all(_one_by_one(sources, arguments), targets, arguments)


def _tell_all(results: Iterable[Result], targets: Sequence[str], arguments: argparse.Namespace) -> int:
    """Shows the result on each target as it comes, and returns the worst exit code."""
    codes = []
    for target, stem, result in zip(targets, _stems(targets), results, strict=True):
        from conformance import faces  # here, where the first runner has been started

        if why := result.extras.get("unreadable"):
            print(f"conformance: {why}", file=sys.stderr)
        else:
            named = replace(result, extras={**result.extras, "named": target})
            faces.show(named, faces.console(), arguments, stem=stem)
        codes.append(exit_code(result))
    return max(codes)


def _stems(targets: Sequence[str]) -> list[str]:
    """Returns what each target's reports have in front of their ending: nothing for one, what tells several apart."""
    if len(targets) == 1:
        return [""]
    from conformance.grading.found import named

    paths = [Path(target) if Path(target).exists() else Path(target.replace(".", "-")) for target in targets]
    return [submission.stem for submission in named(paths)]


def _one_by_one(sources: Sequence[Source], arguments: argparse.Namespace) -> Iterator[Result]:
    """Yields the verdict on each submission, each with a runner of its own."""
    for source in sources:
        # Before anything here imports torch, so that the runner's import of it and ours run side by side.
        starting = None if arguments.in_process else _launch(arguments, source)
        try:
            yield _verdict(source, options_of(arguments), starting)
        finally:
            if starting is not None:
                starting.close()


def _launch(arguments: argparse.Namespace, source: Source) -> Launch:
    from conformance.runner.launch import launch

    accelerated = any(device != "cpu" for device in arguments.device)
    return launch(sandboxed=not arguments.no_sandbox, readable=source.places, accelerated=accelerated)


def _verdict(source: Source, options: Options, starting: Launch | None) -> Result:
    with held_back():  # numpy and torch swallow what a signal raises while they are imported
        from conformance.api import verdict
        from conformance.faces import Live

    with Live() as live:
        return verdict(source, options, starting, live)


def exit_code(result: Result) -> int:
    """Returns the exit code that a result means; the judge's own fault is never a verdict."""
    from conformance.report.model import Status

    if "unreadable" in result.extras or "nothing" in result.extras:
        return UNUSABLE
    rows = [row for item in result.items.values() for row in item.properties]
    if any(row.status is Status.JUDGE_ERROR for row in rows):
        return JUDGE_FAILED
    return CONFORMS if result.conforms else DIFFERS


def _tell(arguments: argparse.Namespace) -> int:
    from conformance import faces

    asked = [name for name in ("list", "explain", "compare") if getattr(arguments, name)]
    if len(asked) > 1 or arguments.submissions or arguments.named:
        other = f"--{asked[1]}" if len(asked) > 1 else "a submission to be judged"
        raise ValueError(f"--{asked[0]} tells something instead of judging, so it contradicts {other}")
    if arguments.compare:
        return faces.show_comparison(*arguments.compare)
    if arguments.explain:
        return faces.show_requirement(arguments.explain)
    return faces.show_contract()
