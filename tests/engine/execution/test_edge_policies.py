"""Edges with policies: bounds of their own, and what becomes of what does not fit or waits for too long."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import trio
import trio.testing
from msgspec import json

from engine.builtin.core_each import EACH
from engine.builtin.core_gather import GATHER
from engine.contracts.handler import Message
from engine.cooperative.slices import at_once
from engine.execution.edge_control import Queue
from engine.execution.edges import read_edges, read_waiting
from engine.execution.execution import Execution
from engine.limits import EngineLimits
from proto.edge import EdgeSnapshot
from tests.engine.executions import Listener, OutputTap, Tap, document, inject, node, open_execution, policed
from tests.engine.handlers import Journal

GATED = {"a": "forward", "gate": "gated", "late": "forward"}


def one_edge(**policy: Any) -> dict[str, Any]:
    """``a`` before ``gate``, which waits; its dead letters go to ``late``."""
    return policed(GATED, "a:out > gate:in", policies={0: policy})


LATE = {"node": "late", "port": "in"}


@asynccontextmanager
async def begun(graph: dict[str, Any], journal: Journal, **options: Any) -> AsyncIterator[Execution]:
    """An execution whose gated node has a message in hand, so that what comes then waits before it."""
    async with open_execution(graph, journal, **options) as execution:
        await inject(execution, "a:in", 0)
        await trio.testing.wait_all_tasks_blocked()
        yield execution


def edge_of(execution: Execution, index: int = 0) -> EdgeSnapshot:
    return at_once(read_edges(execution.shared, execution.edge_control, [index]))[0]


def waiting_on(execution: Execution) -> list[Message]:
    """What waits on the first edge, to the gated node."""
    return at_once(read_waiting(execution.shared, Queue(execution.graph.index_of["gate"], 0)))


async def finish(execution: Execution, journal: Journal) -> None:
    """Let all be processed, and hold the books: what went in, and along edges, is accounted for."""
    journal.gate("gate").set()
    await execution.wait_quiescent()
    assert execution.shared.in_flight.count == 0


def is_balanced(execution: Execution, injected: int) -> bool:
    entered = injected + sum(edge.sent for edge in execution.statistics().edges)
    metrics = execution.snapshot().metrics
    return entered == metrics.messages_processed + metrics.messages_dropped


async def test_a_full_edge_blocks_its_source_and_no_other_edge() -> None:
    """The edge has two places; what comes along another edge to the same node finds the node's own inbox."""
    journal = Journal()
    graph = policed(
        {"a": "forward", "b": "forward", "gate": "gated"},
        "a:out > gate:in",
        "b:out > gate:other",
        policies={0: {"capacity": 2}},
    )
    async with begun(graph, journal) as execution:
        await inject(execution, "a:in", 1, 2, 3, 4)
        await inject(execution, "b:in", *range(10, 20))
        await trio.testing.wait_all_tasks_blocked()
        first, second = at_once(read_edges(execution.shared, execution.edge_control))
        assert (first.waiting, first.capacity, first.overflow) == (3, 2, "block")
        assert [message.value for message in waiting_on(execution)] == [b"1", b"2"]
        assert (second.waiting, second.capacity) == (10, 1000)
        await finish(execution, journal)
        assert is_balanced(execution, 15)
    assert [value for value in journal.values("gate") if value < 10] == [0, 1, 2, 3, 4]
    assert [value for value in journal.values("gate") if value >= 10] == list(range(10, 20))


async def test_an_edge_holds_so_many_bytes_and_one_message_in_any_case() -> None:
    """The second one does not fit beside the first, and a message larger than all of it goes in alone."""
    journal = Journal()
    async with begun(one_edge(bytes=10), journal) as execution:
        await inject(execution, "a:in", "x" * 20, "yy")
        await trio.testing.wait_all_tasks_blocked()
        assert [len(message.value) for message in waiting_on(execution)] == [22]
        await finish(execution, journal)
    assert journal.values("gate") == [0, "x" * 20, "yy"]


