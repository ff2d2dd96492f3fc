"""``symbia.source.timer``: ticks, pauses, slow nodes behind it, and the end."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest
import trio
import trio.testing

from engine.builtin.source_timer import TIMER
from engine.contracts.observer import FlowObserver
from engine.errors import InvalidGraphError
from engine.runtime import Runtime, open_runtime
from engine.wall_clock import WallClock
from proto.execution import ExecuteOptions, ExecutionState
from proto.message import Injection
from tests.engine.builtin.harness import driven
from tests.engine.executions import document, node, open_execution
from tests.engine.handlers import Journal


class Ticks(FlowObserver):
    """What left the graph, and when by Trio's clock."""

    def __init__(self) -> None:
        self.seen: list[tuple[float, Any]] = []

    def emitted(self, node_id: str, port: str, value: bytes) -> None:
        del node_id, port
        self.seen.append((round(trio.current_time(), 3), msgspec.json.decode(value)))

    @property
    def times(self) -> list[float]:
        return [moment for moment, _ in self.seen]


@asynccontextmanager
async def ticking(
    graph: dict[str, Any], options: ExecuteOptions | None = None
) -> AsyncIterator[tuple[Runtime, str, Ticks]]:
    """A runtime with an execution of a graph, watched from its start; the clock begins at 0."""
    async with open_runtime(clock=WallClock(trio.current_time)) as runtime:
        loaded = await runtime.library.load_graph(graph)
        execution = await runtime.execute(loaded.id, options)
        ticks = Ticks()
        with runtime.execution(execution.id).watch(ticks):
            yield runtime, execution.id, ticks


def timer(interval_ms: float = 1000, **config: Any) -> dict[str, Any]:
    return node("symbia.source.timer", config={"intervalMs": interval_ms, **config})


async def test_it_ticks_at_every_interval(autojump_clock: trio.testing.MockClock) -> None:
    """Ticks are counted, bear the time and the payload, and come from the first interval on."""
    del autojump_clock
    async with ticking(document({"t": timer(payload={"source": "clock"})})) as (_, _, ticks):
        await trio.sleep(3.5)
    first = ticks.seen[0][1]
    assert ticks.times == pytest.approx([1, 2, 3])
    assert (first["tick"], first["source"], first["ts"][:17]) == (1, "clock", "1970-01-01T00:00:")
    assert [value["tick"] for _, value in ticks.seen] == [1, 2, 3]
    assert "missed" not in first


async def test_a_payload_may_stand_for_the_ticks_own_fields(autojump_clock: trio.testing.MockClock) -> None:
    """What the author says counts, where the names are the same."""
    del autojump_clock
    async with ticking(document({"t": timer(payload={"tick": "tock"})})) as (_, _, ticks):
        await trio.sleep(1.5)
    assert ticks.seen[0][1]["tick"] == "tock"


async def test_its_executions_live_until_they_are_stopped(autojump_clock: trio.testing.MockClock) -> None:
    """A graph with a source is neither completed by quiet nor ended by the default timeout."""
    del autojump_clock
    async with ticking(document({"t": timer(60_000)})) as (runtime, execution, _):
        await trio.sleep(3600)
        assert runtime.execution(execution).snapshot().state is ExecutionState.RUNNING
        await runtime.execution(execution).stop()
        assert runtime.execution(execution).snapshot().state is ExecutionState.CANCELLED


async def test_a_pause_holds_the_ticks(autojump_clock: trio.testing.MockClock) -> None:
    """Nothing leaves while paused; on resume one tick says how many it stands for, and the grid goes on."""
    del autojump_clock
    async with ticking(document({"t": timer()})) as (runtime, execution, ticks):
        await trio.sleep(1.5)
        await runtime.execution(execution).pause()
        await trio.sleep(100)
        assert ticks.times == [1]
        await runtime.execution(execution).resume()
        await trio.sleep(1)
    assert ticks.times == pytest.approx([1, 101.5, 102])
    assert [value.get("missed") for _, value in ticks.seen] == [None, 99, None]
    assert [value["tick"] for _, value in ticks.seen] == [1, 2, 3]


async def test_slow_nodes_hold_the_ticks_back(autojump_clock: trio.testing.MockClock) -> None:
    """Where the next node takes longer than the interval, ticks are left out and counted, and no queue grows."""
    del autojump_clock
    journal = Journal()
    slow = node("slow", config={"seconds": 1}, inbox={"capacity": 1})
    graph = document({"t": timer(100), "s": slow}, ["t:out > s:in"])
    async with open_execution(graph, journal, more={"symbia.source.timer": TIMER}) as execution:
        await trio.sleep(20)
        statistics = execution.statistics()
    ticks = journal.values("s")
    assert 18 <= len(ticks) <= 21
    assert [tick["tick"] for tick in ticks] == list(range(1, len(ticks) + 1))
    assert 170 <= sum(1 + tick.get("missed", 0) for tick in ticks) <= 200  # the last three are still on their way
    assert statistics.nodes[1].peak_messages == 1


async def test_it_ends_when_no_more_input_comes(autojump_clock: trio.testing.MockClock) -> None:
    """After ``complete`` no tick is made any more, so that what was made can be drained."""
    del autojump_clock
    graph = document({"t": timer(100), "d": node("symbia.core.delay", config={"ms": 1000})}, ["t:out > d:in"])
    async with ticking(graph) as (runtime, execution, ticks):
        await trio.sleep(1.05)
        await runtime.execution(execution).complete()
        finished = await runtime.execution(execution).wait_finished()
    assert finished.state is ExecutionState.COMPLETED
    assert len(ticks.seen) == 10
    assert ticks.times[-1] == pytest.approx(2.0)


async def test_an_injected_value_passes_as_a_tick(autojump_clock: trio.testing.MockClock) -> None:
    """What is injected into a timer leaves it unchanged, at once."""
    del autojump_clock
    async with ticking(document({"t": timer()})) as (runtime, execution, ticks):
        await runtime.execution(execution).inject([Injection("t", "in", msgspec.Raw(b'{"by": "hand"}'))])
        await runtime.execution(execution).wait_quiescent()
    assert [value for _, value in ticks.seen] == [{"by": "hand"}]


async def test_the_interval_is_bounded() -> None:
    """A timer that ticks hardly ever refuses the graph."""
    async with open_runtime() as runtime:
        with pytest.raises(InvalidGraphError) as caught:
            await runtime.library.load_graph(document({"t": timer(86_400_001)}))
    assert [problem.path for problem in caught.value.problems] == ["nodes[0].config.intervalMs"]


@pytest.mark.parametrize(
    ("asked", "seconds"), [(99, 0.1), (0, 0.1), (-1, 0.1), ("250", 0.25), (None, 5.0), ("soon", 0.1)]
)
async def test_the_interval_is_what_the_platform_makes_of_it(
    asked: float | str | None, seconds: float, autojump_clock: trio.testing.MockClock
) -> None:
    """It is a number, whatever it is written as, and none is shorter than the platform's shortest."""
    del autojump_clock
    async with driven(TIMER, intervalMs=asked, payload=None) as driver:
        assert driver.handler.due() == trio.current_time() + seconds
