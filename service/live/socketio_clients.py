"""Live clients that come over Socket.IO: the main namespace of the specification's clients."""

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import msgspec
import structlog
import trio
from werkzeug.datastructures import Headers

from proto.codec import encode
from service.live.admission import Entry, Handshake
from service.live.clients import LiveClients, refusal_of
from service.live.session import LiveSession
from service.live.socketio_framing import SOCKET
from service.problems import RefusalError
from service.socketio import ConnectRefusedError, EncodedEvent, Namespace, Socket, SocketClosedError

_SESSION = "live session"

log = structlog.get_logger("live")


class SocketTransport:
    """A client's socket."""

    form = SOCKET

    def __init__(self, socket: Socket) -> None:
        self._socket = socket

    async def send(self, parts: Sequence[EncodedEvent]) -> None:
        """Let packets wait for the client; return when there is room for more."""
        for part in parts:
            await self._socket.send(part)

    def cut(self) -> None:
        """End the connection."""
        self._socket.disconnect(close=True)


def serve_namespace(namespace: Namespace, clients: LiveClients, nursery: trio.Nursery) -> None:
    """Let a namespace's clients take part.

    Args:
        namespace: whose clients they are.
        clients: all live clients of the service.
        nursery: of the clients' tasks.
    """
    namespace.takes_raw = True

    @namespace.on_connect
    async def admit(socket: Socket) -> None:
        handshake = _handshake_of(socket)
        try:
            clients.check_room()
            clients.admission.check(handshake)
            entry = await clients.admission.admit(handshake)
            clients.check_memory(entry.caller)
        except RefusalError as error:
            clients.counters.refused += 1
            message, code = refusal_of(error)
            raise ConnectRefusedError(message, {"code": code}) from error
        await trio.lowlevel.checkpoint()  # a client that went meanwhile gets no session, for nobody would end it
        ready = socket.data[_SESSION] = _Client(socket, clients)
        nursery.start_soon(ready.live, handshake, entry)

    @namespace.on_any
    async def obey(socket: Socket, event: str, args: list[Any]) -> Any:
        session = await socket.data[_SESSION].session()
        answer = await session.handle(event, encode(args[0] if args else None))
        return msgspec.to_builtins(answer, builtin_types=(msgspec.Raw,))

    @namespace.on_disconnect
    async def forget(socket: Socket, reason: str) -> None:
        if reason == "slow client":
            clients.counters.slow_disconnects += 1
        socket.data[_SESSION].gone()


class _Client:
    """One client's session, in a task of its own from its admission to its end."""

    def __init__(self, socket: Socket, clients: LiveClients) -> None:
        self._socket = socket
        self._clients = clients
        self._scope = trio.CancelScope()
        self._begun = trio.Event()
        self._session: LiveSession | None = None

    async def session(self) -> LiveSession:
        """Wait for the session, which begins as soon as its task does."""
        await self._begun.wait()
        if self._session is None:
            raise SocketClosedError("the client is gone")
        return self._session

    def gone(self) -> None:
        """End what is told to the client, which has left."""
        self._scope.cancel()

    async def live(self, handshake: Handshake, entry: Entry) -> None:
        """Tell the client what happens, until it leaves or has to."""
        try:
            await self._live(handshake, entry)
        except Exception:  # a mistake of ours ends this client's connection, and neither others' nor the service
            log.exception("live client failed", sid=self._socket.id)
            self._socket.disconnect(close=True)
        finally:
            self._begun.set()

    async def _live(self, handshake: Handshake, entry: Entry) -> None:
        clients = self._clients
        with (
            self._scope,
            clients.session(SocketTransport(self._socket), entry.caller, "socketio") as session,
        ):
            self._session = session
            self._begun.set()
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._watch_credential, session, handshake, entry)
                with suppress(SocketClosedError):  # it has just left
                    await session.run()
                nursery.cancel_scope.cancel()
            if session.is_expelled:
                self._socket.disconnect(close=True)

    async def _watch_credential(self, session: LiveSession, handshake: Handshake, entry: Entry) -> None:
        session.expel(*refusal_of(await self._clients.keep_admitted(session, handshake, entry)))


def _handshake_of(socket: Socket) -> Handshake:
    brought = socket.handshake
    return Handshake(Headers(list(brought.headers.items())), brought.scheme, brought.auth)