async def test_a_full_edge_drops_the_oldest_or_the_newest() -> None:
    """And says so: of its counters, of the execution's, and to those who observe."""
    for overflow, left in (("drop-oldest", [0, 3, 4]), ("drop-newest", [0, 1, 2])):
        journal, listener = Journal(), Listener()
        async with begun(one_edge(capacity=2, overflow=overflow), journal, observers=[listener]) as execution:
            await inject(execution, "a:in", 1, 2, 3, 4)
            await trio.testing.wait_all_tasks_blocked()
            assert (edge_of(execution).dropped, edge_of(execution).waiting) == (2, 2)
            await finish(execution, journal)
            assert is_balanced(execution, 5)
        assert journal.values("gate") == left
        assert sum(count for node_id, count in listener.drops if node_id == "gate") == 2


async def test_a_full_edge_that_rejects_is_an_error_of_what_was_emitted() -> None:
    """It leaves by the error port of the node that emitted it; what had room has left."""
    journal = Journal()
    graph = policed(
        {"a": "forward", "gate": "gated", "failed": "forward"},
        "a:out > gate:in",
        "a:error > failed:in",
        policies={0: {"capacity": 1, "overflow": "reject"}},
    )
    async with begun(graph, journal) as execution:
        await inject(execution, "a:in", 1, 2)
        await trio.testing.wait_all_tasks_blocked()
        await finish(execution, journal)
        assert is_balanced(execution, 3)
        assert edge_of(execution).sent == 2
    assert journal.values("gate") == [0, 1]
    (error,) = journal.values("failed")
    assert (error["name"], error["value"]) == ("EdgeFull", 2)
    assert "a:out to gate:in is full" in error["message"]


async def test_what_does_not_fit_goes_on_as_a_dead_letter() -> None:
    """It says why and whence, and is sent along a way of its own; watchers hear of that, too."""
    journal, tap = Journal(), Tap()
    async with begun(one_edge(capacity=1, overflow="dead-letter", deadLetter=LATE), journal) as execution:
        execution.add_flow_observer(tap)
        await inject(execution, "a:in", 1, {"large": 2})
        await trio.testing.wait_all_tasks_blocked()
        edge, letters = at_once(read_edges(execution.shared, execution.edge_control))
        assert (edge.sent, edge.waiting, edge.dropped, edge.dead_lettered, edge.expired) == (3, 1, 1, 1, 0)
        assert (letters.source, letters.target, letters.sent) == ("a:out", "late:in", 1)
        assert (edge.dead_letters_of, letters.dead_letters_of) == (None, "0")
        await finish(execution, journal)
        assert is_balanced(execution, 3)
        metrics = execution.snapshot().metrics
        assert (metrics.messages_dropped, metrics.messages_dead_lettered, metrics.messages_expired) == (1, 1, 0)
    assert journal.values("gate") == [0, 1]
    assert journal.values("late") == [
        {
            "reason": "overflow",
            "edge": "0",
            "source": "a:out",
            "target": "gate:in",
            "waitedMs": 0,
            "value": {"large": 2},
        }
    ]
    assert [hop[:4] for hop in tap.hops].count(("a", "out", "late", "in")) == 1


async def test_a_dead_letter_is_no_larger_than_a_value_may_be() -> None:
    """Of a value that leaves no room for the reason only the beginning is shown, with its size."""
    journal = Journal()
    graph = one_edge(capacity=1, overflow="dead-letter", deadLetter=LATE)
    async with begun(graph, journal, limits=EngineLimits(value_bytes=5_000)) as execution:
        await inject(execution, "a:in", 1, "x" * 4_990)
        await trio.testing.wait_all_tasks_blocked()
        await finish(execution, journal)
    (letter,) = journal.values("late")
    assert (letter["cut"], len(letter["value"])) == (4_992, 2_000)


async def test_the_source_waits_where_even_the_way_of_dead_letters_is_full() -> None:
    """Nothing is lost: dead letters wait as anything does."""
    journal = Journal()
    nodes = {"a": "forward", "gate": "gated", "late": node("gated", inbox={"capacity": 1})}
    graph = policed(
        nodes, "a:out > gate:in", policies={0: {"capacity": 1, "overflow": "dead-letter", "deadLetter": LATE}}
    )
    async with begun(graph, journal) as execution:
        await inject(execution, "a:in", *range(1, 8))
        await trio.testing.wait_all_tasks_blocked()
        assert edge_of(execution, 1).waiting == 2  # one in the inbox, one before it
        journal.gate("late").set()
        await trio.testing.wait_all_tasks_blocked()
        await finish(execution, journal)
        assert is_balanced(execution, 8)
    assert [letter["value"] for letter in journal.values("late")] == list(range(2, 8))


