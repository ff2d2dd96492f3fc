"""Plain WebSockets at ``/ws``, for clients without Socket.IO: the same events as JSON messages.

A client sends ``{"event", "data", "id"?}``; where it gave an ``id`` it is answered ``{"ack": id, "data": {...}}``.
Events come as ``{"event", "data"}``. Whoever brought no credential with the request sends one first:
``{"event": "authenticate", "data": {"token": ...}}``.
"""

from codecs import BOM_UTF8
from collections.abc import Callable, Sequence
from typing import Annotated, Any

import msgspec
import trio
from hypercorn.typing import (
    ASGIReceiveCallable,
    ASGISendCallable,
    HTTPScope,
    Scope,
    WebsocketScope,
)

from proto.codec import MalformedJsonError, check_depth, decode, decoded_by, encode
from service.asgi.json_reply import refuse_websocket, send_json
from service.asgi.websocket_wire import Wire
from service.live.admission import Entry, Handshake, handshake_of
from service.live.clients import LiveClients, refusal_of
from service.live.commands import ErrorEvent
from service.live.framing import PLAIN
from service.live.limits import AUTHENTICATE_SECONDS, ID_CHARACTERS, PING_SECONDS
from service.live.session import LiveSession
from service.problems import AuthenticationError, RefusalError
from service.websockets.frames import text_frame
from service.websockets.scope import ADMIT

GOING_AWAY, UNSUPPORTED, INVALID, POLICY, TOO_BIG = 1001, 1003, 1007, 1008, 1009
"""Codes with which a connection is closed (RFC 6455, section 7.4.1)."""

AUTHENTICATE = "authenticate"


ShortText = Annotated[str, msgspec.Meta(max_length=ID_CHARACTERS)]
SafeInteger = Annotated[int, msgspec.Meta(ge=-(2**53), le=2**53)]
"""An integer that every client can count to, and JSON can say."""


class Incoming(msgspec.Struct, frozen=True):
    """A message of a client. ``id`` is anything short that names it; its answer bears the same."""

    event: str
    data: msgspec.Raw = msgspec.Raw(b"null")
    id: ShortText | SafeInteger | None = None


_incoming = msgspec.json.Decoder(Incoming)


