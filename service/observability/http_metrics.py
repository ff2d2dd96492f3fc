"""The counts of HTTP requests: how many, how they ended, how long they took. By route, never by path.

Plain dictionaries: a request costs a microsecond here, and labels come only from closed lists, so that no caller
can make new time series.
"""

from service.observability.histogram import Histogram

DURATION_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.25, 1.0, 2.5, 10.0, 60.0)

UNMATCHED = "(none)"
"""The route of a request that fits no route."""

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_OTHER = "other"


class HttpMetrics:
    """Counters of one application.

    Attributes:
        requests: by method, route and status; status 0 means that the caller went before the reply.
        durations: by method and route.
        in_progress: requests that have begun and not ended.
    """

    def __init__(self) -> None:
        self.requests: dict[tuple[str, str, int], int] = {}
        self.durations: dict[tuple[str, str], Histogram] = {}
        self.in_progress = 0

    def count(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count a request that has ended.

        Args:
            method: as the caller wrote it.
            route: the pattern that fitted, such as ``/api/graphs/<graph_id>``.
            status: of the reply.
            seconds: from the end of the request's head to the end of the reply.
        """
        if method not in _METHODS:
            method = _OTHER
        key = (method, route, status)
        self.requests[key] = self.requests.get(key, 0) + 1
        durations = self.durations.get((method, route))
        if durations is None:
            durations = self.durations[method, route] = Histogram(DURATION_SECONDS)
        durations.observe(seconds)
