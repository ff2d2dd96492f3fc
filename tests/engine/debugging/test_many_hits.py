"""Breakpoints that see much: how often they look, what they let pass, and the ways of steps through graphs."""

from collections.abc import Sequence

import pytest
import trio.testing

from engine.contracts.component import Builtin
from engine.contracts.handler import Handler, Message, Outcome
from engine.debugging.debugger import recorded
from proto.breakpoint import BreakpointAction
from proto.component import Code, ComponentDefinition, ExecutionLimits, Port, Ports
from tests.engine.chained_graphs import open_parts
from tests.engine.debugging.debugged import FORK, open_debugged
from tests.engine.executions import document, inject, node

PORTS = Ports(inputs=(Port("in"),), outputs=(Port("out"),))


class Asked(Handler):
    """A condition that holds, and counts what it is asked of."""

    def __init__(self) -> None:
        self.values: list[bytes] = []

    async def process(self, batch: Sequence[Message]) -> Sequence[Outcome]:
        self.values += [message.value for message in batch]
        return [Outcome(((0, message.value),)) for message in batch]


@pytest.mark.parametrize(("action", "after"), [("hold", 1000), ("snapshot", 0), ("log", 0), ("pause", 1000)])
async def test_a_condition_is_asked_once_of_each_value_that_leaves(action: BreakpointAction, after: int) -> None:
    """However many leave at once, where nothing is held of them."""
    asked = Asked()
    condition = Builtin(ComponentDefinition("c", "c", "1.0.0", PORTS, Code("builtin")), lambda _: asked)
    graph = document({"fan": node("fan", config={"copies": 300}), "end": "forward"}, ["fan:out > end:in"])
    async with open_debugged(graph, more={"symbia.core.filter": condition}) as it:
        stop = await it.set(node="fan", on="output", when="value", action=action, after=after)
        await inject(it.execution, "fan:in", 1)
        await it.execution.wait_quiescent()
        seen = it.debugger.one(stop)
        assert (len(asked.values), seen.hits + seen.passed) == (300, 300)
        assert len(it.journal.values("end")) == 300


async def test_a_recording_says_when_a_snapshot_was_taken() -> None:
    """And nothing of other hits that held nothing."""
    async with open_debugged(FORK) as it:
        await it.set(edge=2, action="snapshot")
        await it.set(edge=2, action="log")
        await inject(it.execution, "a:in", 1)
        await it.execution.wait_quiescent()
        told = [text for text in map(recorded, it.events) if text.startswith("breakpoint:hit")]
        (hit,) = it.debugger.one("b1").recent
        assert told == [f"breakpoint:hit b1: input of d, {hit.sequence}, snapshot"]


async def settle() -> None:
    """Wait until nothing moves, guests among it."""
    for _ in range(5):
        await trio.testing.wait_all_tasks_blocked()


async def test_steps_lead_through_branches_and_joins_of_nodes_that_run_as_one() -> None:
    """One test for all of it, because guests are expensive to start.

    A message stops before each node on each of its ways, and once behind a node that is stepped over; what comes
    behind it keeps its order; many hits in a row, and those that ``after`` lets pass, lose nothing.
    """
    graph = document(
        {"x": "js.pass", "y": "js.pass", "z": "js.pass", "w": "js.pass", "end": "forward"},
        ["x:out > y:in", "x:out > z:in", "y:out > w:in", "z:out > w:in", "w:out > end:in"],
    )
    async with (
        open_parts({"pass": "ctx.emit('out', value);"}, ExecutionLimits()) as (_, parts),
        open_debugged(graph, more=parts) as it,
    ):
        assert len(it.execution.graph.chains) == 1
        stop = await it.set(node="x")
        await inject(it.execution, "x:in", 1)
        await settle()
        places = []
        for verb in ("next", "step", "next", "next", "next", "continue"):
            held = it.held(stop)
            places.append(sorted((each.node, each.on, each.emitted) for each in held))
            await it.obey(stop, verb, hold=min(held, key=lambda each: (each.node, each.hold)).hold)
            await settle()
        assert places == [
            [("x", "input", 0)],
            [("y", "step", 0), ("z", "step", 0)],
            [("y", "step", 1), ("z", "step", 0)],
            [("w", "step", 0), ("z", "step", 0)],
            [("end", "step", 0), ("z", "step", 0)],
            [("z", "step", 0)],
        ]
        await it.execution.wait_quiescent()
        assert it.journal.values("end") == [1, 1]
        await it.debugger.remove(stop)

        stop = await it.set(node="w", after=20)
        await inject(it.execution, "x:in", *range(100, 140))
        await settle()
        while it.held(stop):
            await it.obey(stop, "continue")
            await settle()
        seen = it.debugger.one(stop)
        assert (seen.passed, seen.hits) == (20, 60)
        await it.debugger.remove(stop)
        await it.execution.wait_quiescent()
        assert sorted(it.journal.values("end")[2:]) == sorted([*range(100, 140)] * 2)