class MessageError(Exception):
    """A message that is none; the connection ends. ``code`` is the one to close with."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code


class PlainTransport:
    """A connection in plain JSON messages."""

    form = PLAIN

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    async def send(self, parts: Sequence[bytes]) -> None:
        """Write the frames that the form has made."""
        await self._wire.write(parts[0] if len(parts) == 1 else b"".join(parts))

    def cut(self) -> None:
        """End the connection at once."""
        self._wire.cut()


class PlainWebSockets:
    """The ASGI application at ``/ws``.

    Args:
        clients: all live clients of the service.
    """

    def __init__(self, clients: LiveClients) -> None:
        self._clients = clients

    async def __call__(self, scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        if scope["type"] == "http":
            await _explain(send)
            return
        if scope["type"] != "websocket":
            return
        await receive()  # websocket.connect
        try:
            handshake, entry = await self._admit(scope)
        except RefusalError as error:
            self._clients.counters.refused += 1
            await refuse_websocket(send, error)
            return
        wire = Wire(scope, send)
        with self._clients.watched(wire):
            await send({"type": "websocket.accept", "subprotocol": None, "headers": []})
            noted: Any = scope
            try:
                await self._serve(handshake, entry, wire, receive, noted.get(ADMIT, _nobody))
            except MessageError as error:
                await wire.send({"type": "websocket.close", "code": error.code, "reason": str(error)})

    async def _admit(self, scope: HTTPScope | WebsocketScope) -> tuple[Handshake, Entry | None]:
        """Return the handshake, and as whom the client comes in; None where that must still be said."""
        clients = self._clients
        handshake = handshake_of(scope)
        clients.check_room()
        clients.admission.check(handshake)
        if clients.admission.asks and not clients.admission.brings_credentials(handshake):
            return handshake, None
        entry = await clients.admission.admit(handshake)
        clients.check_memory(entry.caller)
        return handshake, entry

    async def _serve(
        self,
        handshake: Handshake,
        entry: Entry | None,
        wire: Wire,
        receive: ASGIReceiveCallable,
        admit: Callable[[], None],
    ) -> None:
        if entry is None:
            try:
                with self._clients.unadmitted():
                    handshake, entry = await self._authenticate(handshake, wire, receive)
                self._clients.check_memory(entry.caller)
            except RefusalError as error:
                self._clients.counters.refused += 1
                raise MessageError(POLICY, str(error)) from error
        admit()
        with self._clients.session(PlainTransport(wire), entry.caller, "websocket") as session:
            end = await self._live(session, handshake, entry, wire, receive)
        if end is not None:
            try:
                raise end
            finally:
                del end

    async def _live(
        self, session: LiveSession, handshake: Handshake, entry: Entry, wire: Wire, receive: ASGIReceiveCallable
    ) -> MessageError | None:
        """Serve a client until it goes; the reason for which it has to, if it has to."""
        end: MessageError | None = None
        async with trio.open_nursery() as nursery:

            async def talk() -> None:
                nonlocal end
                try:
                    await _talk(session, wire, receive)
                except MessageError as error:
                    end = error
                nursery.cancel_scope.cancel()

            async def watch_credential() -> None:
                nonlocal end
                message, code = refusal_of(await self._clients.keep_admitted(session, handshake, entry))
                end = MessageError(POLICY, message)
                session.expel(message, code)

            async def tell() -> None:
                nonlocal end
                await session.run()
                end = end or MessageError(GOING_AWAY, "The service is stopping")
                nursery.cancel_scope.cancel()

            for task in (talk, watch_credential, tell):
                nursery.start_soon(task)
            nursery.start_soon(_ping, wire)
        return end

    async def _authenticate(
        self, handshake: Handshake, wire: Wire, receive: ASGIReceiveCallable
    ) -> tuple[Handshake, Entry]:
        """Let the client say who it is.

        Raises:
            RefusalError: it does not, or not to anybody's satisfaction.
        """
        with trio.move_on_after(AUTHENTICATE_SECONDS):
            message = await _next_message(receive)
            if message is None or message.event != AUTHENTICATE:
                raise AuthenticationError("Authentication required")
            try:
                auth = decode(bytes(message.data))
            except MalformedJsonError as error:
                raise MessageError(INVALID, "The data of authenticate cannot be read") from error
            handshake = msgspec.structs.replace(handshake, auth=auth if isinstance(auth, dict) else {})
            entry = await self._clients.admission.admit(handshake)
            if message.id is not None:
                await wire.write(_answer(message.id, {"authenticated": True}))
            return handshake, entry
        raise AuthenticationError(f"Authentication required within {AUTHENTICATE_SECONDS:g} s")


async def _talk(session: LiveSession, wire: Wire, receive: ASGIReceiveCallable) -> None:
    """Obey a client's messages, in order, until it goes.

    Raises:
        MessageError: one of them is none.
    """
    while (message := await _next_message(receive)) is not None:
        answer = await session.handle(message.event, bytes(message.data))
        if message.id is not None:
            await wire.write(_answer(message.id, answer))


async def _next_message(receive: ASGIReceiveCallable) -> Incoming | None:
    """Receive the client's next message; None when it has gone.

    Raises:
        MessageError: it is no message.
    """
    event = await receive()
    if event["type"] != "websocket.receive":
        return None
    text = event.get("text")
    if text is None:
        raise MessageError(UNSUPPORTED, "Send text, not bytes")
    data = text.encode("utf-8", "surrogatepass").removeprefix(BOM_UTF8)
    try:
        check_depth(data)
        return decoded_by(_incoming, data)
    except msgspec.ValidationError as error:
        raise MessageError(POLICY, f'Send {{"event", "data", "id"?}}: {error}') from error
    except (msgspec.DecodeError, MalformedJsonError, UnicodeDecodeError) as error:
        raise MessageError(INVALID, f"This is not JSON: {error}") from error


async def _ping(wire: Wire) -> None:
    while True:
        await trio.sleep(PING_SECONDS)
        await wire.ping()


def _answer(identifier: str | int, answer: Any) -> bytes:
    return text_frame(encode({"ack": identifier, "data": answer}))


def _nobody() -> None:
    """Do nothing when a client is recognised: no server bounds those who are not recognised yet."""


async def _explain(send: ASGISendCallable) -> None:
    """Tell whoever sends an ordinary request what this place is for."""
    explanation = ErrorEvent("This is a WebSocket; docs/live.md says what it speaks", "websocket.required")
    await send_json(send, 426, explanation, [(b"upgrade", b"websocket")])
