"""Runs one property on one submission: draws, calls, checks, shrinks, and says what was found."""

from __future__ import annotations

import hashlib
import re
import time
import warnings
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any

import hypothesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import HypothesisException

from conformance import contract
from conformance.engine.checking import Check, Failure, Logged, Mismatch
from conformance.engine.draws import drawn, every_example_its_own, forget_local_constants, remember
from conformance.engine.meta import not_for_meta
from conformance.engine.properties import Property, Variant, is_main
from conformance.engine.session import JUDGE, NotObservedError, Outcome, Session, Trouble
from conformance.report.model import Level, Status
from conformance.runner.reproducing import described, place_of

# A call that kills its process costs a fork of it each time.
SHRINK_DEATHS = 20
# Calls made before the first one that counts, in an item's main property: who answers the first dozens of calls
# rightly, and only those, is asked more of them.
WARM = 64
# Fewer examples than this are too few to mean anything, whatever a property's share.
LEAST_EXAMPLES = 5
# Cases of a run kept with their logs, for telling which usual mistake it looks like.
KEPT = 200

# Share of the examples that go to what seldom tells more: a device without values, a dtype that is parity.
ASIDE = 0.25

# Cases that shrinking may try for each call that it may make: most are cases that it has tried before.
TRIES_A_CALL = 4

# What is expected of a call, whatever its answer.
ANSWER = "an answer, without an exception"

# Stands among the known requirements for "an exception was found already".
CRASH = "(crash)"

forget_local_constants()

_STATUS = {"missing": Status.MISSING, "error": Status.CRASH, "died": Status.CRASH, "timeout": Status.TIMEOUT}
# An exception at the call itself, before any line of the submission: its own words say all, and lines of ours nothing.
_CALLED_OTHERWISE = re.compile(r"TypeError: [\w.<>]+\(\) (got|takes|missing) ")
# What a driver asks of a layer and only an nn.Module has.
_NO_MODULE = re.compile(r"AttributeError: '\w+' object has no attribute '(to|train|eval|parameters|named_parameters)'")


@dataclass(frozen=True)
class Effort:
    """How far a failure is followed.

    Attributes:
        shrink_calls: calls that shrinking may make; past them the smallest case so far stands. Counted, not timed, so
            that the same submission gets the same counterexample on every machine.
        findings: requirements of one property that are followed to a counterexample of their own.
    """

    shrink_calls: int
    findings: int


# The first findings of an item are what its author reads; of the tenth, that it exists is enough.
FULL = Effort(shrink_calls=120, findings=3)
LIGHT = Effort(shrink_calls=20, findings=1)


class _Enough(BaseException):
    """Ends a search that has made all the calls it may; no Exception, which Hypothesis would take for a finding."""


# A case, and how each check went on it; nothing was checked where the call gave no observation.
Kept = tuple[Any, list[Logged]]


@dataclass(frozen=True)
class Found:
    """A failure with the smallest case that shows it."""

    failure: Failure
    case: Any
    alone: bool = True
    earlier: Any = None


@dataclass
class Run:
    """What running one property in one variant gave.

    ``unsupported`` says why nothing could be seen where that is no failure; ``refused`` is the failure that it is after
    all, in the property of a rule, where the item's other properties got answers.
    """

    prop: Property
    variant: Variant
    check: Check
    examples: int = 0
    findings: list[Found] = field(default_factory=list)
    cases: list[Kept] = field(default_factory=list)
    reached: dict[str, Found] = field(default_factory=dict)
    unsupported: str | None = None
    refused: Found | None = None
    judge_error: str | None = None
    seconds: float = 0.0


def run_property(
    prop: Property,
    variant: Variant,
    session: Session,
    *,
    examples: int,
    seed: int,
    target: bool,
    effort: Effort = FULL,
) -> Run:
    """Returns what ``examples`` cases of a property show about a submission.

    After a finding the search starts again with that requirement known, so that one mistake does not hide another;
    least of all mere parity what counts, so that it takes no share of the effort.
    """
    started = time.perf_counter()
    count = max(LEAST_EXAMPLES, round(examples * prop.share * (ASIDE if _aside(variant) else 1.0)))
    known: set[str] = set()
    first: Run | None = None
    counted = 0
    while counted < effort.findings:
        search = _Search(prop, variant, session, frozenset(known), target, effort.shrink_calls)
        run = search.run(count, _seed_of(seed, prop.id(variant)))
        if first is None:
            first = run
        else:
            first.findings += run.findings
            first.judge_error = first.judge_error or run.judge_error
            for name, tally in run.check.tallies.items():
                first.check.tallies.setdefault(name, tally)
        if not run.findings:
            break
        failure = run.findings[0].failure
        counted += variant.parity or prop.level(failure.requirement, variant) is not Level.PARITY
        if failure.status in (Status.WRONG, Status.RULE):
            known.add(failure.requirement)
        elif failure.status is Status.CRASH and failure.lines:
            known.add(CRASH)
        else:
            break
    assert first is not None
    if any(found.failure.status is Status.WRONG for found in first.findings) and effort is FULL:
        # Once more with everything known, so that no case ends early: what a diagnosis compares.
        everything = frozenset((*prop.requirements, "device", CRASH))
        whole = _Search(prop, variant, session, everything, False, 0).run(count, _seed_of(seed, prop.id(variant)))
        first.cases = whole.cases or first.cases
    first.seconds = time.perf_counter() - started
    return first


