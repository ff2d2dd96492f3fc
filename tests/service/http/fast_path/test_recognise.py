"""What is answered at once is plain, and what is not sure to be plain is left to the framework."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.http.fast_path.recognise import MAX_WAIT_MS, FastRequest, recognise

MAX_BODY_BYTES = 1000
JSON = (b"content-type", b"application/json")
INJECT = b"/api/executions/3f0c-1/inject"


def head(method: str, path: bytes, *headers: tuple[bytes, bytes], query: bytes = b"") -> Any:
    """The scope of a request."""
    decoded = path.decode("latin-1")
    return {"method": method, "path": decoded, "raw_path": path, "query_string": query, "headers": [*headers]}


def found(method: str, path: bytes, *headers: tuple[bytes, bytes], query: bytes = b"") -> FastRequest | None:
    """What is recognised in it."""
    return recognise(head(method, path, *headers, query=query), MAX_BODY_BYTES)


@pytest.mark.parametrize(
    ("path", "query", "expected"),
    [
        (INJECT, b"", FastRequest("inject", "/api/executions/<execution_id>/inject", "3f0c-1")),
        (INJECT, b"wait=250", FastRequest("inject", "/api/executions/<execution_id>/inject", "3f0c-1", 250)),
        (b"/api/ingress/a.b", b"", FastRequest("ingress", "/api/ingress/<path:graph_name>", "a.b")),
        (b"/api/ingress/a", b"wait=0", FastRequest("ingress", "/api/ingress/<path:graph_name>", "a", 0)),
    ],
)
def test_messages_and_deliveries_are_recognised(path: bytes, query: bytes, expected: FastRequest) -> None:
    """A plain POST to either route is taken, with its name and its wait."""
    assert found("POST", path, JSON, (b"content-length", b"12"), query=query) == expected


@pytest.mark.parametrize("prefix", [b"", b"/api"])
@pytest.mark.parametrize(
    ("path", "kind"), [(b"/health", "health"), (b"/health/live", "live"), (b"/health/ready", "ready")]
)
def test_probes_are_recognised(prefix: bytes, path: bytes, kind: Any) -> None:
    """All six routes of health are taken, each by its own pattern."""
    assert found("GET", prefix + path) == FastRequest(kind, (prefix + path).decode())


@pytest.mark.parametrize(
    "header",
    [
        (b"origin", b"http://localhost"),
        (b"cookie", b"token=x"),
        (b"transfer-encoding", b"chunked"),
        (b"content-encoding", b"gzip"),
        (b"content-type", b"application/x-ndjson"),
        (b"content-type", b"application/yaml"),
        (b"content-type", b"application/json-patch"),
        (b"content-length", b"1001"),
        (b"content-length", b"+1"),
    ],
)
def test_what_is_unusual_is_left_alone(header: tuple[bytes, bytes]) -> None:
    """Pages, streams, other types and large bodies go the ordinary way."""
    assert found("POST", INJECT, header) is None


@pytest.mark.parametrize(
    ("method", "path", "query"),
    [
        ("GET", INJECT, b""),
        ("OPTIONS", INJECT, b""),
        ("POST", INJECT + b"/", b""),
        ("POST", b"/api/executions/a%2Fb/inject", b""),
        ("POST", b"http://localhost" + INJECT, b""),
        ("POST", INJECT, b"final=true"),
        ("POST", INJECT, b"wait=10&wait=20"),
        ("POST", INJECT, b"wait=%31"),
        ("POST", INJECT, f"wait={MAX_WAIT_MS + 1}".encode()),
        ("POST", b"/api/ingress/a/b", b""),
        ("POST", b"/api/ingress/..", b""),
        ("POST", b"/health", b""),
        ("HEAD", b"/health", b""),
        ("GET", b"/health/", b""),
        ("GET", b"/health", b"x"),
    ],
)
def test_other_methods_paths_and_queries_are_left_alone(method: str, path: bytes, query: bytes) -> None:
    """Only the very spelling of a route is taken."""
    assert found(method, path, query=query) is None


@pytest.mark.parametrize("header", [(b"cookie", b"a=b"), (b"content-length", b"2"), (b"origin", b"null")])
def test_an_unusual_probe_is_left_alone(header: tuple[bytes, bytes]) -> None:
    """A page's question for health, or one with a body, is not answered here."""
    assert found("GET", b"/health", header) is None


@given(
    st.sampled_from(["GET", "POST", "PUT"]),
    st.binary(max_size=60) | st.builds(lambda name: b"/api/ingress/" + name, st.binary(max_size=20)),
    st.binary(max_size=20),
    st.lists(st.tuples(st.sampled_from([b"content-length", b"content-type", b"host"]), st.binary(max_size=20))),
)
def test_nothing_that_strangers_send_trips_it(
    method: str, path: bytes, query: bytes, headers: list[tuple[bytes, bytes]]
) -> None:
    """Whatever the bytes are, the answer is a request or none, and a name is never more than plain characters."""
    request = found(method, path, *headers, query=query)
    assert request is None or re.fullmatch(r"[A-Za-z0-9_.-]*", request.name)
