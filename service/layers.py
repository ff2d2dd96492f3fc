"""The layers around the application, in one list: each is an ASGI application around the next.

Below the first lie the connection and what is spoken on it: ``service.asgi``.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import partial

from hypercorn.typing import ASGIFramework

from service.app import Application
from service.asgi.access_log import AccessLog
from service.asgi.half_close import HalfCloseReplies
from service.asgi.inflated_body import InflatedBodies
from service.asgi.request_timeout import RequestTimeout
from service.live.opening import Live
from service.memory.request_memory import RequestMemory, UnderWay
from service.observability.http_metrics import HttpMetrics
from service.observability.request_observer import RequestObserver
from service.observability.spans import Spans

Layer = Callable[[ASGIFramework], ASGIFramework]
"""A function that puts a layer around an application."""


def layers(
    app: Application,
    live: Live,
    under_way: UnderWay,
    http: HttpMetrics,
    spans: Spans | None = None,
    *,
    timeout_seconds: float = 0,
    observers: Sequence[RequestObserver] = (),
) -> tuple[Layer, ...]:
    """Return the layers, the outermost first: a request goes through them from top to bottom.

    Args:
        app: within all of them.
        live: serves live clients at their paths.
        under_way: is charged what requests hold.
        http: counts every request.
        spans: trace every request, where somebody collects spans.
        timeout_seconds: that a reply may take; 0 for no bound.
        observers: hear of every request.
    """
    return (
        partial(live.beside, under_way=under_way),  # live clients go no further
        HalfCloseReplies,
        partial(AccessLog, metrics=http, spans=spans, observers=observers),
        partial(RequestTimeout, seconds=timeout_seconds),
        InflatedBodies,
        partial(RequestMemory, under_way=under_way),
        app.fast_path.before,  # what is answered at once goes no further
    )


def within(around: Iterable[Layer], app: ASGIFramework) -> ASGIFramework:
    """Return an application within layers, of which the first becomes the outermost."""
    for layer in reversed(tuple(around)):
        app = layer(app)
    return app
