"""A pool of worker processes, shared fairly between owners.

    async with open_pool() as pool:
        result = await pool.run(owner, SEARCH, payload, seconds=5)

What runs here cannot be sliced: a library of others, a compiler. In a process of its own it takes nothing from
the event loop, it can be killed when its time is over, and when it needs too much memory or crashes it is the end
of that task and of nothing else. Processes are started when there is work, kept warm for a while, and ended.

Each worker is a task of the pool's nursery that lives as long as it has something to do. It takes its next job
from a queue in which owners take turns (``fair_queue``); whoever waits for a job and gives up takes it out of the
queue, or has its process killed.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec
import trio

from workers.bounds import PoolBounds
from workers.errors import TaskCrashError, TaskDeadlineError, TaskMemoryError, WorkerError, WorkerStartError
from workers.fair_queue import FairQueue
from workers.task import Task
from workers.worker import Worker

__all__ = ["Pool", "PoolStatistics", "open_pool"]


class PoolStatistics(msgspec.Struct, frozen=True):
    """A snapshot of one pool.

    Attributes:
        waiting: tasks that wait for their turn.
        running: tasks that run.
        processes: processes that are there, warm ones included.
        started: processes started until now.
        done: tasks that ended with a result, or with an error of their function.
        overdue: tasks whose process was killed because their time was over.
        abandoned: tasks whose process was killed because nobody waited for them any more.
        died: tasks whose process ended of itself: of their memory, or of a crash.
        refused: tasks that were not taken in.
    """

    waiting: int = 0
    running: int = 0
    processes: int = 0
    started: int = 0
    done: int = 0
    overdue: int = 0
    abandoned: int = 0
    died: int = 0
    refused: int = 0


class _Job:
    """One task, from the moment when it is asked for until whoever asked knows how it ended."""

    def __init__(self, owner: str, function: str, payload: bytes, seconds: float) -> None:
        self.owner = owner
        self.function = function
        self.payload = payload
        self.seconds = seconds
        self.size_bytes = len(payload)
        self.scope = trio.CancelScope()
        self.ended = trio.Event()
        self.result = b""
        self.error: WorkerError | None = None


class Pool:
    """A pool of worker processes. Made by :func:`open_pool`."""

    def __init__(self, nursery: trio.Nursery, bounds: PoolBounds) -> None:
        self._nursery = nursery
        self._bounds = bounds
        self._queue: FairQueue[_Job] = FairQueue(bounds)
        self._idle = trio.lowlevel.ParkingLot()
        self._workers: list[Worker] = []
        self._jobs: set[_Job] = set()
        self._started = self._done = self._overdue = self._abandoned = self._died = self._refused = 0

    async def run(self, owner: str, task: Task, payload: bytes, *, seconds: float) -> bytes:
        """Return the result that a task makes of a payload. Cancelled, it ends, and its process with it.

        Args:
            owner: whose turn it takes.
            task: the task to do.
            payload: the bytes that the task is given.
            seconds: wall time that it may take once it runs; its wait for a turn is not counted.

        Raises:
            WorkerError: it was not taken in, or came to no good end; the tree in ``workers.errors`` says why.
        """
        job = _Job(owner, task.function, payload, seconds)
        try:
            self._queue.put(job)
        except WorkerError:
            self._refused += 1
            raise
        self._jobs.add(job)
        self._call_workers()
        try:
            await job.ended.wait()
        finally:
            self._jobs.discard(job)
            if not job.ended.is_set() and not self._queue.withdraw(job):
                job.scope.cancel()
        if job.error is not None:
            raise job.error
        return job.result

    def statistics(self) -> PoolStatistics:
        """Return the counts of what it does at this moment, and has done."""
        return PoolStatistics(
            waiting=len(self._queue),
            running=self._queue.running,
            processes=sum(worker.is_warm for worker in self._workers),
            started=self._started + sum(worker.started for worker in self._workers),
            done=self._done,
            overdue=self._overdue,
            abandoned=self._abandoned,
            died=self._died,
            refused=self._refused,
        )

    def close(self) -> None:
        """Tell all who still wait that nothing is to come."""
        for job in self._jobs:
            job.error = job.error or WorkerStartError("the workers are being ended")
            job.ended.set()

    def _call_workers(self) -> None:
        """See that as many workers look at the queue as there are jobs that may run."""
        ready = self._queue.ready
        woken = len(self._idle.unpark(count=ready))
        for _ in range(min(ready - woken, self._bounds.processes - len(self._workers))):
            worker = Worker(self._bounds)
            self._workers.append(worker)
            self._nursery.start_soon(self._work, worker)

    async def _work(self, worker: Worker) -> None:
        try:
            while (job := await self._next(worker)) is not None:
                try:
                    await self._do(worker, job)
                finally:
                    self._queue.done(job)
                    self._call_workers()  # the owner's next one may run now
        finally:
            self._workers.remove(worker)
            self._started += worker.started
            await worker.end()

    async def _next(self, worker: Worker) -> _Job | None:
        """Take the next job; None where none comes for a while."""
        job = self._queue.take()
        if job is None and not worker.is_warm:  # it would be no quicker than a new one, and get before a warm one
            return None
        with trio.move_on_after(self._bounds.idle_seconds):
            while job is None:
                await self._idle.park()
                job = self._queue.take()
        return job

    async def _do(self, worker: Worker, job: _Job) -> None:
        with job.scope:
            try:
                job.result = await worker.do(job.function, job.payload, job.seconds)
            except WorkerError as error:
                job.error = error
        if job.scope.cancelled_caught:
            self._abandoned += 1
        elif isinstance(job.error, TaskDeadlineError):
            self._overdue += 1
        elif isinstance(job.error, TaskMemoryError | TaskCrashError | WorkerStartError):
            self._died += 1
        else:
            self._done += 1
        job.ended.set()


@asynccontextmanager
async def open_pool(bounds: PoolBounds | None = None) -> AsyncIterator[Pool]:
    """Open a pool; at the end of the block its processes are gone. None is there before the first task.

    Args:
        bounds: the defaults when absent.
    """
    fault: Exception | None = None
    async with trio.open_nursery() as nursery:
        pool = Pool(nursery, bounds or PoolBounds())
        try:
            yield pool
        except Exception as error:  # noqa: BLE001 - raised below, outside the nursery
            fault = error
        finally:
            pool.close()
            nursery.cancel_scope.cancel()
    if fault is not None:  # as it came: that there is a nursery here is nobody's business
        try:
            raise fault
        finally:
            del fault
