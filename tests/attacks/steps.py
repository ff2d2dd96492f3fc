"""How long the steps of tasks take, by the processor's time: what one step costs, everybody else waits.

Pauses of the garbage collector fall into whatever step happens to allocate, and look through all that the tests
have kept; they are not counted.
"""

import gc
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
        self._garbage_seconds = 0.0
        self._pause_began = 0.0

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        del task
        self._began = time.thread_time()
        self._garbage_seconds = 0.0

    def collected(self, phase: str, info: dict[str, int]) -> None:
        """Called by the collector at the beginning and at the end of a pause."""
        del info
        if phase == "start":
            self._pause_began = time.thread_time()
        else:
            self._garbage_seconds += time.thread_time() - self._pause_began

    def after_task_step(self, task: trio.lowlevel.Task) -> None:
        self.taken += 1
        took = time.thread_time() - self._began - self._garbage_seconds
        if took > self.longest_seconds:
            self.longest_seconds, self.where = took, task.name


@contextmanager
def measured_steps() -> Iterator[Steps]:
    """Measures all task steps within the block."""
    steps = Steps()
    trio.lowlevel.add_instrument(steps)
    gc.callbacks.append(steps.collected)
    try:
        yield steps
    finally:
        steps.after_task_step(trio.lowlevel.current_task())  # as far as the present one has come
        gc.callbacks.remove(steps.collected)
        trio.lowlevel.remove_instrument(steps)
