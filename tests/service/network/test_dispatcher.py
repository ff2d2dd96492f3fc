"""The way of events into executions: whose they are, in which order they go, and what becomes of too many."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest
import trio
import trio.testing
from hypothesis import given
from hypothesis import strategies as st

from engine.limits import EngineLimits
from engine.runtime import open_runtime
from proto.codec import encode
from proto.execution import ExecuteOptions
from service.network.bound_executions import BoundExecutions
from service.network.delivery import SEEN_EVENTS, DeliveryTarget, SeenEvents
from service.network.dispatcher import LANE_EVENTS, WAITING_BYTES, Dispatcher
from service.network.events import REFUSED, org_of, read_event
from service.network.outbox import NetworkOutbox
from service.settings.network import UnownedEvents
from tests.service.network.networked_runtime import bound_graph


class Stand(msgspec.Struct, frozen=True):
    """A dispatcher over a runtime, without a Network."""

    runtime: Any
    dispatcher: Dispatcher
    outbox: NetworkOutbox

    async def start(self, graph: dict[str, Any], owner: str = "") -> str:
        loaded = await self.runtime.library.load_graph(graph, owner=owner)
        return str((await self.runtime.execute(loaded.id, ExecuteOptions())).id)

    def send(self, event_type: str, data: Any = 1, *, org: Any = None, event_id: str = "", **wrapper: Any) -> None:
        payload = {"type": event_type, "data": data} | ({} if org is None else {"orgId": org})
        number = self.dispatcher.counts["received"] + self.dispatcher.counts["malformed"]
        whole = {"id": event_id or f"event-{number}", "runId": "run-1", "source": "shop", **wrapper}
        self.dispatcher.accept(read_event(encode({"payload": payload, "wrapper": whole})))

    def processed(self, execution_id: str) -> int:
        return int(self.runtime.execution(execution_id).snapshot().metrics.messages_processed)

    def told(self) -> list[Any]:
        """What waits to be sent."""
        found = []
        while (waiting := self.outbox.take()) is not None:
            found.append(msgspec.json.decode(waiting.text))
        return found


@asynccontextmanager
async def standing(
    unowned: UnownedEvents = "refuse", *, limits: EngineLimits | None = None
) -> AsyncIterator[Stand]:
    """A dispatcher at work over a runtime."""
    async with open_runtime(limits=limits) as runtime, trio.open_nursery() as nursery:
        outbox = NetworkOutbox()
        executions = BoundExecutions(runtime, outbox, "runtime", publishes=True)
        runtime.observe(executions)
        dispatcher = Dispatcher(runtime, executions, outbox, "runtime", unowned)
        nursery.start_soon(dispatcher.run)
        yield Stand(runtime, dispatcher, outbox)
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize(
    ("owner", "org", "data", "unowned", "enters"),
    [
        ("", None, 1, "refuse", True),
        ("", "org-b", 1, "refuse", True),
        ("org-a", "org-a", 1, "refuse", True),
        ("org-a", None, {"orgId": "org-a"}, "refuse", True),
        ("org-a", None, {"orgId": "org-b"}, "admit", False),
        ("org-a", "org-a", {"orgId": "org-b"}, "refuse", True),
        ("org-a", "org-b", {"orgId": "org-a"}, "admit", False),
        ("org-a", None, 1, "refuse", False),
        ("org-a", None, 1, "admit", True),
        ("org-a", None, {"orgId": 7}, "refuse", False),
        ("org-a", "", {"orgId": "org-a"}, "refuse", True),
        ("org-a", None, {"inner": {"orgId": "org-a"}}, "refuse", False),
    ],
)
async def test_an_event_enters_the_graphs_of_the_organisation_that_it_names(
    owner: str, org: str | None, data: Any, unowned: UnownedEvents, *, enters: bool
) -> None:
    """The payload's word counts before its data's; without either only the operator's word lets it in."""
    async with standing(unowned) as stand:
        execution = await stand.start(bound_graph({"a": {"in": {"network": "*"}}}), owner)
        stand.send("orders", data, org=org)
        await trio.testing.wait_all_tasks_blocked()
        assert stand.processed(execution) == int(enters)
        assert stand.dispatcher.counts["unmatched"] == int(not enters)


