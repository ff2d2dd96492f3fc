"""Built-in nodes that only hand on, run as one with the JavaScript nodes around them."""

import msgspec

from engine.execution.execution import Execution
from engine.execution.injection import locate
from engine.limits import EngineLimits
from proto.message import Injection
from tests.engine.chained_graphs import open_parts, started
from tests.engine.executions import document, node

DEEP = "value === 6 ? Array.from({length: 300}).reduce((inner) => [inner], value) : value + 1"
"""What it makes of six, no chain passes on."""

NODES = {
    "in": "symbia.core.passthrough",
    "one": node("symbia.core.map", config={"expression": "value * 2"}),
    "merge": "symbia.core.merge",
    "two": node("symbia.core.map", config={"expression": DEEP}),
    "out": "symbia.io.collect",
}
EDGES = ["in:out > one:in", "one:out > merge:a", "merge:out > two:in", "two:out > out:in"]


async def inject(execution: Execution, *values: int, at: str = "in", port: str = "in") -> None:
    """All of them at one node, until nothing is on its way."""
    messages = [Injection(at, port, msgspec.Raw(msgspec.json.encode(value))) for value in values]
    await execution.inject(await locate(execution.graph, messages, EngineLimits()), final=False)
    await execution.wait_quiescent()


async def test_they_are_counted_and_shown_as_nodes_of_their_own() -> None:
    """Their messages too, and what is injected at them; the time of a call is that of the programs alone."""
    async with open_parts({}) as (_, parts), started(document(NODES, EDGES), parts, EngineLimits()) as execution:
        assert [len(chain) for chain in execution.graph.chains] == [5]
        await inject(execution, 1, 2)
        await inject(execution, 10, at="merge", port="c")
        counts = {each.node.id: (each.counters.invocations, each.counters.emitted) for each in execution.instances}
        assert counts == {"in": (2, 2), "one": (2, 2), "merge": (3, 3), "two": (3, 3), "out": (3, 3)}
        shown = {each.node_id: each.component_id for each in execution.snapshot().instances}
        assert shown["merge"] == "symbia.core.merge"
        spent = {each.node.id: each.counters.total_latency_seconds for each in execution.instances}
        assert (spent["in"], spent["merge"], spent["out"]) == (0.0, 0.0, 0.0)
        assert min(spent["one"], spent["two"]) > 0
        assert [(each.sent, each.taken) for each in execution.shared.edges[:-1]] == [
            (2, 2),
            (2, 2),
            (3, 3),
            (3, 3),
        ]
        execution.complete()


async def test_when_the_chain_is_no_more_they_go_on_by_themselves() -> None:
    """What a program made ends it; all messages come out, also those that are injected at them later."""
    async with open_parts({}) as (_, parts), started(document(NODES, EDGES), parts, EngineLimits()) as execution:
        await inject(execution, 1, 3, 5)
        await inject(execution, 7, at="merge", port="d")
        chained = execution.instances[0].chained
        assert chained is not None
        assert not chained.is_whole
        counts = {each.node.id: each.counters.invocations for each in execution.instances}
        assert counts == {"in": 3, "one": 3, "merge": 4, "two": 4, "out": 4}
        execution.complete()
