"""How long the steps of tasks take, by the processor's time: what one step costs, everybody else waits."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

import trio


class Steps(trio.abc.Instrument):
    """Measures every task step while it is installed.

    Attributes:
        longest_seconds: the longest step until now.
        where: the name of its task.
        taken: how many there were.
    """

    def __init__(self) -> None:
        self.longest_seconds = 0.0
        self.where = ""
        self.taken = 0
        self._began = time.thread_time()

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        del task
        self._began = time.thread_time()

    def after_task_step(self, task: trio.lowlevel.Task) -> None:
        self.taken += 1
        took = time.thread_time() - self._began
        if took > self.longest_seconds:
            self.longest_seconds, self.where = took, task.name


@contextmanager
def measured_steps() -> Iterator[Steps]:
    """Measures all task steps within the block."""
    steps = Steps()
    trio.lowlevel.add_instrument(steps)
    try:
        yield steps
    finally:
        trio.lowlevel.remove_instrument(steps)
