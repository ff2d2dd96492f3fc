"""The layers around the application: one list, read from top to bottom."""

from typing import Any

import trio
from hypercorn.typing import ASGIFramework, ASGIReceiveCallable, ASGISendCallable, Scope

from engine.runtime import open_runtime
from service.app import create_app
from service.asgi.access_log import AccessLog
from service.asgi.half_close import HalfCloseReplies
from service.asgi.inflated_body import InflatedBodies
from service.asgi.request_timeout import RequestTimeout
from service.layers import Layer, layers, within
from service.live.opening import open_live
from service.memory.request_memory import RequestMemory, UnderWay
from service.observability.http_metrics import HttpMetrics
from service.readiness import Readiness
from service.settings.table import Settings
from tests.service.asgi.test_json_reply import Sent

SCOPE: Any = {"type": "http", "path": "/"}


def noting(name: str, seen: list[str]) -> Layer:
    """A layer that notes its name before it passes a request on."""

    def around(application: ASGIFramework) -> ASGIFramework:
        async def answer(scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
            seen.append(name)
            await application(scope, receive, send)

        return answer

    return around


async def receive() -> Any:
    await trio.sleep_forever()


async def test_the_first_layer_is_the_outermost() -> None:
    """A request goes through the list from top to bottom, and then to the application."""
    seen: list[str] = []

    async def application(scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        del scope, receive, send
        seen.append("application")

    application_within = within([noting(name, seen) for name in ("a", "b", "c")], application)
    await application_within(SCOPE, receive, Sent().send)
    assert seen == ["a", "b", "c", "application"]


async def test_the_list_has_all_layers_in_their_order() -> None:
    """Each depends on those around it: what is refused for its memory is still bounded, counted and sent whole.

    A body is decoded before it is charged for, so what it takes decoded is charged.
    """
    settings = Settings()
    async with open_runtime() as runtime:
        readiness = Readiness()
        async with open_live(runtime, settings, readiness, None) as live:
            app = create_app(runtime, settings, readiness)
            around = layers(app, live, UnderWay(runtime.ledger), HttpMetrics())
    live_layer, *middle, fast = around
    assert live_layer.func == live.beside  # type: ignore[attr-defined]  # a partial
    kinds = [type(layer(app)) for layer in middle]
    assert kinds == [HalfCloseReplies, AccessLog, RequestTimeout, InflatedBodies, RequestMemory]
    assert fast == app.fast_path.before
