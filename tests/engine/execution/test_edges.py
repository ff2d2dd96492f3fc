"""The edges of a running execution: what waits on each is seen, and stays where it is."""

import pytest
import trio

from engine.cooperative.slices import at_once
from engine.documents.mask import Mask
from engine.execution.edge_control import Queue, edge_name, edge_names
from engine.execution.edges import edge_index, read_edges, read_waiting, shown_message
from engine.execution.execution import Execution
from proto.graph import Edge, Endpoint
from tests.engine.executions import document, inject, node, open_execution
from tests.engine.handlers import Journal

pytestmark = pytest.mark.usefixtures("autojump_clock")

GRAPH = document(
    {"a": "forward", "b": "forward", "gate": node("gated", inbox={"capacity": 50})},
    ["a:out > gate:in", "b:out > gate:other"],
)


async def begin(execution: Execution) -> None:
    """Let the gated node have a message in hand, so that what comes then waits before it."""
    await inject(execution, "a:in", 0)
    await trio.testing.wait_all_tasks_blocked()


async def test_what_waits_on_an_edge_is_told_apart_from_what_waits_beside_it() -> None:
    """Two edges end at one node: each has its own messages and bytes, and all are handled afterwards."""
    journal = Journal()
    async with open_execution(GRAPH, journal) as execution:
        await begin(execution)
        await inject(execution, "a:in", 10, 11)
        await inject(execution, "b:in", "four")
        await trio.testing.wait_all_tasks_blocked()
        shared = execution.shared
        first, second = at_once(read_edges(shared, execution.edge_control))
        waiting = at_once(read_waiting(shared, Queue(shared.graph.index_of["gate"], 0)))
        assert (first.edge, first.source, first.target) == ("0", "a:out", "gate:in")
        assert (first.sent, first.waiting, first.waiting_bytes) == (3, 2, 4)
        assert first.oldest_sequence == waiting[0].sequence
        assert [message.value for message in waiting] == [b"10", b"11"]
        assert (second.sent, second.waiting, second.waiting_bytes, second.capacity) == (1, 1, 6, 50)
        (only,) = at_once(read_edges(shared, execution.edge_control, [1]))
        assert only == second
        journal.gate("gate").set()
        await execution.wait_quiescent()
        assert [each.waiting for each in at_once(read_edges(shared, execution.edge_control))] == [0, 0]
        assert at_once(read_edges(shared, execution.edge_control, [0]))[0].oldest_sequence is None
    assert sorted(map(str, journal.values("gate"))) == ["0", "10", "11", "four"]


async def test_a_value_is_shown_up_to_a_size_and_without_secrets() -> None:
    """Larger ones are null, with their size; what a secret says is masked, as wherever a value is shown."""
    journal = Journal()
    async with open_execution(GRAPH, journal) as execution:
        await begin(execution)
        await inject(execution, "b:in", "my secret-text")
        await trio.testing.wait_all_tasks_blocked()
        execution.shared.mask = Mask(["secret-text"])
        (message,) = at_once(read_waiting(execution.shared, Queue(execution.graph.index_of["gate"], 1)))
        assert bytes(shown_message(execution.shared, message, 100).value) == b'"my ***"'
        left_out = shown_message(execution.shared, message, 5)
        assert (bytes(left_out.value), left_out.size_bytes, left_out.is_omitted) == (b"null", 16, True)
        journal.gate("gate").set()


def test_an_edge_is_named_by_its_id_and_otherwise_by_its_index() -> None:
    """An author may call an edge by a number, which goes before an index; such an edge has no index as name."""
    source, target = Endpoint("a", "out"), Endpoint("b", "in")
    edges = [Edge(source, target, "first"), Edge(source, target), Edge(source, target, "1")]
    found = {name: edge_index(edges, name) for name in ("first", "1", "0", "2", "3", "-1", "x", "")}
    assert found == {"first": 0, "1": 2, "0": None, "2": None, "3": None, "-1": None, "x": None, "": None}
    assert edge_index(edges[:2], "1") == 1


def test_an_edge_that_has_become_several_is_named_once_and_the_others_by_their_index() -> None:
    """As an edge to a graph's port does that leads to several inside: each of them can be asked for."""
    source, target = Endpoint("a", "out"), Endpoint("b", "in")
    edges = [Edge(source, target, "over"), Edge(source, target, "over"), Edge(source, target)]
    assert edge_names(edges) == ["over", "1", "2"]
    assert [edge_name(edges, index) for index in range(3)] == edge_names(edges)
    assert [edge_index(edges, name) for name in edge_names(edges)] == [0, 1, 2]


async def test_an_edge_tells_its_rates_and_the_age_of_what_waits_longest() -> None:
    """Over the time between looks that lie a second apart; the age is told to a tenth of a second at best."""
    journal = Journal()
    async with open_execution(GRAPH, journal) as execution:
        await trio.sleep(4)
        await begin(execution)
        await inject(execution, "a:in", *range(9))
        await trio.testing.wait_all_tasks_blocked()
        shared, control = execution.shared, execution.edge_control
        (first,) = at_once(read_edges(shared, control, [0]))
        assert (first.sent_per_second, first.oldest_age_ms) == (2.5, 0)
        await trio.sleep(2)
        await inject(execution, "a:in", *range(4))
        await trio.testing.wait_all_tasks_blocked()
        at_once(read_edges(shared, control, [0]))
        await trio.sleep(2)
        (last,) = at_once(read_edges(shared, control, [0]))
        assert (last.sent_per_second, last.taken_per_second) == (1.0, 0.0)
        assert last.oldest_age_ms == 4000
        waiting = at_once(read_waiting(shared, Queue(execution.graph.index_of["gate"], 0)))
        assert shown_message(shared, waiting[-1], 10).age_ms == 2000
        journal.gate("gate").set()
