"""Messages that breakpoints hold, or have let go, and that never come to their nodes."""

import pytest
import trio
import trio.testing

from engine.execution.edge_control import Queue
from engine.execution.watched import is_watched
from tests.engine.debugging.debugged import FORK, open_debugged
from tests.engine.debugging.test_before import put
from tests.engine.executions import document, node, policed

EDGES = ("a:out > d:in", "b:out > d:in")


@pytest.mark.parametrize("verb", ["step", "skip"])
async def test_what_is_dropped_on_its_way_to_its_node_is_waited_for_no_more(verb: str) -> None:
    """Its edge lets the oldest go where it is full: the node is as if nobody had looked at it."""
    graph = document(
        {"a": "forward", "d": node("gated", inbox={"capacity": 1, "overflow": "drop-oldest"})}, ["a:out > d:in"]
    )
    async with open_debugged(graph) as it:
        stop = await it.set(edge=0)
        await put(it, "a:in", 1)
        await put(it, "d:in", 2)  # is in the hand of its node
        assert it.values(stop) == [1]
        await it.obey(stop, verb)
        assert sum(map(is_watched, it.execution.instances)) == 1
        await put(it, "a:in", 3)  # drops what was let go
        assert not any(map(is_watched, it.execution.instances))
        await it.debugger.remove(stop)
        it.journal.gate("d").set()
        await it.execution.wait_quiescent()
        assert it.journal.values("d") == [2, 3]


async def test_a_message_that_expires_while_it_is_held_stops_its_node_no_longer(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """Without anybody looking."""
    del autojump_clock
    graph = policed({"a": "forward", "b": "forward", "d": "forward"}, *EDGES, policies={0: {"expireMs": 100}})
    async with open_debugged(graph) as it:
        await it.set(node="d")
        await put(it, "a:in", 1)
        await put(it, "b:in", 2)
        assert it.journal.values("d") == []
        await trio.sleep(1)
        assert it.heard.count("breakpoint:released") == 1
        assert it.heard.count("breakpoint:hit") == 2


async def test_what_is_led_to_another_node_is_skipped_by_none() -> None:
    """It was to go past the node that it does not come to any more."""
    async with open_debugged(FORK) as it:
        stop = await it.set(edge=2)
        commands = it.execution.edge_commands
        edge, other = (Queue(it.execution.graph.index_of["d"], index) for index in (2, 3))
        commands.pause(edge)
        await put(it, "a:in", 1)
        commands.resume(edge)
        await trio.testing.wait_all_tasks_blocked()
        commands.pause(edge)
        await it.obey(stop, "skip")
        commands.redirect(edge, other, lambda _: True)
        commands.resume(edge)
        await it.debugger.remove(stop)
        await it.execution.wait_quiescent()
        assert it.journal.values("d") == [1, 1]
        assert not any(map(is_watched, it.execution.instances))
