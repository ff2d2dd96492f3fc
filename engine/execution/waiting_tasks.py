"""Tasks that sleep until they are served, in the order of their coming: the two queues of people at an inbox."""

from collections.abc import Callable, Iterable
from typing import Generic, TypeVar

import trio

T = TypeVar("T")


class WaitingTasks(Generic[T]):
    """Tasks asleep, each with what it brought.

    Whoever serves a task takes it out of ``brought`` and reschedules it, in this order and without a checkpoint
    between. From then on it cannot be cancelled before it has noticed: so what was done for it is never lost.

    Attributes:
        brought: by the tasks asleep, oldest first.
    """

    __slots__ = ("_errors", "brought")

    def __init__(self) -> None:
        self.brought: dict[trio.lowlevel.Task, T] = {}
        self._errors: dict[trio.lowlevel.Task, Exception] = {}  # of tasks woken that have not run since

    async def sleep(self, brings: T) -> None:
        """Sleep until served; when cancelled, nothing has been done for the task.

        Raises:
            Exception: one that ``refuse`` made.
        """
        task = trio.lowlevel.current_task()
        self.brought[task] = brings

        def abort(_: object) -> trio.lowlevel.Abort:
            del self.brought[task]
            return trio.lowlevel.Abort.SUCCEEDED

        await trio.lowlevel.wait_task_rescheduled(abort)
        if self._errors:
            error = self._errors.pop(task, None)
            if error is not None:
                try:
                    raise error
                finally:
                    del error

    def refuse(self, tasks: Iterable[trio.lowlevel.Task], make_error: Callable[[], Exception]) -> None:
        """Wake those of the tasks that sleep here, each with an error of its own."""
        for task in [task for task in tasks if task in self.brought]:
            del self.brought[task]
            self._errors[task] = make_error()
            trio.lowlevel.reschedule(task)
