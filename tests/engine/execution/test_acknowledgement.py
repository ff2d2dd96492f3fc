"""Acknowledgement end to end: a source is told when nothing that came of its value is under way any more."""

from collections.abc import Mapping, Sequence
from typing import Any

import trio
import trio.testing

from engine.builtin.core_accumulator import ACCUMULATOR
from engine.builtin.core_each import EACH
from engine.builtin.core_gather import GATHER
from engine.builtin.core_merge import MERGE
from engine.builtin.declare import declare, port
from engine.contracts.component import Builtin, Component
from engine.contracts.groups import Receipt
from engine.contracts.handler import HandlerError, InstanceContext
from engine.contracts.source import Produced, SourceHandler
from proto.codec import encode
from proto.execution import ExecutionState
from tests.engine.executions import document, node, open_execution, policed
from tests.engine.handlers import Journal

COMPONENTS: dict[str, Component] = {
    "accumulator": ACCUMULATOR,
    "each": EACH,
    "gather": GATHER,
    "merge": MERGE,
}


class Slip(Receipt):
    """Writes down when its value was acknowledged, and with which error."""

    def __init__(self, source: "Giver", value: Any) -> None:
        self._source = source
        self._value = value

    def settle(self, refusal: HandlerError | None) -> None:
        how = "accepted" if refusal is None else refusal.name
        self._source.settled.append((self._value, how, trio.current_time()))


class Giver(SourceHandler):
    """Gives some values, with a receipt for each, and ends."""

    def __init__(self, values: Sequence[Any]) -> None:
        super().__init__()
        self._values = values
        self.settled: list[tuple[Any, str, float]] = []

    async def fetch(self) -> Produced:
        emissions = [(0, encode(value)) for value in self._values]
        receipts = [Slip(self, value) for value in self._values]
        return Produced(emissions, receipts=receipts, position=1, is_end=True)

    @property
    def accepted(self) -> list[Any]:
        return [value for value, how, _ in self.settled if how == "accepted"]


class GivingBuiltin(Builtin):
    """A source that wants to know what came of its values."""

    def acknowledges(self, config: Mapping[str, Any]) -> bool:
        del config
        return True


def giving(source: Giver) -> dict[str, Component]:
    """The components of a test, ``giver`` among them."""
    definition = declare("test.giver", "Giver", "", inputs=(), outputs=(port("out", ""),))

    def made(context: InstanceContext) -> SourceHandler:
        del context
        return source

    return {**COMPONENTS, "giver": GivingBuiltin(definition, made, produces=True)}


async def run(source: Giver, graph: dict[str, Any]) -> ExecutionState:
    """Run a graph to the end of its source; return how it ended."""
    async with open_execution(graph, Journal(), completion="auto", more=giving(source)) as execution:
        await execution.finished.wait()
        return execution.state


async def test_the_slowest_way_of_a_value_decides(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """Of a value that takes two ways, and on one of them several nodes, the last one decides."""
    del autojump_clock
    source = Giver([1])
    nodes = {"g": "giver", "f": "forward", "a": node("slow", config={"seconds": 1}), "b": "forward"}
    nodes |= {"c": node("slow", config={"seconds": 5})}
    graph = document(nodes, ["g:out > f:in", "f:out > a:in", "a:out > c:in", "g:out > b:in"])
    assert await run(source, graph) is ExecutionState.COMPLETED
    assert [(value, how, round(moment)) for value, how, moment in source.settled] == [(1, "accepted", 6)]


async def test_what_is_held_is_not_acknowledged(autojump_clock: trio.testing.MockClock) -> None:
    """A batch is acknowledged when all that was made of it is done; what waits for more, only at the end."""
    del autojump_clock
    source = Giver([1, 2, 3])
    nodes = {
        "g": "giver",
        "a": node("accumulator", config={"count": 2}),
        "s": node("slow", config={"seconds": 5}),
    }
    graph = document(nodes, ["g:out > a:in", "a:out > s:in"], role="pipeline")
    async with open_execution(graph, Journal(), more=giving(source)) as execution:
        await trio.sleep(4)
        assert source.settled == []
        await trio.sleep(2)
        held = [1, 2, 3][len(source.accepted) :]
        assert source.accepted == [1, 2]
        execution.complete()
        await execution.finished.wait()
    assert (held, source.accepted) == ([3], [1, 2, 3])


async def test_a_loss_that_nothing_takes_refuses(autojump_clock: trio.testing.MockClock) -> None:
    """An error that lets the execution go on refuses its value; one that an edge takes does not."""
    del autojump_clock
    source = Giver([1, 2])
    throwing = node("throw", onError="continue")
    assert await run(source, document({"g": "giver", "t": throwing}, ["g:out > t:in"])) is ExecutionState.COMPLETED
    assert [how for _, how, _ in source.settled] == ["ValueError", "ValueError"]
    source = Giver([1, 2])
    graph = document({"g": "giver", "t": throwing, "e": "forward"}, ["g:out > t:in", "t:error > e:in"])
    assert await run(source, graph) is ExecutionState.COMPLETED
    assert source.accepted == [1, 2]


async def test_what_a_policy_drops_is_done_with(autojump_clock: trio.testing.MockClock) -> None:
    """Values that a full edge drops are acknowledged as the others are."""
    del autojump_clock
    source = Giver(list(range(9)))
    nodes = {"g": "giver", "s": node("slow", config={"seconds": 1})}
    graph = policed(nodes, "g:out > s:in", policies={0: {"capacity": 1, "overflow": "drop-newest"}})
    assert await run(source, graph) is ExecutionState.COMPLETED
    assert sorted(source.accepted) == list(range(9))


async def test_arrays_taken_apart_count_as_one(autojump_clock: trio.testing.MockClock) -> None:
    """A value is under way as long as one of its items is, and then what was put together of them."""
    del autojump_clock
    source = Giver([[1, 2, 3]])
    nodes = {"g": "giver", "e": "each", "s": node("slow", config={"seconds": 1}), "p": "gather"}
    nodes |= {"l": node("slow", config={"seconds": 10})}
    graph = document(nodes, ["g:out > e:in", "e:out > s:in", "s:out > p:in", "p:out > l:in"])
    assert await run(source, graph) is ExecutionState.COMPLETED
    assert len(source.settled) == 1
    assert source.settled[0][2] >= 11


async def test_what_is_cut_off_is_never_acknowledged(autojump_clock: trio.testing.MockClock) -> None:
    """A stop leaves what was under way unsettled: neither accepted nor refused, so that it may come again."""
    del autojump_clock
    source = Giver([1, 2, 3])
    graph = document(
        {"g": "giver", "s": node("slow", config={"seconds": 3}, inbox={"capacity": 1})}, ["g:out > s:in"]
    )
    async with open_execution(graph, Journal(), more=giving(source)) as execution:
        await trio.sleep(4)
        await execution.stop(drain=False)
    assert source.accepted == [1]
    assert len(source.settled) == 1


async def test_what_leaves_the_graph_is_acknowledged() -> None:
    """A value that no edge takes is done with when it has left."""
    source = Giver([1])
    assert await run(source, document({"g": "giver"})) is ExecutionState.COMPLETED
    assert source.accepted == [1]


async def test_without_a_source_that_asks_nothing_is_counted() -> None:
    """Graphs whose sources want no acknowledgement have no groups, and cost nothing more."""
    graph = document({"f": "forward", "h": "forward"}, ["f:out > h:in"])
    async with open_execution(graph, Journal()) as execution:
        assert execution.graph.groups is None
