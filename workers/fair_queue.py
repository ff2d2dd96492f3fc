"""The queue of jobs in which owners take turns, whatever number of tasks each of them has waiting. Pure.

One queue for all would let a thousand tasks of one owner go before the first of another. Here each owner has a
queue of its own, and the owner whose turn it is goes to the end of the row. No owner has more tasks running than
it may, so that one process stays free for the others.
"""

from collections import deque
from typing import Generic, Protocol, TypeVar

from workers.bounds import PoolBounds
from workers.errors import PoolBusyError

__all__ = ["FairQueue", "Job"]


class Job(Protocol):
    """A thing that can wait: it has an owner and a size."""

    @property
    def owner(self) -> str:
        """The owner whose turn it takes."""

    @property
    def size_bytes(self) -> int:
        """Bytes that it keeps while it waits."""


J = TypeVar("J", bound=Job)


class FairQueue(Generic[J]):
    """Jobs that wait, by owner, in the order in which the owners' turns come.

    Args:
        bounds: the bounds of what may wait, and of what may run for one owner.
    """

    def __init__(self, bounds: PoolBounds) -> None:
        self._bounds = bounds
        self._waiting: dict[str, deque[J]] = {}  # in the order of turns; an owner without jobs is not in it
        self._waiting_bytes: dict[str, int] = {}
        self._running: dict[str, int] = {}

    def __len__(self) -> int:
        return sum(map(len, self._waiting.values()))

    @property
    def running(self) -> int:
        """Jobs that were taken and are not done."""
        return sum(self._running.values())

    @property
    def ready(self) -> int:
        """Jobs that could be taken now."""
        most = self._bounds.owner_processes
        return sum(
            min(len(jobs), max(0, most - self._running.get(owner, 0))) for owner, jobs in self._waiting.items()
        )

    def put(self, job: J) -> None:
        """Let a job wait for its turn.

        Raises:
            PoolBusyError: its owner, or all together, have as much waiting as may be.
        """
        bounds, owner = self._bounds, job.owner
        jobs, size_bytes = self._waiting.get(owner, ()), self._waiting_bytes.get(owner, 0)
        if len(jobs) >= bounds.owner_waiting_tasks:
            raise PoolBusyError(f"{len(jobs):,} tasks of this owner wait for a worker, as many as may")
        if jobs and size_bytes + job.size_bytes > bounds.owner_waiting_bytes:
            raise PoolBusyError(
                f"{size_bytes:,} bytes of this owner wait for a worker, and {bounds.owner_waiting_bytes:,} may"
            )
        everybody_bytes = sum(self._waiting_bytes.values())
        if everybody_bytes and everybody_bytes + job.size_bytes > bounds.waiting_bytes:
            raise PoolBusyError(f"{everybody_bytes:,} bytes wait for a worker, and {bounds.waiting_bytes:,} may")
        self._waiting.setdefault(owner, deque()).append(job)
        self._waiting_bytes[owner] = size_bytes + job.size_bytes

    def take(self) -> J | None:
        """Take the job whose turn it is; None where none may run. It counts as running until ``done``."""
        most = self._bounds.owner_processes
        owner = next((owner for owner in self._waiting if self._running.get(owner, 0) < most), None)
        if owner is None:
            return None
        jobs = self._waiting.pop(owner)
        job = jobs.popleft()
        if jobs:
            self._waiting[owner] = jobs  # at the end of the row
        self._forget_bytes(job)
        self._running[owner] = self._running.get(owner, 0) + 1
        return job

    def done(self, job: J) -> None:
        """Note that a job that was taken runs no more."""
        left = self._running.pop(job.owner) - 1
        if left:
            self._running[job.owner] = left

    def withdraw(self, job: J) -> bool:
        """Let a job wait no more; False where it does not wait."""
        jobs = self._waiting.get(job.owner)
        if jobs is None or job not in jobs:
            return False
        jobs.remove(job)
        if not jobs:
            del self._waiting[job.owner]
        self._forget_bytes(job)
        return True

    def _forget_bytes(self, job: J) -> None:
        left = self._waiting_bytes[job.owner] - job.size_bytes
        if job.owner in self._waiting:
            self._waiting_bytes[job.owner] = left
        else:
            del self._waiting_bytes[job.owner]
