"""Sources: they produce while there is room, stop with their node, and end their execution when all have ended."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest
import trio
import trio.testing

from engine.builtin.declare import declare, port
from engine.builtin.source_generate import GENERATE
from engine.contracts.component import Builtin
from engine.contracts.handler import InstanceContext
from engine.contracts.source import Outlet, Produced, SourceHandler
from engine.execution.execution import Execution
from proto.codec import encode
from proto.execution import ExecutionState
from tests.engine.executions import document, node, open_execution
from tests.engine.handlers import Journal

GENERATING = {"symbia.source.generate": GENERATE}


def generating(**config: Any) -> dict[str, Any]:
    return node("symbia.source.generate", config={"value": "{n}", **config})


def a_source(make: Callable[[], SourceHandler]) -> dict[str, Builtin]:
    """A component by the name ``producing``."""
    definition = declare("test.producing", "Source", "", inputs=(), outputs=(port("out", ""),))

    def made(context: InstanceContext) -> SourceHandler:
        del context
        return make()

    return {"producing": Builtin(definition, made, produces=True)}


class Counting(SourceHandler):
    """Produces numbers, as fast as they leave; it counts how often it was asked."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = 0

    async def fetch(self) -> Produced:
        self.asked += 1
        number = (self.reached or 0) + 1
        return Produced([(0, encode(number))], position=number)


async def test_a_full_graph_stops_the_reading(autojump_clock: trio.testing.MockClock) -> None:
    """Of what a slow node does not take, as much is read as its inbox holds, and one batch more."""
    del autojump_clock
    source, journal = Counting(), Journal()
    graph = document(
        {"g": "producing", "s": node("slow", config={"seconds": 10}, inbox={"capacity": 3})}, ["g:out > s:in"]
    )
    async with open_execution(graph, journal, more=a_source(lambda: source)):
        await trio.sleep(5)
        assert source.asked == 5  # one at work, three waiting, one in hand
        await trio.sleep(10)
        assert source.asked == 8  # one done, three at work, three waiting, one in hand


async def test_the_end_of_all_sources_completes(autojump_clock: trio.testing.MockClock) -> None:
    """With ``auto`` an execution ends when all of its sources have, and never before, however quiet it is."""
    del autojump_clock
    journal = Journal()
    nodes = {"a": generating(count=2, perSecond=0), "b": generating(count=2, perSecond=0.001), "r": "forward"}
    graph = document(nodes, ["a:out > r:in", "b:out > r:in"])
    async with open_execution(graph, journal, completion="auto", more=GENERATING) as execution:
        await trio.sleep(900)
        assert not execution.finished.is_set()
        await execution.finished.wait()
        assert execution.state is ExecutionState.COMPLETED
    assert sorted(journal.values("r")) == [1, 1, 2, 2]
    assert trio.current_time() == pytest.approx(1000)


async def test_a_source_of_nothing_completes(autojump_clock: trio.testing.MockClock) -> None:
    """Where nothing ever came, there is nothing to wait for either."""
    del autojump_clock

    class Empty(SourceHandler):
        async def fetch(self) -> Produced:
            return Produced(is_end=True)

    graph = document({"g": "producing"})
    async with open_execution(graph, Journal(), completion="auto", more=a_source(Empty)) as execution:
        await execution.finished.wait()
        assert execution.state is ExecutionState.COMPLETED


async def test_a_pause_holds_what_is_produced(autojump_clock: trio.testing.MockClock) -> None:
    """While paused nothing leaves, and no more than one batch is read; on resume it goes on without a gap."""
    del autojump_clock
    journal = Journal()
    graph = document({"g": generating(perSecond=1), "r": "forward"}, ["g:out > r:in"])
    async with open_execution(graph, journal, more=GENERATING) as execution:
        await trio.sleep(2.5)
        await execution.pause()
        await trio.sleep(100)
        assert journal.values("r") == [1, 2, 3]
        await execution.resume()
        await trio.sleep(2.1)
    assert journal.values("r") == [1, 2, 3, 4, 5, 6, 7]