async def test_what_waits_for_too_long_is_dropped_and_counted(autojump_clock: trio.testing.MockClock) -> None:
    """At its time, and not only when its node turns to it; what came later has its own time."""
    del autojump_clock
    journal, listener = Journal(), Listener()
    async with begun(one_edge(expireMs=1000), journal, observers=[listener]) as execution:
        await inject(execution, "a:in", 1)
        await trio.sleep(0.6)
        await inject(execution, "a:in", 2)
        await trio.sleep(0.6)
        edge = edge_of(execution)
        assert (edge.waiting, edge.dropped, edge.expired) == (1, 1, 1)
        assert listener.drops == [("gate", 1)]
        assert execution.shared.in_flight.count == 2
        await finish(execution, journal)
        assert is_balanced(execution, 3)
    assert journal.values("gate") == [0, 2]


async def test_what_expires_makes_room_for_who_waits(autojump_clock: trio.testing.MockClock) -> None:
    """A blocked source goes on when what filled the edge has gone."""
    del autojump_clock
    journal = Journal()
    async with begun(one_edge(capacity=2, expireMs=1000), journal) as execution:
        await inject(execution, "a:in", 1, 2, 3, 4, 5)
        await trio.sleep(1.5)
        assert [message.value for message in waiting_on(execution)] == [b"3", b"4"]
        await finish(execution, journal)
        assert is_balanced(execution, 6)
    assert journal.values("gate") == [0, 3, 4, 5]


async def test_what_expires_goes_on_as_a_dead_letter(autojump_clock: trio.testing.MockClock) -> None:
    """One after the other, as there is room; until then it waits where it was, and is not processed any more."""
    del autojump_clock
    journal = Journal()
    nodes = {"a": "forward", "gate": "gated", "late": node("gated", inbox={"capacity": 1})}
    graph = policed(nodes, "a:out > gate:in", policies={0: {"expireMs": 1000, "deadLetter": LATE}})
    async with begun(graph, journal) as execution:
        await inject(execution, "a:in", *range(1, 8))
        await trio.sleep(2)
        edge, letters = at_once(read_edges(execution.shared, execution.edge_control))
        assert (edge.waiting, letters.waiting) == (4, 2)
        journal.gate("gate").set()
        await trio.testing.wait_all_tasks_blocked()
        journal.gate("late").set()
        await finish(execution, journal)
        edge = edge_of(execution)
        assert (edge.waiting, edge.expired, edge.dead_lettered, edge.dropped) == (0, 7, 7, 7)
        assert is_balanced(execution, 8)
    assert journal.values("gate") == [0]
    letters_sent = journal.values("late")
    assert [letter["value"] for letter in letters_sent] == list(range(1, 8))
    assert {(letter["reason"], letter["waitedMs"]) for letter in letters_sent} == {("expired", 1000)}


