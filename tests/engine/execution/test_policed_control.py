"""Edges with policies that somebody holds, and messages on them that somebody judges."""

from collections.abc import Iterator, Sequence
from typing import Any

import pytest
import trio
import trio.testing

from engine.contracts.handler import Message
from engine.cooperative.slices import at_once
from engine.execution.controlled_joined_inbox import ControlledJoinedInbox
from engine.execution.edge_control import Queue
from engine.execution.edges import read_edges
from engine.execution.execution import Execution
from tests.engine.executions import inject, node, open_execution, policed
from tests.engine.handlers import Journal

NODES: dict[str, Any] = {"a": "forward", "b": "forward", "d": "forward", "late": "forward"}
LATE = {"node": "late", "port": "in"}


def graph_of(**policy: Any) -> dict[str, Any]:
    """Two edges to one node, the first with a policy."""
    return policed(NODES, "a:out > d:in", "b:out > d:in", policies={0: policy})


def queue(execution: Execution, edge: int = 0) -> Queue:
    return Queue(execution.graph.index_of["d"], edge)


async def rest() -> None:
    """Let everything go on until nothing can."""
    await trio.testing.wait_all_tasks_blocked()


async def test_a_held_edge_is_bounded_by_its_policy_and_lets_others_pass() -> None:
    """It blocks its source when it is full, and everything arrives in order when it is let go."""
    journal = Journal()
    async with open_execution(graph_of(capacity=2), journal) as execution:
        control = execution.edge_control
        control.hold(queue(execution))
        assert control.is_held(queue(execution))
        await inject(execution, "a:in", *range(6))
        await inject(execution, "b:in", "past")
        await rest()
        assert journal.values("d") == ["past"]
        assert control.held_messages(queue(execution)) == 2
        statistics = execution.statistics()
        assert (statistics.nodes[2].queued_messages, statistics.nodes[2].blocked_senders) == (2, 1)
        control.release(queue(execution))
        await execution.wait_quiescent()
        assert journal.values("d") == ["past", *range(6)]
        assert [type(inbox).__name__ for inbox in execution.shared.inboxes][2] == "JoinedInbox"


async def test_a_step_lets_the_most_urgent_through() -> None:
    """As many as are asked for, and no more."""
    journal = Journal()
    async with open_execution(graph_of(priority="p"), journal) as execution:
        control = execution.edge_control
        control.hold(queue(execution))
        await inject(execution, "a:in", *[{"p": each} for each in (1, 5, 3)])
        await rest()
        gone = control.step(queue(execution), 2)
        assert [message.value for message in gone] == [b'{"p":5}', b'{"p":3}']
        await rest()
        assert journal.values("d") == [{"p": 5}, {"p": 3}]
        assert control.held_messages(queue(execution)) == 1
        control.release(queue(execution))
        await execution.wait_quiescent()


async def test_what_is_held_expires_in_its_time(autojump_clock: trio.testing.MockClock) -> None:
    """Whoever holds an edge does not stop the clock; what expired goes on as a dead letter."""
    del autojump_clock
    journal = Journal()
    async with open_execution(graph_of(expireMs=1000, deadLetter=LATE), journal) as execution:
        execution.edge_control.hold(queue(execution))
        await inject(execution, "a:in", 1, 2)
        await trio.sleep(2)
        assert journal.values("d") == []
        assert [letter["value"] for letter in journal.values("late")] == [1, 2]
        execution.edge_control.release(queue(execution))
        await execution.wait_quiescent()


async def test_a_judge_holds_a_message_on_an_edge_with_a_policy() -> None:
    """From that message on; those before it on its edge, and all on other edges, pass."""
    journal = Journal()
    async with open_execution(graph_of(capacity=50), journal) as execution:
        judged: list[bytes] = []

        async def judge(messages: Sequence[Message]) -> Sequence[Sequence[int]]:
            judged.extend(message.value for message in messages)
            await trio.lowlevel.checkpoint()
            return [[message.edge] if message.value == b"2" else [] for message in messages]

        execution.edge_control.judge(queue(execution).node, judge)
        await inject(execution, "a:in", 0, 1, 2, 3)
        await inject(execution, "b:in", 10, 2, 11)
        await rest()
        assert sorted(journal.values("d")) == [0, 1, 10]
        assert all(judged.count(value) == 1 for value in (b"0", b"1", b"10"))
        assert execution.edge_control.is_held(queue(execution))
        assert execution.edge_control.is_held(queue(execution, 1))
        execution.edge_control.judge(queue(execution).node, None)
        for edge in (0, 1):
            execution.edge_control.release(queue(execution, edge))
        await execution.wait_quiescent()
        assert sorted(journal.values("d")) == [0, 1, 2, 2, 3, 10, 11]


