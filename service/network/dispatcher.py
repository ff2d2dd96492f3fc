"""The way of events into executions.

The Network sends events without waiting for anything, and its connection must not be held up by an execution that
has no room. So what it sends is queued for each execution apart, within bounds, and injected one after another in
the order of its coming. An injection waits for room as long as any other does. What is not taken in is counted,
logged, and told to the source of the event (``runtime.event.refused``); events that come by HTTP are answered
there.
"""

from collections import Counter, deque
from itertools import islice

import structlog
import trio

from engine.errors import EngineError, OverloadedError
from engine.runtime import Runtime
from proto.message import Injection
from service.auth.caller import Caller
from service.network.bound_executions import BoundExecutions
from service.network.delivery import (
    Admits,
    DeliveryTarget,
    EventReceipt,
    EventRefusal,
    SeenEvents,
    admission_of_caller,
    admission_of_network,
    find_targets,
)
from service.network.events import REFUSED, Event, Sending, SentPayload, org_of
from service.network.outbox import NetworkOutbox
from service.observability.throttled_log import ThrottledLog
from service.settings.network import UnownedEvents

LANE_EVENTS = 100
"""Events of the Network that wait for one execution, beside those in its inboxes."""

EVENT_PLACES = 1_000
"""Places that one event enters; in all others it is missed, which is told to its source. One event must not become
millions."""

TARGETS_AT_ONCE = 100
"""Injections of one event that are under way together: some may wait for room."""

COPIES_BYTES = 4 * 1024 * 1024
"""JSON text of one event that is being injected in several places at once; one place in any case."""

WAITING_BYTES = 16 * 1024 * 1024
"""JSON text of all events of the Network that wait for executions."""

log = structlog.get_logger("network")


class EventOverloadError(OverloadedError):
    """No execution had room for an event."""

    code = "network.overloaded"


