"""One WebSocket between Hypercorn's connection and the application: bounded, in turns, and with an end.

It takes the place of Hypercorn's ``WSStream``, which parses whatever came in one go, buffers what comes after its
first refusal for ever, and leaves it to the client to close.

What holds here:

- A frame that breaks the protocol, or is too large, is answered with a Close frame and its code, before any of its
  payload is kept.
- After a Close frame was sent, what comes is dropped, and at most ``CLOSING_SECONDS`` later the connection ends.
- Reading goes on in slices, each in its turn; an application that has enough to do is not sent more.
- Until the application has recognised a client, its messages are small (``ADMIT``).
"""

from typing import Any, cast
from urllib.parse import unquote

import trio
from hypercorn.protocol.events import Body, Data, EndBody, Event, Request, Response, StreamClosed
from hypercorn.protocol.ws_stream import ASGIWebsocketState, WSStream
from hypercorn.typing import (
    AppWrapper,
    ASGIReceiveCallable,
    ASGISendCallable,
    ASGISendEvent,
    Scope,
    WebsocketAcceptEvent,
    WebsocketResponseBodyEvent,
)
from hypercorn.utils import UnexpectedMessageError, build_and_validate_headers, valid_server_name

from proto.codec import encode
from service.asgi.json_reply import json_headers
from service.asgi.request_tasks import GuardedTaskGroup
from service.websockets.frames import (
    Close,
    Fragment,
    FrameEvent,
    FrameReader,
    Message,
    Ping,
    ViolationError,
    binary_frame,
    close_frame,
    pong_frame,
    text_frame,
)
from service.websockets.handshake import HandshakeError, OpeningHandshake, read_opening
from service.websockets.inlet import Inlet
from service.websockets.meter import LITTLE_BYTES, FrameMeter
from service.websockets.scope import ADMIT, CONNECTION
from service.websockets.turns import wait_turn

UNADMITTED_BYTES = 16 * 1024
"""A message of a client that nobody has recognised yet: a credential, and little else."""

CLOSING_SECONDS = 1.0
"""The time that a client has to answer a Close frame, and to read it; what else it sends is dropped."""

FRAMES_AT_ONCE = 64
"""Frames that are read in one go: about 100 µs of the event loop."""

NORMAL, ABNORMAL, INTERNAL_ERROR = 1000, 1006, 1011
"""Codes with which a connection ends (RFC 6455, section 7.4.1)."""

_UNDECIDED, _OPEN = ASGIWebsocketState.HANDSHAKE, ASGIWebsocketState.CONNECTED
_CLOSED, _REFUSED = ASGIWebsocketState.CLOSED, ASGIWebsocketState.HTTPCLOSED
_REFUSING = ASGIWebsocketState.RESPONSE