async def test_messages_of_an_edge_with_a_policy_are_put_in_another_order(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """Each keeps the time that it has left, wherever it stands; a new one has all of it."""
    del autojump_clock
    journal = Journal()
    async with open_execution(graph_of(expireMs=1000, deadLetter=LATE), journal) as execution:
        place = queue(execution)
        execution.edge_control.hold(place)
        await inject(execution, "a:in", 1)
        await trio.sleep(0.5)
        await inject(execution, "a:in", 2)
        await rest()
        inbox = execution.edge_control.inbox(place.node)
        waiting = inbox.waiting_on(0)
        assert [message.value for message in waiting] == [b"1", b"2"]
        inbox.rearrange_on(0, waiting[::-1])
        assert [message.value for message in inbox.waiting_on(0)] == [b"2", b"1"]
        await trio.sleep(0.6)
        assert [letter["value"] for letter in journal.values("late")] == [1]
        assert [edge.waiting for edge in at_once(read_edges(execution.shared, execution.edge_control, [0]))] == [1]
        execution.edge_control.release(place)
        await execution.wait_quiescent()
        assert journal.values("d") == [2]


async def test_a_drain_lets_held_edges_with_policies_go() -> None:
    """Everything is processed, and nothing can be held any more."""
    journal = Journal()
    async with open_execution(graph_of(capacity=3), journal) as execution:
        execution.edge_control.hold(queue(execution))
        execution.edge_control.hold(queue(execution, 1))
        await inject(execution, "a:in", 1, 2)
        await inject(execution, "b:in", 3)
        await rest()
        await execution.stop(drain=True)
        assert sorted(journal.values("d")) == [1, 2, 3]
        assert execution.snapshot().unprocessed == 0


async def test_the_end_leaves_what_is_held_unprocessed() -> None:
    """Held on an edge with a policy, on another one, and let through but not taken: each once."""
    journal = Journal()
    nodes = {**NODES, "d": node("gated")}
    graph = policed(nodes, "a:out > d:in", "b:out > d:in", policies={0: {"capacity": 5}})
    async with open_execution(graph, journal) as execution:
        await inject(execution, "b:in", 0)
        await rest()
        for edge in (0, 1):
            execution.edge_control.hold(queue(execution, edge))
        await inject(execution, "a:in", 1, 2, 3)
        await inject(execution, "b:in", 4)
        await rest()
        execution.edge_control.step(queue(execution), 1)
        assert execution.statistics().nodes[2].queued_messages == 4
        await execution.stop(drain=False)
        assert execution.snapshot().unprocessed == 5


@pytest.mark.usefixtures("autojump_clock")
async def test_nobody_is_blamed_for_what_a_person_holds_on_an_edge_with_a_policy() -> None:
    """The time in which its source waits is that of the hold."""
    async with open_execution(graph_of(capacity=2), Journal()) as execution:
        execution.edge_control.hold(queue(execution))
        await inject(execution, "a:in", *range(6))
        await trio.sleep(5)
        execution.edge_control.release(queue(execution))
        edge = execution.statistics().edges[0]
        assert (edge.blocked_seconds, edge.held_seconds) == (5.0, 5.0)


async def test_of_all_that_waits_only_what_comes_next_is_looked_at_by_a_judge() -> None:
    """A hundred times as much behind it costs nothing."""
    async with open_execution(graph_of(), Journal()) as execution:
        place = queue(execution)
        inbox = execution.edge_control.inbox(place.node)
        assert isinstance(inbox, ControlledJoinedInbox)
        seen: list[int] = []

        async def judge(messages: Sequence[Message]) -> Sequence[Sequence[int]]:
            await trio.lowlevel.checkpoint()
            return [[] for _ in messages]

        inbox.put_back([Message(0, b"1", sequence, 0) for sequence in range(1, 1001)])
        inbox.judge = judge
        coming = inbox.coming

        def counted() -> Iterator[Message]:
            for each in coming():
                seen.append(each.sequence)
                yield each

        inbox.coming = counted  # type: ignore[method-assign]
        await inbox.look_ahead(10)
        assert len(seen) < 25
        inbox.empty()
