"""The bounds of a pool of worker processes: each with its unit, and why it stands where it stands."""

import msgspec

__all__ = ["PoolBounds"]


class PoolBounds(msgspec.Struct, frozen=True, kw_only=True):
    """The share of one pool in the machine, and that of one owner in the pool."""

    processes: int = 2
    """Tasks that run at once. As many as the smallest machine that is served has cores."""

    memory_bytes: int = 512 * 1024 * 1024
    """Address space of one process, the interpreter's own 100 MB included: hostile work ends itself with it."""

    tasks_per_process: int = 1_000
    """Tasks after which a process gives way to a fresh one; 1 where no task is to meet what another has left."""

    idle_seconds: float = 60.0
    """The time for which a process waits for its next task. Starting one takes 50 to 200 ms."""

    owner_waiting_tasks: int = 1_000
    """Tasks of one owner that wait: one for each node of the largest graph."""

    owner_waiting_bytes: int = 32 * 1024 * 1024
    """Their payloads: three of the largest values. One task waits in any case."""

    waiting_bytes: int = 128 * 1024 * 1024
    """Payloads of all owners that wait."""

    reply_bytes: int = 64 * 1024 * 1024
    """The largest result that is read back."""

    file_bytes: int = 0
    """The largest file that a task may write."""

    niceness: int = 5
    """The steps by which the processes stand back behind the event loop, which answers everybody."""

    @property
    def owner_processes(self) -> int:
        """Tasks of one owner that run at once: all but one, so that another's never waits for the end of two."""
        return max(1, self.processes - 1)
