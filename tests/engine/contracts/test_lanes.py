"""Lanes: an emission is in the tightest lane of what it derives from and of the port that it leaves by."""

from itertools import pairwise
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.contracts.handler import Message
from engine.contracts.lanes import APOCRYPHAL, CANONICAL, NAMES, port_lanes, runs
from engine.contracts.observer import FlowObserver
from engine.runtime import Runtime, open_runtime
from proto.component import Code, ComponentDefinition, Port, PortLane, Ports
from proto.execution import ExecuteOptions, ExecutionState
from proto.message import Injection, Lane
from tests.engine.executions import document, node, open_execution
from tests.engine.handlers import Journal

PASS = "symbia.core.passthrough"


class Lanes(FlowObserver):
    """Hears the lane of everything that travels along an edge, and of everything that leaves the graph."""

    def __init__(self) -> None:
        self.hops: list[tuple[str, Any, str]] = []
        self.outputs: list[tuple[str, Any, str]] = []

    def sent(self, node_id: str, port: str, target_node: str, target_port: str, message: Message) -> None:
        del target_node, target_port
        self.hops.append((f"{node_id}:{port}", msgspec.json.decode(message.value), NAMES[message.lane]))

    def emitted_in_lane(self, node_id: str, port: str, value: bytes, lane: int) -> None:
        self.outputs.append((f"{node_id}:{port}", msgspec.json.decode(value), NAMES[lane]))


def injection(value: Any, lane: Lane = "canonical", place: str = "a:in") -> Injection:
    node_id, port = place.split(":")
    return Injection(node_id, port, msgspec.Raw(msgspec.json.encode(value)), lane)


async def flow(runtime: Runtime, graph: dict[str, Any], *messages: Injection) -> Lanes:
    """What a graph does with messages, until it has completed."""
    loaded = await runtime.library.load_graph(graph)
    execution = await runtime.execute(loaded.id, ExecuteOptions(completion="manual"))
    lanes = Lanes()
    with runtime.execution(execution.id).watch(lanes):
        await runtime.execution(execution.id).inject(messages, final=True)
        finished = await runtime.execution(execution.id).wait_finished()
    assert finished.state is ExecutionState.COMPLETED, finished.error
    return lanes


async def test_an_injected_lane_travels_with_the_value() -> None:
    """What follows from an apocryphal injection is apocryphal at every hop; its neighbours in a batch are not."""
    graph = document({"a": PASS, "b": "symbia.core.logger", "c": PASS}, ["a:out > b:in", "b:out > c:in"])
    async with open_runtime() as runtime:
        lanes = await flow(runtime, graph, injection(1), injection(2, "apocryphal"), injection(3))
    expected = [(1, "canonical"), (2, "apocryphal"), (3, "canonical")]
    assert [(value, lane) for place, value, lane in lanes.hops if place == "b:out"] == expected
    assert [(value, lane) for _, value, lane in lanes.outputs] == expected


async def test_lanes_travel_where_nobody_watches() -> None:
    """Unwatched values, which go in runs, keep the lane of each and the order of all."""
    journal = Journal()
    graph = document({"a": "forward", "b": "forward", "c": "lane"}, ["a:out > b:in", "b:out > c:in"])
    messages = [(0, Message(0, str(n).encode(), lane=int(n % 3 == 1))) for n in range(200)]
    async with open_execution(graph, journal) as execution:
        await execution.inject(messages, final=True)
        await execution.finished.wait()
    assert journal.values("c") == list(range(200))
    assert journal.values("c", "lane") == [int(n % 3 == 1) for n in range(200)]


async def test_a_retried_message_keeps_its_lane() -> None:
    """What a later attempt emits is in the lane of the message that it tried again."""
    journal = Journal()
    thrower = node(
        "throw", config={"at": [1], "times": 1}, onError="retry", retry={"maxAttempts": 2, "backoffMs": 0}
    )
    graph = document({"a": thrower, "b": "lane"}, ["a:out > b:in"])
    async with open_execution(graph, journal) as execution:
        await execution.inject(
            [(0, Message(0, b"1", lane=APOCRYPHAL)), (0, Message(0, b"2", lane=CANONICAL))], final=True
        )
        await execution.finished.wait()
    assert journal.values("b", "lane") == [APOCRYPHAL, CANONICAL]


async def test_an_error_is_apocryphal() -> None:
    """What leaves an error port is apocryphal, and so is all that follows from it."""
    nodes = {"a": node("symbia.core.map", config={"expression": "value.x.y"}), "b": PASS}
    async with open_runtime() as runtime:
        lanes = await flow(runtime, document(nodes, ["a:error > b:in"]), injection(1))
    assert [lane for _, _, lane in lanes.hops + lanes.outputs] == ["apocryphal", "apocryphal"]


