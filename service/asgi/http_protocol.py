"""HTTP/1.1 as it is served here: strict in what is taken, fair in how much is read at once, and nothing else.

Hypercorn takes what h11 takes, and speaks HTTP/2 in clear text to whoever begins with it or asks for an upgrade,
past every bound that holds for HTTP/1.1. Here no byte leads there (docs/decisions/0100), heads are judged before
anybody sees them (``service.asgi.request_head``, ``service.asgi.strict_buffer``), and a refusal says in JSON what
was wrong, as all others do, before the connection ends.

A piece of 64 KiB may hold 10,000 chunks of one byte. They are read in slices: after each the connection waits for
its turn among those that have as much to read, so that all of them together take one slice in a round of the event
loop. And the pieces of a body that came together go to the application together.
"""

from collections.abc import Callable
from typing import Any, cast

import h11
import structlog
import trio
from hypercorn.events import Closed, Event, RawData, Updated
from hypercorn.protocol.events import Body, Data, EndBody
from hypercorn.protocol.h11 import STREAM_ID, H11Protocol
from hypercorn.typing import HTTPScope

from proto.codec import encode
from proto.problem import ErrorBody
from service.asgi.json_reply import json_headers
from service.asgi.plain_exchange import reply_to, scope_of
from service.asgi.plain_request import read_plain
from service.asgi.request_head import HeadFault, check_head
from service.asgi.request_tasks import GuardedTaskGroup
from service.asgi.strict_buffer import HEAD_BYTES, StrictBuffer

SLICE_EVENTS = 64
"""Chunks that are read from a connection before others have their turn: half a millisecond's work."""

SHOWN_CHARACTERS = 200
"""Characters of h11's complaint that a refusal repeats: it may quote a whole line."""

_CODES = {413: "http.chunk_extensions", 431: "http.head_too_large", 501: "http.transfer_encoding"}

log = structlog.get_logger("access")


class HttpProtocol(H11Protocol):
    """The protocol of one connection; takes the place of Hypercorn's ``ProtocolWrapper``.

    Attributes:
        is_over: whether the connection has been refused: nothing that still comes on it is read.
    """

    def __init__(self, *arguments: Any) -> None:
        *ordinary, _ = arguments  # the last is which protocol TLS agreed on, and there is no TLS
        super().__init__(*ordinary)
        self.is_over = False
        self._takes_plain: Callable[[HTTPScope], bool] | None = getattr(self.config, "takes", None)
        self._turns: trio.Lock = getattr(self.config, "reading_turns", None) or trio.Lock()
        connection: Any = self.connection
        self._buffer = connection._receive_buffer = StrictBuffer()  # noqa: SLF001  h11 has no other place for it
        connection._max_incomplete_event_size = HEAD_BYTES + 1  # noqa: SLF001  the buffer itself is stricter

    async def handle(self, event: Event) -> None:
        """Take in what has come, or that nothing more comes."""
        if isinstance(event, RawData) and self._takes_plain and self._is_between():
            request = read_plain(event.data)
            if request is not None:
                scope = scope_of(request, self)
                if self._takes_plain(scope):
                    await self._answer(scope)
                    return
        await super().handle(event)

    def _is_between(self) -> bool:
        """Return whether the next byte begins a request, and h11 has none of it."""
        return (
            self.stream is None
            and not self._buffer
            and self.connection.our_state is h11.IDLE
            and self.keep_alive_requests < self.config.keep_alive_max_requests
            and not self.is_over
            and not self.context.terminated.is_set()
        )

    async def _answer(self, scope: HTTPScope) -> None:
        """Answer a request that came whole."""
        await self.send(Updated(idle=False))
        self.keep_alive_requests += 1
        await self.context.mark_request()
        data, is_last = await reply_to(scope, self)
        await cast("GuardedTaskGroup", self.task_group).connection.write(data)
        ends = is_last or self.context.terminated.is_set()
        await self.send(Closed() if ends else Updated(idle=True))

    async def _handle_events(self) -> None:
        """Read what has come, as far as it goes."""
        count = 0
        pieces: list[bytes] = []
        while not self.is_over:
            if self.connection.they_are_waiting_for_100_continue:
                await self._send_h11_event(h11.InformationalResponse(status_code=100, headers=[]))
            try:
                event = self.connection.next_event()
            except h11.RemoteProtocolError as error:
                await self._refuse(_fault_of(error))
                break
            if isinstance(event, h11.Data):
                pieces.append(event.data)
                count += 1
                if count % SLICE_EVENTS == 0:
                    await self._pass_on(pieces)
                    await self._wait_turn()
                continue
            if pieces:
                await self._pass_on(pieces)
            if isinstance(event, h11.Request):
                if count:
                    await self._wait_turn()
                count += 1
                await self._begin(event)
            elif event is h11.PAUSED:
                await self.can_read.clear()
                await self.can_read.wait()
            elif isinstance(event, h11.ConnectionClosed) or event is h11.NEED_DATA or self.stream is None:
                break
            elif isinstance(event, h11.EndOfMessage):
                await self.stream.handle(EndBody(stream_id=STREAM_ID))
            elif isinstance(event, Data):
                await self.stream.handle(event)  # of a WebSocket

    async def _begin(self, request: h11.Request) -> None:
        await self.send(Updated(idle=False))
        checked = check_head(request)
        if isinstance(checked, HeadFault):
            await self._refuse(checked, is_head=request.method == b"HEAD")
        else:
            await self._create_stream(checked)

    async def _pass_on(self, pieces: list[bytes]) -> None:
        """Give the application what has come of a body, in one piece; ``pieces`` is empty afterwards."""
        body = bytes(pieces[0]) if len(pieces) == 1 else b"".join(pieces)
        pieces.clear()
        if self.stream is not None:  # otherwise the application has answered before it came
            await self.stream.handle(Body(stream_id=STREAM_ID, data=body))

    async def _wait_turn(self) -> None:
        """Let others have their turn: those with little to read at once, those with much one after another."""
        async with self._turns:
            await trio.lowlevel.checkpoint()

    async def _refuse(self, fault: HeadFault, *, is_head: bool = False) -> None:
        """Say why what came is refused, if nothing has been said yet, and end the connection."""
        self.is_over = True
        log.info("refused as malformed", status=fault.status, code=fault.code, reason=fault.message)
        if self.connection.our_state in {h11.IDLE, h11.SEND_RESPONSE}:
            body = encode(ErrorBody(error=fault.message, code=fault.code))
            headers = [
                *json_headers(body),
                (b"connection", b"close"),
                *self.config.response_headers("h11"),
            ]
            data = self.connection.send(h11.Response(status_code=fault.status, headers=headers))
            if not is_head:
                data += self.connection.send(h11.Data(data=body))
            await self.send(RawData(data=data + self.connection.send(h11.EndOfMessage())))
        await self._close_stream()


def _fault_of(error: h11.RemoteProtocolError) -> HeadFault:
    """Return the fault that h11, or the buffer below it, found."""
    status = error.error_status_hint
    text = str(error)
    shown = text if len(text) <= SHOWN_CHARACTERS else f"{text[:SHOWN_CHARACTERS]}..."
    return HeadFault(
        status, _CODES.get(status, "http.malformed"), f"This is no request as HTTP/1.1 has them: {shown}"
    )