class BoundedWebSocket(WSStream):
    """A WebSocket within bounds, made by Hypercorn for each request with what its own stream is made with."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        whole = self.config.websocket_max_message_size
        self._frames = FrameReader(min(UNADMITTED_BYTES, whole))
        self._meter = FrameMeter(trio.current_time())
        self._inlet = Inlet()
        self._opening: OpeningHandshake | None = None
        self._decided = trio.Event()  # whether there is a WebSocket
        self._finished = trio.Event()  # the client has nothing more to say
        self._pong: bytes | None = None
        self._said = trio.Event()  # the Close frame was written
        self._writers: set[trio.lowlevel.Task] = set()  # in the midst of a write
        self._is_out_of_step = False  # where a frame begins is not known any more

    @property
    def is_open(self) -> bool:
        """True while messages go both ways."""
        return self.state is _OPEN and not self.closed

    async def write(self, frames: bytes) -> None:
        """Write whole frames; nothing where it is not open."""
        if self.is_open:
            await self._write(frames)

    def cut(self) -> None:
        """End the connection at once, whatever is under way on it: who waits for it learns that it is closed."""
        cast("GuardedTaskGroup", self.task_group).connection.cut()

    async def _write(self, frames: bytes) -> None:
        task = trio.lowlevel.current_task()
        self._writers.add(task)
        try:
            await self.send(Data(stream_id=self.stream_id, data=frames))
        finally:
            self._writers.discard(task)

    # What Hypercorn's connection tells

    async def handle(self, event: Event) -> None:
        """Take what comes over the connection."""
        if isinstance(event, Request):
            await self._begin(event)
        elif isinstance(event, Body | Data):
            await self._take(event.data)
        elif isinstance(event, StreamClosed):
            await self._ended()

    async def _begin(self, request: Request) -> None:
        path, _, query = request.raw_path.partition(b"?")
        if not valid_server_name(self.config, request):
            await self._refuse(HandshakeError("This host is not served here", 404))
            return
        try:
            opening = read_opening(request.method, request.http_version, request.headers)
        except HandshakeError as error:
            await self._refuse(error)
            return
        self._opening = opening
        scope: dict[str, Any] = {
            "type": "websocket",
            "asgi": {"spec_version": "2.3", "version": "3.0"},
            "scheme": self.scheme,
            "http_version": request.http_version,
            "path": unquote(path.decode("ascii")),
            "raw_path": path,
            "query_string": query,
            "root_path": self.config.root_path,
            "headers": request.headers,
            "client": self.client,
            "server": self.server,
            "state": request.state.copy(),
            "subprotocols": list(opening.subprotocols),
            "extensions": {"websocket.http.response": {}},
            ADMIT: self._admit,
            CONNECTION: self,
        }
        self.scope = cast("Any", scope)
        await self.task_group.spawn_app(cast("AppWrapper", self._run), self.config, self.scope, self.app_send)

    async def _run(
        self, scope: Scope, _: ASGIReceiveCallable, send: ASGISendCallable, sync_spawn: Any, call_soon: Any
    ) -> None:
        """Run the application; it receives from the inlet, and not from the queue that Hypercorn made for it."""
        await self.app(scope, self._inlet.receive, send, sync_spawn, call_soon)

    def _admit(self) -> None:
        self._frames.max_message_bytes = self.config.websocket_max_message_size

    async def _ended(self) -> None:
        """End it: the connection has ended, or what comes over it."""
        has_failed = trio.lowlevel.current_task() in self._writers  # this is what a write that fails comes to
        if self.is_open and not has_failed:  # the client may still read, and then it reads why
            reason = "" if self._frames.is_between_messages else "The connection ended within a message"
            await self.close(1002, reason or "The connection ended without a Close frame", told=ABNORMAL)
        self.closed = True
        self._inlet.end(NORMAL if self.state in {_CLOSED, _REFUSED} else ABNORMAL)
        self._decided.set()
        self._finished.set()

    # What the client says

    async def _take(self, data: bytes) -> None:
        if self.state is _UNDECIDED:  # it has not waited for the answer; nothing more is read until it has one
            await self._decided.wait()
        if self._is_out_of_step or self.state not in {_OPEN, _CLOSED}:
            await trio.lowlevel.checkpoint()
            return
        self._frames.feed(data)
        try:
            await self._read()
        except ViolationError as error:
            self._is_out_of_step = self.state is _CLOSED
            await self.close(error.code, str(error))

    async def _read(self) -> None:
        """Obey the frames that have come whole.

        Raises:
            ViolationError: one of them breaks the protocol, or they are too many.
        """
        read = 0
        while not self._finished.is_set() and (event := self._frames.next_event()) is not None:
            if self.state is _OPEN:
                await self._obey(event)
            elif isinstance(event, Close):
                self._finished.set()
            read += 1
            if read % FRAMES_AT_ONCE == 0:
                await self._answer_ping()
                await wait_turn()
        await self._answer_ping()

    async def _obey(self, event: FrameEvent) -> None:
        if isinstance(event, Message):
            text = event.content if isinstance(event.content, str) else None
            content = event.content if isinstance(event.content, bytes) else None
            await self._inlet.put({"type": "websocket.receive", "bytes": content, "text": text}, event.size_bytes)
            return
        if isinstance(event, Close):
            self._finished.set()
            await self.close(event.code)
            return
        if isinstance(event, Ping):
            self._pong = event.payload  # of several in a row the last is answered (RFC 6455, section 5.5.3)
        if not isinstance(event, Fragment) or event.size_bytes < LITTLE_BYTES:
            seconds = self._meter.spend(trio.current_time())
            if seconds:
                await self._answer_ping()
                await trio.sleep(seconds)

    async def _answer_ping(self) -> None:
        payload, self._pong = self._pong, None
        if payload is not None:
            await self.write(pong_frame(payload))

    # What the application says

    async def app_send(self, message: ASGISendEvent | None) -> None:
        """Take what the application sends; None when it has ended."""
        if self.closed:
            return
        if message is None:
            await self._application_ended()
        elif message["type"] == "websocket.accept" and self.state is _UNDECIDED:
            await self._accept(message)
        elif message["type"] == "websocket.send" and self.state in {_OPEN, _CLOSED}:
            content = message.get("bytes")
            await self.write(binary_frame(bytes(content)) if content is not None else _text(message.get("text")))
        elif message["type"] == "websocket.close" and self.state is _UNDECIDED:
            await self._refuse(HandshakeError("This WebSocket is not for you", 403))
        elif message["type"] == "websocket.close":
            await self.close(int(message.get("code") or NORMAL), message.get("reason") or "", told=NORMAL)
        elif message["type"] == "websocket.http.response.start" and self.state is _UNDECIDED:
            self.response = message
        elif message["type"] == "websocket.http.response.body" and self.state in {_UNDECIDED, _REFUSING}:
            await self._answer_instead(message)
        else:
            raise UnexpectedMessageError(self.state, message["type"])

    async def _application_ended(self) -> None:
        if self.state is _UNDECIDED:
            await self._refuse(HandshakeError("This WebSocket could not be served", 500))
        elif self.state is _OPEN:
            await self.close(INTERNAL_ERROR, "The service has made a mistake")
        elif self.state is not _CLOSED:
            self._end_connection()

    async def _accept(self, message: WebsocketAcceptEvent) -> None:
        opening = cast("OpeningHandshake", self._opening)
        headers = [*opening.answer(message.get("subprotocol")), *message.get("headers", [])]
        self.state = _OPEN
        await self.send(Response(stream_id=self.stream_id, status_code=101, headers=headers))
        self._decided.set()

    async def _refuse(self, error: HandshakeError) -> None:
        """Answer with plain HTTP: there is no WebSocket."""
        self.state = _REFUSED
        body = encode({"error": str(error), "code": "websocket.refused"})
        headers = [*json_headers(body), (b"connection", b"close"), *error.headers]
        await self.send(Response(stream_id=self.stream_id, status_code=error.status, headers=headers))
        await self.send(Body(stream_id=self.stream_id, data=body))
        await self.send(EndBody(stream_id=self.stream_id))
        self._end_connection()

    async def _answer_instead(self, message: WebsocketResponseBodyEvent) -> None:
        """Answer with the application's own HTTP response."""
        if self.state is _UNDECIDED:
            self.state = _REFUSING
            status, headers = int(self.response["status"]), build_and_validate_headers(self.response["headers"])
            await self.send(Response(stream_id=self.stream_id, status_code=status, headers=headers))
        await self.send(Body(stream_id=self.stream_id, data=bytes(message.get("body", b""))))
        if not message.get("more_body", False):
            self.state = _REFUSED
            await self.send(EndBody(stream_id=self.stream_id))
            self._end_connection()

    # The end

    async def close(self, code: int, reason: str = "", *, told: int | None = None) -> None:
        """Say that this is the end, and see to it that it is.

        Args:
            code: that the client is told.
            reason: likewise; what a control frame has no room for is left away.
            told: the code that the application is told, where it is another; what waits for it is then dropped.
        """
        if not self.is_open:
            return
        self.state = _CLOSED
        self._inlet.end(code if told is None else told, drop=told == NORMAL)
        self._frames.skip()
        self.task_group.spawn(self._linger)
        await self._write(close_frame(code, reason))
        self._said.set()

    async def _linger(self) -> None:
        """Give the client a moment to hear the end: one that is told of a reset might not read what came first."""
        with trio.move_on_after(CLOSING_SECONDS):
            await self._finished.wait()
            await self._said.wait()
        self._end_connection()

    def _end_connection(self) -> None:
        """Let the connection end, in a task of its own: an application that is told of it may be cancelled."""
        self._inlet.end(NORMAL)
        self._decided.set()
        if not self.closed:
            self.task_group.spawn(self.send, StreamClosed(stream_id=self.stream_id))


def _text(text: object) -> bytes:
    if not isinstance(text, str):
        raise TypeError(f"A message is a text or bytes, not {type(text).__name__}")
    return text_frame(text.encode())
