"""Servers that redirect to another origin, to be given what was meant for themselves."""

import re
from pathlib import Path
from typing import Any

import httpx
import pytest
import trio

from engine.builtin.io_http_request import open_client
from engine.builtin.parts.redirects import KEPT_HEADERS, REDIRECT_LIMIT, open_following, origin
from service.settings.table import read_settings
from tests.engine.builtin.http_server import Request, Server, answer, endless, serving
from tests.service.serving import ROOT, open_service, single

SECRETS = {
    "Authorization": "Bearer secret",
    "Proxy-Authorization": "Basic secret",
    "Cookie": "session=secret",
    "X-API-Key": "secret",
    "X-Amz-Security-Token": "secret",
    "Only-Its-Server-Knows-This-Name": "secret",
}
OK = httpx.Response(200)
BODY = b'{"a":1}'
OPENING: dict[str, Any] = {"method": "POST", "headers": {**SECRETS, "Accept-Language": "cy", "X-Trace-Id": "t"}}


def port_of(server: Server) -> int:
    """The port that a server listens at."""
    return int(server.url.rpartition(":")[2])


async def requested(first: Server, *others: Server, **config: Any) -> None:
    """Have a real service send one message by http-request, which may reach these servers only."""
    allowed = ",".join(f"127.0.0.1:{port_of(server)}" for server in (first, *others))
    async with open_service(read_settings({"PORT": "0", "OUTBOUND_ALLOW": allowed})) as service:
        graph = single("symbia.io.http-request", config={"url": first.url, **config})
        execution = await service.start(graph, completion="manual")
        await service.inject(execution, "only", {"a": 1})
        await service.client.post(f"/api/executions/{execution}/complete")
        assert (await service.runtime.execution(execution).wait_finished()).state == "completed"


def secrets_in(request: Request) -> list[str]:
    """The names of the secret headers that came with a request."""
    return [name for name in SECRETS if name.lower() in request.headers]


@pytest.mark.parametrize("status", ["301 X", "302 X", "303 X", "307 X", "308 X"])
async def test_no_header_of_the_author_follows_to_another_origin(status: str) -> None:
    """Another port is another origin: it gets none of them, whatever the status; the body only by 307 and 308."""
    async with serving(answer(BODY, content_type="application/json")) as thief:
        async with serving(answer(status=status, location=thief.url)) as first:
            await requested(first, thief, **OPENING)
        (asked,), (stolen,) = first.requests, thief.requests
    assert secrets_in(asked) == list(SECRETS)
    assert secrets_in(stolen) == []
    assert "secret" not in "".join(stolen.headers.values())
    assert set(stolen.headers) <= KEPT_HEADERS
    assert stolen.headers["accept-language"] == "cy"
    repeats = status[:3] in {"307", "308"}
    assert (stolen.method, stolen.body) == (("POST", BODY) if repeats else ("GET", b""))
    assert ("content-type" in stolen.headers) is repeats


async def test_within_the_origin_everything_follows() -> None:
    """A redirect to another path of the same server is still the author's own server."""
    async with serving(answer(status="307 X", location="/there"), answer(BODY)) as server:
        await requested(server, **OPENING)
        assert [secrets_in(request) for request in server.requests] == [list(SECRETS), list(SECRETS)]


async def test_what_was_dropped_does_not_come_back() -> None:
    """A thief that redirects back does not make the author's server act with the author's credentials."""
    async with serving(answer(BODY), answer(BODY)) as last:
        async with (
            serving(answer(status="307 X", location=last.url)) as thief,
            serving(answer(status="307 X", location=thief.url)) as first,
        ):
            await requested(first, thief, last, **OPENING)
        assert secrets_in(last.requests[0]) == []