class _Search:
    """One pass of Hypothesis over a property."""

    def __init__(
        self, prop: Property, variant: Variant, session: Session, known: frozenset[str], target: bool, shrink_calls: int
    ) -> None:
        self.prop = prop
        self.variant = variant
        self.session = session
        self.target = target
        item = contract.items()[prop.item]
        self.names = [item.name, *item.needs]
        self.rules = [r for r in item.requirements if r.forbids]
        self.result = Run(prop, variant, Check(prop, variant, known))
        self.outcomes: dict[Any, Failure | None] = {}
        self.failing: Failure | None = None
        self.smallest: Any = None
        self.first_case: Any = None
        self.calls_left = shrink_calls
        self.tries_left = TRIES_A_CALL * shrink_calls
        self.shrinking = False
        self.too_slow = False

    def run(self, count: int, seed: int) -> Run:
        """Returns the run after drawing ``count`` cases and shrinking the first that fails."""
        self.session.begin(self.prop.item)
        key = (self.prop.id(self.variant), count, seed)
        # What is drawn depends on what was seen only where a failure is followed, or the budget is a target.
        before = () if self.target else drawn(*key)
        if before and all(self.example(case) is None for case in before):
            return self.result
        self.search(count, seed)
        further = () if self.result.findings or self.result.judge_error else self.prop.further(self.variant)
        if any(self.example(case) is not None for case in further):
            self.found()
        if self.failing is None and self.result.judge_error is None:
            if not self.target:
                remember(*key, tuple(self.outcomes))
            if not self.session.trusted:
                self.compared()
        return self.result

    def compared(self) -> None:
        """Records as a finding that a requirement was never compared: what its checks go through had come empty."""
        asked = ("device",) if self.variant.device == "meta" else self.prop.requirements
        empty = [name for name in asked if not self.result.check.tallies[name].comparisons]
        if empty and not self.result.check.known and self.result.unsupported is None:
            failure = replace(self._malformed("nothing to compare"), requirement=empty[0])
            self.result.findings.append(Found(failure, self.first_case))

    def search(self, count: int, seed: int) -> None:
        """Has Hypothesis draw the cases, and find the smallest if one fails."""

        @hypothesis.seed(seed)
        @settings(
            max_examples=count,
            database=None,
            deadline=None,
            phases=[Phase.generate, Phase.shrink] + ([Phase.target] if self.target else []),
            suppress_health_check=list(HealthCheck),
            report_multiple_bugs=False,
            print_blob=False,
            verbosity=hypothesis.Verbosity.quiet,
        )
        @given(self.prop.strategy(self.variant))
        def example(case: Any) -> None:
            failure = self.example(case)
            if failure is not None:
                self.shrinking = True
                raise Mismatch(failure)

        # Without a name of its own it would read its source each time, to make one out of it.
        vars(example)["_hypothesis_internal_database_key"] = None
        try:
            with warnings.catch_warnings(), every_example_its_own():
                warnings.simplefilter("ignore")
                example()
        except (Mismatch, _Enough):
            self.found()
        except HypothesisException as error:
            if self.failing is not None:
                self.found()
            else:
                self.result.judge_error = f"{type(error).__name__}: {error}"

    def example(self, case: Any) -> Failure | None:
        """Returns why a case fails, or None; a case seen before gets the answer that it got then."""
        if self.shrinking:
            self.tries_left -= 1
            if self.tries_left < 0:
                raise _Enough
        if case in self.outcomes:
            return self.outcomes[case]
        if self.failing is not None:
            if self.calls_left <= 0:
                raise _Enough
            self.calls_left -= 1
        else:
            self.result.examples += 1
            self.first_case = self.first_case if self.first_case is not None else case
        failure = self.judge(case)
        if failure is not None and self.failing is not None and failure.requirement != self.failing.requirement:
            failure = None  # shrinking must not slip from one requirement to another
        self.outcomes[case] = failure
        if failure is not None:
            if self.failing is None and failure.status in (Status.CRASH, Status.TIMEOUT, Status.MISSING):
                if failure.status is not Status.CRASH:
                    self.calls_left = 0
                elif not failure.lines:
                    self.calls_left = min(self.calls_left, SHRINK_DEATHS)
            self.failing, self.smallest = failure, case
        return failure

    def judge(self, case: Any) -> Failure | None:
        """Runs the driver on a case and the property on what it saw."""
        if self.too_slow:
            return None
        shipped = case.ship(self.variant.device)
        first = self.result.examples == 1 and self.failing is None
        warm = WARM if first and is_main(self.prop, self.variant) else 0
        # Time spent on meta is not the item's: an operation without values takes longer than a small one with values.
        subject = f"{self.prop.item} on meta" if self.variant.device == "meta" else self.prop.item
        subject += " at length" if self.prop.large else ""
        outcome = self.session.call(self.prop.driver, self.names, shipped, self.prop.seconds, warm, subject)
        check = self.result.check
        check.log = []
        try:
            self._rules(outcome, case)
            if outcome.trouble is not None:
                self._trouble(outcome.trouble, case)
            else:
                check.share = 0.0
                self.prop.test(case, outcome.seen, check)  # type: ignore[arg-type]
                if self.target and hypothesis.currently_in_test_context():
                    hypothesis.target(min(check.share, 1e6), label="share of the error budget")
        except NotObservedError as error:
            return self._malformed(str(error))
        except Mismatch as mismatch:
            self._keep(case)
            return mismatch.failure if outcome.seen is None else self._located(mismatch.failure, outcome.seen)
        except Exception as error:
            # After a failure that is known already, what follows may rest on what is not there.
            if all(entry.ok for entry in check.log):
                if self.session.trusted:
                    raise
                return self._malformed(f"what its property cannot read ({type(error).__name__}: {error})")
        self._keep(case)
        return None

    def _malformed(self, text: str) -> Failure:
        """Returns the failure of a process that sent what no driver sends: something else has answered in its place."""
        expected = "what the driver reports of every answer"
        got = f"the process sent {text}"
        return Failure(self.prop.requirements[0], Status.CRASH, got, expected, malformed=True)

    def _located(self, failure: Failure, seen: SimpleNamespace) -> Failure:
        """Returns a failure with what a reproducer needs: where its tensor sits, what all looked like if need be."""
        place = place_of(seen, failure.tensor) if failure.tensor is not None else None
        told = None if place and not self.prop.individual else described(vars(seen))
        return replace(failure, place=place, described=told)

    def found(self) -> None:
        """Records the failure in hand, after looking whether its case fails in a fresh process too."""
        assert self.failing is not None
        failure, case = self.failing, self.smallest
        alone, earlier = True, None
        if failure.status is Status.WRONG:
            self.session.begin()
            again = self.judge(case)
            alone = again is not None and again.requirement == failure.requirement
            failure = again if again is not None and alone else failure
            earlier = None if alone else self.first_case
        self.result.findings.append(Found(failure, case, alone, earlier))

    def _keep(self, case: Any) -> None:
        if self.failing is None and len(self.result.cases) < KEPT:
            self.result.cases.append((case, self.result.check.log))

    def _rules(self, outcome: Outcome, case: Any) -> None:
        """Notes each reference that a rule of the item forbids; in the rule's own property that ends the example."""
        for rule in self.rules:
            # The guard that watches the rules is forbidden ground for every item that has one.
            forbidden = {*rule.forbids, JUDGE}
            breach = next((breach for breach in outcome.breaches if breach.family in forbidden), None)
            own = rule.name in self.prop.requirements
            if own:
                self.result.check.tallies[rule.name].comparisons += 1
            if breach is None or rule.name in self.result.check.known:
                continue
            failure = Failure(rule.name, Status.RULE, f"it reached {breach.what}", rule.means, "", (), breach.lines)
            if own:
                raise Mismatch(failure)
            self.result.reached.setdefault(rule.name, Found(failure, case))

    def _trouble(self, trouble: Trouble, case: Any) -> None:
        """Raises for a call that gave no observation."""
        requirement = self.prop.requirements[0]
        if self.variant.device == "meta":
            if why := not_for_meta(trouble):
                self.result.unsupported = f"{why} ({trouble.text})"
                return
            if trouble.kind == "timeout":
                self.result.unsupported = f"{trouble.text} on the meta device, where no value is worked on"
                self.too_slow = True
                return
            requirement = "device"
        if trouble.kind == "timeout" and self.prop.large:
            self.result.unsupported = f"{trouble.text} on inputs of this size, which is slow and not wrong"
            self.too_slow = True
            return
        expected = {"missing": "an implementation", "timeout": f"an answer within {self.prop.seconds:g} s"}
        status, text = _STATUS[trouble.kind], expected.get(trouble.kind, ANSWER)
        if self.prop.only_rules:
            self.result.unsupported = trouble.text  # how the work is done cannot be seen where none is done
            if trouble.kind in ("timeout", "died") or trouble.lines:
                refused = Failure(requirement, status, trouble.text, text, "", (), trouble.lines)
                self.result.refused = self.result.refused or Found(refused, case)
            return
        if trouble.kind == "error" and CRASH in self.result.check.known:
            return
        plain = trouble.lines or not trouble.trace or _CALLED_OTHERWISE.match(trouble.text)
        shown = trouble.text if plain else f"{trouble.text}\n{trouble.trace}"
        if lacking := _NO_MODULE.search(trouble.text):
            shown = f"an object without `{lacking[1]}`, which every nn.Module has; is it one?"
        raise Mismatch(Failure(requirement, status, shown, text, "", (), trouble.lines))


def _aside(variant: Variant) -> bool:
    return variant.device == "meta" or variant.parity


def _seed_of(seed: int, name: str) -> int:
    """Returns the seed of one property: another for each, the same on every machine."""
    return int.from_bytes(hashlib.sha256(f"{seed}:{name}".encode()).digest()[:8], "big")
