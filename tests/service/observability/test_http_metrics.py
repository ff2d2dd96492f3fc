"""HTTP requests are counted by closed lists of labels."""

from hypothesis import given
from hypothesis import strategies as st

from service.observability.http_metrics import HttpMetrics


@given(methods=st.lists(st.text(max_size=20), max_size=30))
def test_no_caller_can_make_new_series(methods: list[str]) -> None:
    """However a caller spells a method, there are at most eight of them."""
    metrics = HttpMetrics()
    for method in [*methods, "GET"]:
        metrics.count(method, "/x", 200, 0.001)
    assert {method for method, _, _ in metrics.requests} <= {
        "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "other",
    }  # fmt: skip
    assert sum(metrics.requests.values()) == len(methods) + 1


def test_a_request_is_counted_with_its_duration() -> None:
    """Status and route make a counter, the route alone a histogram."""
    metrics = HttpMetrics()
    metrics.count("GET", "/x", 200, 0.002)
    metrics.count("GET", "/x", 404, 0.004)
    assert metrics.requests == {("GET", "/x", 200): 1, ("GET", "/x", 404): 1}
    assert dict(metrics.durations["GET", "/x"].buckets())["0.0025"] == 1
    assert metrics.durations["GET", "/x"].sum_seconds == 0.006