async def test_an_event_enters_each_place_once() -> None:
    """All running executions get it, and overlapping patterns do not double it."""
    graph = bound_graph({"a": {"in": {"network": "orders.*"}, "input": {"network": "*"}}})
    async with standing() as stand:
        executions = [await stand.start(graph) for _ in range(3)]
        stand.send("orders.new")
        await trio.testing.wait_all_tasks_blocked()
        assert [stand.processed(execution) for execution in executions] == [1, 1, 1]


async def test_our_own_events_do_not_come_back_to_where_they_left() -> None:
    """An execution never gets what it sent, nobody gets what is told of requests, and others get the rest."""
    async with standing() as stand:
        first = await stand.start(bound_graph({"a": {"in": {"network": "*"}}}))
        second = await stand.start(bound_graph({"a": {"in": {"network": "*"}}}))
        stand.send("loop", source="runtime", runId=first)
        stand.send("obs.http.request", source="runtime")
        stand.send("obs.http.request", source="catalog")
        await trio.testing.wait_all_tasks_blocked()
        assert (stand.processed(first), stand.processed(second)) == (1, 2)


async def test_an_ended_execution_gets_nothing() -> None:
    """Stopped executions are out of the way, and of memory."""
    async with standing() as stand:
        execution = await stand.start(bound_graph({"a": {"in": {"network": "*"}, "out": {"network": "x"}}}))
        await stand.runtime.execution(execution).stop()
        stand.send("orders")
        await trio.testing.wait_all_tasks_blocked()
        assert stand.dispatcher.counts["unmatched"] == 1
        bound_executions = stand.dispatcher._bound
        assert not bound_executions.taking
        assert not bound_executions._known
        assert not bound_executions._watching


async def test_what_finds_no_room_is_told_to_its_source() -> None:
    """An execution that takes no more refuses an event: it is counted, and its source hears of it."""
    async with standing(limits=EngineLimits(max_held_messages=3)) as stand:
        execution = await stand.start(bound_graph({"a": {"in": {"network": "*"}}}))
        await stand.runtime.execution(execution).pause()
        for number in range(5):
            stand.send("orders", number)
        await trio.testing.wait_all_tasks_blocked()
        assert stand.dispatcher.counts["delivered"] == 3
        assert stand.dispatcher.counts["refused"] == 2
        told = stand.told()
    assert [each["causedBy"] for each in told] == ["event-3", "event-4"]
    assert told[0] == {
        "payload": {
            "type": REFUSED,
            "data": {"eventId": "event-3", "type": "orders", "code": "injection.held_queue_full"},
        },
        "source": "runtime",
        "runId": "run-1",
        "boundary": "intra",
        "target": "shop",
        "causedBy": "event-3",
    }


async def test_too_many_events_at_once_are_refused_at_once() -> None:
    """No queue before an execution grows without end, neither in events nor in bytes."""
    async with standing() as stand:
        await stand.start(bound_graph({"a": {"in": {"network": "*"}}}))
        for number in range(LANE_EVENTS + 5):
            stand.send("orders", number)
        assert stand.dispatcher.counts["refused"] == 5
        assert {each["payload"]["data"]["code"] for each in stand.told()} == {"network.overloaded"}
        await trio.testing.wait_all_tasks_blocked()
        for _ in range(20):
            stand.send("large", "x" * 1_000_000)
        assert stand.dispatcher.counts["refused"] == 5 + 20 - WAITING_BYTES // 1_000_002
        await trio.testing.wait_all_tasks_blocked()
        assert stand.dispatcher._waiting_bytes == 0
        assert not stand.dispatcher._lanes


async def test_refusals_are_not_told_in_circles() -> None:
    """Nobody is told of our own events, nor of being told."""
    graph = bound_graph({"a": {"in": {"network": "*"}}})
    async with standing() as stand:
        await stand.start(graph)
        for _ in range(LANE_EVENTS + 3):
            stand.send(REFUSED)
        for _ in range(3):
            stand.send("x", source="runtime")
        assert stand.dispatcher.counts["refused"] == 6
        assert stand.told() == []


