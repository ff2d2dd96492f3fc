"""A small logging service: a real HTTP server on a real port, which keeps what it is sent, or misbehaves if told.

    async with serving_logging() as logging:
        ...                                  # a service with LOGGING_SERVICE_URL=logging.url
        logging.behaviour = "status 500"     # from now on

The same service answers without a socket through ``logging.transport``, for tests whose clock is not the real one.
"""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Literal

import httpx
import trio

from tests.fakes.small_http import Answer, Direct, HangUpError, as_json, serving

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


class FakeLogging:
    """What it knows, how it behaves, and what it was sent.

    Attributes:
        secret: the bearer token that it takes; "" for any, or none.
        requests: method, path and headers of each request, in order.
        logs: log lines by the name of their stream.
        points: data points by organisation and the name of their metric.
        by_id: data points by the id of their metric.
        spans: all spans.
    """

    def __init__(self) -> None:
        self.url = ""
        self.behaviour: Behaviour = "well"
        self.secret = ""
        self.requests: list[tuple[str, str, dict[str, str]]] = []
        self.logs: dict[str, list[dict[str, Any]]] = {}
        self.points: dict[tuple[str, str], list[dict[str, Any]]] = {}
        self.by_id: dict[str, list[dict[str, Any]]] = {}
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

    def add_metric(
        self, org: str, name: str, kind: str = "gauge", *, service: str | None = "runtime", env: str | None = "dev"
    ) -> str:
        """A metric that exists already; its id. Each service has its own, and an organisation lists all."""
        self._made += 1
        metric = {
            "id": f"metric-{self._made}",
            "orgId": org,
            "serviceId": service,
            "env": env,
            "name": name,
            "metricType": kind,
        }
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
        return Direct(self.answer)

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
            return as_json(200, "neither an object nor a list")
        if behaviour.startswith("status"):
            status = int(behaviour.removeprefix("status "))
            return as_json(
                status, {"error": "Oops"}, {"Retry-After": str(RETRY_AFTER_SECONDS)} if status == 429 else {}
            )
        if self.secret and headers.get("authorization") != f"Bearer {self.secret}":
            return as_json(401, {"error": "Unauthorized"})
        return self._serve(method, path, headers, json.loads(body) if body else None)

    def _serve(self, method: str, path: str, headers: dict[str, str], body: Any) -> Answer:
        org = headers.get("x-org-id", "")
        match method, path:
            case "POST", "/api/logs/streams":
                self._made += 1
                self._streams[f"stream-{self._made}"] = body["name"]
                return as_json(201, {"id": f"stream-{self._made}", "name": body["name"]})
            case "POST", "/api/logs/ingest":
                name = self._streams.get(body["streamId"])
                if name is None:
                    return as_json(404, {"error": "Stream not found"})
                self.sizes.append(len(body["entries"]))
                self.logs.setdefault(name, []).extend(body["entries"])
                return as_json(202, {"ingested": len(body["entries"])})
            case "GET", "/api/metrics":
                found = self.metrics(org)
                return as_json(200, {"metrics": found} if self.wrapped_lists else found)
            case "POST", "/api/metrics":
                whose = {"service": headers.get("x-service-id"), "env": headers.get("x-env", "dev")}
                return as_json(201, {"id": self.add_metric(org, body["name"], body["metricType"], **whose)})
            case "POST", "/api/metrics/ingest":
                metric = self._metrics.get(body["metricId"])
                if metric is None:
                    return as_json(404, {"error": "Metric not found"})
                self.by_id.setdefault(metric["id"], []).extend(body["dataPoints"])
                self.points.setdefault((metric["orgId"], metric["name"]), []).extend(body["dataPoints"])
                return 202, {}, b""
            case "POST", "/api/traces/ingest":
                self.spans.extend(body["spans"])
                return as_json(202, {"ingested": len(body["spans"])})
        return as_json(404, {"error": "Not found"})


@asynccontextmanager
async def serving_logging(logging: FakeLogging | None = None, port: int = 0) -> AsyncIterator[FakeLogging]:
    """A fake logging service on a port of the loopback interface; 0 for any free one."""
    logging = logging or FakeLogging()
    async with serving(logging.answer, port) as url:
        logging.url = url
        yield logging
