"""The task that keeps this service on the Network: it connects, registers, sends, receives, and comes back.

    connect ──► node:register ──► heartbeats, events out, events in ──► the connection is gone
       ▲          (acknowledged)                                              │
       └────────────────────── a wait, longer with each failure in a row ◄────┘

Nothing waits for it but what is to be sent. While the Network is away events wait in the outbox, within bounds. An
event that was sent and not acknowledged when the connection went is not sent again: the Network may have routed
it, and gives each event an id of its own, so that nobody could tell the second one from another event.
"""

import math
import random
from collections import Counter
from collections.abc import Callable
from typing import Any

import msgspec
import structlog
import trio

from service.network.dispatcher import Dispatcher
from service.network.events import read_event
from service.network.outbox import NetworkOutbox, Waiting
from service.network.session import NetworkError, NetworkSession, hold_session
from service.observability.throttled_log import ThrottledLog
from service.siblings.backoff import ABSENT_SECONDS, Backoff
from service.siblings.status import SiblingStatus

REGISTER_SECONDS = 2.0
"""The wait for an acknowledgement, after which the registration is sent again; by the platform's rule."""

REGISTER_ATTEMPTS = 5
"""Attempts to register on one connection, by the platform's rule; then the connection is made anew."""

HEARTBEAT_SECONDS = 30.0
"""The time between two heartbeats, by the platform's rule: the Network forgets nodes that are silent for 90."""

ACK_SECONDS = 10.0
"""The wait for the acknowledgement of an event. It comes when the event has been routed."""

UNACKNOWLEDGED = 32
"""Events of graphs on their way at once; enough for a thousand in a second at 30 ms each."""

STEADY_SECONDS = 5.0
"""A connection that held for so long is no failed one: the next wait is a first one again."""

_AROUND_BYTES = 100
"""The bytes of a packet around an event."""

log = structlog.get_logger("network")


class Registration(msgspec.Struct, frozen=True):
    """A node's message that makes it known (``node:register``)."""

    id: str
    name: str
    type: str
    capabilities: tuple[str, ...]
    endpoint: str
    metadata: dict[str, str]


