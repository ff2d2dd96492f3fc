"""A connection that Hypercorn trips over ends alone, and ends; and it answers without going round.

Hypercorn runs every connection in one nursery, and some bytes make it raise there: a WebSocket frame that follows
the upgrade request before the upgrade was answered is enough, from anybody, at any path. An exception there ends
the server. And what a caller sends goes to the application through a short queue; when the application has ended
and the caller goes on sending, the queue is full, and the connection waits for room in it for ever.

Each request costs a task, a queue, a second task that waits for the next one, and three writes. Where that can be
seen to be needless, it is left away (docs/decisions/0085):

- A request that the application asked for (:class:`PromptConfig`) and that came whole in one piece is answered in
  the task that read it, with its body in the scope. Nothing can come after it but the next request.
- The head of a reply goes out together with the first piece of its body, as the ASGI specification asks.
- One task waits for the end of a connection's idleness, however many requests there are (``service.idle_watch``).

Hypercorn has no place to put something around a connection, so the classes that serve one are replaced.
What is spoken on it is ``service.http_protocol``.
"""

from collections.abc import Awaitable, Callable
from typing import Any, cast

import hypercorn.trio.run
import hypercorn.trio.tcp_server
import structlog
import trio
from hypercorn.config import Config
from hypercorn.events import Closed, Event, RawData
from hypercorn.trio.task_group import TaskGroup, _handle
from hypercorn.trio.tcp_server import MAX_RECV, TCPServer
from hypercorn.typing import (
    AppWrapper,
    ASGIReceiveCallable,
    ASGIReceiveEvent,
    ASGISendCallable,
    ASGISendEvent,
    HTTPScope,
    Scope,
)

from service.http_protocol import HttpProtocol
from service.idle_watch import IdleWatch

Put = Callable[[ASGIReceiveEvent], Awaitable[None]]
Send = Callable[[ASGISendEvent | None], Awaitable[None]]

WHOLE_BODY = "symbia.body"
"""Where a scope has the body, if the request came whole; nothing is to be received then."""

LINGER_SECONDS = 1.0
LINGER_BYTES = 1024 * 1024
"""How long, and how far, a refused connection is still read."""

log = structlog.get_logger("service")


class PromptConfig(Config):
    """Hypercorn's configuration, and one question more.

    Attributes:
        is_prompt: whether the application takes a request, of which the head has come, whole; it may note in the
            scope what it found out. A request that does not come in one piece is passed on in the ordinary way.
        reading_turns: the turn of connections that have much to read (``service.http_protocol``).
    """

    def __init__(self, is_prompt: Callable[[HTTPScope], bool]) -> None:
        self.is_prompt = is_prompt
        self.reading_turns = trio.Lock()


class GuardedTCPServer(TCPServer):
    """Serves one connection. Whatever goes wrong with it is logged, and stays with it.

    Attributes:
        keeps: whether what is written is kept, to be written together with what is written after it.
    """

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.idle_task: Any = IdleWatch(self.config.keep_alive_timeout, self.context, self._initiate_server_close)
        self.keeps = False
        self._kept = b""

    async def run(self) -> None:
        """Serve it until it ends; it is closed in any case."""
        try:
            await super().run()
        except* Exception as group:  # noqa: BLE001  whatever it is; and what is cancelled goes on being so
            log.warning("connection ended by an error", errors=[repr(error) for error in group.exceptions])

    async def protocol_send(self, event: Event) -> None:
        """Do what the protocol asks for: write, close, or note that the connection is idle or is not."""
        if isinstance(event, RawData):
            self._kept += event.data
        if self._kept and not self.keeps:  # a reply of known length has nothing to say at its end
            data, self._kept = self._kept, b""
            await super().protocol_send(RawData(data))
        if not isinstance(event, RawData):
            await super().protocol_send(event)

    async def _read_data(self) -> None:
        group = cast("GuardedTaskGroup", self._task_group)
        group.connection = self
        try:
            while True:
                try:
                    data = await self.stream.receive_some(MAX_RECV)
                except (trio.ClosedResourceError, trio.BrokenResourceError):
                    break
                await self.protocol.handle(RawData(bytes(data)))
                await group.release()
                if cast("HttpProtocol", self.protocol).is_over:
                    await self._linger()
                    break
                if not data:
                    break
            await self.protocol.handle(Closed())
        finally:
            self.idle_task.end()

    async def _linger(self) -> None:
        """Read what is still on its way to a connection that was refused, for a while.

        A connection that is closed with something unread is reset, and the caller never sees why (RFC 9112
        section 9.6).
        """
        with trio.move_on_after(LINGER_SECONDS):
            try:
                await cast("trio.SocketStream", self.stream).send_eof()
                for _ in range(LINGER_BYTES // MAX_RECV):
                    if not await self.stream.receive_some(MAX_RECV):
                        break
            except (trio.ClosedResourceError, trio.BrokenResourceError, trio.BusyResourceError):
                pass


class GuardedTaskGroup(TaskGroup):
    """The tasks of one connection. What comes for an application that has ended is dropped.

    Attributes:
        connection: that the tasks work for; set before the first of them.
    """

    connection: GuardedTCPServer

    def __init__(self) -> None:
        super().__init__()
        self._gathering: _Gathered | None = None

    async def spawn_app(self, app: AppWrapper, config: Config, scope: Scope, send: Send) -> Put:
        """Start an application for a request, now or when it has come; what is returned passes it what comes."""
        if scope["type"] == "http" and scope["http_version"] != "2":
            send = _with_head(send, self.connection)
            if isinstance(config, PromptConfig) and config.is_prompt(scope):
                self._gathering = _Gathered(self, app, config, scope, send)
                return self._gathering.put
        return self.start_app(app, config, scope, send)

    def start_app(self, app: AppWrapper, config: Config, scope: Scope, send: Send) -> Put:
        """Start an application in a task of its own."""
        putting, taking = trio.open_memory_channel[ASGIReceiveEvent](config.max_app_queue_size)

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
            try:
                await putting.send(event)
            except trio.BrokenResourceError:
                await trio.lowlevel.checkpoint()

        self.spawn(_handle, ending_app, config, scope, taking.receive, send, _no_threads, _no_threads)
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
        await _handle(self._app, self._config, self._scope, _nothing_more, self._send, _no_threads, _no_threads)


def _with_head(send: Send, connection: GuardedTCPServer) -> Send:
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


async def _nothing_more() -> ASGIReceiveEvent:
    raise RuntimeError("The request came whole, and its body is in the scope")


def _no_threads(*_: object) -> None:
    """What Hypercorn would run WSGI applications with; nobody serves one here."""
    raise NotImplementedError


def guard_connections() -> None:
    """Let every connection of Hypercorn's Trio servers in this process be guarded."""
    hypercorn.trio.run.TCPServer = GuardedTCPServer  # type: ignore[attr-defined,assignment]  # there is no other place
    hypercorn.trio.tcp_server.TaskGroup = GuardedTaskGroup  # type: ignore[attr-defined]  # likewise
    hypercorn.trio.tcp_server.ProtocolWrapper = HttpProtocol  # type: ignore[attr-defined,assignment]  # likewise
