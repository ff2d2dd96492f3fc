"""Edges of running executions that somebody holds: what goes on, what waits, and what the execution's end does."""

from collections.abc import Sequence

import pytest
import trio
import trio.testing

from engine.contracts.handler import NO_EDGE, Message
from engine.execution.edge_control import Queue
from engine.execution.execution import Execution
from engine.execution.inbox import Inbox
from proto.execution import ExecutionState
from tests.engine.chained_graphs import open_parts
from tests.engine.executions import document, inject, node, open_execution
from tests.engine.handlers import Journal

pytestmark = pytest.mark.usefixtures("autojump_clock")

FORK = document(
    {"a": "forward", "b": "forward", "c": "forward", "d": node("forward", inbox={"capacity": 2})},
    ["a:out > b:in", "a:out > c:in", "b:out > d:in", "c:out > d:in"],
)
"""Two ways from one node to another, along the edges 0 and 2, and 1 and 3."""


def queue(execution: Execution, edge: int) -> Queue:
    """An edge by its index."""
    graph = execution.graph
    return Queue(graph.index_of[graph.edges[edge].target.node], edge)


async def rest() -> None:
    """Let everything go on until nothing can."""
    await trio.testing.wait_all_tasks_blocked()


async def test_one_held_edge_stops_one_way_and_no_other() -> None:
    """What comes by the other way arrives; the rest follows in its order when the edge is let go."""
    journal = Journal()
    async with open_execution(FORK, journal) as execution:
        held = queue(execution, 2)
        execution.edge_control.hold(held)
        await inject(execution, "a:in", 1, 2)
        await rest()
        assert journal.values("d") == [1, 2]
        assert execution.edge_control.held_messages(held) == 2
        assert execution.shared.in_flight.count == 2
        execution.edge_control.release(held)
        await execution.wait_quiescent()
        assert journal.values("d") == [1, 2, 1, 2]
        assert all(type(inbox) is Inbox for inbox in execution.shared.inboxes)


async def test_a_held_edge_blocks_its_source_and_the_source_its_own() -> None:
    """Two messages stand aside, one is in hand; those behind wait before the source, and none is lost."""
    journal = Journal()
    async with open_execution(FORK, journal) as execution:
        held = queue(execution, 2)
        execution.edge_control.hold(held)
        await inject(execution, "b:in", *range(10))
        await rest()
        assert execution.edge_control.held_messages(held) == 2
        assert execution.statistics().edges[2].blocked_seconds >= 0
        assert execution.statistics().nodes[3].blocked_senders == 1
        await inject(execution, "c:in", "past")
        await rest()
        assert journal.values("d") == ["past"]
        execution.edge_control.release(held)
        await execution.wait_quiescent()
        assert journal.values("d") == ["past", *range(10)]


async def test_what_is_injected_into_a_node_is_held_apart_from_what_comes_along_its_edges() -> None:
    """Injections are an edge of their own, without an index."""
    journal = Journal()
    async with open_execution(FORK, journal) as execution:
        entrance = Queue(execution.graph.index_of["d"], NO_EDGE)
        execution.edge_control.hold(entrance)
        await inject(execution, "d:in", "held")
        await inject(execution, "b:in", "passes")
        await rest()
        assert journal.values("d") == ["passes"]
        execution.edge_control.release(entrance)
        await execution.wait_quiescent()
        assert journal.values("d") == ["passes", "held"]


async def test_an_execution_does_not_complete_while_an_edge_holds_something() -> None:
    """It has been told that no more input comes; what is held is on its way still."""
    journal = Journal()
    async with open_execution(FORK, journal) as execution:
        execution.edge_control.hold(queue(execution, 0))
        await inject(execution, "a:in", 1, final=True)
        await trio.sleep(1000)
        assert not execution.finished.is_set()
        execution.edge_control.release(queue(execution, 0))
        await execution.finished.wait()
    assert execution.state is ExecutionState.COMPLETED
    assert journal.values("d") == [1, 1]


async def test_stop_counts_what_is_held_as_unprocessed() -> None:
    """Each message once, at the node that it was for."""
    async with open_execution(FORK, Journal()) as execution:
        execution.edge_control.hold(queue(execution, 0))
        await inject(execution, "a:in", 1, 2, 3)
        await rest()
        await execution.stop(drain=False)
        snapshot = execution.snapshot()
    assert snapshot.unprocessed == 3
    assert {each.node_id: each.unprocessed for each in snapshot.instances} == {"a": 0, "b": 3, "c": 0, "d": 0}


