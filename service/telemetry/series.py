"""The ids under which the logging service keeps streams and metrics: found or made once, and remembered."""

from collections.abc import Mapping
from typing import Any

from service.telemetry.client import LoggingClient
from service.telemetry.refusal import LoggingError

SERIES = 1_000
"""Metrics that are remembered; graphs name them, so their number needs a bound."""

_DESCRIPTIONS = {
    "service.request.count": ("counter", "Requests that have ended"),
    "service.request.latency_ms": ("histogram", "Milliseconds from the head of a request to the end of its reply"),
    "service.error.count": ("counter", "Requests that ended with a status of 500 and above"),
}
_OF_GRAPHS = ("gauge", "Reported by a node of a graph")


class TooManySeriesError(Exception):
    """More metrics were named than are kept."""


class Series:
    """Ids of one stream and of many metrics.

    All services of an organisation have metrics of the same names, and all of them are listed: a metric is this
    service's own where the service and the environment are, too, and the organisation where it is known.

    Args:
        client: asks for them.
        service_id: after which the stream is named, and whose metrics are meant.
        env: the environment whose metrics are meant.
        own_org: the organisation of the service's own metrics; "" where nobody has said.
        limit: metrics that are remembered.
    """

    def __init__(
        self, client: LoggingClient, service_id: str, env: str = "dev", own_org: str = "", limit: int = SERIES
    ) -> None:
        self._own_org = own_org
        self._client = client
        self._limit = limit
        self._whose = {"serviceId": service_id, "env": env}
        self._stream_name = f"service.{service_id}.logs"
        self._stream = ""
        self._metrics: dict[tuple[str, str], str] = {}

    async def stream(self) -> str:
        """Return the id of the service's stream of log lines.

        Raises:
            LoggingError: it cannot be had at present.
        """
        if not self._stream:
            body = {"name": self._stream_name, "description": "Service telemetry logs", "level": "info"}
            self._stream = _id_of(await self._client.post("logs/streams", body))
        return self._stream

    async def metric(self, org: str, name: str) -> str:
        """Return the id of a metric: an existing one of this name, or a new one.

        Args:
            org: the organisation that it belongs to; "" for the service's own.
            name: of the metric.

        Raises:
            LoggingError: it cannot be had at present.
            TooManySeriesError: as many as may be are known already.
        """
        known = self._metrics.get((org, name))
        if known is not None:
            return known
        if len(self._metrics) >= self._limit:
            raise TooManySeriesError(f"{self._limit} metrics are known already")
        owner = org or self._own_org
        whose = {"name": name, **self._whose, **({"orgId": owner} if owner else {})}
        found = _find(await self._client.get("metrics", org=org), whose)
        if not found:
            kind, description = _DESCRIPTIONS.get(name, _OF_GRAPHS)
            body = {"name": name, "metricType": kind, "description": description}
            found = _id_of(await self._client.post("metrics", body, org=org))
        self._metrics[org, name] = found
        return found

    def forget(self) -> None:
        """Forget all ids, and ask for them again: the service does not know one any more, so it knows none."""
        self._stream = ""
        self._metrics.clear()


def _id_of(answer: Any) -> str:
    found = answer.get("id") if isinstance(answer, dict) else None
    if not isinstance(found, str) or not found:
        raise LoggingError("its answer holds no id")
    return found


def _find(answer: Any, whose: Mapping[str, str]) -> str:
    """Find the id of a metric in a list, bare or wrapped; "" where it is not in there.

    Args:
        answer: the list.
        whose: what must be told of it; a service that does not tell one of these says nothing against it.
    """
    if isinstance(answer, dict):
        answer = answer.get("metrics")
    if not isinstance(answer, list):
        raise LoggingError("its list of metrics is none")
    ids = [
        item.get("id")
        for item in answer
        if isinstance(item, dict)
        and item.get("name") == whose["name"]
        and all(item.get(field, value) == value for field, value in whose.items())
    ]
    return next((each for each in ids if isinstance(each, str) and each), "")
