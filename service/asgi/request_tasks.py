"""The tasks of one connection: an application for each request, in a task of its own or in the one that read it.

Each request costs a task, a queue and three writes. Where that can be seen to be needless, it is left away
(docs/decisions/0085): a request that the application asked for (:class:`FastPathConfig`) and that came whole in
one piece is answered in the task that read it, with its body in the scope; nothing can come after it but the next
request. And the head of a reply goes out together with the first piece of its body, as ASGI's specification asks.

What a caller sends goes to the application through a short queue. When the application has ended and the caller
goes on sending, what comes is dropped, or the connection would wait for room in the queue for ever.
"""

import time
from collections.abc import Awaitable, Callable
from typing import Any, Protocol, cast

import trio
from hypercorn.config import Config
from hypercorn.trio.task_group import TaskGroup, _handle
from hypercorn.typing import (
    AppWrapper,
    ASGIReceiveCallable,
    ASGIReceiveEvent,
    ASGISendCallable,
    ASGISendEvent,
    HTTPScope,
    Scope,
)

from service.asgi.connections import Connections

Put = Callable[[ASGIReceiveEvent], Awaitable[None]]
Send = Callable[[ASGISendEvent | None], Awaitable[None]]

WHOLE_BODY = "symbia.body"
"""The key under which a scope has the body, if the request came whole; nothing is to be received then."""

WAITING_EVENTS = 3
"""Pieces of a body that wait for the application; a small body, its end and the caller's leaving fit in."""


class ServedConnection(Protocol):
    """A connection, as those see it who work for it.

    Attributes:
        keeps: whether it keeps what is written until more is written.
    """

    keeps: bool

    def cut(self) -> None:
        """End it at once."""

    async def write(self, data: bytes) -> None:
        """Write a whole reply."""


class FastPathConfig(Config):
    """Hypercorn's configuration, and one question more.

    Attributes:
        takes: whether the application takes a request, of which the head has come, whole; it may note in the
            scope what it found out. A request that does not come in one piece is passed on in the ordinary way.
        reading_turns: the turn of connections that have much to read (``service.asgi.http_protocol``).
        connections: all that are open (``service.asgi.connections``).
    """

    def __init__(self, takes: Callable[[HTTPScope], bool], max_connections: int = 0) -> None:
        self.takes = takes
        self.reading_turns = trio.Lock()
        self.connections = Connections(max_connections)
        self._marks: list[tuple[bytes, bytes]] = []
        self._marked_at = -1

    def response_headers(self, protocol: str) -> list[tuple[bytes, bytes]]:
        """Return the headers of every reply, ``Date`` among them: written once a second."""
        now = int(time.time())
        if now != self._marked_at:
            self._marks, self._marked_at = super().response_headers(protocol), now
        return self._marks


class GuardedTaskGroup(TaskGroup):
    """The tasks of one connection. What comes for an application that has ended is dropped.

    Attributes:
        connection: that the tasks work for; set before the first of them.
    """

    connection: ServedConnection

    def __init__(self) -> None:
        super().__init__()
        self._gathering: _Gathered | None = None

    async def spawn_app(self, app: AppWrapper, config: Config, scope: Scope, send: Send) -> Put:
        """Start an application for a request, now or when it has come; what is returned passes it what comes."""
        if scope["type"] == "http" and scope["http_version"] != "2":
            send = _with_head(send, self.connection)
            if isinstance(config, FastPathConfig) and config.takes(scope):
                self._gathering = _Gathered(self, app, config, scope, send)
                return self._gathering.put
        return self.start_app(app, config, scope, send)

    def start_app(self, app: AppWrapper, config: Config, scope: Scope, send: Send) -> Put:
        """Start an application in a task of its own."""
        waiting = WAITING_EVENTS if scope["type"] == "http" else config.max_app_queue_size
        putting, taking = trio.open_memory_channel[ASGIReceiveEvent](waiting)

        async def ending_app(
            scope: Scope,
            receive: ASGIReceiveCallable,
            send: ASGISendCallable,
            sync_spawn: Callable[..., Any],
            call_soon: Callable[..., Any],
        ) -> None:
            with taking:
                await app(scope, receive, send, sync_spawn, call_soon)

        async def put(event: ASGIReceiveEvent) -> None:
            if event["type"] == "http.disconnect":
                putting.close()  # never waits for room: the application may be the one that ends the request
                return
            try:
                await putting.send(event)
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                await trio.lowlevel.checkpoint()

        async def receive() -> ASGIReceiveEvent:
            try:
                return await taking.receive()
            except trio.EndOfChannel:
                return {"type": "http.disconnect"}

        self.spawn(_handle, ending_app, config, scope, receive, send, no_threads, no_threads)
        return put

    async def release(self) -> None:
        """Pass on what has come of a request that has not come whole: the rest may be long in coming."""
        gathering, self._gathering = self._gathering, None
        if gathering is not None:
            await gathering.pass_on()


class _Gathered:
    """A request that is answered at once if it comes whole."""

    def __init__(
        self, group: GuardedTaskGroup, app: AppWrapper, config: Config, scope: HTTPScope, send: Send
    ) -> None:
        self._group = group
        self._app = app
        self._config = config
        self._scope = scope
        self._send = send
        self._events: list[ASGIReceiveEvent] = []
        self._put: Put | None = None
        self._is_whole = False

    async def put(self, event: ASGIReceiveEvent) -> None:
        """Take in what comes, and answer when that was all."""
        if self._put is not None:
            await self._put(event)
        elif not self._is_whole:
            self._events.append(event)
            if event["type"] == "http.request" and not event["more_body"]:
                self._is_whole = True
                await self._answer()

    async def pass_on(self) -> None:
        """Let an ordinary task have it, unless it was answered."""
        if not self._is_whole:
            self._put = self._group.start_app(self._app, self._config, self._scope, self._send)
            for event in self._events:
                await self._put(event)

    async def _answer(self) -> None:
        bodies = [event["body"] for event in self._events if event["type"] == "http.request"]
        cast("dict[str, Any]", self._scope)[WHOLE_BODY] = b"".join(bodies)
        await _handle(self._app, self._config, self._scope, nothing_more, self._send, no_threads, no_threads)


def _with_head(send: Send, connection: ServedConnection) -> Send:
    """Send the head of a reply when its body begins, and with it; not at all if the application fails before."""
    head: ASGISendEvent | None = None

    async def send_with_head(event: ASGISendEvent | None) -> None:
        nonlocal head
        if event is not None and event["type"] == "http.response.start" and head is None:
            head = event
            return
        if head is not None and event is not None:
            began, head = head, None
            connection.keeps = True
            try:
                await send(began)
            finally:
                connection.keeps = False
        await send(event)

    return send_with_head


async def nothing_more() -> ASGIReceiveEvent:
    """Stand in for ``receive`` of a request that came whole."""
    raise RuntimeError("The request came whole, and its body is in the scope")


def no_threads(*_: object) -> None:
    """Refuse to run WSGI applications in threads; nobody serves one here."""
    raise NotImplementedError
