"""Request bodies that are read as a stream, in constant memory.

Quart keeps whatever a caller sends until the handler has read it, up to ``MAX_CONTENT_LENGTH``. A stream of
messages has no length to hold against a limit, and may come faster than a graph takes it. So the body of such a
request holds a bounded number of bytes; beyond that nothing more is read from the connection, TCP's window closes,
and the caller waits. All other bodies are as they were.
"""

from typing import Any, cast

import trio
from hypercorn.typing import ASGIReceiveCallable, ASGIReceiveEvent, HTTPScope
from quart.wrappers import Request
from quart_trio import QuartTrio
from quart_trio.asgi import TrioASGIHTTPConnection
from quart_trio.wrappers.request import TrioBody, TrioRequest

from service.asgi.inflated_body import BODY_ERROR

STREAMED_TYPES = frozenset({"application/x-ndjson", "application/ndjson", "application/jsonl"})
"""Content types of streams of JSON lines; the first is the common one."""

BUFFER_BYTES = 64 * 1024
"""Bytes of a streamed body that wait for its reader before no more is taken; what is just coming adds to it."""


def is_streamed(scope: HTTPScope) -> bool:
    """Return whether the body of a request is read as a stream of lines."""
    for name, value in scope["headers"]:
        if name == b"content-type":
            return value.partition(b";")[0].strip().decode("latin-1").lower() in STREAMED_TYPES
    return False


def announces_body(scope: HTTPScope) -> bool:
    """Return whether a body follows the head of a request."""
    return any(
        name == b"transfer-encoding" or (name == b"content-length" and value != b"0")
        for name, value in scope["headers"]
    )


class StreamedBody(TrioBody):
    """A body of any length, of which ``BUFFER_BYTES`` are held before more is taken."""

    def __init__(self) -> None:
        super().__init__(None, None)
        self._emptied = trio.Event()

    async def wait_room(self) -> None:
        """Return when there is room for more."""
        while len(self._data) >= BUFFER_BYTES:
            self._emptied = trio.Event()
            await self._emptied.wait()

    async def __anext__(self) -> bytes:
        data = await super().__anext__()
        self._emptied.set()
        return data


class StreamableRequest(TrioRequest):
    """A request whose body is a :class:`StreamedBody` where its content type says that it is a stream."""

    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        super().__init__(*arguments, **keywords)
        if self.mimetype in STREAMED_TYPES:
            self.body = StreamedBody()


class _Connection(TrioASGIHTTPConnection):
    async def handle_messages(  # type: ignore[override]  # as in Quart-Trio itself, which adds the nursery
        self, nursery: trio.Nursery, request: Request, receive: ASGIReceiveCallable
    ) -> None:
        body = request.body

        async def receive_noting() -> ASGIReceiveEvent:
            message = await receive()
            error = cast("dict[str, Any]", message).get(BODY_ERROR)
            if error is not None:
                body._must_raise = error  # noqa: SLF001  Quart has no other way to say it
            return message

        if isinstance(body, StreamedBody):
            while not body._complete.is_set():  # noqa: SLF001  its own class
                await body.wait_room()
                message = await receive_noting()
                if message["type"] != "http.request":
                    nursery.cancel_scope.cancel()
                    return
                body.append(message.get("body", b""))
                if not message.get("more_body", False):
                    body.set_complete()
        await super().handle_messages(nursery, request, receive_noting)


class StreamingApp(QuartTrio):
    """An application whose handlers may read a stream with ``async for data in request.body``."""

    request_class = StreamableRequest
    asgi_http_class = _Connection
