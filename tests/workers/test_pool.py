"""Workers: what a task may take, how it ends, and that it is nobody else's end."""

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
import trio

from workers.bounds import PoolBounds
from workers.errors import (
    PoolBusyError,
    TaskCrashError,
    TaskDeadlineError,
    TaskFailedError,
    TaskMemoryError,
    WorkerStartError,
)
from workers.pool import Pool, open_pool
from workers.task import Task

_LONG = 20.0
"""Seconds that no task of these tests takes."""


def task(name: str) -> Task:
    return Task(f"tests.workers.tasks:{name}")


async def ask(pool: Pool, name: str, payload: bytes = b"", owner: str = "", seconds: float = _LONG) -> bytes:
    return await pool.run(owner, task(name), payload, seconds=seconds)


def is_alive(process_id: int) -> bool:
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return False
    return True


async def until(holds: Callable[[], bool]) -> None:
    """Return when it holds; what the system does with a process is nothing that Trio could wait for."""
    with trio.fail_after(_LONG):
        while not holds():  # noqa: ASYNC110 - as said above
            await trio.sleep(0.01)


async def test_bytes_go_in_and_come_out() -> None:
    """A task gets its payload whole and its result comes back whole, also where they are larger than a pipe."""
    async with open_pool() as pool:
        for payload in (b"", b"small", os.urandom(3_000_000)):
            assert await ask(pool, "echo", payload) == payload
        assert pool.statistics().done == 3


async def test_a_warm_process_is_used_again() -> None:
    """The second task does not wait for a start; none is there before the first, and none after the block."""
    async with open_pool() as pool:
        assert pool.statistics().processes == 0
        first = await ask(pool, "process_id")
        assert await ask(pool, "process_id") == first
        assert (pool.statistics().processes, pool.statistics().started) == (1, 1)
    assert not is_alive(int(first))


async def test_an_idle_process_is_ended() -> None:
    """What has nothing to do for a while gives its memory back."""
    async with open_pool(PoolBounds(idle_seconds=0.01)) as pool:
        first = await ask(pool, "process_id")
        await until(lambda: not pool.statistics().processes and not is_alive(int(first)))


async def test_a_process_may_be_for_one_task_only() -> None:
    """Where no task is to meet what another has left, each gets a fresh process."""
    async with open_pool(PoolBounds(tasks_per_process=1)) as pool:
        assert await ask(pool, "process_id") != await ask(pool, "process_id")
        assert pool.statistics().processes == 0


async def test_a_process_that_has_swollen_is_replaced() -> None:
    """Memory that a task leaves behind does not stay: the next one gets a fresh process."""
    async with open_pool(PoolBounds(memory_bytes=256 * 1024 * 1024)) as pool:
        first = await ask(pool, "swell", b"120000000")
        assert await ask(pool, "process_id") != first


async def test_an_error_of_a_task_is_told() -> None:
    """What a task's function raises is its caller's error, and the process goes on."""
    async with open_pool() as pool:
        first = await ask(pool, "process_id")
        with pytest.raises(TaskFailedError, match="ValueError: not this"):
            await ask(pool, "refuse", b"not this")
        assert await ask(pool, "process_id") == first


async def test_an_overdue_task_is_ended_and_its_process_replaced() -> None:
    """A task without end is killed when its time is over; the error says how long that was."""
    async with open_pool() as pool:
        with pytest.raises(TaskDeadlineError, match=r"longer than 0\.3 s"):
            await ask(pool, "spin", seconds=0.3)
        assert await ask(pool, "echo", b"next") == b"next"
        statistics = pool.statistics()
        assert (statistics.overdue, statistics.started, statistics.running) == (1, 2, 0)


async def test_a_hoarding_task_ends_itself() -> None:
    """More memory than a worker may have is the end of that task, and says so."""
    async with open_pool(PoolBounds(memory_bytes=256 * 1024 * 1024)) as pool:
        with pytest.raises(TaskMemoryError, match="268,435,456 bytes"):
            await ask(pool, "hoard")
        assert await ask(pool, "echo", b"next") == b"next"
        assert pool.statistics().died == 1


async def test_a_payload_beyond_the_memory_ends_its_task_only() -> None:
    """Also what does not even fit in is told as what it is."""
    async with open_pool(PoolBounds(memory_bytes=64 * 1024 * 1024)) as pool:
        with pytest.raises(TaskMemoryError):
            await ask(pool, "echo", bytes(60_000_000))
        assert await ask(pool, "echo", b"next") == b"next"


