"""Durable executions on a store that cannot be written, or is damaged: refused in words, and nothing half done."""

from pathlib import Path

import pytest
from msgspec import Raw

from engine.durability.entries import stream_of
from engine.errors import NotKeptError
from engine.keeping.keeper import Keeper
from engine.limits import EngineLimits
from engine.runtime import open_runtime
from proto.execution import ExecuteOptions, ExecutionState
from proto.message import Injection
from store.protocol import Append, Drop, Entry
from store.sqlite import open_sqlite_store
from tests.engine.durability.runtimes import kept_runtime
from tests.engine.executions import document

PASS = document({"a": "symbia.core.passthrough"})
LIMITS = EngineLimits(kept_outputs=100)
DURABLE = ExecuteOptions(completion="manual", durable=True)


async def test_a_store_that_became_read_only_refuses_and_what_runs_goes_on(tmp_path: Path) -> None:
    """Injections, commands and beginnings are refused, a stop is not; afterwards all is as it was."""
    async with open_sqlite_store(tmp_path) as store, open_runtime(limits=LIMITS, keeper=Keeper(store)) as runtime:
        graph = await runtime.library.load_graph(PASS)
        execution = (await runtime.execute(graph.id, DURABLE)).id
        handle = runtime.execution(execution)
        await handle.inject([Injection("a", "in", Raw(b"1"))])
        store._writer._connection.execute("PRAGMA query_only = 1")
        with pytest.raises(NotKeptError, match="written"):
            await handle.inject([Injection("a", "in", Raw(b"2"))])
        with pytest.raises(NotKeptError):
            await handle.pause()
        with pytest.raises(NotKeptError):
            await runtime.execute(graph.id, DURABLE)
        await handle.wait_quiescent()
        assert [bytes(each.value) for each in handle.outputs()] == [b"1"]
        assert handle.head().state is ExecutionState.RUNNING
        assert runtime.underway() == [execution]
        await handle.stop()
    async with kept_runtime(tmp_path) as runtime:
        head = runtime.execution(execution).head()
        assert head.state in (ExecutionState.RUNNING, ExecutionState.CANCELLED)


async def test_a_damaged_log_is_said_and_kept(tmp_path: Path) -> None:
    """The execution does not go on, and nothing of it is thrown away; the others do."""
    async with kept_runtime(tmp_path) as runtime:
        graph = await runtime.library.load_graph(PASS)
        damaged, sound = [(await runtime.execute(graph.id, DURABLE)).id for _ in range(2)]
        for execution in (damaged, sound):
            await runtime.execution(execution).inject([Injection("a", "in", Raw(b"1"))])
        await runtime.suspend()
    async with open_sqlite_store(tmp_path) as store:
        stream = stream_of("", damaged)
        await store.write([Drop(stream), Append(stream, [Entry(100, b"nothing of ours")])])
    async with kept_runtime(tmp_path) as runtime:
        head = runtime.execution(damaged).head()
        assert head.state is ExecutionState.PENDING
        assert head.error is not None
        assert "the store is damaged" in head.error.message
        assert runtime.execution(sound).head().state is ExecutionState.RUNNING
    async with open_sqlite_store(tmp_path) as store:
        assert [each.body async for each in store.read_entries(stream)] == [b"nothing of ours"]
