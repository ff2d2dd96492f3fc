"""What observers hear of a request: what is useful to others, and nothing of the caller's own."""

from hypothesis import given
from hypothesis import strategies as st

from service.observability.request_observer import is_probe, see_request

NAMES = st.sampled_from(
    [b"x-symbia-caller", b"x-symbia-origin", b"traceparent", b"user-agent", b"authorization", b"cookie"]
)


@given(st.lists(st.tuples(NAMES, st.binary(max_size=300))), st.text(max_size=50), st.text(max_size=2_000))
def test_whatever_is_sent_makes_a_bounded_request(
    headers: list[tuple[bytes, bytes]], method: str, path: str
) -> None:
    """No header and no path makes an observer fail, or grow."""
    seen = see_request(method, path, headers, client="::1", trace_id="t", began_ms=1)
    assert len(seen.path) <= 500
    assert len(seen.method) <= 20
    assert len(seen.user_agent) <= 200
    assert len(seen.caller) <= 100
    assert seen.origin in {"internal", "user", "agent", "unknown"}
    assert len(seen.parent_span_id) in {0, 16}


def test_what_is_said_is_told_on() -> None:
    """Caller, origin and parent span as they were sent; the first of a header counts."""
    headers = [
        (b"x-symbia-caller", b"console"),
        (b"x-symbia-caller", b"other"),
        (b"x-symbia-origin", b"User"),
        (b"traceparent", b"00-" + b"a" * 32 + b"-" + b"b" * 16 + b"-01"),
    ]
    seen = see_request("GET", "/x", headers, client="127.0.0.1", trace_id="t", began_ms=5)
    assert (seen.caller, seen.origin, seen.parent_span_id) == ("console", "user", "b" * 16)


def test_probes_are_known() -> None:
    """Health in all its forms and the icon are probes; what only looks alike is not."""
    assert all(is_probe(path) for path in ("/health", "/health/live", "/api/health", "/favicon.ico"))
    assert not any(is_probe(path) for path in ("/api/graphs", "/metrics", "/", "/api/graphs/health"))
