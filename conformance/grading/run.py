"""Grades a class: packs each submission, leaves out what is done, judges the rest, and writes as verdicts come in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from conformance.engine.options import Options
from conformance.grading.folder import Folder, Line
from conformance.grading.found import Submission
from conformance.grading.job import Job, job_of
from conformance.grading.progress import board
from conformance.grading.warm import unreadable
from conformance.report.model import Result
from conformance.runner.loading import UnreadableSubmission


def grade(
    submissions: Sequence[Submission],
    options: Options,
    folder: Folder,
    lines: dict[Submission, Line],
    scheduler: str | None = None,
) -> None:
    """Writes the verdict on each submission to the folder.

    Submissions with the same content are judged once, and so is one whose verdict lies in the folder already.

    Args:
        submissions: what to judge.
        options: how; ``jobs`` is the number of worker processes, 0 for one a core.
        folder: where verdicts go.
        lines: gets an entry for each submission that is done, also when this is broken off.
        scheduler: address of a cluster to judge on; None for the cores of this machine.

    Raises:
        UsageError: the cluster cannot be used.
        RuntimeError: no runner starts on this machine.
    """
    from rich.console import Console

    console = Console(stderr=True)
    options = replace(options, hidden=tuple(str(submission.path.resolve()) for submission in submissions))
    jobs: dict[str, Job] = {}
    owners: dict[str, list[Submission]] = {}
    for submission in submissions:
        try:
            job = job_of(submission.path, options)
        except UnreadableSubmission as error:
            lines[submission] = folder.write(submission, "", unreadable(submission.path.name, str(error), options))
            continue
        jobs[job.key] = jobs.get(job.key, job)
        owners.setdefault(job.key, []).append(submission)
    done, kept = folder.done(), 0
    for key in [key for key in jobs if key in done]:
        taken = [
            folder.adopt(submission, key, done[key], _same_as(submission, owners[key])) for submission in owners[key]
        ]
        if None not in taken:
            lines.update((submission, line) for submission, line in zip(owners[key], taken, strict=True) if line)
            del jobs[key]
            kept += len(taken)
    if kept:
        console.print(f"{kept} of {len(submissions)} have their verdict already", highlight=False)
    with board(console, len(jobs)) as progress:
        if not jobs:
            return
        with _verdicts(list(jobs.values()), options, scheduler) as verdicts:
            for job, result in verdicts:
                for submission in owners[job.key]:
                    same_as = _same_as(submission, owners[job.key])
                    lines[submission] = folder.write(submission, job.key, result, same_as)
                first = owners[job.key][0]
                progress.advance(first.name, lines[first].row.headline)


@contextmanager
def _verdicts(jobs: list[Job], options: Options, scheduler: str | None) -> Iterator[Iterator[tuple[Job, Result]]]:
    """Yields jobs with their verdicts as they are done, on a cluster or on this machine."""
    if scheduler is not None:
        from conformance.grading.cluster import judge_there

        yield judge_there(jobs, scheduler)
        return
    from conformance.grading.pool import Pool

    with Pool(options.workers) as pool:
        yield pool.judge(jobs)


def _same_as(submission: Submission, owners: list[Submission]) -> str:
    return owners[0].name if submission != owners[0] else ""
