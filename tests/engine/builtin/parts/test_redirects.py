"""Cookies and the body on the way of a redirect; what else may follow is in tests/attacks/test_redirects.py."""

import httpx
import pytest

from engine.builtin.io_http_request import open_client
from tests.engine.builtin.http_server import answer, serving


async def cookies_sent(*set_cookies: str | None, configured: str = "") -> list[str | None]:
    """The header `Cookie` of each request, where each answer but the last redirects and sets a cookie."""
    headers = {"Cookie": configured} if configured else {}
    hops = [
        answer(status="302 X", location="/next", set_cookie=cookie)
        if cookie
        else answer(status="302 X", location="/next")
        for cookie in set_cookies
    ]
    async with serving(*hops, answer()) as server, open_client() as client:
        assert (await client.get(server.url, headers=headers)).status_code == httpx.codes.OK
        return [request.headers.get("cookie") for request in server.requests]


@pytest.mark.parametrize(
    ("configured", "set_cookies", "sent"),
    [
        ("a=1; b=2", (None, None), ["a=1; b=2", "a=1; b=2", "a=1; b=2"]),
        ("", (None,), [None, None]),
        ("", ("a=1",), [None, "a=1"]),
        ("a=old; b=2", ("a=new; Path=/", None), ["a=old; b=2", "a=new; b=2", "a=new; b=2"]),
        ("b=2;a=old", ("c=3; Path=/", "a=new; Path=/"), ["b=2;a=old", "c=3; b=2; a=old", "c=3; a=new; b=2"]),
        ("odd", ("a=1; Path=/",), ["odd", "a=1; odd"]),
    ],
)
async def test_cookies_follow_within_an_origin(
    configured: str, set_cookies: tuple[str | None, ...], sent: list[str | None]
) -> None:
    """The author's go along, and those that were set on the way stand above them by the same name."""
    assert await cookies_sent(*set_cookies, configured=configured) == sent


async def test_cookies_set_on_the_way_do_not_follow_to_another_origin() -> None:
    """Another port of the same host is given none of them, neither at once nor within its own origin."""
    async with serving(answer(status="302 X", location="/there"), answer()) as second:
        away = answer(status="302 X", location=second.url, set_cookie="session=secret; Path=/")
        async with serving(away) as first, open_client() as client:
            await client.get(first.url, headers={"Cookie": "mine=secret"})
        assert [request.headers.get("cookie") for request in second.requests] == [None, None]


@pytest.mark.parametrize(
    ("status", "method", "body", "follows"), [(303, "GET", b"", False), (307, "POST", b"{}", True)]
)
async def test_headers_of_a_body_follow_with_it(status: int, method: str, body: bytes, *, follows: bool) -> None:
    """A request that has lost its body says nothing of one; one that repeats it says all that the first said."""
    of_the_body = {
        "content-type": "application/json",
        "content-encoding": "identity",
        "content-language": "en",
        "content-location": "/here",
    }
    hops = answer(status=f"{status} X", location="/next"), answer()
    async with serving(*hops) as server, open_client() as client:
        await client.post(server.url, content=b"{}", headers=of_the_body)
        last = server.requests[-1]
    assert (last.method, last.body) == (method, body)
    assert {name: last.headers[name] for name in of_the_body if name in last.headers} == (
        of_the_body if follows else {}
    )
