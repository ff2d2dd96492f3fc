"""The ends of a task that is given to a worker process, named by whose fault they are.

WorkerError
├── PoolBusyError        the owner's: as many tasks wait as may
├── TaskFailedError      the task's: its function raised
├── TaskDeadlineError    the task's: it took longer than it may, and its process was killed
├── TaskMemoryError      the task's: it needed more memory than a worker may have
├── TaskCrashError       the task's: its process died of it
└── WorkerStartError     ours, or the machine's: no process can be started
"""

__all__ = [
    "PoolBusyError",
    "TaskCrashError",
    "TaskDeadlineError",
    "TaskFailedError",
    "TaskMemoryError",
    "WorkerError",
    "WorkerStartError",
]


class WorkerError(Exception):
    """Base of all errors that ``Pool.run`` raises, as in the tree above. It concerns one task and no other."""


class PoolBusyError(WorkerError):
    """The task was not taken in: a bound of waiting tasks was met; the message names it."""


class TaskFailedError(WorkerError):
    """The task's function raised; the message is what it said."""


class TaskDeadlineError(WorkerError):
    """The task took longer than it may; its process was killed."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"it took longer than {seconds:g} s and was ended")
        self.seconds = seconds


class TaskMemoryError(WorkerError):
    """The task needed more memory than a worker may have; its process was ended."""

    def __init__(self, memory_bytes: int) -> None:
        super().__init__(f"it needed more memory than a worker may have: {memory_bytes:,} bytes")
        self.memory_bytes = memory_bytes


class TaskCrashError(WorkerError):
    """The task's process died; ``number`` is the signal, ``said`` the end of its standard error on one line."""

    def __init__(self, number: int, said: str) -> None:
        super().__init__(f"its process did not survive it (signal {number}): {said}".rstrip(": "))
        self.number = number
        self.said = said


class WorkerStartError(WorkerError):
    """No process can be started, or it does not come so far as to work."""
