"""Durable executions go on in another process: what they accepted is there, and what they were told holds."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import trio
from msgspec import Raw

from engine.compile.execution_values import fill_graph
from engine.contracts.handler import Message
from engine.contracts.observer import ExecutionObserver, FlowObserver
from engine.errors import (
    CannotGoOnError,
    ExecutionExistsError,
    IllegalTransitionError,
    InputsClosedError,
    NotDurableError,
    NotKeptError,
)
from engine.execution.lifecycle import TERMINAL
from engine.keeping.keeper import Keeper
from engine.limits import EngineLimits
from engine.runtime import Runtime, open_runtime
from proto.codec import decode, encode
from proto.execution import ExecuteOptions, ExecutionSnapshot, ExecutionState
from proto.message import Injection
from store.protocol import Record
from store.sqlite import open_sqlite_store
from tests.engine.durability.runtimes import kept_runtime
from tests.engine.executions import document, node

PASS = document({"a": "symbia.core.passthrough"})
SUM = document(
    {"a": "symbia.core.passthrough", "sum": node("symbia.core.accumulator", config={"count": 4})},
    ["a:out > sum:in"],
)
DURABLE = ExecuteOptions(completion="manual", durable=True)


async def start(runtime: Runtime, graph: dict[str, Any], options: ExecuteOptions = DURABLE) -> str:
    """Load a graph and start it; the execution's id."""
    return (await runtime.execute((await runtime.library.load_graph(graph)).id, options)).id


async def inject(runtime: Runtime, execution_id: str, *values: int, final: bool = False) -> None:
    """Inject numbers at node a."""
    messages = [Injection("a", "in", Raw(str(value).encode())) for value in values]
    await runtime.execution(execution_id).inject(messages, final=final)


async def outputs(runtime: Runtime, execution_id: str) -> list[bytes]:
    """The values that have left, when nothing is in flight."""
    await runtime.execution(execution_id).wait_quiescent()
    return [bytes(each.value) for each in runtime.execution(execution_id).outputs()]


async def test_what_was_accepted_is_processed_once_after_a_restart(tmp_path: Path) -> None:
    """Under its id, in its order, with what comes later behind it."""
    async with kept_runtime(tmp_path) as runtime:
        execution = await start(runtime, PASS)
        await inject(runtime, execution, 1, 2)
        await inject(runtime, execution, 3)
        created = runtime.execution(execution).head().created_at
    async with kept_runtime(tmp_path) as runtime:
        head = runtime.execution(execution).head()
        assert (head.state, head.created_at) == (ExecutionState.RUNNING, created)
        await inject(runtime, execution, 4)
        assert await outputs(runtime, execution) == [b"1", b"2", b"3", b"4"]


async def test_without_a_store_nothing_is_durable() -> None:
    """Asked for, it is refused, and nothing is started; a role that implies it does not."""
    async with open_runtime() as runtime:
        with pytest.raises(NotDurableError, match="DATA_DIR") as refused:
            await start(runtime, PASS)
        assert (refused.value.problems[0].code, runtime.underway()) == ("durable.impossible", [])
        await start(runtime, {**PASS, "metadata": {"role": "pipeline"}}, ExecuteOptions())
        with pytest.raises(NotDurableError):
            await start(runtime, {**PASS, "durable": True}, ExecuteOptions())
        await start(runtime, {**PASS, "durable": True}, ExecuteOptions(durable=False))


async def test_a_role_implies_it_where_there_is_a_store(tmp_path: Path) -> None:
    """Pipelines and services are durable, until their graph or whoever starts them says otherwise."""
    async with kept_runtime(tmp_path) as runtime:
        pipeline = {**PASS, "metadata": {"role": "pipeline"}}
        durable = await start(runtime, pipeline, ExecuteOptions())
        for graph, options in (
            (PASS, ExecuteOptions(completion="manual")),
            ({**pipeline, "durable": False}, ExecuteOptions()),
            ({**pipeline, "durable": True}, ExecuteOptions(durable=False)),
        ):
            await start(runtime, graph, options)
    async with kept_runtime(tmp_path) as runtime:
        assert runtime.underway() == [durable]


async def test_the_messages_that_it_began_with_are_there_again(tmp_path: Path) -> None:
    """All of them, and no others come after them."""
    async with kept_runtime(tmp_path) as runtime:
        messages = tuple(Injection("a", "in", Raw(str(value).encode())) for value in (1, 2, 3))
        slow = document({"a": node("symbia.core.delay", config={"ms": 3_600_000})})
        execution = await start(runtime, slow, ExecuteOptions(inputs=messages, durable=True))
        await trio.testing.wait_all_tasks_blocked()
    async with kept_runtime(tmp_path) as runtime:
        await trio.testing.wait_all_tasks_blocked()
        assert runtime.execution(execution).statistics().in_flight == 3
        with pytest.raises(InputsClosedError, match="all its inputs at its start"):
            await inject(runtime, execution, 4)