async def test_a_drain_ends_the_reading_and_loses_nothing(autojump_clock: trio.testing.MockClock) -> None:
    """A draining stop reads no more; what had been read leaves and is processed."""
    del autojump_clock
    source, journal = Counting(), Journal()
    graph = document(
        {"g": "producing", "s": node("slow", config={"seconds": 1}, inbox={"capacity": 1})}, ["g:out > s:in"]
    )
    async with open_execution(graph, journal, more=a_source(lambda: source)) as execution:
        await trio.sleep(1.5)
        asked = source.asked
        await execution.stop(drain=True)
        assert execution.state is ExecutionState.COMPLETED
    assert journal.values("s") == list(range(1, asked + 1))


async def test_a_source_that_says_nothing_is_asked_slowly(autojump_clock: trio.testing.MockClock) -> None:
    """One that has nothing, and does not say when to ask again, is no busy loop."""
    del autojump_clock

    class Silent(Counting):
        async def fetch(self) -> Produced:
            self.asked += 1
            return Produced()

    source = Silent()
    async with open_execution(document({"g": "producing"}), Journal(), more=a_source(lambda: source)):
        await trio.sleep(10)
    assert source.asked <= 101


class Failing(Counting):
    """Raises at every number that three divides, once."""

    def __init__(self) -> None:
        super().__init__()
        self.moments: list[float] = []

    async def run(self, outlet: Outlet) -> None:
        self.moments.append(trio.current_time())
        if len(self.moments) <= 3:
            async with trio.open_nursery():
                raise OSError("away")
        await self.give(Produced([(0, b'"back"')]), outlet)


async def test_a_failing_source_is_run_again(autojump_clock: trio.testing.MockClock) -> None:
    """Its exceptions are errors of its node; each time it is left alone for twice as long."""
    del autojump_clock
    source, journal = Failing(), Journal()
    graph = document({"g": "producing", "e": "forward", "r": "forward"}, ["g:error > e:in", "g:out > r:in"])
    async with open_execution(graph, journal, completion="auto", more=a_source(lambda: source)) as execution:
        await execution.finished.wait()
    assert source.moments == pytest.approx([0, 1, 3, 7])
    assert [value["name"] for value in journal.values("e")] == ["OSError"] * 3
    assert journal.values("r") == ["back"]


async def _restored(execution: Execution, graph: dict[str, Any]) -> Sequence[Any]:
    checkpoint = await execution.checkpoint()
    await execution.stop(drain=False)
    journal = Journal()
    async with open_execution(graph, journal, more=GENERATING, begins_from=checkpoint, completion="auto") as again:
        await again.finished.wait()
    return journal.values("r")


async def test_a_checkpoint_has_the_position(autojump_clock: trio.testing.MockClock) -> None:
    """An execution that goes on from a checkpoint produces what comes next: nothing twice, and nothing never."""
    del autojump_clock
    journal = Journal()
    graph = document({"g": generating(count=9, perSecond=1), "r": "forward"}, ["g:out > r:in"])
    async with open_execution(graph, journal, more=GENERATING) as execution:
        await trio.sleep(3.5)
        later = await _restored(execution, graph)
    assert [*journal.values("r"), *later] == list(range(1, 10))


async def test_random_values_follow_from_the_seed(autojump_clock: trio.testing.MockClock) -> None:
    """Two runs with a seed are alike, and one with another is not."""
    del autojump_clock
    runs = []
    for seed in (1, 1, 2):
        journal = Journal()
        value = [{"a": "{random}", "b": "{integer}", "c": "other"}]
        made = generating(count=5, perSecond=0, seed=seed, value=value)
        graph = document({"g": made, "r": "forward"}, ["g:out > r:in"])
        async with open_execution(graph, journal, completion="auto", more=GENERATING) as execution:
            await execution.finished.wait()
        runs.append(journal.values("r"))
    assert runs[0] == runs[1] != runs[2]
    assert len(runs[0]) == 5
