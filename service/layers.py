"""The layers around the application, from the caller inwards: each is an ASGI application around another one."""

from collections.abc import Sequence

from hypercorn.typing import ASGIFramework

from service.app import Application
from service.asgi.access_log import AccessLog, note_routes
from service.asgi.half_close import HalfCloseReplies
from service.asgi.request_timeout import RequestTimeout
from service.memory.request_memory import RequestMemory, UnderWay
from service.observability.http_metrics import HttpMetrics
from service.observability.request_observer import RequestObserver
from service.observability.spans import Spans


def layered(
    app: Application,
    under_way: UnderWay,
    http: HttpMetrics,
    spans: Spans | None = None,
    *,
    timeout_seconds: float = 0,
    observers: Sequence[RequestObserver] = (),
) -> ASGIFramework:
    """The application with its layers.

    Args:
        app: with all its routes; must not have answered anything yet.
        under_way: is charged what requests hold.
        http: counts every request.
        spans: trace every request, where somebody collects spans.
        timeout_seconds: that a reply may take; 0 for no bound.
        observers: hear of every request.
    """
    note_routes(app)
    charged = RequestMemory(app.prompt.before(app), under_way)
    bounded = RequestTimeout(charged, timeout_seconds)
    return HalfCloseReplies(AccessLog(bounded, http, spans, observers))