async def test_what_was_told_to_pause_is_paused_after_a_restart(tmp_path: Path) -> None:
    """What it held is held, and comes out in order when it is told to go on; that holds after a restart, too."""
    async with kept_runtime(tmp_path) as runtime:
        execution = await start(runtime, PASS)
        await inject(runtime, execution, 1)
        await runtime.execution(execution).pause()
        await inject(runtime, execution, 2)
    async with kept_runtime(tmp_path) as runtime:
        handle = runtime.execution(execution)
        assert handle.head().state is ExecutionState.PAUSED
        await inject(runtime, execution, 3)
        await handle.resume()
        assert await outputs(runtime, execution) == [b"1", b"2", b"3"]
    async with kept_runtime(tmp_path) as runtime:
        assert runtime.execution(execution).head().state is ExecutionState.RUNNING


@pytest.mark.parametrize("way", ["complete", "final"])
async def test_what_was_told_that_no_more_comes_ends_after_a_restart(tmp_path: Path, way: str) -> None:
    """It gives out what it holds, and completes."""
    async with kept_runtime(tmp_path) as runtime:
        execution = await start(runtime, SUM)
        await runtime.execution(execution).pause()
        await inject(runtime, execution, 1, 2, final=way == "final")
        if way == "complete":
            await runtime.execution(execution).complete()
    async with kept_runtime(tmp_path) as runtime:
        await runtime.execution(execution).resume()
        ended = await runtime.execution(execution).wait_finished()
        assert (ended.state, ended.metrics.messages_processed) == (ExecutionState.COMPLETED, 4)
    async with kept_runtime(tmp_path) as runtime:
        assert runtime.execution(execution).head() == ended


@pytest.mark.parametrize("drain", [False, True])
async def test_what_was_stopped_does_not_come_to_life_again(tmp_path: Path, *, drain: bool) -> None:
    """It is known as it ended, and nothing is left of its log."""
    async with kept_runtime(tmp_path) as runtime:
        execution = await start(runtime, PASS)
        await inject(runtime, execution, 1)
        await runtime.execution(execution).stop(drain=drain)
    async with open_sqlite_store(tmp_path) as store:
        assert [each async for each in store.read_streams("accepted")] == []
        assert [each async for each in store.read_all("checkpoint")] == []
    async with kept_runtime(tmp_path) as runtime:
        assert runtime.underway() == []
        expected = ExecutionState.COMPLETED if drain else ExecutionState.CANCELLED
        assert runtime.execution(execution).head().state is expected


async def test_what_was_forgotten_is_gone_after_a_restart(tmp_path: Path) -> None:
    """Also where it ended with its graph."""
    async with kept_runtime(tmp_path) as runtime:
        forgotten = await start(runtime, PASS)
        await runtime.execution(forgotten).forget()
        unloaded = await start(runtime, PASS)
        await runtime.unload_graph(runtime.execution(unloaded).head().graph_id)
    async with kept_runtime(tmp_path) as runtime:
        assert [(each.id, each.state) for each in runtime.executions()] == [(unloaded, ExecutionState.CANCELLED)]


async def test_nothing_is_acknowledged_that_the_store_has_no_room_for(tmp_path: Path) -> None:
    """It is refused as a whole and not processed; what was accepted before is, and stopping works."""
    async with kept_runtime(tmp_path, bound_bytes=200_000) as runtime:
        execution = await start(runtime, PASS)
        await inject(runtime, execution, 1)
        large = Injection("a", "in", Raw(b'"' + b"x" * 300_000 + b'"'))
        with pytest.raises(NotKeptError, match="the store is full"):
            await runtime.execution(execution).inject([large])
        assert await outputs(runtime, execution) == [b"1"]
        await inject(runtime, execution, 2)
        await runtime.execution(execution).stop()
    async with kept_runtime(tmp_path) as runtime:
        assert runtime.underway() == []


async def test_an_execution_is_not_started_that_the_store_has_no_room_for(tmp_path: Path) -> None:
    """With inputs that do not fit, nothing is there: no execution, no memory, and nothing after a restart."""
    async with kept_runtime(tmp_path, bound_bytes=200_000) as runtime:
        graph = await runtime.library.load_graph(PASS)
        held = runtime.ledger.held_by("")
        large = Injection("a", "in", Raw(b'"' + b"x" * 300_000 + b'"'))
        with pytest.raises(NotKeptError):
            await runtime.execute(graph.id, ExecuteOptions(inputs=(large,), durable=True))
        assert (runtime.executions(), runtime.ledger.held_by("")) == ([], held)
    async with kept_runtime(tmp_path) as runtime:
        assert runtime.executions() == []