async def test_the_end_counts_what_was_on_its_way_to_be_a_dead_letter(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """Each message is processed, dropped or unprocessed: once."""
    del autojump_clock
    journal = Journal()
    nodes = {"a": "forward", "gate": "gated", "late": node("gated", inbox={"capacity": 1})}
    for policy in (
        {"expireMs": 1000, "deadLetter": LATE},
        {"capacity": 1, "overflow": "dead-letter", "deadLetter": LATE},
    ):
        graph = policed(nodes, "a:out > gate:in", policies={0: policy})
        async with begun(graph, journal) as execution:
            await inject(execution, "a:in", *range(1, 8))
            await trio.sleep(2)
            await execution.stop(drain=False)
            snapshot = execution.snapshot()
            entered = 8 + sum(edge.sent for edge in execution.statistics().edges)
            metrics = snapshot.metrics
            left = snapshot.unprocessed
            assert entered == metrics.messages_processed + metrics.messages_dropped + left
            assert execution.shared.in_flight.count == left


async def test_the_most_urgent_message_is_taken_first() -> None:
    """Within a priority the order of coming holds, whatever edge a message came along."""
    journal = Journal()
    graph = policed(
        {"a": "forward", "b": "forward", "c": "forward", "gate": "gated"},
        "a:out > gate:in",
        "b:out > gate:in",
        "c:out > gate:in",
        policies={0: {"priority": "urgency.level"}, 1: {"priority": 5}},
    )
    async with begun(graph, journal, limits=EngineLimits(batch_messages=1)) as execution:
        sent: list[tuple[str, Any]] = [
            ("c", 1),
            ("a", {"urgency": {"level": 9}}),
            ("b", 2),
            ("a", {"urgency": {"level": 5}}),
            ("c", 3),
            ("a", {"urgency": {"level": 1_000}}),
            ("b", 4),
            ("a", {"urgency": "high"}),
            ("a", {"urgency": {"level": -3}}),
            ("a", {"urgency": {"level": 9}, "n": 2}),
        ]
        for source, value in sent:
            await inject(execution, f"{source}:in", value)
            await trio.testing.wait_all_tasks_blocked()
        await finish(execution, journal)
    values = [value for _, value in sent]
    assert [values.index(value) for value in journal.values("gate")[1:]] == [5, 1, 9, 2, 3, 6, 0, 4, 7, 8]


async def test_the_oldest_of_the_least_urgent_is_dropped() -> None:
    """Also where that is the message that comes."""
    journal = Journal()
    graph = one_edge(capacity=2, overflow="drop-oldest", priority="p")
    async with begun(graph, journal) as execution:
        for priority, number in ((1, 1), (7, 2), (3, 3), (7, 4), (2, 5), (9, 6)):
            await inject(execution, "a:in", {"p": priority, "n": number})
            await trio.testing.wait_all_tasks_blocked()
        await finish(execution, journal)
        assert edge_of(execution).dropped == 4
    assert [value["n"] for value in journal.values("gate")[1:]] == [6, 4]


async def test_items_that_are_dropped_or_go_on_as_dead_letters_are_done_with(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """An array is gathered without those that were dropped, and with what became of its dead letters."""
    del autojump_clock
    nodes = {"e": "each", "slow": node("slow", config={"seconds": 1}), "late": "forward", "g": "gather"}
    edges = ("e:out > slow:in", "slow:out > g:in", "late:out > g:in")
    limits = EngineLimits(batch_messages=1)
    policies: list[dict[str, Any]] = [
        {"capacity": 1, "overflow": "drop-newest"},
        {"capacity": 1, "overflow": "dead-letter", "deadLetter": LATE},
        {"expireMs": 500},
        {"expireMs": 500, "deadLetter": LATE},
    ]
    expected: list[list[Any]] = [[1], [1, *["overflow"] * 3], [], ["expired"] * 4]
    for policy, values in zip(policies, expected, strict=True):
        graph = policed(nodes, *edges, policies={0: policy})
        tap = OutputTap()
        async with open_execution(
            graph, Journal(), more={"each": EACH, "gather": GATHER}, limits=limits
        ) as execution:
            execution.shared.add_flow_observer(tap)
            await inject(execution, "e:in", [1])
            await trio.testing.wait_all_tasks_blocked()
            await inject(execution, "e:in", [1, 2, 3, 4], final=True)
            await execution.finished.wait()
            assert execution.snapshot().unprocessed == 0
        gathered = [json.decode(value) for _, _, value in tap.outputs]
        assert [[each["reason"] if isinstance(each, dict) else each for each in array] for array in gathered] == [
            [1],
            values,
        ]


async def test_a_graph_without_policies_has_plain_inboxes() -> None:
    """And so have the nodes of a graph to which no edge with a policy leads."""
    journal = Journal()
    async with begun(one_edge(capacity=3), journal) as execution:
        kinds = [type(inbox).__name__ for inbox in execution.shared.inboxes]
        assert kinds == ["Inbox", "JoinedInbox", "Inbox"]
        await finish(execution, journal)
    async with begun(document(GATED, ["a:out > gate:in"]), journal) as execution:
        assert {type(inbox).__name__ for inbox in execution.shared.inboxes} == {"Inbox"}
        assert type(execution.shared).__name__ == "ExecutionShared"
