"""Breakpoints that are set while nodes that run as one are in the midst of something."""

import trio.testing

from proto.component import ExecutionLimits
from tests.engine.chained_graphs import component, open_parts
from tests.engine.debugging.debugged import open_debugged
from tests.engine.executions import document, node

EAGER = """return {
    initialize(ctx) { for (const n of [1, 2, 3, 4, 5]) { ctx.emit('out', n); ctx.emit('side', n) } },
    process(ctx, port, value) {},
}"""


async def settle() -> None:
    """Wait until nothing moves, guests among it."""
    for _ in range(5):
        await trio.testing.wait_all_tasks_blocked()


async def test_what_is_emitted_at_the_start_leaves_once_where_a_breakpoint_parts_the_nodes() -> None:
    """By the edges between them, and by those that lead elsewhere."""
    nodes = {"x": "js.eager", "y": "js.pass", "end": "forward", "other": node("gated", inbox={"capacity": 1})}
    graph = document(nodes, ["x:out > y:in", "x:out > other:in", "y:out > end:in"])
    async with open_parts({"pass": "ctx.emit('out', value);"}, ExecutionLimits()) as (host, parts):
        parts["js.eager"] = component(host, "js.eager", EAGER)
        async with open_debugged(graph, more=parts) as it:
            await settle()
            assert it.journal.values("end") == [1, 2, 3]
            stop = await it.set(node="y", on="error")
            it.journal.gate("other").set()
            await settle()
            assert it.journal.values("end") == it.journal.values("other") == [1, 2, 3, 4, 5]
            await it.debugger.remove(stop)