async def test_it_goes_on_in_the_version_that_it_began_with(tmp_path: Path) -> None:
    """Although the graph has been replaced by others since, more than are kept."""
    limits = EngineLimits(kept_outputs=100, kept_versions=1)
    async with kept_runtime(tmp_path, limits) as runtime:
        execution = await start(runtime, PASS)
        graph = runtime.execution(execution).head().graph_id
        await runtime.library.replace_graph(graph, document({"b": "symbia.core.logger"}))
        await inject(runtime, execution, 1)
    async with kept_runtime(tmp_path, limits) as runtime:
        await runtime.library.replace_graph(graph, document({"c": "symbia.core.logger"}))
        assert await outputs(runtime, execution) == [b"1"]
        assert runtime.execution(execution).head().graph_version == 1


async def test_it_waits_for_a_component_that_is_gone(tmp_path: Path) -> None:
    """It says why it does not go on, takes nothing, keeps what it has, and goes on when the component is back."""
    async with kept_runtime(tmp_path) as runtime:
        execution = await start(runtime, PASS)
        await inject(runtime, execution, 1)
    async with open_sqlite_store(tmp_path) as store:
        (record,) = [each async for each in store.read_all("graph")]
        other = reworded(record, b"symbia.core.passthrough", b"org.example.gonefornow")
        await store.write([other])
    async with kept_runtime(tmp_path) as runtime:
        head = runtime.execution(execution).head()
        assert head.state is ExecutionState.PENDING
        assert head.error is not None
        assert head.error.message.startswith("It cannot go on yet: Graph not found")
        with pytest.raises(IllegalTransitionError, match="It cannot go on yet"):
            await runtime.execution(execution).inject([])
        assert [each.id for each in runtime.executions()] == [execution]
    async with open_sqlite_store(tmp_path) as store:
        await store.write([record])
    async with kept_runtime(tmp_path) as runtime:
        assert await outputs(runtime, execution) == [b"1"]


@pytest.mark.parametrize("way", ["stop", "forget"])
async def test_what_cannot_go_on_can_be_ended(tmp_path: Path, way: str) -> None:
    """It is then one that was stopped, or is not there any more; here and after a restart."""
    async with kept_runtime(tmp_path) as runtime:
        execution = await start(runtime, PASS)
    async with open_sqlite_store(tmp_path) as store:
        (record,) = [each async for each in store.read_all("graph")]
        await store.write([reworded(record, b"symbia.core.passthrough", b"org.example.gonefornow")])
    async with kept_runtime(tmp_path) as runtime:
        handle = runtime.execution(execution)
        if way == "stop":
            assert (await handle.stop()).state is ExecutionState.CANCELLED
        else:
            await handle.forget()
    async with kept_runtime(tmp_path) as runtime:
        states = [each.state for each in runtime.executions()]
        assert states == ([ExecutionState.CANCELLED] if way == "stop" else [])


async def test_no_number_is_used_twice(tmp_path: Path) -> None:
    """Messages keep the numbers that they were accepted with; all others are new ones, in each process."""
    seen: list[int] = []
    for process in range(3):
        async with kept_runtime(tmp_path) as runtime:
            if not process:
                execution = await start(runtime, SUM)
            await runtime.execution(execution).wait_quiescent()  # what the process before has left is done again
            sequences = _Sequences()
            with runtime.execution(execution).watch(sequences):
                await inject(runtime, execution, 1)
                await runtime.execution(execution).wait_quiescent()
            seen += sequences.numbers
    assert len(seen) == 6 == len(set(seen))
    assert seen == sorted(seen)


async def test_no_number_after_a_checkpoint_is_used_twice(tmp_path: Path) -> None:
    """Also those that were given after it, when the process was killed."""
    seen: list[int] = []
    with trio.CancelScope() as process:
        async with kept_runtime(tmp_path) as runtime:
            execution = await start(runtime, SUM)
            await runtime.execution(execution).edge("0").pause()
            await runtime.execution(execution).edge("0").resume()
            seen += await numbers_of_one_more(runtime, execution)
            process.cancel()
            await trio.lowlevel.checkpoint()
    async with kept_runtime(tmp_path) as runtime:
        await runtime.execution(execution).wait_quiescent()
        seen += await numbers_of_one_more(runtime, execution)
    assert len(seen) == 4 == len(set(seen))


