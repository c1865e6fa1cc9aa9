"""The pytest way in: ``pytest conformance --submission PATH`` runs the same properties, one test item each."""

from __future__ import annotations

import json
import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, NoReturn

import pytest
import torch

from conformance import contract, faces
from conformance.cli import UNUSABLE, check_path, exit_code, level_of
from conformance.engine.judge import Bench, contained, gather, plan
from conformance.engine.options import Options, UsageError
from conformance.engine.properties import Property, Variant
from conformance.engine.rows import counts
from conformance.engine.session import RunnerSession
from conformance.report.json_file import write_json
from conformance.report.model import PropertyResult, Result, Status, row_from_json
from conformance.runner.client import LoadReport, Runner
from conformance.runner.launch import launch
from conformance.runner.loading import Source, UnreadableSubmission, read_submission

BAD = (Status.RULE, Status.WRONG, Status.CRASH, Status.TIMEOUT, Status.MISSING, Status.JUDGE_ERROR)
# What the processes of pytest-xdist hand to the one that gathers.
REPORT, ROWS, SANDBOX, UNREADABLE = (f"conformance_{what}" for what in ("report", "rows", "sandbox", "unreadable"))
_JUDGING: pytest.StashKey[Judging] = pytest.StashKey()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Adds the options of the judge."""
    group = parser.getgroup("conformance", "conformance of PyTorch building blocks")
    group.addoption("--submission", metavar="PATH", help="what to judge: notebook, .py, directory or module")
    group.addoption("--item", action="append", default=[], metavar="NAME", help="judge only this item (repeatable)")
    group.addoption("--exercise", type=int, help="judge only exercise 2 or 3")
    group.addoption("--profile", default="standard", help="quick, standard or thorough")
    group.addoption("--seed", type=int, default=0, help="another seed is another exam")
    group.addoption("--level", default="exercise", help="exercise, or parity to count what torch does besides")
    group.addoption("--no-rules", action="store_true", help="do not ask how the work was done")
    group.addoption("--device", action="append", default=[], help="judge on this device too (repeatable)")
    group.addoption("--no-sandbox", action="store_true", help="do not use bubblewrap")
    group.addoption("--json", type=Path, dest="conformance_json", metavar="FILE", help="write the result as JSON")


class Judging:
    """What one pytest process judges with; made when the first property runs, so that collection stays cheap."""

    def __init__(self, config: pytest.Config) -> None:
        get = config.getoption
        self.options = Options(
            items=tuple(get("--item")),
            exercise=get("--exercise"),
            profile=get("--profile"),
            seed=get("--seed"),
            level=level_of(get("--level")),
            rules=not get("--no-rules"),
            devices=tuple(dict.fromkeys(["cpu", *get("--device")])),
            jobs=1,
            sandbox=not get("--no-sandbox"),
        )
        check_path("json", get("conformance_json"))
        self.source: Source = read_submission(get("--submission") or "impl")
        self.runner: Runner | None = None
        self.bench: Bench | None = None
        self.report = LoadReport([], [])
        self.unreadable: UnreadableSubmission | None = None

    def start(self) -> Bench:
        """Returns the bench, with the submission loaded.

        Raises:
            UnreadableSubmission: it could not be loaded, now or before.
        """
        if self.unreadable is not None:
            raise self.unreadable
        try:
            return self._start()
        except UnreadableSubmission as error:
            self.unreadable = error
            raise

    def _start(self) -> Bench:
        if self.bench is None:
            torch.set_num_threads(1)
            options, accelerated = self.options, self.options.accelerated
            starting = launch(sandboxed=options.sandbox, readable=self.source.places, accelerated=accelerated)
            self.runner = Runner.ready(starting)
            names, base = list(contract.items()), self.runner.process
            session = RunnerSession.open(base, self.source, names, rules=options.rules, accelerated=accelerated)
            self.report = contained(session.report, self.source, self.options)
            self.bench = Bench(session, self.runner.process, self.options, self.source)
        return self.bench

    def close(self) -> None:
        """Ends the runner."""
        if self.runner is not None:
            self.runner.close()


def pytest_configure(config: pytest.Config) -> None:
    """Validates the options once, before anything is collected; a bad one is exit code 2."""
    if config.getoption("--submission") is None and not _aims_at_the_suite(config):
        return
    try:
        config.stash[_JUDGING] = Judging(config)
    except (UsageError, UnreadableSubmission) as error:
        pytest.exit(str(error), returncode=UNUSABLE)
    if not hasattr(config, "workerinput"):  # in a process of pytest-xdist: the controller gathers
        config.pluginmanager.register(Gatherer(config, config.stash[_JUDGING]))


def _aims_at_the_suite(config: pytest.Config) -> bool:
    named = [str(argument) for argument in config.args]
    return any("conformance" in name for name in named) and not any("selftest" in name for name in named)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Keeps the suite's own tests out of a judgement."""
    if _JUDGING in config.stash and collection_path.name == "selftest":
        return True
    return None