async def test_a_crash_is_the_error_of_its_task_only() -> None:
    """A process that dies takes nothing with it but its task; its last words are told on one line."""
    async with open_pool() as pool:
        with pytest.raises(TaskCrashError, match=r"signal 6\): the library gave up") as caught:
            await ask(pool, "abort")
        assert caught.value.number == signal.SIGABRT
        with pytest.raises(WorkerStartError, match="status 3"):
            await ask(pool, "leave")
        assert await ask(pool, "echo", b"next") == b"next"


async def test_a_cancelled_task_is_killed() -> None:
    """Nobody waits for the result any more, so nobody works for it any more."""
    async with open_pool() as pool:
        worker = int(await ask(pool, "process_id"))
        with trio.move_on_after(0.05):
            await ask(pool, "spin")
        await until(lambda: not is_alive(worker))
        assert await ask(pool, "echo", b"next") == b"next"
        assert pool.statistics().abandoned == 1


async def test_a_cancelled_wait_leaves_the_row() -> None:
    """A task that is given up before its turn never runs, and makes room."""
    async with open_pool(PoolBounds(processes=1, owner_waiting_tasks=1)) as pool, trio.open_nursery() as nursery:
        nursery.start_soon(ask, pool, "nap", b"0.3")
        await trio.testing.wait_all_tasks_blocked()
        with trio.move_on_after(0.05):
            await ask(pool, "spin")
        assert pool.statistics().waiting == 0
        assert await ask(pool, "echo", b"next") == b"next"


async def test_a_bound_of_the_row_is_named() -> None:
    """One task too many of an owner is refused at once, and others are not."""
    async with open_pool(PoolBounds(owner_waiting_tasks=1)) as pool, trio.open_nursery() as nursery:
        nursery.start_soon(ask, pool, "nap", b"0.3", "many")
        await trio.testing.wait_all_tasks_blocked()
        nursery.start_soon(ask, pool, "echo", b"", "many")
        await trio.testing.wait_all_tasks_blocked()
        with pytest.raises(PoolBusyError, match="1 tasks of this owner"):
            await ask(pool, "echo", b"", "many")
        assert await ask(pool, "echo", b"mine", "one") == b"mine"
        assert pool.statistics().refused == 1


async def test_small_work_does_not_wait_behind_large_work_of_another() -> None:
    """While one owner's tasks without end wait for each other, another's small one is done."""
    async with open_pool() as pool, trio.open_nursery() as nursery:
        for _ in range(10):
            nursery.start_soon(ask, pool, "spin", b"", "large")
        await trio.testing.wait_all_tasks_blocked()
        assert await ask(pool, "echo", b"small", "small") == b"small"
        assert pool.statistics().waiting == 9
        nursery.cancel_scope.cancel()


async def test_results_are_bounded() -> None:
    """A result beyond the bound is not read, and its process is ended."""
    async with open_pool(PoolBounds(reply_bytes=1_000)) as pool:
        assert len(await ask(pool, "long_reply", b"1000")) == 1_000
        with pytest.raises(TaskFailedError, match="1,001 bytes, and 1,000 are read"):
            await ask(pool, "long_reply", b"1001")
        assert await ask(pool, "echo", b"next") == b"next"


async def test_what_a_library_prints_disturbs_nothing(tmp_path: Path) -> None:
    """Standard input and output are not the pipes, and files are written by those only who may."""
    async with open_pool() as pool:
        assert await ask(pool, "chatter", b"answer") == b"answer"
        with pytest.raises(TaskFailedError, match="OSError"):
            await ask(pool, "write_file", bytes(tmp_path / "file"))
    async with open_pool(PoolBounds(file_bytes=1_000)) as pool:
        await ask(pool, "write_file", bytes(tmp_path / "file"))
        assert (tmp_path / "file").stat().st_size == 100


async def test_the_end_of_the_block_ends_what_runs() -> None:
    """Whoever still waits is told, and no process outlives the pool."""
    async with trio.open_nursery() as nursery:
        async with open_pool() as pool:
            worker = int(await ask(pool, "process_id"))
            nursery.start_soon(_expect_end, pool)
            await trio.testing.wait_all_tasks_blocked()
        assert not is_alive(worker)


async def _expect_end(pool: Pool) -> None:
    with pytest.raises(WorkerStartError, match="being ended"):
        await ask(pool, "spin")
