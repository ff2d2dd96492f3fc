"""The layer that charges what requests hold while they are under way: their bodies, their buffers, their replies.

Each byte of a body is charged when it comes, and each large reply before it is sent. What goes beyond a bound is
refused with the bound's name (503, or 429 where it is the caller's own), and the caller tries again. Until it is
known who calls, that is charged to nobody in particular.

A request that is answered at once (``service.http.fast_path``) came in one piece of the connection, and costs
nothing here unless its reply is large.
"""

from typing import Any, cast

import trio
from hypercorn.typing import (
    ASGIFramework,
    ASGIReceiveCallable,
    ASGIReceiveEvent,
    ASGISendCallable,
    ASGISendEvent,
    HTTPScope,
    Scope,
)

from engine.errors import MemoryBoundError, OwnerMemoryError
from engine.memory.ledger import Ledger
from engine.quota import UNOWNED
from service.asgi.json_reply import send_refusal
from service.asgi.request_tasks import WHOLE_BODY
from service.asgi.streamed_body import announces_body, is_streamed
from service.memory.transit import SMALL_BYTES, Transit, TransitLoad

REQUEST_BYTES = 64 * 1024
"""The bytes of a request besides its body: two tasks, a queue and the framework's objects; 70 kB were measured."""

STREAM_BYTES = 384 * 1024
"""The same for a request whose body is read as a stream: the pieces that wait for their reader come on top."""

REPLY_BYTES = 16 * 1024
"""A reply up to this is not charged: the kernel takes it at once, whether its caller reads or not."""

_LOAD = "symbia.load"
_OWNER = "symbia.owner"


def load_of(scope: Scope) -> TransitLoad | None:
    """Return what the request of a scope holds; None where nobody charges it."""
    return cast("dict[str, Any]", scope).get(_LOAD)


def note_owner(scope: Scope, owner: str) -> None:
    """Charge from now on to an owner what a request holds, because it is known who calls.

    Raises:
        MemoryBoundError: that owner's requests hold too much already.
    """
    cast("dict[str, Any]", scope)[_OWNER] = owner
    load = load_of(scope)
    if load is not None:
        load.belong_to(owner)


class UnderWay:
    """All requests of one service that are under way.

    Args:
        ledger: the runtime's.

    Attributes:
        bodies: what they hold until they are answered.
        replies: what they hold until they are read.
    """

    def __init__(self, ledger: Ledger) -> None:
        self.bodies = Transit(ledger, "bodies")
        self.replies = Transit(ledger, "replies")
        self._coming: dict[_Request, None] = {}

    def request(self, scope: HTTPScope, receive: ASGIReceiveCallable) -> "_Request":
        """Return a new request, which holds nothing yet."""
        return _Request(self.bodies.load(UNOWNED), self._coming, scope, receive)


class RequestMemory:
    """An ASGI application that charges what requests to another one hold.

    Args:
        application: that answers them.
        under_way: all requests, those to other applications included.
    """

    def __init__(self, application: ASGIFramework, under_way: UnderWay) -> None:
        self._application = application
        self._under_way = under_way

    async def __call__(self, scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        if scope["type"] != "http":
            await self._application(scope, receive, send)
            return
        replying = _Replying(self._under_way.replies, scope, send)
        if WHOLE_BODY in scope:
            await self._application(scope, receive, replying.send)
            return
        request = self._under_way.request(scope, receive)
        try:
            with request.life:
                request.begin()
                await self._application(scope, request.receive, replying.send)
            if request.refusal is not None:
                await replying.refuse(request.refusal)
        finally:
            request.end()


class _Request:
    """A request under way, and what it holds.

    Small requests that find no room make the one that has been coming for longest give way: otherwise whoever
    begins many bodies and ends none would keep everybody out for as long as a body may take.

    Args:
        load: the memory that it holds.
        coming: all requests whose bodies have not come whole, the oldest first.
        scope: of the request.
        receive: gives what comes of it.
    """

    def __init__(
        self, load: TransitLoad, coming: "dict[_Request, None]", scope: HTTPScope, receive: ASGIReceiveCallable
    ) -> None:
        self.life = trio.CancelScope()
        self.refusal: MemoryBoundError | None = None
        self._load = load
        self._coming = coming
        self._receive = receive
        self._is_stream = is_streamed(scope)
        self._has_body = announces_body(scope)
        cast("dict[str, Any]", scope)[_LOAD] = load

    def begin(self) -> None:
        """Hold what every request holds; one without a body does so in any case, for it cannot linger."""
        if not self._has_body:
            self._load.note(REQUEST_BYTES)
        elif self._is_stream:
            self._hold(STREAM_BYTES)
        else:
            self._hold(REQUEST_BYTES)
            self._coming[self] = None

    async def receive(self) -> ASGIReceiveEvent:
        """Return the next event, once it is charged."""
        event = await self._receive()
        if event["type"] == "http.request" and not self._is_stream:
            if event["body"]:
                self._hold(self._load.held_bytes + len(event["body"]))
            if not event["more_body"]:
                self._coming.pop(self, None)
            if self.refusal is not None:
                await trio.lowlevel.checkpoint()  # where the application is cancelled
        return event

    def end(self) -> None:
        """Hold nothing any more."""
        self._coming.pop(self, None)
        self._load.close()

    def _hold(self, size_bytes: int) -> None:
        while self.refusal is None:
            try:
                self._load.hold(size_bytes)
            except MemoryBoundError as error:
                oldest = self._oldest(error) if size_bytes <= SMALL_BYTES else None
                if oldest is None:
                    self._refuse(error)
                else:
                    oldest.end()
                    oldest._refuse(error)  # noqa: SLF001  its own class
            else:
                return

    def _oldest(self, error: MemoryBoundError) -> "_Request | None":
        """Return the request that has been coming for longest, of the same owner where it is their bound."""
        for request in self._coming:
            if request is not self and (
                not isinstance(error, OwnerMemoryError) or request._load.owner == self._load.owner  # noqa: SLF001
            ):
                return request
        return None

    def _refuse(self, error: MemoryBoundError) -> None:
        self.refusal = error
        self.life.cancel()


class _Replying:
    """The reply to one request: its head goes out when it is known that its body may."""

    def __init__(self, replies: Transit, scope: HTTPScope, send: ASGISendCallable) -> None:
        self._replies = replies
        self._scope = cast("dict[str, Any]", scope)
        self._send = send
        self._head: ASGISendEvent | None = None
        self._has_begun = False
        self._is_refused = False

    async def send(self, event: ASGISendEvent) -> None:
        """Send what the application wants to be sent, or a refusal in its place."""
        if self._is_refused:
            return
        if event["type"] == "http.response.start":
            self._head = event
            return
        size_bytes = len(event.get("body", b"")) if event["type"] == "http.response.body" else 0
        if size_bytes <= REPLY_BYTES:
            await self._begin()
            await self._send(event)
            return
        load = self._replies.load(self._scope.get(_OWNER, UNOWNED))
        try:
            try:
                load.hold(size_bytes)
            except MemoryBoundError as error:
                await self.refuse(error)
                return
            await self._begin()
            await self._send(event)
        finally:
            load.close()

    async def refuse(self, error: MemoryBoundError) -> None:
        """Send a refusal, if nothing has been sent yet; a reply that has begun ends as it is."""
        self._is_refused = True
        if self._has_begun:
            return
        await send_refusal(self._send, error)

    async def _begin(self) -> None:
        self._has_begun = True
        if self._head is not None:
            head, self._head = self._head, None
            await self._send(head)
