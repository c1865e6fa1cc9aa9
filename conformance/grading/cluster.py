"""Judges jobs on a cluster of dask.distributed: the same jobs, one warm runner a worker process."""

from __future__ import annotations

import atexit
import functools
import importlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from conformance.engine.options import UsageError
from conformance.grading.job import Job
from conformance.grading.warm import OtherVersion, Warm, guarded, judge_failed
from conformance.report.model import Result

# A worker on which a job fails for reasons of its machine is not the only one.
RETRIES = 2
CONNECT_SECONDS = 30
# What dask says where the scheduler lacks the package that a job's function lies in, or has another.
_UNREAD = "deserialization of the task graph"


def judge_there(jobs: Sequence[Job], scheduler: str) -> Iterator[tuple[Job, Result]]:
    """Yields each job with its verdict, as the cluster has them done.

    A job whose worker dies goes to another one; that is the scheduler's work.

    Args:
        jobs: what to judge; each carries its submission.
        scheduler: address of the scheduler, ``tcp://host:8786``.

    Raises:
        UsageError: dask.distributed is not installed, nobody answers there, or the workers have another judge.
    """
    try:
        distributed: Any = importlib.import_module("distributed")
    except ImportError:
        raise UsageError('--scheduler needs dask.distributed: pip install "torch-conformance[cluster]"') from None
    try:
        client = distributed.Client(scheduler, timeout=CONNECT_SECONDS)
    except (OSError, ValueError) as trouble:  # dask's TimeoutError is an OSError
        raise UsageError(f"no scheduler answers at {scheduler} ({trouble})") from None
    with client:
        mine = {client.submit(judge_here, job, key=f"conformance-{job.key}", retries=RETRIES): job for job in jobs}
        for future in distributed.as_completed(list(mine)):
            job = mine.pop(future)
            if future.status not in ("finished", "error"):
                raise UsageError(f"the scheduler at {scheduler} gave a job up ({future.status}); try again to go on")
            error = future.exception()
            if error is not None and _UNREAD in str(error):
                raise UsageError(f"the scheduler at {scheduler} cannot read this: it needs this package too, the same")
            if isinstance(error, OtherVersion):
                raise UsageError(f"a worker of {scheduler} cannot judge this: {error}; install the same there")
            yield job, future.result() if error is None else judge_failed(job, f"{type(error).__name__}: {error}")
            future.release()


def judge_here(job: Job) -> Result:
    """Returns the verdict on a job, in this process of a worker.

    All jobs of a process go through one thread, so that a worker with several does not judge several at once in one
    interpreter; and because the kernel ends the runner when the thread that started it is gone.
    """
    return _thread.submit(_judge, job).result()


_thread = ThreadPoolExecutor(1, thread_name_prefix="judge")


def _judge(job: Job) -> Result:
    return guarded(_warm().judge, job)


@functools.cache
def _warm() -> Warm:
    warm = Warm()
    atexit.register(warm.close)
    return warm
