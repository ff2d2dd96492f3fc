"""Which event a value follows from: told where it is certain, and left out where it is not."""

from typing import Any

import msgspec
import trio
import trio.testing
from hypothesis import given
from hypothesis import strategies as st

from engine.compile.compiler import compile_graph
from engine.contracts.handler import Message
from engine.limits import EngineLimits
from proto.message import Injection
from service.network.causes import KNOWN_MESSAGES, Causes
from tests.engine.executions import document, node
from tests.engine.handlers import Journal, components
from tests.service.network.networked_runtime import bound_graph
from tests.service.network.test_dispatcher import Stand, standing


def _through(component: str, config: dict[str, Any] | None = None) -> dict[str, Any]:
    """A graph from an input binding through a component to an output binding."""
    graph = bound_graph(
        {"a": {"in": {"network": "*"}}, "b": {"out": {"network": "seen"}}},
        {"a": "symbia.core.passthrough", "b": component},
        ("a", "b"),
    )
    graph["nodes"][1]["config"] = config or {}
    return graph


async def _caused(stand: Stand, graph: dict[str, Any], *values: Any) -> list[Any]:
    """What leaves a graph: each value, and the event that it follows from."""
    await stand.start(graph)
    for value in values:
        stand.send("in", value)
        await trio.testing.wait_all_tasks_blocked(0.01)
    await trio.testing.wait_all_tasks_blocked(0.05)
    return [(each["payload"]["data"], each.get("causedBy")) for each in stand.told()]


async def test_each_value_follows_from_its_event() -> None:
    """Through built-in and foreign code, one event after the other."""
    async with standing() as stand:
        graph = _through("symbia.core.map", {"expression": "value * 2"})
        assert await _caused(stand, graph, 1, 2, 3) == [(2, "event-0"), (4, "event-1"), (6, "event-2")]


async def test_what_was_filtered_out_confuses_nobody() -> None:
    """An event that ends in a filter is not taken for the cause of the next one's values."""
    async with standing() as stand:
        graph = _through("symbia.core.filter", {"predicate": "value > 1"})
        assert await _caused(stand, graph, 1, 2, 1, 3) == [(2, "event-1"), (3, "event-3")]


async def test_what_is_kept_and_given_out_later_has_no_cause() -> None:
    """A delay may give out what came before the last event, so nothing is claimed."""
    async with standing() as stand:
        assert await _caused(stand, _through("symbia.core.delay", {"ms": 1}), 1) == [(1, None)]


async def test_an_injection_that_is_no_event_has_no_cause() -> None:
    """What somebody injects follows from nothing, also between two events."""
    async with standing() as stand:
        execution = await stand.start(_through("symbia.core.passthrough"))
        stand.send("in", 1)
        await trio.testing.wait_all_tasks_blocked()
        await stand.runtime.execution(execution).inject([Injection("a", "in", msgspec.Raw(b"2"))])
        await trio.testing.wait_all_tasks_blocked()
        assert [each.get("causedBy") for each in stand.told()] == ["event-0", None]


async def test_a_port_with_two_edges_sends_each_value_once() -> None:
    """However many edges a value takes, it is one event."""
    graph = bound_graph(
        {"a": {"in": {"network": "*"}, "out": {"network": "seen"}}},
        {"a": "symbia.core.passthrough", "b": "symbia.core.passthrough", "c": "symbia.core.passthrough"},
        ("a", "b"),
        ("a", "c"),
    )
    async with standing() as stand:
        assert await _caused(stand, graph, 1) == [(1, "event-0")]


async def test_a_named_organisation_leaves_with_the_event() -> None:
    """Events of a graph say whose graph it is."""
    async with standing() as stand:
        await stand.start(bound_graph({"a": {"in": {"network": "*"}, "out": {"network": "seen"}}}), "org-a")
        stand.send("in", 1, org="org-a")
        await trio.testing.wait_all_tasks_blocked()
        assert [each["payload"]["orgId"] for each in stand.told()] == ["org-a"]


@given(st.lists(st.lists(st.tuples(st.integers(0, 30), st.sampled_from(["", "x", "y"])), max_size=4), max_size=20))
def test_a_cause_is_only_told_where_the_whole_batch_has_it(batches: list[list[tuple[int, str]]]) -> None:
    """For every sequence of batches the model and the code agree."""
    causes = Causes(GRAPH)
    for batch in batches:
        known: dict[int, str] = {}
        for sequence, cause in batch:
            if sequence not in known:
                known[sequence] = cause
                causes.enter([Message(0, b"1", sequence)], cause)
        if not known:
            continue
        causes.invoke("a", [Message(0, b"1", sequence) for sequence in known])
        expected = next(iter(known.values())) if len(set(known.values())) == 1 else ""
        assert causes.of("a") == expected
        assert not causes.known()


def test_the_memory_of_causes_has_an_end() -> None:
    """Messages that never arrive are forgotten at last."""
    causes = Causes(GRAPH)
    for sequence in range(KNOWN_MESSAGES + 10):
        causes.enter([Message(0, b"1", sequence)], "x")
    assert len(causes) == KNOWN_MESSAGES


def test_a_node_with_several_workers_tells_a_cause_that_all_share() -> None:
    """While they work on different events nothing is claimed."""
    causes = Causes(GRAPH)
    for sequence, cause in enumerate(["x", "x", "y"]):
        causes.enter([Message(0, b"1", sequence)], cause)
    told = []
    for sequence in range(3):
        causes.invoke("several", [Message(0, b"1", sequence)])
        told.append(causes.of("several"))
    assert told == ["x", "x", ""]


async def _graph() -> Any:
    drawn = document({"a": "forward", "several": node("forward", concurrency=2)})
    return await compile_graph(drawn, components(Journal()), EngineLimits(), lambda: "")


GRAPH = trio.run(_graph)
