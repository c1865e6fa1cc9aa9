"""Judges several submissions of one command line side by side, each in a warm process of one worker."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from conformance.engine.options import Options
from conformance.report.model import Result
from conformance.runner import sandbox

if TYPE_CHECKING:
    from conformance.runner.loading import Source


def side_by_side(sources: Sequence[Source], options: Options) -> bool:
    """Returns whether submissions can be judged by processes that take one after the other.

    Not on an accelerator, which they would share; not in the judge itself; and not where one of them lies in what is
    hidden from the others, as the reference solution does.
    """
    alone = options.in_process or options.accelerated or options.workers < 2 or len(sources) < 2
    hidden = sandbox.secrets()
    return not alone and all(sandbox.secrets(source.places) == hidden for source in sources)


def verdicts(sources: Sequence[Source], options: Options) -> Iterator[Result]:
    """Yields the verdict on each submission, in their order, each as soon as it and those before it are done."""
    from rich.console import Console

    from conformance.grading.job import Job, suite_version
    from conformance.grading.pool import Pool
    from conformance.grading.progress import board

    alone = replace(options, jobs=1)
    jobs = [Job(str(place), source, {}, alone, suite_version()) for place, source in enumerate(sources)]
    done: dict[str, Result] = {}
    shown = 0
    with board(Console(stderr=True), len(jobs)) as progress, Pool(options.workers) as pool:
        for job, result in pool.judge(jobs):
            done[job.key] = result
            progress.advance(result.submission, _headline(result))
            while (next_one := done.pop(str(shown), None)) is not None:
                shown += 1
                yield next_one


def _headline(result: Result) -> str:
    if "unreadable" in result.extras:
        return "cannot be read"
    return "conforms" if result.conforms else "does not conform"