async def test_a_refused_event_may_come_again() -> None:
    """What was not taken in is not remembered as if it had been."""
    async with standing() as stand:
        execution = await stand.start(bound_graph({"a": {"in": {"network": "*"}}}))
        for _ in range(LANE_EVENTS):
            stand.send("filler")
        stand.send("late", event_id="late")
        assert stand.dispatcher.counts["refused"] == 1
        await trio.testing.wait_all_tasks_blocked()
        stand.send("late", event_id="late")
        await trio.testing.wait_all_tasks_blocked()
        assert stand.processed(execution) == LANE_EVENTS + 1


async def test_events_enter_in_the_order_of_their_coming() -> None:
    """Each execution gets them one after the other."""
    graph = bound_graph({"a": {"in": {"network": "*"}, "out": {"network": "seen"}}})
    async with standing() as stand:
        await stand.start(graph)
        for number in range(50):
            stand.send("numbers", number)
        await trio.testing.wait_all_tasks_blocked()
        assert [each["payload"]["data"] for each in stand.told()] == list(range(50))


@pytest.mark.parametrize(
    "value",
    [
        None,
        7,
        [],
        {},
        {"payload": {"type": "x"}},
        {"payload": [], "wrapper": {"id": "1", "runId": "r", "source": "s"}},
        {"payload": {"type": 7}, "wrapper": {"id": "1", "runId": "r", "source": "s"}},
        {"payload": {"type": ""}, "wrapper": {"id": "1", "runId": "r", "source": "s"}},
        {"payload": {"type": "x" * 201}, "wrapper": {"id": "1", "runId": "r", "source": "s"}},
        {"payload": {"type": "x"}, "wrapper": {"id": "", "runId": "r", "source": "s"}},
        {"payload": {"type": "x"}, "wrapper": {"id": "1", "runId": "r", "source": "s", "boundary": "beyond"}},
        {"payload": {"type": "x", "orgId": 7}, "wrapper": {"id": "1", "runId": "r", "source": "s"}},
    ],
)
def test_what_is_no_event_is_none(value: Any) -> None:
    """Whatever the Network sends, only events are taken for events."""
    assert read_event(encode(value)) is None


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["payload", "wrapper", "type", "data", "id", "runId", "source", "orgId"]), inner
        )
    ),
    max_leaves=10,
)


@given(JSON, JSON, st.text(max_size=4), JSON)
def test_whatever_comes_is_an_event_or_none(value: Any, data: Any, name: str, extra: Any) -> None:
    """No value makes the reader fail; what is read has its names, and says whose it is without failing either."""
    read_event(encode(value))
    payload = {"type": name, "data": data, "orgId": extra}
    wrapper = {"id": name, "runId": name, "source": name, "path": extra}
    event = read_event(encode({"payload": payload, "wrapper": wrapper}))
    if event is not None:
        assert event.payload.type == event.wrapper.id == name != ""
        assert isinstance(org_of(event), str)
        assert len(bytes(event.payload.data)) > 0


def test_the_memory_of_events_has_an_end() -> None:
    """The oldest are forgotten first."""
    seen, target = SeenEvents(), DeliveryTarget("execution", "a", "in")
    for number in range(SEEN_EVENTS + 10):
        assert seen.note(str(number), target)
    assert len(seen) == SEEN_EVENTS
    assert not seen.note(str(SEEN_EVENTS + 9), target)
    assert seen.note("0", target)


def test_the_organisation_of_an_event_is_read_beside_half_a_surrogate_pair() -> None:
    """An event that could not be read would belong to nobody, and so to everybody."""
    payload = rb'{"type": "a.b", "data": {"text": "\ud83d", "orgId": "org-a"}}'
    wrapper = b'{"id": "1", "runId": "r", "timestamp": "t", "source": "s", "path": [], "boundary": "intra"}'
    event = read_event(b'{"payload": %b, "wrapper": %b}' % (payload, wrapper))
    assert event is not None
    assert org_of(event) == "org-a"