class Relay:
    """The keeper of a connection to the Network.

    Args:
        url: of the Network.
        registration: how this service makes itself known there.
        outbox: what is to be sent.
        dispatcher: takes what comes.
        status: is told how the Network does.
        chance: a number from 0 up to 1 at each call, for the waits.

    Attributes:
        counts: ``sent`` events, ``refused`` by the Network, and ``unconfirmed``, of which nobody knows.
    """

    def __init__(
        self,
        url: str,
        registration: Registration,
        outbox: NetworkOutbox,
        dispatcher: Dispatcher,
        status: SiblingStatus,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self.counts: Counter[str] = Counter()
        self._url = url
        self._registration = registration
        self._outbox = outbox
        self._dispatcher = dispatcher
        self._status = status
        self._backoff = Backoff(chance)
        self._session: NetworkSession | None = None
        self._something_waits = trio.Event()
        self._on_the_way = 0
        self._complaints = ThrottledLog(log)

    def wake(self) -> None:
        """Something waits in the outbox."""
        self._something_waits.set()

    async def run(self) -> None:
        """Keep the connection until cancelled."""
        while True:
            began = trio.current_time()
            end = await self._stay()
            if trio.current_time() - began >= STEADY_SECONDS and self._status.is_up:
                self._backoff.reset()
            ceiling = ABSENT_SECONDS if end.is_absent else math.inf
            wait_seconds = self._backoff.next_seconds(end.retry_after_seconds, ceiling)
            self._status.failed(str(end), retry_in_seconds=wait_seconds)
            await trio.sleep(wait_seconds)

    async def leave(self) -> None:
        """Send what waits, and take leave of the Network; to be called within a deadline, while ``run`` runs."""
        while self._session is not None and (len(self._outbox) or self._on_the_way):  # noqa: ASYNC110  once in a life
            await trio.sleep(0.01)
        if self._session is not None:
            try:
                node = {"nodeId": self._registration.id}
                await self._session.call("node:unregister", node, timeout_seconds=ACK_SECONDS)
                await self._session.leave()
            except (NetworkError, trio.TooSlowError) as error:
                log.debug("no leave taken", reason=str(error))

    async def _stay(self) -> NetworkError:
        """Hold one connection from its beginning to its end; return why it ended."""
        try:
            await hold_session(self._url, self._on_event, self._live)
        except NetworkError as error:
            return error
        finally:
            self._session = None
        return NetworkError("the connection is gone")

    async def _live(self, session: NetworkSession) -> None:
        """Read and take part on one connection, until one of the two fails, which ends both."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(session.read)
            nursery.start_soon(self._take_part, session)

    async def _take_part(self, session: NetworkSession) -> None:
        await self._register(session)
        self._status.succeeded()
        self._session = session
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._beat, session)
            nursery.start_soon(self._send, session)

    async def _register(self, session: NetworkSession) -> None:
        for _ in range(REGISTER_ATTEMPTS):
            try:
                answer = await session.call("node:register", self._registration, timeout_seconds=REGISTER_SECONDS)
            except trio.TooSlowError:
                continue
            if isinstance(answer, dict) and answer.get("ok") is True:
                return
            raise NetworkError(f"it does not register this service{_reason_of(answer)}")
        raise NetworkError(f"no answer to {REGISTER_ATTEMPTS} registrations")

    async def _beat(self, session: NetworkSession) -> None:
        node = {"nodeId": self._registration.id}
        while True:
            await trio.sleep(HEARTBEAT_SECONDS)
            try:
                answer = await session.call("node:heartbeat", node, timeout_seconds=ACK_SECONDS)
            except trio.TooSlowError:
                continue  # some Networks acknowledge no heartbeats; whether it lives, its own pings say
            if isinstance(answer, dict) and answer.get("ok") is False:
                log.info("registered again", reason="the network has forgotten this service")
                await self._register(session)

    async def _send(self, session: NetworkSession) -> None:
        room = trio.Semaphore(UNACKNOWLEDGED)
        async with trio.open_nursery() as nursery:
            while True:
                await room.acquire()
                waiting = await self._next()
                self._on_the_way += 1
                await nursery.start(self._send_one, session, waiting, room)

    async def _send_one(
        self,
        session: NetworkSession,
        waiting: Waiting,
        room: trio.Semaphore,
        task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
    ) -> None:
        """Send an event. Whoever began it goes on when it is on the wire, so that events keep their order."""
        on_the_wire = _Once(task_status.started)
        try:
            await self._send_event(session, waiting, on_the_wire)
            on_the_wire()
        finally:
            self._on_the_way -= 1
            room.release()

    async def _next(self) -> Waiting:
        while True:
            waiting = self._outbox.take()
            if waiting is not None:
                return waiting
            self._something_waits = trio.Event()
            await self._something_waits.wait()

    async def _send_event(
        self, session: NetworkSession, waiting: Waiting, on_the_wire: Callable[[], None]
    ) -> None:
        if len(waiting.text) + _AROUND_BYTES > session.max_payload_bytes:
            self._count_loss("refused", f"more than the network takes: {session.max_payload_bytes} bytes")
            return
        sending = msgspec.Raw(waiting.text)
        if waiting.is_news:
            await session.emit("event:send", sending)
            self.counts["sent"] += 1
            return
        is_known = False
        try:
            answer = await session.call(
                "event:send", sending, timeout_seconds=ACK_SECONDS, on_the_wire=on_the_wire
            )
            is_known = True
        except trio.TooSlowError:
            return
        finally:
            if not is_known:
                self._count_loss("unconfirmed", "sent, and not acknowledged")
        if isinstance(answer, dict) and answer.get("ok") is True:
            self.counts["sent"] += 1
        else:
            self._count_loss("refused", f"the network refuses it{_reason_of(answer)}")

    def _count_loss(self, kind: str, reason: str) -> None:
        self.counts[kind] += 1
        self._complaints.warning("event not sent", kind=kind, reason=reason)

    def _on_event(self, name: str, args: list[Any]) -> Any:
        if name != "event:received":
            return None  # nodes that come and go, and contracts that are made, are no concern of ours
        is_text = bool(args) and isinstance(args[0], msgspec.Raw)  # and none that has attachments
        event = read_event(bytes(args[0])) if is_text else None
        self._dispatcher.accept(event)
        return {"ok": event is not None}


def _reason_of(answer: Any) -> str:
    reason = answer.get("error") if isinstance(answer, dict) else None
    return f": {reason[:200]}" if isinstance(reason, str) else ""


class _Once:
    """A function's call that happens the first time only."""

    def __init__(self, first: Callable[[], None]) -> None:
        self._first: Callable[[], None] | None = first

    def __call__(self) -> None:
        first, self._first = self._first, None
        if first is not None:
            first()
