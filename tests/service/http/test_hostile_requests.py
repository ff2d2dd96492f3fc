"""Whatever comes over the wire is answered with a status below 500, or not understood as HTTP at all."""

import re
from typing import Any

import httpx
import pytest
import trio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from proto.codec import encode
from tests.service.chosen import settings_with
from tests.service.serving import QUICK_REFERENCE, SQUARE, Service, open_service, single

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
TYPES = st.sampled_from(
    ["application/json", "application/yaml", "text/plain", "", "application/json; charset=x", "?/?"]
)
POSTS = ["/api/graphs", "/api/components", "/api/graphs/{graph}/execute", "/api/executions/{execution}/inject"]


def _places(document: Any) -> list[tuple[Any, Any]]:
    """Every (container, key) of a JSON document."""
    items: list[tuple[Any, Any]] = []
    if isinstance(document, dict):
        items = list(document.items())
    elif isinstance(document, list):
        items = list(enumerate(document))
    found = [(document, key) for key, _ in items]
    for _, value in items:
        found += _places(value)
    return found


@st.composite
def _damaged(draw: st.DrawFn, original: Any) -> bytes:
    """A right document in which one place was replaced by any JSON value, or taken away."""
    document = httpx.Response(200, content=encode(original)).json()  # a deep copy
    container, key = draw(st.sampled_from(_places(document)))
    if draw(st.booleans()):
        container[key] = draw(JSON)
    else:
        del container[key]
    return encode(document)


INJECTION = {"nodeId": "only", "port": "in", "value": 1, "final": False}
OPTIONS = {"completion": "auto", "timeoutMs": 5, "inputs": [INJECTION]}
BODIES = st.one_of(
    st.binary(max_size=200),
    JSON.map(encode),
    *[_damaged(original) for original in (QUICK_REFERENCE, SQUARE, INJECTION, OPTIONS)],
)
REQUESTS = st.lists(st.tuples(st.sampled_from(POSTS), TYPES, BODIES), min_size=1, max_size=25)


def _assert_clean(reply: httpx.Response) -> None:
    assert reply.status_code < 500, reply.text
    if reply.status_code >= 400:
        body = reply.json()
        assert body["error"]
        assert body["code"]
        assert "Traceback" not in reply.text


async def _post_all(requests: list[tuple[str, str, bytes]]) -> None:
    async with open_service() as service:
        execution = await service.start(single("symbia.core.passthrough"))
        graph = (await service.client.get(f"/api/executions/{execution}")).json()["graphId"]
        for path, kind, body in requests:
            place = path.format(graph=graph, execution=execution)
            reply = await service.client.post(place, content=body, headers={"Content-Type": kind} if kind else {})
            _assert_clean(reply)
        assert (await service.client.get("/api/health")).status_code == 200


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(requests=REQUESTS)
def test_any_body_anywhere_is_below_500(requests: list[tuple[str, str, bytes]]) -> None:
    """Bytes, JSON and damaged documents at every route are taken or refused, and the service lives on."""
    trio.run(_post_all, requests)


@pytest.mark.parametrize("depth", [199, 201, 100_000])
@pytest.mark.parametrize("path", POSTS)
async def test_any_depth_is_below_500(path: str, depth: int) -> None:
    """Nesting is taken or refused, and exhausts no stack."""
    async with open_service() as service:
        body = b'{"nodeId":"a","nodes":' + b"[" * depth + b"]" * depth + b"}"
        reply = await service.client.post(path, content=body, headers={"Content-Type": "application/json"})
        assert 400 <= reply.status_code < 500


async def test_a_body_over_the_limit_is_413() -> None:
    """A body longer than MAX_BODY_BYTES is refused, whether its length was announced or not."""

    async def chunks() -> Any:
        for _ in range(4):
            yield b" " * 1024

    async with open_service(settings_with(max_body_bytes=2048)) as service:
        for content in (b" " * 4096, chunks()):
            reply = await service.client.post(
                "/api/graphs", content=content, headers={"Content-Type": "application/json"}
            )
            assert (reply.status_code, reply.json()["code"]) == (413, "body.too_large")