def pytest_pycollect_makeitem(collector: pytest.Module | pytest.Class, name: str, obj: Any) -> Any:
    """Makes one test item of each variant of a property."""
    prop = getattr(obj, "property", None)
    if not isinstance(prop, Property) or _JUDGING not in collector.config.stash:
        return [] if isinstance(prop, Property) else None
    options = collector.config.stash[_JUDGING].options
    tasks = [task for task in plan(options, options.wanted()) if task[0] is prop]
    return [
        PropertyItem.from_parent(collector, name=f"{name}[{prop.id(variant)}]", prop=prop, variant=variant)
        for _, variant in tasks
    ]


class NonconformityError(Exception):
    """A property does not hold; the text is the finding's message."""


class PropertyItem(pytest.Item):
    """One property in one variant, as a pytest test."""

    def __init__(self, *, prop: Property, variant: Variant, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.prop = prop
        self.variant = variant

    def runtest(self) -> None:
        """Runs the property; hands its rows to the report; fails if one that counts is no pass."""
        judging = self.config.stash[_JUDGING]
        try:
            bench = judging.start()
        except UnreadableSubmission as error:
            self.user_properties.append((UNREADABLE, str(error)))
            self.session.shouldstop = f"nothing to judge: {error}"
            raise NonconformityError(str(error)) from error
        assert judging.runner is not None
        self.user_properties.append((REPORT, json.dumps(asdict(judging.report))))
        self.user_properties.append((SANDBOX, judging.runner.sandbox))
        if self.prop.item not in judging.report.names:
            self._missing(judging)
        rows = bench.run(self.prop, self.variant)
        self.user_properties.append((ROWS, json.dumps([asdict(row) for row in rows])))
        bad = [row for row in rows if row.status in BAD and counts(row, judging.options.level)]
        if bad:
            raise NonconformityError("\n\n".join(row.message or row.status for row in bad))

    def _missing(self, judging: Judging) -> NoReturn:
        """Ends the test of an item that is not there: a failure only where its exercise is."""
        exercise = contract.items()[self.prop.item].exercise
        there = {contract.items()[name].exercise for name in judging.report.names}
        if exercise not in there and not judging.options.items:
            pytest.skip(f"exercise {exercise} is not in this submission")
        raise NonconformityError(f"{self.prop.item} is missing: {judging.report.lost.get(self.prop.item, 'not there')}")

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """Returns the finding's message, without the judge's own traceback."""
        if isinstance(excinfo.value, NonconformityError):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int | None, str]:
        """Returns where the property is declared and what it is called."""
        return self.path, None, self.name


class Gatherer:
    """Gathers the rows of every process as their reports arrive, and makes the verdict of them at the end."""

    def __init__(self, config: pytest.Config, judging: Judging) -> None:
        self.config = config
        self.judging = judging
        self.rows: list[PropertyResult] = []
        self.report: LoadReport | None = None
        self.sandbox = ""
        self.unreadable = ""
        self.result: Result | None = None
        self.started = time.perf_counter()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Takes the rows out of a test's report."""
        found = {name: str(value) for name, value in report.user_properties} if report.when == "call" else {}
        if ROWS in found:
            self.rows += [row_from_json(row) for row in json.loads(found[ROWS])]
        if REPORT in found:
            self.report, self.sandbox = LoadReport(**json.loads(found[REPORT])), found[SANDBOX]
        self.unreadable = found.get(UNREADABLE, self.unreadable)

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        """Turns pytest's exit code into the judge's, and writes the JSON."""
        if self.unreadable:
            session.exitstatus = UNUSABLE
        if self.report is None or exitstatus not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
            return
        result = gather(self.judging.source, self.rows, self.report, self.judging.options, self.sandbox)
        self.result = replace(result, seconds=time.perf_counter() - self.started)
        session.exitstatus = exit_code(self.result)
        path: Path | None = self.config.getoption("conformance_json")
        if path is not None:
            write_json(self.result, path)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Prints the verdict as the command line does."""
        if self.result is not None:
            terminalreporter.section("conformance")
            faces.show_verdict(self.result, faces.console())


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Ends the runner of this process."""
    judging = session.config.stash.get(_JUDGING, None)
    if judging is not None:
        judging.close()
