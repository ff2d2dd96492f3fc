"""A bound on the time of a request, so that nobody waits for ever, and nobody is kept waiting for ever.

The time runs from the head of the request to the first byte of the reply. A reply that has begun may go on as long
as it moves. A stream of messages is not measured while it comes, because it may last for days: its silence is
bounded where it is read (``service.http.message_stream``); its time begins when it has been sent whole.

What comes before, the head, is bounded by the server: it must be whole within the time that a connection may be
idle. An ordinary body must be whole within Quart's ``BODY_TIMEOUT``.
"""

import math

import structlog
import trio
from hypercorn.typing import (
    ASGIFramework,
    ASGIReceiveCallable,
    ASGIReceiveEvent,
    ASGISendCallable,
    ASGISendEvent,
    Scope,
)

from service.asgi.json_reply import send_refusal
from service.asgi.request_tasks import WHOLE_BODY
from service.asgi.streamed_body import is_streamed
from service.problems import SlowRequestError

log = structlog.get_logger("service")


class RequestTimeout:
    """An ASGI application whose requests take bounded time.

    Args:
        application: that answers them.
        seconds: that one may take; 0 for no bound.
    """

    def __init__(self, application: ASGIFramework, seconds: float) -> None:
        self._application = application
        self._seconds = seconds or math.inf

    async def __call__(self, scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        if scope["type"] != "http":
            await self._application(scope, receive, send)
            return
        is_measured = WHOLE_BODY in scope or not is_streamed(scope)
        bound = trio.CancelScope(deadline=trio.current_time() + self._seconds if is_measured else math.inf)
        has_begun = False

        async def receive_noting_end() -> ASGIReceiveEvent:
            event = await receive()
            is_last = event["type"] == "http.request" and not event["more_body"]
            if is_last and not has_begun and bound.deadline == math.inf:
                bound.deadline = trio.current_time() + self._seconds
            return event

        async def send_in_time(event: ASGISendEvent) -> None:
            nonlocal has_begun
            if not has_begun:
                has_begun = True
                bound.deadline = math.inf  # the kernel cuts replies that nobody reads (UNREAD_SECONDS)
            await send(event)

        with bound:
            await self._application(scope, receive_noting_end, send_in_time)
        if bound.cancelled_caught and not has_begun:
            log.warning("request took too long", method=scope["method"], path=scope["path"], seconds=self._seconds)
            await self._refuse(send)

    async def _refuse(self, send: ASGISendCallable) -> None:
        late = f"No reply within {self._seconds:g} s (REQUEST_TIMEOUT_SECONDS)"
        advice = "what the request began may still be going on, so look before you send it again"
        await send_refusal(send, SlowRequestError(f"{late}; {advice}"))
