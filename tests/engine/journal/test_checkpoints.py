"""Checkpoints among the records: at the beginning of what begins late, and now and then."""

from collections.abc import Awaitable, Callable

import trio

from engine.checkpoint.encoding import decoded
from engine.contracts.surroundings import SameForAll, Surroundings
from engine.cooperative.slices import in_slices
from engine.journal.checkpointing import CHECKPOINT_BYTES, CHECKPOINT_SECONDS, Checkpointing
from engine.journal.records import Checkpointed, Injected
from engine.limits import EngineLimits
from engine.runtime import open_runtime
from tests.engine.executions import document, node
from tests.engine.journal.recorded import records_of, started, values_to

WAITING = document({"a": "symbia.core.passthrough", "b": node("symbia.core.delay", config={"ms": 60_000})}, [])


async def test_what_begins_to_be_noted_later_begins_with_a_checkpoint() -> None:
    """In it is what happened before, and nothing of what came after."""
    async with open_runtime() as runtime:
        execution_id = await started(runtime, WAITING, None)
        handle = runtime.execution(execution_id)
        await handle.inject(values_to("b", 1))
        await trio.testing.wait_all_tasks_blocked()
        handle.record("inputs")
        await trio.testing.wait_all_tasks_blocked()
        await handle.inject(values_to("b", 2))
        records = await records_of(runtime, execution_id)
        (noted,) = [each for each in records if isinstance(each, Checkpointed)]
        (later,) = [each for each in records if isinstance(each, Injected)]
        checkpoint = await in_slices(decoded(noted.body))
        assert noted.sequence == checkpoint.sequence <= later.number
        state = next(each for each in checkpoint.nodes if each.id == "b")
        assert state.handler is not None
        assert [message.value for message in state.handler.messages] == [b"1"]
        assert runtime.recordings.recording(execution_id).figures.moments == [(noted.number, noted.sequence)]


async def test_an_execution_with_secrets_has_no_checkpoints() -> None:
    """Its states may hold them in any form."""
    url = "http://127.0.0.1:9/?key=${secret.key}"
    graph = document({"a": node("symbia.io.http-request", config={"url": url})})
    vault = SameForAll(Surroundings(secrets={"key": "a-very-secret-key"}))
    async with open_runtime(vault=vault) as runtime:
        execution_id = await started(runtime, graph, None)
        runtime.execution(execution_id).record("full")
        await trio.testing.wait_all_tasks_blocked()
        assert not [each for each in await records_of(runtime, execution_id) if isinstance(each, Checkpointed)]


async def test_a_checkpoint_comes_when_enough_was_noted_since_the_last_one() -> None:
    """A segment begins at its moment, so what came before it may be let go of."""
    values = [f'"{number:06}{"x" * 50_000}"' for number in range(100)]
    async with open_runtime(limits=EngineLimits(recording_bytes=2**30)) as runtime:
        execution_id = await started(runtime, WAITING, "inputs")
        for value in values:
            await runtime.execution(execution_id).inject(values_to("a", value))
        await trio.testing.wait_all_tasks_blocked()
        figures = runtime.recordings.recording(execution_id).figures
        ((_, sequence),) = figures.moments
        assert sequence in [first for first, _ in figures.segments]


class Spawned:
    """Tasks that are spawned, and run when a test says so."""

    def __init__(self) -> None:
        self.tasks: list[Callable[[], Awaitable[None]]] = []

    def spawn(self, task: Callable[[], Awaitable[None]]) -> bool:
        self.tasks.append(task)
        return True

    async def run(self) -> int:
        """Run what was spawned; return how many there were."""
        tasks, self.tasks = self.tasks, []
        for task in tasks:
            await task()
        return len(tasks)


async def test_the_next_one_is_due_by_bytes_and_by_time_and_by_what_the_last_one_weighed(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """A heavy one is not repeated before four times its weight has come, however late it is."""
    weight, spawned = 10, Spawned()
    noted: list[int] = []

    async def take() -> tuple[int, bytes]:
        return 1, b"x" * weight

    checkpointing = Checkpointing(take, lambda _, body: noted.append(len(body)), spawned.spawn, 10_000)
    checkpointing.have_come(CHECKPOINT_BYTES - 1)
    assert await spawned.run() == 0
    checkpointing.have_come(1)
    checkpointing.have_come(CHECKPOINT_BYTES)
    assert await spawned.run() == 1
    autojump_clock.jump(CHECKPOINT_SECONDS)
    checkpointing.have_come(39)
    assert await spawned.run() == 0
    weight = 20_000
    checkpointing.have_come(1)
    assert await spawned.run() == 1
    autojump_clock.jump(CHECKPOINT_SECONDS)
    checkpointing.have_come(79_999)
    assert await spawned.run() == 0
    assert noted == [10]
