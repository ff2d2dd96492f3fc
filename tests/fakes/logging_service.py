"""A small logging service: a real HTTP server on a real port, which keeps what it is sent, or misbehaves if told.

    async with serving_logging() as logging:
        ...                                  # a service with LOGGING_SERVICE_URL=logging.url
        logging.behaviour = "status 500"     # from now on

The same service answers without a socket through ``logging.transport``, for tests whose clock is not the real one.
"""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, Literal

import h11
import httpx
import trio

Behaviour = Literal[
    "well",
    "silent",
    "hangs up",
    "garbage",
    "wrong shape",
    "status 500",
    "status 503",
    "status 429",
    "status 400",
    "status 403",
]

ABSENCES: tuple[Behaviour, ...] = ("hangs up", "garbage", "status 500", "status 503", "status 429", "status 403")
"""Everything after which the same may be sent again."""

RETRY_AFTER_SECONDS = 7

Answer = tuple[int, dict[str, str], bytes]


class HangUpError(Exception):
    """The connection is to be closed in the place of an answer."""


class FakeLogging:
    """What it knows, how it behaves, and what it was sent.

    Attributes:
        secret: the bearer token that it takes; "" for any, or none.
        requests: method, path and headers of each request, in order.
        logs: log lines by the name of their stream.
        points: data points by organisation and the name of their metric.
        spans: all spans.
    """

    def __init__(self) -> None:
        self.url = ""
        self.behaviour: Behaviour = "well"
        self.secret = ""
        self.requests: list[tuple[str, str, dict[str, str]]] = []
        self.logs: dict[str, list[dict[str, Any]]] = {}
        self.points: dict[tuple[str, str], list[dict[str, Any]]] = {}
        self.spans: list[dict[str, Any]] = []
        self.sizes: list[int] = []
        self.wrapped_lists = False
        self._streams: dict[str, str] = {}
        self._metrics: dict[str, dict[str, Any]] = {}
        self._made = 0

    @property
    def events(self) -> list[str]:
        """The kinds of all events, in order."""
        return [line["metadata"]["eventType"] for lines in self.logs.values() for line in lines]

    def metrics(self, org: str) -> list[dict[str, Any]]:
        """The metrics of an organisation."""
        return [metric for metric in self._metrics.values() if metric["orgId"] == org]

    def add_metric(self, org: str, name: str, kind: str = "gauge") -> str:
        """A metric that exists already; its id."""
        self._made += 1
        metric = {"id": f"metric-{self._made}", "orgId": org, "name": name, "metricType": kind}
        self._metrics[str(metric["id"])] = metric
        return str(metric["id"])

    def forget_ids(self) -> None:
        """As after a restart that lost its memory: no id of before is known."""
        self._streams.clear()
        self._metrics.clear()

    def asked(self, path: str) -> int:
        """How often a path was asked."""
        return sum(asked == path for _, asked, _ in self.requests)

    @property
    def transport(self) -> httpx.AsyncBaseTransport:
        """The service without a socket."""
        return _Direct(self)

    async def answer(self, method: str, path: str, headers: dict[str, str], body: bytes) -> Answer:
        """Answer a request, or do what stands for it."""
        self.requests.append((method, path, headers))
        behaviour = self.behaviour
        if behaviour == "silent":
            await trio.sleep_forever()
        if behaviour == "hangs up":
            raise HangUpError
        if behaviour == "garbage":
            return 200, {}, b"<html>surely not JSON</html>"
        if behaviour == "wrong shape":
            return _json(200, "neither an object nor a list")
        if behaviour.startswith("status"):
            status = int(behaviour.removeprefix("status "))
            return _json(
                status, {"error": "Oops"}, {"Retry-After": str(RETRY_AFTER_SECONDS)} if status == 429 else {}
            )
        if self.secret and headers.get("authorization") != f"Bearer {self.secret}":
            return _json(401, {"error": "Unauthorized"})
        return self._serve(method, path, headers.get("x-org-id", ""), json.loads(body) if body else None)

    def _serve(self, method: str, path: str, org: str, body: Any) -> Answer:
        match method, path:
            case "POST", "/api/logs/streams":
                self._made += 1
                self._streams[f"stream-{self._made}"] = body["name"]
                return _json(201, {"id": f"stream-{self._made}", "name": body["name"]})
            case "POST", "/api/logs/ingest":
                name = self._streams.get(body["streamId"])
                if name is None:
                    return _json(404, {"error": "Stream not found"})
                self.sizes.append(len(body["entries"]))
                self.logs.setdefault(name, []).extend(body["entries"])
                return _json(202, {"ingested": len(body["entries"])})
            case "GET", "/api/metrics":
                found = self.metrics(org)
                return _json(200, {"metrics": found} if self.wrapped_lists else found)
            case "POST", "/api/metrics":
                return _json(201, {"id": self.add_metric(org, body["name"], body["metricType"])})
            case "POST", "/api/metrics/ingest":
                metric = self._metrics.get(body["metricId"])
                if metric is None:
                    return _json(404, {"error": "Metric not found"})
                self.points.setdefault((metric["orgId"], metric["name"]), []).extend(body["dataPoints"])
                return 202, {}, b""
            case "POST", "/api/traces/ingest":
                self.spans.extend(body["spans"])
                return _json(202, {"ingested": len(body["spans"])})
        return _json(404, {"error": "Not found"})