async def test_a_stop_that_drains_lets_all_go_and_nothing_is_held_any_more() -> None:
    """As it resumes what is paused."""
    journal = Journal()
    async with open_execution(FORK, journal) as execution, trio.open_nursery() as nursery:
        for edge in range(4):
            execution.edge_control.hold(queue(execution, edge))
        await inject(execution, "a:in", 1)
        await rest()
        await execution.pause()
        await execution.stop(drain=True)
        execution.edge_control.hold(queue(execution, 0))
        assert not execution.edge_control.held()
        nursery.cancel_scope.cancel()
    assert execution.state is ExecutionState.COMPLETED
    assert journal.values("d") == [1, 1]


async def test_a_judge_holds_a_message_before_its_node_sees_it() -> None:
    """The edge that it came by is held from then on; the other one goes on, judged too."""
    journal = Journal()
    async with open_execution(FORK, journal) as execution:
        target = execution.graph.index_of["d"]

        async def judge(messages: Sequence[Message]) -> list[Sequence[int]]:
            await trio.lowlevel.checkpoint()
            return [[2] if message.value == b"2" and message.edge == 2 else [] for message in messages]

        execution.edge_control.judge(target, judge)
        await inject(execution, "a:in", 1, 2, 3)
        await rest()
        assert sorted(journal.values("d")) == [1, 1, 2, 3]
        assert execution.edge_control.held() == [queue(execution, 2)]
        (stepped,) = execution.edge_control.step(queue(execution, 2), 1)
        assert stepped.value == b"2"
        await rest()
        assert sorted(journal.values("d")) == [1, 1, 2, 2, 3]
        execution.edge_control.judge(target, None)
        execution.edge_control.release(queue(execution, 2))
        await execution.wait_quiescent()
        assert type(execution.shared.inboxes[target]) is Inbox
    assert len(journal.values("d")) == 6


async def test_nodes_that_run_as_one_run_alone_where_an_edge_between_them_is_held() -> None:
    """Real guests: what they keep goes on, the order is what it was, and afterwards they run as one again."""
    body = "const n = (ctx.getState('n') ?? 0) + 1; ctx.setState('n', n); ctx.emit('out', value + n);"
    graph = document(
        {"x": "js.count", "y": "js.count", "z": "js.count", "end": "forward"},
        ["x:out > y:in", "y:out > z:in", "z:out > end:in"],
    )
    journal = Journal()
    async with open_parts({"count": body}) as (_, parts), open_execution(graph, journal, more=parts) as execution:
        assert len(execution.graph.chains) == 1
        await inject(execution, "x:in", 10)
        await execution.wait_quiescent()
        held = queue(execution, 1)
        execution.edge_control.hold(held)
        await inject(execution, "x:in", 20, 30)
        while execution.edge_control.held_messages(held) < 2:
            await trio.lowlevel.checkpoint()
        assert journal.values("end") == [13]
        assert [message.value for message in execution.shared.inboxes[held.node].waiting()] == [b"24", b"36"]
        execution.edge_control.release(held)
        await execution.wait_quiescent()
        assert journal.values("end") == [13, 26, 39]
        chained = execution.instances[0].chained
        assert chained is not None
        was_whole = [chained.is_whole]
        await inject(execution, "x:in", 40)
        await execution.wait_quiescent()
        assert [*was_whole, chained.is_whole] == [False, True]
        assert journal.values("end") == [13, 26, 39, 52]


async def test_nobody_is_blamed_for_what_a_person_holds() -> None:
    """Neither for what waits, nor for the time in which sources wait; when it is let go, it counts as ever."""
    journal = Journal()
    async with open_execution(FORK, journal) as execution:
        held = queue(execution, 2)
        execution.edge_control.hold(held)
        await inject(execution, "b:in", *range(10))
        await trio.sleep(5)
        statistics = execution.statistics()
        assert (statistics.edges[2].blocked_seconds, statistics.edges[2].held_seconds) == (5.0, 5.0)
        assert statistics.nodes[3].held_messages == 2
        assert statistics.bottleneck is None or statistics.bottleneck.node_id != "d"
        execution.edge_control.release(held)
        await execution.wait_quiescent()
        assert execution.statistics().edges[2].held_seconds == 5.0
        assert execution.statistics().nodes[3].held_messages == 0
