"""The last event of a reply, protected from being cancelled halfway.

When a reply ends, Hypercorn first tells the application's receiving side that the caller is gone, and then, in the
sending task, closes the connection if the caller asked for that (``Connection: close``, HTTP/1.0). Quart-Trio
takes the first as a reason to cancel the second. Without this layer such a connection stays open for ever, and a
caller who waits for its end does too.
"""

import trio
from hypercorn.typing import ASGIFramework, ASGIReceiveCallable, ASGISendCallable, ASGISendEvent, Scope


class WholeReplies:
    """An ASGI application that sends the last event of each reply of another one without being cancelled."""

    def __init__(self, application: ASGIFramework) -> None:
        self._application = application

    async def __call__(self, scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        async def send_whole(event: ASGISendEvent) -> None:
            is_last = event["type"] == "http.response.body" and not event.get("more_body", False)
            with trio.CancelScope(shield=is_last):
                await send(event)

        await self._application(scope, receive, send_whole)