@pytest.mark.parametrize("declared", ["inherit", "canonical"])
async def test_a_registered_component_makes_apocryphal_values(declared: str) -> None:
    """What untrusted code emits is apocryphal, whatever it says of it."""
    component = {
        "id": "custom.same",
        "name": "Same",
        "version": "1.0.0",
        "ports": {"inputs": ["in"], "outputs": [{"name": "out", "lane": declared}]},
        "execution": {
            "type": "javascript",
            "source": "return {process(ctx, port, value) {ctx.emit('out', value)}}",
        },
    }
    async with open_runtime() as runtime:
        await runtime.library.register_component(component)
        graph = document({"a": "custom.same", "b": PASS}, ["a:out > b:in"])
        lanes = await flow(runtime, graph, injection(1))
    assert [lane for _, _, lane in lanes.hops + lanes.outputs] == ["apocryphal", "apocryphal"]


async def test_an_expression_stays_in_its_lane() -> None:
    """An expression is part of the graph, so its result is as canonical as its input."""
    graph = document({"a": node("symbia.core.map", config={"expression": "value * 2"})})
    async with open_runtime() as runtime:
        lanes = await flow(runtime, graph, injection(1), injection(2, "apocryphal"))
    assert lanes.outputs == [("a:out", 2, "canonical"), ("a:out", 4, "apocryphal")]


def test_a_port_can_only_tighten() -> None:
    """Of the four declarations apocryphal alone changes anything; the error port is always so."""
    lanes: tuple[PortLane, ...] = ("inherit", "canonical", "apocryphal", "conditional")
    outputs = tuple(Port(lane, lane=lane) for lane in lanes)
    definition = ComponentDefinition("c", "c", "1.0.0", Ports(outputs=outputs), Code("builtin"))
    assert port_lanes(definition, (*lanes, "error")) == (CANONICAL, CANONICAL, APOCRYPHAL, CANONICAL, APOCRYPHAL)


@given(st.lists(st.integers(0, 1)))
def test_runs_are_the_emissions_in_order(lanes: list[int]) -> None:
    """Cutting emissions by lane loses none, keeps their order, and no two runs beside each other are alike."""
    emissions = [(0, str(index).encode()) for index in range(len(lanes))]
    cut = list(runs(emissions, lanes))
    assert [(lane, emission) for lane, run in cut for emission in run] == list(zip(lanes, emissions, strict=True))
    assert all(first != second for (first, _), (second, _) in pairwise(cut))


@pytest.mark.parametrize(
    ("component", "config", "expected"),
    [
        ("symbia.core.delay", {"ms": 10}, ["canonical", "apocryphal", "canonical", "canonical"]),
        ("symbia.io.delay", {"ms": 0}, ["canonical", "apocryphal", "canonical", "canonical"]),
        ("symbia.core.accumulator", {"count": 2}, ["apocryphal", "canonical"]),
        ("symbia.core.accumulator", {"count": 3}, ["apocryphal", "canonical"]),
        ("symbia.core.accumulator", {"bytes": 4}, ["canonical", "apocryphal", "canonical", "canonical"]),
        ("symbia.core.accumulator", {"timeoutMs": 10}, ["apocryphal"]),
        ("symbia.core.merge", {}, ["canonical", "apocryphal", "canonical", "canonical"]),
    ],
)
async def test_what_holds_values_keeps_their_lanes(
    component: str, config: dict[str, Any], expected: list[str]
) -> None:
    """An emission made of several messages is apocryphal if one of them is, and no other is."""
    messages = [injection(10), injection(20, "apocryphal"), injection(30), injection(40)]
    async with open_runtime() as runtime:
        lanes = await flow(runtime, document({"a": node(component, config=config)}), *messages)
    assert [lane for _, _, lane in lanes.outputs] == expected


@pytest.mark.parametrize(("mode", "expected"), [("zip", [1, 0]), ("all", [1, 1, 0])])
async def test_a_merged_set_is_as_canonical_as_the_least_of_it(mode: str, expected: list[int]) -> None:
    """Each set takes the tightest lane of the values that it is made of."""
    messages = [
        injection(1, place="a:a"),
        injection(2, "apocryphal", "a:b"),
        injection(3, place="a:a"),
        injection(4, place="a:b"),
    ]
    graph = document({"a": node("symbia.core.merge", config={"mode": mode})})
    async with open_runtime() as runtime:
        lanes = await flow(runtime, graph, *messages)
    assert [lane for _, _, lane in lanes.outputs] == [NAMES[lane] for lane in expected]


async def test_a_partial_total_is_apocryphal() -> None:
    """A port may decide for each value: a rollup is canonical when it is complete, also at the next nodes."""
    rollup = node("symbia.state.rollup", config={"expected": ["x", "y"]})
    graph = document({"a": rollup, "b": "symbia.io.collect"}, ["a:out > b:in"])
    messages = [injection({"key": key, "value": 1}) for key in "xyx"]
    async with open_runtime() as runtime:
        lanes = await flow(runtime, graph, *messages)
    assert [lane for _, _, lane in lanes.hops] == ["apocryphal", "canonical", "canonical"]
    assert [lane for _, _, lane in lanes.outputs] == ["apocryphal", "canonical", "canonical"]
