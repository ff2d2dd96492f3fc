"""The Network as the settings ask for it, put together."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import structlog
import trio

from engine.runtime import Runtime
from engine.wall_clock import WallClock
from service.network.bound_executions import BoundExecutions
from service.network.dispatcher import Dispatcher
from service.network.outbox import NetworkOutbox
from service.network.requests import RECEIVE_PATH, RequestEvents
from service.settings.table import Settings
from service.siblings.status import Siblings, SiblingStatus
from service.version import version

if TYPE_CHECKING:
    from service.network.relay import Registration, Relay

log = structlog.get_logger("network")

LAST_SECONDS = 1.0
"""The time that the last events and the leave-taking may take when the service ends."""

COUNT_SECONDS = 5.0
"""The time between two looks at the counters for those who watch the board."""

CAPABILITIES = (
    "runtime.graph.load",
    "runtime.routine.compile",
    "runtime.routine.load",
    "runtime.execution.manage",
)
"""The capabilities that the platform's own runtime announces on the Network."""


class Network:
    """This service's part in the Network. Opened with :func:`open_network`.

    Attributes:
        dispatcher: gives events to executions.
        outbox: what waits to be sent.
        relay: the connection to the Network; None where there is none.
        requests: observes HTTP requests; None where nobody is told of them.
    """

    def __init__(self, runtime: Runtime, settings: Settings) -> None:
        node_id = settings.service_id
        takes_part = settings.network.is_active
        self.outbox = NetworkOutbox(self._wake)
        self._bound = BoundExecutions(runtime, self.outbox, node_id, publishes=takes_part)
        self.dispatcher = Dispatcher(runtime, self._bound, self.outbox, node_id, settings.network.unowned_events)
        self.relay: Relay | None = None
        tells = takes_part and settings.network.request_events
        self.requests = RequestEvents(self.outbox, node_id) if tells else None
        runtime.observe(self._bound)

    async def tell_counts(self, relay: "Relay", status: SiblingStatus) -> None:
        """Keep the board up to date with what became of events, until cancelled."""
        while True:
            places = self.dispatcher.counts
            status.count(
                eventsReceived=places["received"],
                eventsMalformed=places["malformed"],
                eventsUnmatched=places["unmatched"],
                eventsDelivered=places["delivered"],
                eventsRefused=places["refused"],
                eventsSent=relay.counts["sent"],
                eventsNotTaken=relay.counts["refused"],
                eventsUnconfirmed=relay.counts["unconfirmed"],
                eventsDropped=self.outbox.dropped.total(),
                requestEventsDropped=self.outbox.dropped_news,
                eventsWaiting=len(self.outbox),
            )
            await trio.sleep(COUNT_SECONDS)

    def _wake(self) -> None:
        if self.relay is not None:
            self.relay.wake()


@asynccontextmanager
async def open_network(
    runtime: Runtime, settings: Settings, siblings: Siblings, url: str
) -> AsyncIterator[Network]:
    """Open the Network for the length of the block; at its end, this service takes leave of it.

    Bindings take events that come by HTTP also where no Network is configured.

    Args:
        runtime: whose executions take part.
        settings: where the Network lies, and how this service takes part.
        siblings: the board on which the Network is to be seen.
        url: where this service is reached, unless the settings say it.
    """
    network = Network(runtime, settings)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(network.dispatcher.run)
        if settings.network.is_active:
            from service.network.relay import Relay  # noqa: PLC0415  a client of WebSockets: few wait for it

            status = siblings.add("network")
            registration = _registration(settings, url)
            network.relay = Relay(settings.network.url, registration, network.outbox, network.dispatcher, status)
            nursery.start_soon(network.relay.run)
            nursery.start_soon(network.tell_counts, network.relay, status)
        yield network
        if network.relay is not None:
            with trio.move_on_after(LAST_SECONDS):
                await network.relay.leave()
            if len(network.outbox):
                log.warning("events lost", waiting=len(network.outbox))
        nursery.cancel_scope.cancel()


def _registration(settings: Settings, url: str) -> "Registration":
    from service.network.relay import Registration  # noqa: PLC0415  likewise

    base = (settings.network.advertised_url or url).rstrip("/")
    return Registration(
        id=settings.service_id,
        name="Runtime",
        type="service",
        capabilities=CAPABILITIES,
        endpoint=f"{base}{RECEIVE_PATH}",
        metadata={"startedAt": WallClock().timestamp(), "version": version()},
    )
