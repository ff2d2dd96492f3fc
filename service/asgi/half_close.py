"""Replies reach their callers whole, also those callers who have said all they have to say.

Two things come together here. When a reply ends, Hypercorn first tells the application's receiving side that the
caller is gone, and then, in the sending task, closes the connection if the caller asked for that (``Connection:
close``, HTTP/1.0). And when a caller closes their sending side after the request (``nc -N``, RFC 9293, 3.6),
Hypercorn tells the same, though they still read. Quart-Trio takes either as a reason to cancel the request: the
connection of the one stayed open for ever, and the other never got their reply.

So the last event of a reply is sent without being cancelled, and the news that a caller is gone is kept back for a
while, when their request has come whole and its reply has not gone out. Whether they are really gone or only read,
nobody can tell before writing to them; a while of work for nobody is what that costs.

A request may also be answered before its body has come: it was too large, or its caller is not known. Hypercorn
closes the connection then, because what follows on it is not the next request; so the reply has to say so
(RFC 9112 section 9.6), or the caller's next request is lost on it.
"""

import trio
from hypercorn.typing import (
    ASGIFramework,
    ASGIReceiveCallable,
    ASGIReceiveEvent,
    ASGISendCallable,
    ASGISendEvent,
    Scope,
)

from service.asgi.request_tasks import WHOLE_BODY
from service.asgi.streamed_body import announces_body

PATIENCE_SECONDS = 5.0
"""The longest work on a reply for a caller who says no more: as long as an injection may wait."""


ARRIVAL_SECONDS = 0.02
"""The longest wait of a reply that is ready for the rest of a body: one that is on its way spares the
connection."""


class HalfCloseReplies:
    """An ASGI application that lets another one finish its replies."""

    def __init__(self, application: ASGIFramework) -> None:
        self._application = application

    async def __call__(self, scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        if scope["type"] != "http" or WHOLE_BODY in scope:  # such a reply is written in one piece, or not at all
            await self._application(scope, receive, send)
            return
        come_whole = trio.Event()
        replying_last = trio.Event()
        has_body = announces_body(scope)

        async def receive_patiently() -> ASGIReceiveEvent:
            event = await receive()
            if event["type"] == "http.request":
                if not event["more_body"]:
                    come_whole.set()
            elif come_whole.is_set() and not replying_last.is_set():
                with trio.move_on_after(PATIENCE_SECONDS):
                    await replying_last.wait()
            return event

        async def send_whole(event: ASGISendEvent) -> None:
            if event["type"] == "http.response.body" and not event.get("more_body", False):
                replying_last.set()  # before it is sent: from here on the shield protects it
                with trio.CancelScope(shield=True):
                    await send(event)
            elif event["type"] == "http.response.start" and has_body and not come_whole.is_set():
                with trio.move_on_after(ARRIVAL_SECONDS):
                    await come_whole.wait()
                if not come_whole.is_set():
                    event["headers"] = [*event["headers"], (b"connection", b"close")]
                await send(event)
            else:
                await send(event)

        await self._application(scope, receive_patiently, send_whole)
