"""A port with several edges: what leaves by them leaves in order, and never runs ahead along one of them."""

from collections.abc import Sequence

import trio
from hypothesis import given
from hypothesis import strategies as st

from engine.compile.compiler import compile_graph
from engine.contracts.handler import Message
from engine.execution.shared import ExecutionShared
from engine.limits import EngineLimits
from tests.engine.executions import document, node
from tests.engine.handlers import Journal, components

LIMITS = EngineLimits()


async def shared_of(capacities: Sequence[int]) -> ExecutionShared:
    """A node ``s`` whose port leads to as many sinks, whose inboxes hold so many messages."""
    sinks = {
        f"t{number}": node("forward", inbox={"capacity": capacity}) for number, capacity in enumerate(capacities)
    }
    drawn = document({"s": "forward", **sinks}, [f"s:out > {sink}:in" for sink in sinks])
    graph = await compile_graph(drawn, components(Journal()), LIMITS, lambda: "now")
    return ExecutionShared("e", graph, LIMITS, (), lambda _: None, lambda: "now", spawn=lambda _: None)


async def test_values_leave_together_where_all_sinks_have_room() -> None:
    """Each edge carries all of them, in order, with numbers that grow along it."""
    shared = await shared_of([100, 100, 100])
    await shared.send(shared.graph.nodes[0], [(0, b"%d" % number) for number in range(20)])
    for inbox in shared.inboxes[1:]:
        batch = inbox.take_batch_nowait(100)
        assert [message.value for message in batch] == [b"%d" % number for number in range(20)]
        assert sorted(message.sequence for message in batch) == [message.sequence for message in batch]
    assert [edge.sent for edge in shared.edges[:3]] == [20, 20, 20]
    assert shared.in_flight.count == 60


@given(
    capacities=st.lists(st.integers(1, 12), min_size=2, max_size=4),
    waiting=st.integers(0, 6),
    values=st.integers(1, 24),
    start=st.integers(0, 12),
)
def test_what_leaves_together_leaves_by_all_edges_or_by_none(
    capacities: Sequence[int], waiting: int, values: int, start: int
) -> None:
    """Whatever the room before each sink: one with room gets nothing that another has no room for.

    Those before ``start`` have left already; only what is there can leave.
    """

    async def check() -> None:
        shared = await shared_of(capacities)
        for number in range(min(waiting, capacities[0])):
            shared.inboxes[1].put_nowait(Message(0, b"w", number))
        offered = [b"v%d" % number for number in range(values)]
        gone = shared._put_several(shared.graph.nodes[0], 0, offered, 0, start)
        for inbox in shared.inboxes[1:]:
            taken = [message.value for message in inbox.take_batch_nowait(100)]
            assert [value for value in taken if value != b"w"] == offered[start : start + gone]
        room = min([capacities[0] - min(waiting, capacities[0]), *capacities[1:]])
        assert gone == min(room, max(values - start, 0))

    trio.run(check)