async def seen(first: str, location: str, method: str = "POST", status: int = 307) -> httpx.Request:
    """The request that follows a redirect from one URL to another, as it would be sent."""
    requests: list[httpx.Request] = []

    def respond(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        return httpx.Response(status, headers={"location": location}) if len(requests) == 1 else OK

    async with open_following(httpx.MockTransport(respond)) as client:
        await client.request(method, first, headers=SECRETS, content=b"x")
    return requests[-1]


@pytest.mark.parametrize(
    ("first", "location", "is_other"),
    [
        ("https://a.example/", "http://a.example/", True),
        ("http://a.example/", "https://a.example/", True),
        ("https://a.example/", "https://a.example:444/", True),
        ("https://a.example/", "https://b.example/", True),
        ("https://a.example/", "https://a.example.b.example/", True),
        ("https://a.example/", "//b.example/", True),
        ("https://a.example/", "https://A.EXAMPLE:443/x", False),
        ("http://a.example:80/", "http://a.example/x", False),
        ("https://a.example/x/y", "../z?q", False),
    ],
)
async def test_an_origin_is_scheme_host_and_port(first: str, location: str, is_other: bool) -> None:
    """Each of the three makes another origin, upgrades to https included; spelling does not."""
    request = await seen(first, location)
    found = [name for name in SECRETS if name in request.headers]
    assert found == ([] if is_other else list(SECRETS))
    assert (origin(httpx.URL(first)) != origin(request.url)) is is_other


@pytest.mark.parametrize("location", ["https://user:password@b.example/", "https://user:password@a.example/"])
async def test_credentials_in_a_location_are_not_sent(location: str) -> None:
    """A server cannot have us sign in somewhere by a name and a password in its redirect."""
    request = await seen("https://a.example/", location)
    assert request.headers.get("authorization") in {None, SECRETS["Authorization"]}


async def test_credentials_of_the_first_url_do_not_follow() -> None:
    """What stands before the @ of the author's URL is for that origin."""
    requests: list[httpx.Request] = []

    def respond(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        return httpx.Response(302, headers={"location": "https://b.example"}) if len(requests) == 1 else OK

    async with open_following(httpx.MockTransport(respond)) as client:
        await client.get("https://user:password@a.example/")
    assert [("authorization" in request.headers) for request in requests] == [True, False]


@pytest.mark.parametrize(
    ("method", "status", "then"),
    [
        ("POST", 301, "GET"),
        ("PUT", 301, "PUT"),
        ("POST", 302, "GET"),
        ("DELETE", 302, "GET"),
        ("HEAD", 302, "HEAD"),
        ("POST", 303, "GET"),
        ("HEAD", 303, "HEAD"),
        ("PATCH", 307, "PATCH"),
        ("DELETE", 308, "DELETE"),
    ],
)
async def test_methods_become_what_the_status_says(method: str, status: int, then: str) -> None:
    """RFC 9110, section 15.4: and what becomes GET has no body, and no header of one."""
    request = await seen("https://a.example/", "/there", method, status)
    assert request.method == then
    body = await request.aread() if isinstance(request.stream, httpx.AsyncByteStream) else b""
    assert body == (b"" if then != method else b"x")
    if then != method:
        assert not {"content-type", "content-length", "transfer-encoding"} & set(request.headers)


async def test_redirects_come_to_an_end_without_the_guard() -> None:
    """The client of those who run graphs themselves counts as well."""
    again = answer(status="302 Found", location="/again")
    async with serving(*[again] * (REDIRECT_LIMIT + 1)) as server, open_client() as client:
        with pytest.raises(httpx.TooManyRedirects):
            await client.get(server.url)
        assert len(server.requests) == REDIRECT_LIMIT + 1


async def test_the_body_of_a_redirect_is_not_read_without_the_guard() -> None:
    """An endless body does not fill the memory of those who run graphs themselves, either."""

    async def endless_redirect(request: Request, stream: trio.SocketStream) -> None:
        await stream.send_all(b"HTTP/1.1 302 Found\r\nLocation: /there\r\nX: ")
        await stream.send_all(b"y\r\nContent-Length: 99999999999\r\n\r\n")
        await endless(request, stream)

    async with serving(endless_redirect, answer(b"there")) as server, open_client() as client:
        with trio.fail_after(10):
            assert (await client.get(server.url)).content == b"there"


def test_no_other_client_follows_redirects() -> None:
    """There is one place that makes clients which follow: the others say that they do not."""
    follows = re.compile(r"follow_redirects=(?!False)")
    found = {
        str(path.relative_to(ROOT))
        for package in ("engine", "service")
        for path in (Path(ROOT) / package).rglob("*.py")
        if follows.search(path.read_text(encoding="utf-8"))
    }
    assert found == {"engine/builtin/parts/redirects.py"}
