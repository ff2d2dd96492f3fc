"""All live clients of one service: how many there may be, who of them reads nothing, and their leave."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import structlog
import trio

from engine.runtime import Runtime
from service.asgi.websocket_wire import Wire
from service.auth.caller import Caller
from service.live.admission import Entry, Handshake, LiveAdmission
from service.live.counters import TransportName
from service.live.hub import Hub, open_hub
from service.live.limits import (
    CLOSING_SECONDS,
    CONNECTION_BYTES,
    RETRY_SECONDS,
    UNADMITTED_CLIENTS,
    UNANSWERED_SECONDS,
)
from service.live.session import LiveSession, Transport
from service.problems import (
    AuthenticationError,
    IdentityUnavailableError,
    RefusalError,
    TooManyClientsError,
    error_reply,
)
from service.readiness import Readiness
from service.settings.table import Settings

LOOK_SECONDS = 1.0
"""The time between two looks for clients that read nothing."""

log = structlog.get_logger("live")


class LiveClients:
    """The clients. Made by :func:`open_live_clients`.

    Args:
        runtime: the real one.
        hub: where executions are watched.
        admission: the door.
        settings: the bounds.
        readiness: whether the service takes work.
    """

    def __init__(
        self, runtime: Runtime, hub: Hub, admission: LiveAdmission, settings: Settings, readiness: Readiness
    ) -> None:
        self.admission = admission
        self.counters = hub.counters
        self.settings = settings
        self._runtime = runtime
        self._hub = hub
        self._readiness = readiness
        self._sessions: dict[LiveSession, trio.Event] = {}
        self._unadmitted: dict[trio.CancelScope, None] = {}
        self._wires: set[Wire] = set()

    def check_room(self) -> None:
        """Refuse one more client than there may be.

        Raises:
            TooManyClientsError: there are as many already.
        """
        if sum(self.counters.connections.values()) >= self.settings.live.max_connections:
            raise TooManyClientsError(
                f"{self.settings.live.max_connections} clients are connected already (LIVE_MAX_CONNECTIONS)"
            )

    def check_memory(self, caller: Caller) -> None:
        """Refuse one more client of an owner than there is memory for.

        Raises:
            TooManyClientsError: there is none.
        """
        refusal = self._runtime.ledger.refusal(caller.owner, CONNECTION_BYTES)
        if refusal is not None:
            raise TooManyClientsError(str(refusal))

    @contextmanager
    def unadmitted(self) -> Iterator[None]:
        """Count a client that must still say who it is, for the length of the block.

        Raises:
            TooManyClientsError: there are too many, and none has taken longer than this one.
        """
        if len(self._unadmitted) >= UNADMITTED_CLIENTS:
            oldest = next(iter(self._unadmitted))
            del self._unadmitted[oldest]
            oldest.cancel()
        with trio.CancelScope() as scope:
            self._unadmitted[scope] = None
            try:
                yield
            finally:
                self._unadmitted.pop(scope, None)
        if scope.cancelled_caught:
            raise TooManyClientsError(f"{UNADMITTED_CLIENTS} others have not said yet who they are")

    @contextmanager
    def session(self, transport: Transport, caller: Caller, name: TransportName) -> Iterator[LiveSession]:
        """Open a client's session, for as long as it is connected."""
        session = LiveSession(
            self._hub,
            self._runtime,
            transport,
            caller,
            self._readiness,
            metrics_enabled=self.settings.executions.enable_metrics,
        )
        gone = self._sessions[session] = trio.Event()
        self.counters.connections[name] += 1
        account = self._runtime.ledger.account(caller.owner)
        account.note(CONNECTION_BYTES, "sockets")
        try:
            yield session
        finally:
            account.close()
            self.counters.connections[name] -= 1
            del self._sessions[session]
            session.close()
            gone.set()

    @contextmanager
    def watched(self, wire: Wire) -> Iterator[None]:
        """See to it that nobody holds a connection for ever by not reading, for the length of the block."""
        self._wires.add(wire)
        try:
            yield
        finally:
            self._wires.discard(wire)

    async def keep_admitted(self, session: LiveSession, handshake: Handshake, entry: Entry) -> RefusalError:
        """Look at a client's credential again whenever it must be; return why it may stay no longer.

        While nobody can say, it stays for a while: an identity service that restarts does not end all connections.
        But it never stays longer than its credential was good for.
        """
        unanswered_until: float | None = None
        again_at = entry.holds_until
        while True:
            await trio.sleep_until(again_at)
            try:
                entry = await self.admission.admit(handshake)
            except IdentityUnavailableError as error:
                now = trio.current_time()
                if unanswered_until is None:
                    unanswered_until = now + UNANSWERED_SECONDS
                if now >= entry.ends_at:
                    return AuthenticationError("Authentication required")
                if now >= unanswered_until:
                    return error
                again_at = min(now + RETRY_SECONDS, entry.ends_at)
            except RefusalError as error:
                return error
            else:
                unanswered_until, again_at = None, entry.holds_until
                session.look_again(entry.caller)

    async def cut_unread(self) -> None:
        """Disconnect those who have left unread what was sent to them, for too long."""
        limit = self.settings.live.unread_seconds
        while True:
            await trio.sleep(LOOK_SECONDS)
            now = trio.current_time()
            for wire in tuple(self._wires):
                if wire.writing_since is not None and now - wire.writing_since > limit:
                    self.counters.slow_disconnects += 1
                    log.info("live client cut off", reason=f"it has read nothing for {limit} s")
                    wire.cut()

    async def dismiss(self) -> None:
        """Let every client have what is on its way to it, tell it to leave, and wait for a while until it has."""
        await self._hub.flush()
        with trio.move_on_after(CLOSING_SECONDS):
            leaving = tuple(self._sessions.items())
            for session, _ in leaving:
                session.leave()
            for _, gone in leaving:
                await gone.wait()
        for session in tuple(self._sessions):
            session.cut("the service is stopping")


def refusal_of(error: RefusalError) -> tuple[str, str]:
    """Return the sentence and the code of a refusal, for those who are told over a connection."""
    body = error_reply(error).body
    return body.error, body.code


@asynccontextmanager
async def open_live_clients(
    runtime: Runtime, settings: Settings, readiness: Readiness, admission: LiveAdmission
) -> AsyncIterator[LiveClients]:
    """Open the clients of a service; after the block nobody is told of anything.

    Args:
        runtime: the real one.
        settings: the bounds.
        readiness: whether the service takes work.
        admission: the door.
    """
    seconds = settings.live.metrics_interval_ms / 1000 if settings.executions.enable_metrics else None
    async with (
        open_hub(runtime, metrics_seconds=seconds, max_value_bytes=settings.live.max_value_bytes) as hub,
        trio.open_nursery() as nursery,
    ):
        clients = LiveClients(runtime, hub, admission, settings, readiness)
        nursery.start_soon(clients.cut_unread)
        yield clients
        nursery.cancel_scope.cancel()
