"""Judges jobs on the cores of this machine: worker processes, each with a warm runner of its own."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
from collections import deque
from collections.abc import Iterator, Sequence
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from types import FrameType, TracebackType

from conformance.grading.job import Job
from conformance.grading.warm import Warm, guarded, judge_failed
from conformance.report.model import Result
from conformance.signals import ASK_TO_END, held_back

# Ending a runner takes milliseconds; a worker that needs longer is killed.
PATIENCE_SECONDS = 10.0
# A job that was in hand when its worker died is tried again this often: the machine may have run out of memory.
RETRIES = 1


class Pool:
    """Worker processes, forked from this one, which has imported the judge; to be used as a context."""

    def __init__(self, workers: int) -> None:
        self.count = workers
        self.context = multiprocessing.get_context("fork")
        self.workers: dict[Connection, BaseProcess] = {}

    def __enter__(self) -> Pool:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        """Ends the workers and their runners; at once if there was an error."""
        handled = signal.signal(signal.SIGINT, signal.SIG_IGN)  # a second Ctrl-C must not leave half of them
        try:
            for pipe, worker in self.workers.items():
                if kind is None:
                    with contextlib.suppress(OSError):
                        pipe.send(None)
                else:
                    worker.terminate()
            for pipe, worker in self.workers.items():
                worker.join(PATIENCE_SECONDS)
                if worker.is_alive():
                    worker.kill()
                    worker.join()
                pipe.close()
            self.workers.clear()
        finally:
            signal.signal(signal.SIGINT, handled)

    def judge(self, jobs: Sequence[Job]) -> Iterator[tuple[Job, Result]]:
        """Yields each job with its verdict, as they are done.

        Raises:
            RuntimeError: no runner starts on this machine.
        """
        waiting = deque((job, RETRIES) for job in jobs)
        busy: dict[Connection, tuple[Job, int]] = {}
        for _ in range(min(self.count, len(jobs))):
            self._hand_out(self._start(), waiting, busy)
        while busy:
            for pipe in wait(list(busy)):
                assert isinstance(pipe, Connection)
                job, retries = busy.pop(pipe)
                try:
                    answer = pipe.recv()
                except (EOFError, OSError):
                    self._bury(pipe)
                    pipe = self._start()
                    if retries:
                        waiting.appendleft((job, retries - 1))
                    else:
                        yield job, judge_failed(job, f"the process that judged this ended, {RETRIES + 1} times")
                else:
                    if isinstance(answer, Exception):
                        raise answer
                    yield job, answer
                self._hand_out(pipe, waiting, busy)

    def _hand_out(
        self, pipe: Connection, waiting: deque[tuple[Job, int]], busy: dict[Connection, tuple[Job, int]]
    ) -> None:
        if waiting:
            busy[pipe] = waiting.popleft()
            with contextlib.suppress(OSError):  # a worker that is gone is found out when its answer is awaited
                pipe.send(busy[pipe][0])

    def _start(self) -> Connection:
        ours, theirs = self.context.Pipe()
        worker = self.context.Process(target=_work, args=(theirs, [ours, *self.workers]), daemon=True)
        # A signal that comes before the worker knows what to do about it waits until it does.
        with held_back():
            worker.start()
        theirs.close()
        self.workers[ours] = worker
        return ours

    def _bury(self, pipe: Connection) -> None:
        self.workers.pop(pipe).join()
        pipe.close()


def _work(pipe: Connection, others: list[Connection]) -> None:
    """Serves jobs until it is sent None or nobody is left to send any."""
    for other in others:  # inherited by the fork; held here, they would keep a worker waiting for a parent that is gone
        other.close()
    warm = Warm()

    def stop(number: int, frame: FrameType | None) -> None:
        warm.close()
        os._exit(128 + number)

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the terminal sends it to all; the parent says what follows from it
    for number in ASK_TO_END:
        signal.signal(number, stop)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT, *ASK_TO_END])
    with contextlib.suppress(EOFError, OSError):
        while (job := pipe.recv()) is not None:
            try:
                answer: Result | Exception = guarded(warm.judge, job)
            except Exception as error:
                answer = error
            pipe.send(answer)
    warm.close()
    os._exit(0)