def _json(status: int, body: Any, headers: dict[str, str] | None = None) -> Answer:
    return status, {"Content-Type": "application/json", **(headers or {})}, json.dumps(body).encode()


class _Direct(httpx.AsyncBaseTransport):
    def __init__(self, logging: FakeLogging) -> None:
        self._logging = logging

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        try:
            status, own, body = await self._logging.answer(
                request.method, request.url.path, headers, await request.aread()
            )
        except HangUpError as error:
            raise httpx.RemoteProtocolError("Server disconnected without sending a response.") from error
        return httpx.Response(status, headers=own, stream=httpx.ByteStream(body))


@asynccontextmanager
async def serving_logging(logging: FakeLogging | None = None, port: int = 0) -> AsyncIterator[FakeLogging]:
    """A fake logging service on a port of the loopback interface; 0 for any free one."""
    logging = logging or FakeLogging()
    async with trio.open_nursery() as nursery:
        serve = partial(trio.serve_tcp, partial(_talk, logging), port, host="127.0.0.1")
        listeners = await nursery.start(serve)
        logging.url = f"http://127.0.0.1:{listeners[0].socket.getsockname()[1]}"
        yield logging
        nursery.cancel_scope.cancel()


async def _talk(logging: FakeLogging, stream: trio.SocketStream) -> None:
    """One connection, kept alive from request to request."""
    connection = h11.Connection(h11.SERVER)
    try:
        while (found := await _read(connection, stream)) is not None:
            request, body = found
            headers = {name.decode(): value.decode("latin-1") for name, value in request.headers}
            method, path = request.method.decode(), request.target.decode()
            status, own, answer = await logging.answer(method, path, headers, body)
            lengths = {"Content-Length": str(len(answer))}
            for event in (
                h11.Response(status_code=status, headers=list((own | lengths).items())),
                h11.Data(data=answer),
                h11.EndOfMessage(),
            ):
                await stream.send_all(connection.send(event) or b"")
            connection.start_next_cycle()
    except (trio.BrokenResourceError, trio.ClosedResourceError, HangUpError):
        return


async def _read(connection: h11.Connection, stream: trio.SocketStream) -> tuple[h11.Request, bytes] | None:
    request: h11.Request | None = None
    body = b""
    while True:
        event = connection.next_event()
        if event is h11.NEED_DATA:
            connection.receive_data(await stream.receive_some())
        elif isinstance(event, h11.Request):
            request = event
        elif isinstance(event, h11.Data):
            body += bytes(event.data)
        elif isinstance(event, h11.EndOfMessage) and request is not None:
            return request, body
        else:
            return None