async def numbers_of_one_more(runtime: Runtime, execution_id: str) -> list[int]:
    """The numbers that are given to a message and to what comes of it."""
    sequences = _Sequences()
    with runtime.execution(execution_id).watch(sequences):
        await inject(runtime, execution_id, 1)
        await runtime.execution(execution_id).wait_quiescent()
    return sequences.numbers


@pytest.mark.parametrize("is_found", [False, True])
async def test_what_is_ended_while_it_is_looked_at_stays_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, is_found: bool
) -> None:
    """It can be found, its id is taken, and it can be stopped; whether or not it could have gone on then."""
    async with kept_runtime(tmp_path) as runtime:
        execution = await start(runtime, PASS)
    async with open_sqlite_store(tmp_path) as store, open_runtime(keeper=Keeper(store)) as runtime:

        async def look(*asked: Any) -> Any:
            handle = runtime.execution(execution)
            assert handle.head().state is ExecutionState.PENDING
            with pytest.raises(ExecutionExistsError):
                runtime._executions.refuse_taken(execution, "")
            await handle.stop()
            if is_found:
                return await fill_graph(*asked)
            raise CannotGoOnError("it lacks something")

        if is_found:
            monkeypatch.setattr("engine.running.assembly.fill_graph", look)
        else:
            monkeypatch.setattr(runtime.library, "graph_in_version", look)
        await runtime.restore()
        assert runtime.underway() == []
        assert runtime.execution(execution).head().state is ExecutionState.CANCELLED


async def test_a_drain_of_what_is_paused_needs_no_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It lets go on, and ends, although nothing of that can be written."""
    async with kept_runtime(tmp_path) as runtime:
        execution = await start(runtime, PASS)
        await runtime.execution(execution).pause()
        await inject(runtime, execution, 1)
        monkeypatch.setattr(Keeper, "keep", refuse)
        ended = await runtime.execution(execution).stop(drain=True)
        assert (ended.state, ended.metrics.messages_processed) == (ExecutionState.COMPLETED, 1)


async def refuse(*_asked: object) -> None:
    """Write nothing."""
    raise NotKeptError("the store is full")


async def test_coming_to_rest_is_told_to_nobody_as_an_end(tmp_path: Path) -> None:
    """An end of the process is none of its executions: nobody hears that messages were left."""
    states = _States()
    for _ in range(2):
        async with kept_runtime(tmp_path) as runtime:
            runtime.observe(states)
            if not states.told:
                execution = await start(runtime, SUM)
                await inject(runtime, execution, 1)
    assert states.told[-1] is ExecutionState.RUNNING
    assert not set(states.told) & TERMINAL


class _States(ExecutionObserver):
    """Takes note of all states."""

    def __init__(self) -> None:
        self.told: list[ExecutionState] = []

    def state_changed(self, execution: ExecutionSnapshot) -> None:
        self.told.append(execution.state)


class _Sequences(FlowObserver):
    """Takes note of all numbers."""

    def __init__(self) -> None:
        self.numbers: list[int] = []

    def injected(self, messages: Sequence[Message], cause: str) -> None:
        del cause
        self.numbers += [message.sequence for message in messages]

    def sent(self, node_id: str, port: str, target_node: str, target_port: str, message: Message) -> None:
        del node_id, port, target_node, target_port
        self.numbers.append(message.sequence)


def reworded(record: Record, old: bytes, new: bytes) -> Record:
    """A record with other words in it."""
    return Record(record.kind, record.owner, record.key, record.body.replace(old, new))


async def test_a_timeout_counts_from_the_start_in_whichever_process(tmp_path: Path) -> None:
    """What is over when the service comes back has failed then, and says which limit was met."""
    async with kept_runtime(tmp_path) as runtime:
        execution = await start(
            runtime, PASS, ExecuteOptions(completion="manual", durable=True, timeout_ms=60_000)
        )
    async with open_sqlite_store(tmp_path) as store:
        (record,) = [each async for each in store.read_all("execution")]
        kept = decode(record.body)
        kept["snapshot"]["createdAt"] = "2026-01-01T00:00:00.000Z"
        await store.write([Record(record.kind, record.owner, record.key, encode(kept))])
    async with kept_runtime(tmp_path) as runtime:
        ended = await runtime.execution(execution).wait_finished()
        assert ended.state is ExecutionState.FAILED
        assert ended.error is not None
        assert "timeout of 60000 ms" in ended.error.message
    async with kept_runtime(tmp_path) as runtime:
        assert (runtime.underway(), runtime.execution(execution).head().state) == ([], ExecutionState.FAILED)