class Dispatcher:
    """The dispatcher of events to the executions that want them.

    Args:
        runtime: whose executions they are.
        bound: knows which of them take events.
        outbox: takes what sources are told.
        node_id: what this service is called on the Network.
        unowned: what becomes of events that name no organisation.

    Attributes:
        counts: ``received``, ``malformed``, ``unmatched`` count events; ``delivered``, ``duplicates`` and
            ``refused`` count places.
    """

    def __init__(
        self, runtime: Runtime, bound: BoundExecutions, outbox: NetworkOutbox, node_id: str, unowned: UnownedEvents
    ) -> None:
        self.counts: Counter[str] = Counter()
        self._runtime = runtime
        self._bound = bound
        self._outbox = outbox
        self._node_id = node_id
        self._unowned = unowned
        self._seen = SeenEvents()
        self._lanes: dict[str, deque[tuple[Event, DeliveryTarget]]] = {}
        self._waiting_bytes = 0
        self._lane_begins = trio.Event()
        self._idle_lanes: deque[str] = deque()
        self._complaints = ThrottledLog(log)

    async def run(self) -> None:
        """Inject what the Network sends, until cancelled."""
        async with trio.open_nursery() as nursery:
            while True:
                while self._idle_lanes:
                    nursery.start_soon(self._empty_lane, self._idle_lanes.popleft())
                self._lane_begins = trio.Event()
                await self._lane_begins.wait()

    def accept(self, event: Event | None) -> None:
        """Take an event of the Network, None where it is none; never waits."""
        if event is None:
            self.counts["malformed"] += 1
            return
        targets = self._new_targets(event, admission_of_network(self._unowned))[0]
        size_bytes = len(event.payload.data)
        for target in targets:
            lane = self._lanes.get(target.execution_id)
            if self._waiting_bytes + size_bytes > WAITING_BYTES or (lane and len(lane) >= LANE_EVENTS):
                refusal = EventRefusal(EventOverloadError.code, "Too many events wait for the execution")
                self._refuse(event, target, refusal)
                continue
            if lane is None:
                lane = self._lanes[target.execution_id] = deque()
                self._idle_lanes.append(target.execution_id)
                self._lane_begins.set()
            lane.append((event, target))
            self._waiting_bytes += size_bytes

    async def deliver(self, event: Event, caller: Caller) -> EventReceipt:
        """Give an event to the executions of somebody, and wait until they have taken it.

        Raises:
            EventOverloadError: it was meant for some, and none had room.
        """
        targets, duplicates = self._new_targets(event, admission_of_caller(caller, self._unowned))
        refusals: list[EventRefusal] = []

        left = deque(targets)

        async def give() -> None:
            while left:
                refusal = await self._inject(event, left.popleft())
                if refusal is not None:
                    refusals.append(refusal)
                await trio.lowlevel.checkpoint()

        # Each injection checks a copy of its own before it is charged for it.
        size_bytes = len(event.payload.data)
        async with trio.open_nursery() as nursery:
            for _ in range(max(1, min(TARGETS_AT_ONCE, len(targets), COPIES_BYTES // max(1, size_bytes)))):
                nursery.start_soon(give)
        if refusals and len(refusals) == len(targets) and not duplicates:
            raise EventOverloadError(f"No execution took the event: {refusals[0].reason}")
        delivered = len(targets) - len(refusals)
        return EventReceipt(event.wrapper.id, delivered, duplicates, tuple(refusals))

    def _new_targets(self, event: Event, admits: Admits) -> tuple[list[DeliveryTarget], int]:
        """Return the places that an event goes to, and how many had it already."""
        self.counts["received"] += 1
        found = list(islice(find_targets(event, self._bound.taking, admits, self._node_id), EVENT_PLACES + 1))
        if not found:
            self.counts["unmatched"] += 1
        if len(found) > EVENT_PLACES:
            refusal = EventRefusal("network.too_many_places", f"An event enters at most {EVENT_PLACES} places")
            self._refuse(event, found.pop(), refusal)
        targets = [target for target in found if self._seen.note(event.wrapper.id, target)]
        self.counts["duplicates"] += len(found) - len(targets)
        return targets, len(found) - len(targets)

    async def _empty_lane(self, execution_id: str) -> None:
        """Inject the events that wait for an execution, one after another."""
        lane = self._lanes[execution_id]
        while lane:
            event, target = lane[0]  # it keeps its place while it waits for room
            refusal = await self._inject(event, target)
            lane.popleft()
            self._waiting_bytes -= len(event.payload.data)
            if refusal is not None:
                self._tell_source(event, refusal)
        del self._lanes[execution_id]

    async def _inject(self, event: Event, target: DeliveryTarget) -> EventRefusal | None:
        injection = Injection(target.node, target.port, event.payload.data)
        try:
            await self._runtime.execution(target.execution_id).inject([injection], cause=event.wrapper.id)
        except EngineError as error:
            refusal = EventRefusal(error.code, str(error))
        except Exception:  # a fault of ours costs this event, and not the service
            log.exception("unforeseen error")
            refusal = EventRefusal("internal", "an unforeseen error; the log has it")
        else:
            self.counts["delivered"] += 1
            return None
        self._note_refusal(event, target, refusal)
        return refusal

    def _refuse(self, event: Event, target: DeliveryTarget, refusal: EventRefusal) -> None:
        self._note_refusal(event, target, refusal)
        self._tell_source(event, refusal)

    def _note_refusal(self, event: Event, target: DeliveryTarget, refusal: EventRefusal) -> None:
        self._seen.forget(event.wrapper.id, target)
        self.counts["refused"] += 1
        execution, kind = target.execution_id, event.payload.type
        self._complaints.warning(
            "event refused", execution=execution, event_type=kind, code=refusal.code, reason=refusal.reason
        )

    def _tell_source(self, event: Event, refusal: EventRefusal) -> None:
        """Let the source know, unless that is us, or is told of our own telling."""
        if event.wrapper.source == self._node_id or event.payload.type == REFUSED:
            return
        data = {"eventId": event.wrapper.id, "type": event.payload.type, "code": refusal.code}
        self._outbox.put(
            Sending(
                payload=SentPayload(type=REFUSED, data=data),
                source=self._node_id,
                run_id=event.wrapper.run_id,
                boundary=event.wrapper.boundary,
                target=event.wrapper.source,
                caused_by=event.wrapper.id,
            ),
            owner=org_of(event),
        )