@pytest.mark.parametrize("path", ["/api", "/api/nothing", "/api/graphs/a/b/c", "//api/graphs", "/api/%00", "/%ff"])
async def test_an_unknown_route_is_404_in_json(path: str) -> None:
    """A route that does not exist is told in the same shape as everything else."""
    async with open_service() as service:
        reply = await service.client.get(path)
        assert (reply.status_code, reply.json()["code"]) == (404, "route.not_found")


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", "/api/graphs", {"GET", "HEAD", "OPTIONS", "POST"}),
        ("POST", "/api/executions", {"GET", "HEAD", "OPTIONS"}),
        ("GET", "/api/executions/x/stop", {"OPTIONS", "POST"}),
        ("DELETE", "/api/health", {"GET", "HEAD", "OPTIONS"}),
    ],
)
async def test_a_wrong_method_is_405_and_says_which_are_right(method: str, path: str, allowed: set[str]) -> None:
    """The Allow header lists what the route takes."""
    async with open_service() as service:
        reply = await service.client.request(method, path)
        assert (reply.status_code, reply.json()["code"]) == (405, "route.wrong_method")
        assert {name.strip() for name in reply.headers["Allow"].split(",")} == allowed


async def _raw(service: Service, request: bytes) -> bytes:
    """The beginning of what a service answers to bytes."""
    host, port = service.url.removeprefix("http://").split(":")
    stream = await trio.open_tcp_stream(host, int(port))
    async with stream:
        await stream.send_all(request)
        return bytes(await stream.receive_some())


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"\r\n\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET nowhere HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
        b"GET /\xff HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET /api/health HTTP/1.1\r\n\r\n",
        b"GET /api/health HTTP/1.1\r\nHost: a b\r\nConnection: close\r\n\r\n",
        b"GET /api/health HTTP/1.1\r\nHost: [::1\r\nConnection: close\r\n\r\n",
        b"POST /api/graphs HTTP/1.1\r\nHost: localhost\r\nContent-Length: x\r\n\r\n",
        b"POST /api/graphs HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
        b"POST /api/graphs HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\n" + b"X: y\r\n" * 5000 + b"\r\n",
        b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    ],
)
async def test_what_is_hardly_http_breaks_nothing(request_bytes: bytes) -> None:
    """A broken request gets a 4xx or no answer, never a 5xx, and the next caller is served."""
    async with open_service() as service:
        answer = await _raw(service, request_bytes)
        assert answer == b"" or re.match(rb"HTTP/1\.[01] (4|302)", answer), answer[:200]  # 302: where / leads
        assert (await service.client.get("/api/health")).status_code == 200


@pytest.mark.parametrize(
    "head", [b"GET /api/health HTTP/1.0\r\n", b"GET /api/health HTTP/1.1\r\nConnection: close\r\n"]
)
async def test_a_connection_ends_when_the_caller_asks_for_it(head: bytes) -> None:
    """After the reply the service closes, so that a caller who reads to the end comes to it."""
    async with open_service() as service:
        host, port = service.url.removeprefix("http://").split(":")
        stream = await trio.open_tcp_stream(host, int(port))
        async with stream:
            await stream.send_all(head + b"Host: localhost\r\n\r\n")
            with trio.fail_after(5):
                answer = b"".join([bytes(chunk) async for chunk in stream])
        assert b'"status":"ok"' in answer


async def test_a_caller_who_goes_away_breaks_nothing() -> None:
    """A connection closed in the middle of a body leaves the service as it was."""
    async with open_service() as service:
        host, port = service.url.removeprefix("http://").split(":")
        stream = await trio.open_tcp_stream(host, int(port))
        await stream.send_all(b"POST /api/graphs HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{")
        await stream.aclose()
        assert (await service.client.get("/api/graphs")).json()["loadedGraphs"] == 0
