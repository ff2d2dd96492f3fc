"""Messages to a chain at rest: their first time slice is taken in the task that injects them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest
import trio

from engine.execution.execution import Execution
from engine.execution.injection import locate
from engine.limits import EngineLimits
from proto.message import Injection
from tests.engine.chained_graphs import open_parts, started
from tests.engine.executions import OutputTap, Tap, document, node
from tests.engine.handlers import Journal, components

BODIES = {
    "pass": "ctx.emit('out', value);",
    "spin": "if (value === 'long') { const end = 2e5; for (let i = 0; i < end; i++); } ctx.emit('out', value);",
    "endless": "if (value === 'long') for (;;); ctx.emit('out', value);",
    "twice": "ctx.emit('out', value); ctx.emit('out', value);",
    "count": "const n = (ctx.getState('n') ?? 0) + 1; ctx.setState('n', n); ctx.emit('out', n);",
    "throw": "throw new TypeError('no');",
    "talk": "ctx.log('info', 'got ' + value); ctx.emit('out', value);",
}
LIMITS = EngineLimits()


@asynccontextmanager
async def pair(kind: str, behind: Any = "lane", journal: Journal | None = None) -> AsyncIterator[Execution]:
    """Two nodes that run as one, the second of this kind, and one behind them."""
    nodes = {"a": node("js.pass"), "b": node(f"js.{kind}", onError="continue"), "z": behind}
    graph = document(nodes, ["a:out > b:in", "b:out > z:in"])
    async with (
        open_parts(BODIES) as (_, parts),
        started(graph, {**parts, **components(journal or Journal())}, LIMITS) as execution,
    ):
        await trio.testing.wait_all_tasks_blocked()
        yield execution
        if not execution.finished.is_set():
            await execution.stop(drain=False)


async def send(execution: Execution, *values: object, to: str = "a") -> None:
    """Inject values one by one, without a look at other tasks in between."""
    for value in values:
        message = Injection(to, "in", msgspec.Raw(msgspec.json.encode(value)))
        await execution.inject(await locate(execution.graph, [message], LIMITS), final=False)


async def warm_up(execution: Execution, to: str = "a") -> None:
    """Send messages until one is done with at once: on a busy machine a slice may be over before a guest began."""
    for _ in range(100):
        before = processed(execution)
        await send(execution, 0, to=to)
        if processed(execution) > before:
            break
        await execution.wait_quiescent()
    await execution.wait_quiescent()
    await trio.testing.wait_all_tasks_blocked()


def processed(execution: Execution) -> int:
    """Messages that are done with."""
    return execution.snapshot().metrics.messages_processed


async def test_a_message_is_done_with_when_it_has_been_injected() -> None:
    """Both nodes have been called, and what the second one emitted waits before the third; no task has run."""
    async with pair("pass") as execution:
        await warm_up(execution)
        done, sent = processed(execution), [edge.sent for edge in execution.shared.edges[:-1]]
        await send(execution, 1)
        assert processed(execution) == done + 2
        assert [edge.sent for edge in execution.shared.edges[:-1]] == [number + 1 for number in sent]
        assert len(execution.shared.inboxes[2]) == execution.shared.in_flight.count == 1


async def test_outputs_are_heard_before_the_injection_returns() -> None:
    """So one who waits for them need not wait."""
    nodes = {"a": node("js.pass"), "b": node("js.pass")}
    async with (
        open_parts(BODIES) as (_, parts),
        started(document(nodes, ["a:out > b:in"]), parts, LIMITS) as execution,
    ):
        await trio.testing.wait_all_tasks_blocked()
        await warm_up(execution)
        tap = OutputTap()
        execution.add_flow_observer(tap)
        await send(execution, 7)
        assert tap.outputs == [("b", "out", b"7")]
        await execution.stop(drain=False)


@pytest.mark.parametrize(
    ("kind", "value", "arrives"),
    [
        ("spin", "long", ["long", 1, 2]),
        ("twice", 0, [0, 0, 1, 1, 2, 2]),
        ("count", 0, [1, 2, 3]),
        ("talk", 0, [0, 1, 2]),
        ("throw", 0, []),
    ],
)
async def test_what_does_not_end_at_once_goes_on_in_the_task_of_its_node(
    kind: str, value: object, arrives: list[object]
) -> None:
    """A second slice, several hops, state, a log line, an error: nothing has left, and order is kept behind it."""
    journal = Journal()
    async with pair(kind, journal=journal) as execution:
        await send(execution, value)
        assert processed(execution) == 0
        assert len(execution.shared.inboxes[0]) == 1
        await send(execution, 1, 2)
        await execution.wait_quiescent()
        assert journal.values("z") == arrives
        assert processed(execution) == 6 + len(arrives)
        assert execution.snapshot().metrics.error_count == (3 if kind == "throw" else 0)


async def test_a_full_inbox_behind_makes_the_message_wait() -> None:
    """The call has ended, and what it emitted has not left until there is room."""
    async with pair("pass", node("gated", inbox={"capacity": 1})) as execution:
        await send(execution, 1)
        await trio.testing.wait_all_tasks_blocked()  # the node behind has taken it, and keeps it
        await send(execution, 2)
        await trio.testing.wait_all_tasks_blocked()  # and this one waits there
        await send(execution, 3)
        assert processed(execution) == 4
        assert len(execution.shared.inboxes[0]) == 1


async def test_a_watched_execution_is_traced_as_ever() -> None:
    """Who hears of hops is told of each invocation in the task of its node."""
    async with pair("pass") as execution:
        execution.add_flow_observer(Tap())
        await send(execution, 1)
        assert processed(execution) == 0


async def test_a_pause_holds_what_has_begun() -> None:
    """It answers while a guest computes without end, which goes on afterwards."""
    journal = Journal()
    async with pair("spin", journal=journal) as execution:
        await send(execution, "long")
        await execution.pause()
        await trio.testing.wait_all_tasks_blocked()
        assert journal.values("z") == []
        await execution.resume()
        await execution.wait_quiescent()
        assert journal.values("z") == ["long"]


async def test_what_has_begun_counts_as_busy_from_its_beginning(mock_clock: trio.testing.MockClock) -> None:
    """And not from the beginning of the call before it, however long ago that was."""
    async with pair("endless") as execution:
        await send(execution, 1)
        await execution.wait_quiescent()
        await trio.testing.wait_all_tasks_blocked()
        mock_clock.jump(10)
        await send(execution, "long")
        assert [each.busy_seconds for each in execution.statistics().nodes[:2]] == [0, 0]
        await execution.stop(drain=False)


async def test_a_stop_ends_what_has_begun_and_counts_it() -> None:
    """The message was accepted and came to nothing: it is unprocessed, once."""
    async with pair("endless") as execution:
        await send(execution, "long")
        await execution.stop(drain=False)
        assert execution.snapshot().unprocessed == 1
        assert execution.shared.gate._running == 0


async def test_a_message_for_the_middle_begins_there_and_not_while_another_is_at_work() -> None:
    """Only one call of a chain is under way at a time."""
    journal = Journal()
    async with pair("spin", journal=journal) as execution:
        await warm_up(execution, to="b")
        await warm_up(execution)
        before = processed(execution)
        inner, outer = [(edge.sent, edge.taken) for edge in execution.shared.edges[:-1]]
        await send(execution, 5, to="b")
        assert processed(execution) == before + 1
        await execution.wait_quiescent()
        await trio.testing.wait_all_tasks_blocked()
        await send(execution, "long")
        await send(execution, 6, to="b")
        assert processed(execution) == before + 2
        await execution.wait_quiescent()
        assert journal.values("z")[-3:] == [5, "long", 6]
        edges = [(edge.sent, edge.taken) for edge in execution.shared.edges[:-1]]
        assert edges == [(inner[0] + 1, inner[1] + 1), (outer[0] + 3, outer[1] + 3)]


async def test_an_endless_row_of_injections_lets_others_go_on() -> None:
    """When a pass of the event loop has lasted long enough, messages go into the inbox, which fills."""
    async with pair("pass") as execution:
        seen = trio.Event()

        async def inject_on() -> None:
            while not seen.is_set():
                await send(execution, 1)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(inject_on)
            await trio.lowlevel.checkpoint()
            seen.set()
