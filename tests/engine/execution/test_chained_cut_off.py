"""What the end cuts off of nodes that run as one: each message counts once, as it does where they run alone."""

import msgspec
import pytest
import trio

from engine.execution.execution import Execution
from engine.execution.injection import locate
from engine.limits import EngineLimits
from proto.message import Injection
from tests.engine.chained_graphs import open_parts, started
from tests.engine.executions import Tap, document, node
from tests.engine.handlers import Journal, components

BODIES = {
    "pass": "ctx.emit('out', value);",
    "twice": "ctx.emit('out', value); ctx.emit('out', value);",
    "talk": "ctx.log('info', 'got ' + value); ctx.emit('out', value);",
    "odd": "if (value % 2) ctx.emit('out', value); else for (let i = 0; i < 3; i++) ctx.emit('out', value);",
    "throw": "if (value === 3) throw new TypeError('three'); ctx.emit('out', value);",
}


async def cut_off(kind: str, count: int, *, chaining: bool, watched: bool) -> Execution:
    """Two nodes and then one that takes nothing, which is stopped when it is full, or has failed before."""
    full = node("gated", inbox={"capacity": 5})
    nodes = {"a": node("js.pass"), "b": node(f"js.{kind}"), "z": full}
    graph, limits = document(nodes, ["a:out > b:in", "b:out > z:in"]), EngineLimits(batch_messages=16)
    async with (
        open_parts(BODIES) as (_, parts),
        started(graph, {**parts, **components(Journal())}, limits, chaining=chaining) as execution,
    ):
        assert execution.graph.chains
        if watched:
            execution.add_flow_observer(Tap())
        messages = [Injection("a", "in", msgspec.Raw(b"%d" % number)) for number in range(count)]
        await execution.inject(await locate(execution.graph, messages, limits), final=False)
        while not execution.finished.is_set() and not execution.shared.inboxes[2].statistics().tasks_waiting_send:
            await trio.lowlevel.checkpoint()
        if not execution.finished.is_set():
            await execution.stop(drain=False)
        await execution.finished.wait()
    return execution


@pytest.mark.parametrize("watched", [False, True])
@pytest.mark.parametrize("chaining", [True, False])
@pytest.mark.parametrize("kind", ["pass", "twice", "talk", "odd", "throw"])
async def test_each_message_is_accounted_for_once(kind: str, chaining: bool, watched: bool) -> None:
    """What was accepted or sent on was processed or is unprocessed, and so it is in every node."""
    execution = await cut_off(kind, 40, chaining=chaining, watched=watched)
    snapshot, edges = execution.snapshot(), execution.statistics().edges
    assert snapshot.state == ("failed" if kind == "throw" else "cancelled")
    assert 40 + sum(edge.sent for edge in edges) == snapshot.metrics.messages_processed + snapshot.unprocessed
    a, b, z = (instance.unprocessed for instance in snapshot.instances)
    assert a + b + z == snapshot.unprocessed
    assert execution.statistics().in_flight == snapshot.unprocessed
    assert z == edges[1].sent == snapshot.instances[1].metrics.messages_emitted
    if kind in ("pass", "talk"):
        assert snapshot.unprocessed == 40
    if kind == "throw":
        assert (z, a + b, snapshot.metrics.error_count) == (3, 36, 1)
