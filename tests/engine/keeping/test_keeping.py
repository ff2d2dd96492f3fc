"""What outlives the process: graphs with their versions, and executions as they ended."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import uuid4

import pytest
import trio
from msgspec import Raw

from engine.errors import NotKeptError
from engine.keeping.keeper import Keeper
from engine.keeping.records import CUT_OFF
from engine.limits import EngineLimits
from engine.restoring import Restored
from engine.runtime import Runtime, open_runtime
from proto.execution import ExecuteOptions, ExecutionState
from proto.message import Injection
from store.errors import StoreError
from store.protocol import Record
from store.sqlite import open_sqlite_store
from tests.engine.executions import document, node

PASS = {**document({"a": "symbia.core.passthrough"}), "name": "orders"}
OTHER = {**document({"b": "symbia.core.logger"}), "name": "orders"}
MANUAL = ExecuteOptions(completion="manual")
LIMITS = EngineLimits(kept_versions=2, finished_executions=2)


@asynccontextmanager
async def kept_runtime(folder: Path, **options: int) -> AsyncIterator[tuple[Runtime, Restored]]:
    """A runtime with a store in a folder, and what it found there."""
    async with (
        open_sqlite_store(folder, **options) as store,
        open_runtime(limits=LIMITS, keeper=Keeper(store)) as runtime,
    ):
        yield runtime, await runtime.restore()


async def test_a_graph_is_there_after_a_restart_with_its_versions(tmp_path: Path) -> None:
    """Under its id, its number, its owner and its tag, and it runs."""
    async with kept_runtime(tmp_path) as (runtime, _):
        first = await runtime.library.load_graph(PASS, owner="o", by="alice")
        await runtime.library.load_graph(OTHER, owner="other")
        before = (await runtime.library.replace_graph(first.id, OTHER, by="bob")).graph
    async with kept_runtime(tmp_path) as (runtime, restored):
        assert (restored.graphs, restored.failed) == (2, ())
        graph = runtime.library.graph(first.id)
        assert (graph.owner, graph.number, graph.tag, graph.loaded_at) == ("o", 2, before.tag, before.loaded_at)
        history = runtime.library.graph_versions(first.id)
        assert [(each.number, each.made_by, each.content.definition.nodes[0].id) for each in history] == [
            (1, "alice", "a"),
            (2, "bob", "b"),
        ]
        assert [each.owner for each in runtime.library.graphs()] == ["o", "other"]
        assert (await runtime.execute(first.id, MANUAL)).state is ExecutionState.RUNNING
        assert (await runtime.library.replace_graph(first.id, PASS)).graph.number == 3


async def test_versions_that_are_let_go_of_leave_the_store_too(tmp_path: Path) -> None:
    """Two are kept here; and a graph that was unloaded has gone with all of them."""
    async with open_sqlite_store(tmp_path) as store, open_runtime(limits=LIMITS, keeper=Keeper(store)) as runtime:
        graph = await runtime.library.load_graph(PASS)
        for content in (OTHER, PASS, OTHER):
            await runtime.library.replace_graph(graph.id, content)
        assert [each.number for each in runtime.library.graph_versions(graph.id)] == [3, 4]
        keys = [record.key.rpartition("/")[2] async for record in store.read_all("graph")]
        assert keys == ["0000000003", "0000000004"]
        await runtime.unload_graph(graph.id)
        assert [record async for record in store.read_all("graph")] == []


async def test_what_cannot_be_kept_is_refused_and_changes_nothing(tmp_path: Path) -> None:
    """A graph too large for what is left of the file: neither it nor its new version is there, now or later."""
    large = {**PASS, "metadata": {"note": "x" * 400_000}}
    async with kept_runtime(tmp_path, bound_bytes=200_000) as (runtime, _):
        graph = await runtime.library.load_graph(PASS)
        held = runtime.ledger.held_by("")
        for attempt in (runtime.library.load_graph(large), runtime.library.replace_graph(graph.id, large)):
            with pytest.raises(NotKeptError, match="nothing was changed: the store is full"):
                await attempt
        assert runtime.library.graphs() == [graph]
        assert runtime.ledger.held_by("") == held
        assert runtime.keeper.statistics().failures == 2
    async with kept_runtime(tmp_path) as (runtime, restored):
        assert restored.graphs == 1
        assert runtime.library.graph(graph.id).number == 1


async def test_an_execution_that_ended_is_known_after_a_restart(tmp_path: Path) -> None:
    """With its counters and its log; of more than are kept, the oldest go, from the store as well."""
    async with kept_runtime(tmp_path) as (runtime, _):
        graph = await runtime.library.load_graph(OTHER)
        ids = []
        for value in (1, 2, 3):
            inputs = (Injection("b", "in", Raw(str(value).encode())),)
            snapshot = await runtime.execute(graph.id, ExecuteOptions(inputs=inputs))
            await runtime.execution(snapshot.id).wait_finished()
            ids.append(snapshot.id)
        await trio.testing.wait_all_tasks_blocked()
        await runtime.execution(ids[1]).forget()
    async with kept_runtime(tmp_path) as (runtime, restored):
        assert restored.executions == 1
        (snapshot,) = runtime.executions()
        assert (snapshot.id, snapshot.state) == (ids[2], ExecutionState.COMPLETED)
        assert snapshot.metrics.messages_processed == 1
        assert [line.message for line in runtime.execution(ids[2]).logs()] == ["3"]


async def test_an_execution_that_was_cut_off_has_failed_and_says_so(tmp_path: Path) -> None:
    """The process has ended without a word: what is left is its beginning."""
    async with open_sqlite_store(tmp_path) as store:
        async with open_runtime(keeper=Keeper(store)) as runtime:
            graph = await runtime.library.load_graph(PASS)
            running = await runtime.execute(graph.id, MANUAL)
            while await store.read("execution", "", running.id) is None:
                await trio.lowlevel.checkpoint()
            beginning = await store.read("execution", "", running.id)
        assert beginning is not None
        await store.write([beginning])  # as the end would have found it
    for _ in range(2):  # it stays so
        async with kept_runtime(tmp_path) as (runtime, _):
            snapshot = runtime.execution(running.id).head()
            assert snapshot.state is ExecutionState.FAILED
            assert snapshot.error is not None
            assert snapshot.error.message == CUT_OFF


async def test_a_store_that_fails_loses_no_run(tmp_path: Path) -> None:
    """An execution goes on and ends; what could not be written of it is counted, and complained of."""
    complaints: list[StoreError] = []
    async with open_sqlite_store(tmp_path, bound_bytes=100_000) as store:
        async with open_runtime(keeper=Keeper(store, complaints.append)) as runtime:
            graph = await runtime.library.load_graph(PASS)
            size = 50_000
            while size:  # fill the file to its last byte
                try:
                    await store.write([Record("filler", "", str(uuid4()), bytes(size))])
                except StoreError:
                    size //= 2
            snapshot = await runtime.execute(graph.id, ExecuteOptions(inputs=()))
            finished = await runtime.execution(snapshot.id).wait_finished()
            assert finished.state is ExecutionState.COMPLETED
            await trio.testing.wait_all_tasks_blocked()
        statistics = runtime.keeper.statistics()
    assert statistics.lost >= 1
    assert statistics.failures == len(complaints) >= 1


async def test_a_graph_that_others_use_is_there_before_them(tmp_path: Path) -> None:
    """Also where it was replaced after they came, and so was written last."""
    inner = {
        **PASS,
        "name": "inner",
        "version": "1.0.0",
        "ports": {"inputs": [{"name": "in", "bind": {"node": "a", "port": "in"}}]},
    }
    async with kept_runtime(tmp_path) as (runtime, _):
        used = await runtime.library.load_graph(inner)
        await runtime.library.load_graph({**document({"x": node("graph:inner@^1.0.0")}), "name": "outer"})
        await runtime.unload_graph(used.id)
        await runtime.library.load_graph(inner)
    async with kept_runtime(tmp_path) as (runtime, restored):
        assert (restored.graphs, restored.failed) == (2, ())
        assert [graph.definition.name for graph in runtime.library.graphs()] == ["inner", "outer"]


async def test_a_graph_that_comes_again_by_itself_is_never_written(tmp_path: Path) -> None:
    """Neither when it is loaded, nor when it is replaced or unloaded: the store has seen no change."""
    async with kept_runtime(tmp_path) as (runtime, _):
        graph = await runtime.library.load_graph(PASS, is_kept=False)
        await runtime.library.replace_graph(graph.id, OTHER)
        await runtime.unload_graph(graph.id)
        assert runtime.keeper.statistics().written == 0
