"""The scopes that the tasks of an execution lie in: whatever ends it early cancels one of them."""

from collections.abc import Awaitable, Callable

import trio


class Scopes:
    """The scopes of one execution, the outermost first.

    Attributes:
        whole: around all but the cleanup.
        timeout: of its time.
        nursery: of its tasks; there is one from the state RUNNING on, until ``empty``.
    """

    def __init__(self) -> None:
        self.whole = trio.CancelScope()
        self.timeout = trio.CancelScope()
        self.nursery: trio.Nursery | None = None
        self._to_spawn: list[Callable[[], Awaitable[None]]] = []  # when there is one

    @property
    def is_ending(self) -> bool:
        """True while the tasks are being cancelled, or have been."""
        if self.whole.cancel_called or self.timeout.cancel_called:
            return True
        return self.nursery is not None and self.nursery.cancel_scope.cancel_called

    def begin(self, nursery: trio.Nursery) -> None:
        """Let tasks run in a nursery from now on, first those that were spawned before."""
        self.nursery = nursery
        for task in self._to_spawn:
            nursery.start_soon(task)
        self._to_spawn.clear()

    def spawn(self, task: Callable[[], Awaitable[None]]) -> None:
        """Start a task that ends with the execution at the latest."""
        if self.nursery is None:  # it goes on from a checkpoint, and messages wait already
            self._to_spawn.append(task)
        else:
            self.nursery.start_soon(task)

    def shorten(self, deadline: float) -> None:
        """Let everything end at a moment of Trio's clock, if not before."""
        self.whole.deadline = min(self.whole.deadline, deadline)

    def empty(self) -> None:
        """Let go of all tasks, once nothing runs any more."""
        self._to_spawn.clear()
        self.nursery = None
