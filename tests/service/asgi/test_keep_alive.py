"""Idle connections are closed in time, busy ones are let be, and no task is left."""

import pytest
import trio
from hypercorn.trio.task_group import TaskGroup
from hypercorn.trio.worker_context import WorkerContext

from service.asgi.keep_alive import IdleWatch


class Watched:
    """A watch of ten seconds, and when it closed its connection."""

    def __init__(self) -> None:
        self.context = WorkerContext(None)
        self.closed_at: list[float] = []
        self.watch = IdleWatch(10, self.context, self._close)

    async def _close(self) -> None:
        await trio.lowlevel.checkpoint()
        self.closed_at.append(trio.current_time())


@pytest.fixture
def watched() -> Watched:
    """A watch that has not begun."""
    return Watched()


async def test_an_idle_connection_is_closed_in_time(
    watched: Watched, autojump_clock: trio.testing.MockClock
) -> None:
    """It is closed so many seconds after it fell idle last, once."""
    del autojump_clock
    began = trio.current_time()
    async with TaskGroup() as group:
        await watched.watch.restart(group)
        for _ in range(3):
            await trio.sleep(9)
            await watched.watch.stop()
            await trio.sleep(100)
            await watched.watch.restart(group)
    assert watched.closed_at == [began + 3 * 109 + 10]


async def test_one_task_does_for_all_requests(watched: Watched, autojump_clock: trio.testing.MockClock) -> None:
    """However often a connection falls idle, one task watches it."""
    del autojump_clock
    async with TaskGroup() as group:
        for _ in range(100):
            await watched.watch.restart(group)
            await trio.testing.wait_all_tasks_blocked()
            await watched.watch.stop()
        nursery = group._nursery
        assert nursery is not None
        assert len(nursery.child_tasks) == 1
        watched.watch.end()


async def test_when_the_server_ends_only_the_idle_are_closed(watched: Watched) -> None:
    """Who is at work is let finish; an idle connection goes at once."""
    busy = Watched()
    async with TaskGroup() as group:
        await watched.watch.restart(group)
        await busy.watch.restart(group)
        await busy.watch.stop()
        await watched.context.terminated.set()
        await busy.context.terminated.set()
    assert (len(watched.closed_at), len(busy.closed_at)) == (1, 0)


async def test_a_connection_that_ended_is_watched_no_more(watched: Watched) -> None:
    """The end frees the task at once, and nothing begins after it."""
    async with TaskGroup() as group:
        await watched.watch.restart(group)
        await trio.testing.wait_all_tasks_blocked()
        watched.watch.end()
        await watched.watch.restart(group)
    assert watched.closed_at == []


async def test_a_connection_that_falls_idle_when_the_server_has_ended_is_closed(watched: Watched) -> None:
    """Its first watch has ended while it was at work; another one closes it."""
    async with TaskGroup() as group:
        await watched.watch.restart(group)
        await watched.watch.stop()
        await watched.context.terminated.set()
        await trio.testing.wait_all_tasks_blocked()
        await watched.watch.restart(group)
    assert len(watched.closed_at) == 1
