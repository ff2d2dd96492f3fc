"""Outgoing requests: what the guard refuses, hop by hop, on real sockets."""

import functools
import gzip
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpcore
import httpx
import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

from engine.builtin.parts.redirects import trusted_authorities
from service.addresses.outbound_rules import OutboundMode, OutboundRules, read_allow_list
from service.outbound.backend import OutboundRefusedError
from service.outbound.clients import ANSWER_LIMIT_BYTES, open_outside, translated_errors
from tests.engine.builtin.http_server import Request, Server, answer, endless, serving
from tests.fakes.resolver import FakeResolver

INSIDE = [
    # Plain addresses of this machine, and what systems take for them.
    *["http://127.0.0.1:{port}/", "http://127.0.0.2:{port}/", "http://[::1]:{port}/", "http://0.0.0.0:{port}/"],
    *["http://[::]:{port}/", "http://0:{port}/", "http://localhost:{port}/", "http://LOCALHOST.:{port}/"],
    # Odd spellings: short, single number, octal, hexadecimal, mixed, overlong.
    *[
        "http://127.1:{port}/",
        "http://127.0.1:{port}/",
        "http://2130706433:{port}/",
        "http://017700000001:{port}/",
    ],
    *["http://0x7f000001:{port}/", "http://0x7f.0.0.1:{port}/", "http://0177.0.0.1:{port}/"],
    *[
        "http://0x7f.1:{port}/",
        "http://127.0.0.01:{port}/",
        "http://00000177.1:{port}/",
        "http://127.0.0.1.:{port}/",
    ],
    # Other scripts, which name preparation may turn into digits and dots.
    *[
        "http://①②⑦.⓪.⓪.①:{port}/",
        "http://127。0。0。1:{port}/",
        "http://１２７.0.0.1:{port}/",  # noqa: RUF001  fullwidth digits, which is the point
        "http://ⓛocalhost:{port}/",
    ],
    # IPv6 that leads to IPv4, and zones.
    *[
        "http://[::ffff:127.0.0.1]:{port}/",
        "http://[::ffff:7f00:1]:{port}/",
        "http://[0:0:0:0:0:ffff:7f00:1]:{port}/",
    ],
    *["http://[::127.0.0.1]:{port}/", "http://[64:ff9b::7f00:1]:{port}/", "http://[2002:7f00:1::]:{port}/"],
    *["http://[::1%25lo]:{port}/", "http://[fe80::1%25eth0]:{port}/", "http://[fe80::1]:{port}/"],
    # FakeResolver of others that point inside.
    *[
        "http://127.0.0.1.nip.example:{port}/",
        "http://spoofed.example:{port}/",
        "http://a.spoofed.example:{port}/",
    ],
    # URLs that look like another host.
    *["http://public.example@127.0.0.1:{port}/", "http://127.0.0.1:{port}#@public.example/"],
    *["http://public.example:80@127.0.0.1:{port}/", "http://127.0.0.1:{port}\\@public.example/"],
    *["http://user:secret@spoofed.example:{port}/", "http://127%2e0.0.1:{port}/", "http://127.0.0.1%00.example/"],
    # Metadata services.
    *["http://169.254.169.254/latest/meta-data/", "http://metadata.example/computeMetadata/v1/"],
    *["http://[fd00:ec2::254]/", "http://100.100.100.200/", "http://168.63.129.16/", "http://[::ffff:a9fe:a9fe]/"],
    # Other schemes.
    *["https://127.0.0.1:{port}/", "file:///etc/passwd", "ftp://127.0.0.1:{port}/", "gopher://127.0.0.1:{port}/"],
    *["dict://127.0.0.1:{port}/", "ldap://127.0.0.1:{port}/", "ws://127.0.0.1:{port}/", "jar:http://127.0.0.1!/"],
    # Ports where no web server listens.
    *["http://public.example:22/", "http://public.example:25/"],
]
"""OWASP's cheat sheet on SSRF, what it refers to, and their cousins."""

NAMES = {"public.example": [["8.8.8.8"]], "metadata.example": [["169.254.169.254"]]}


def names() -> FakeResolver:
    """A resolver that leads all names to this machine, but for those of NAMES."""
    return FakeResolver("127.0.0.1", answers=dict(NAMES))


@asynccontextmanager
async def client(
    allow: str = "", mode: OutboundMode = "guarded", *, resolve: FakeResolver | None = None, sources: bool = False
) -> AsyncIterator[httpx.AsyncClient]:
    """A client as the service opens it."""
    outside = open_outside(mode, OutboundRules(allow=read_allow_list(allow)), resolve or names())
    async with outside.open_source_client() if sources else outside.open_client() as opened:
        yield opened


def port_of(server: Server) -> int:
    return int(server.url.rpartition(":")[2])


async def refusal(url: str, allow: str = "", mode: OutboundMode = "guarded", *, sources: bool = False) -> str:
    """The message with which a request is refused."""
    message: str | None = None
    async with client(allow, mode, sources=sources) as opened:
        try:
            await opened.get(url)
        except OutboundRefusedError as error:
            message = str(error)
    assert message is not None, f"{url} was not refused"
    return message


@pytest.mark.parametrize("url", INSIDE)
async def test_the_inside_is_not_reached(url: str) -> None:
    """The guard or the client's own reading of URLs refuses; nothing arrives at the port of this machine."""
    async with serving(answer(b"inside")) as server, client() as opened:
        with pytest.raises((OutboundRefusedError, httpx.InvalidURL)):
            await opened.get(url.format(port=port_of(server)))
        assert server.requests == []


@given(
    prefix=st.sampled_from(["http://", "https://", "HTTP://", "//", "ws://", "http:", "http:///", "http://a@"]),
    host=st.ip_addresses().map(str)
    | st.text("0123456789abcdefxX.:[]%@#?/\\-", max_size=20)
    | st.text(max_size=10),
    suffix=st.sampled_from(["", "/", ":80/", ":99999", ":65535/x", "#@public.example", "?a=b"]),
)
def test_no_url_leads_inside(prefix: str, host: str, suffix: str) -> None:
    """Whatever a URL looks like, with every name leading to this machine, no request is sent.

    The public Internet is closed here, so that an address that happens to be public is not asked.
    """

    async def attempt() -> None:
        async with client(mode="listed", resolve=FakeResolver("127.0.0.1")) as opened:
            with pytest.raises((httpx.HTTPError, httpx.InvalidURL)):
                await opened.get(prefix + host + suffix)

    trio.run(attempt)


async def test_a_named_host_is_reached_by_its_name() -> None:
    """The address is pinned, and the Host header is what the URL says."""
    resolve = names()
    async with serving(answer(b"found")) as server:
        async with client("orders.example", resolve=resolve) as opened:
            reply = await opened.get(f"http://orders.example:{port_of(server)}/items?page=2")
        assert reply.content == b"found"
        (request,) = server.requests
    assert (request.target, request.headers["host"]) == (
        "/items?page=2",
        f"orders.example:{port_of(server)}",
    )
    assert resolve.asked == ["orders.example"]


async def test_the_certificate_must_bear_the_name_of_the_url() -> None:
    """The name that TLS asks for is the URL's, not the pinned address."""
    heard = bytearray()

    async def listen(stream: trio.SocketStream) -> None:
        heard.extend(await stream.receive_some())
        await stream.aclose()

    async with trio.open_nursery() as nursery:
        (listener,) = await nursery.start(functools.partial(trio.serve_tcp, listen, 0, host="127.0.0.1"))
        port = listener.socket.getsockname()[1]
        async with client("secure.example") as opened:
            with pytest.raises(httpx.ConnectError):
                await opened.get(f"https://secure.example:{port}/")
        nursery.cancel_scope.cancel()
    assert b"secure.example" in heard


async def test_a_refusal_is_told_with_name_address_and_remedy() -> None:
    """The sentence is enough to find and to lift it."""
    assert await refusal("http://spoofed.example:8080/") == (
        "spoofed.example, which has the address 127.0.0.1, is refused: 127.0.0.1 is loopback. "
        "To allow it, add spoofed.example:8080 to OUTBOUND_ALLOW"
    )


async def test_credentials_in_a_url_are_refused_and_not_told() -> None:
    """They would be sent as a header that nobody wrote, and stand in logs."""
    message = await refusal("https://user:secret@public.example/")
    assert "send them in a header" in message
    assert "secret" not in message


@pytest.mark.parametrize("url", INSIDE)
async def test_no_redirect_leads_inside(url: str) -> None:
    """Each hop is judged like a first request: a reachable server cannot send us where we would not go."""
    async with serving(answer(b"inside")) as inside:
        target = url.format(port=port_of(inside))
        async with serving(answer(status="302 Found", location=target)) as outside:
            async with client(f"127.0.0.1:{port_of(outside)}") as opened:
                with pytest.raises((OutboundRefusedError, httpx.RemoteProtocolError, httpx.InvalidURL)):
                    await opened.get(outside.url)
            assert len(outside.requests) == 1
        assert inside.requests == []


async def test_a_redirect_to_where_requests_may_go_is_followed() -> None:
    """Two allowed hosts, one hop."""
    async with serving(answer(b"there")) as second:
        location = f"http://second.example:{port_of(second)}/"
        async with (
            serving(answer(status="307 Temporary Redirect", location=location)) as first,
            client(f"127.0.0.1:{port_of(first)},second.example") as opened,
        ):
            reply = await opened.get(first.url)
    assert (reply.content, str(reply.url)) == (b"there", location)


async def test_a_name_that_turns_inside_between_two_hops_is_refused() -> None:
    """The second hop has the name of the first, and by then another address."""
    resolve = FakeResolver(answers={"a.example": (["127.0.0.1"], ["10.0.0.1"])})
    async with serving(answer(status="302 Found", location="/next"), answer(b"inside")) as server:
        async with client("127.0.0.1", resolve=resolve) as opened:
            with pytest.raises(OutboundRefusedError, match=r"10\.0\.0\.1 is private"):
                await opened.get(f"http://a.example:{port_of(server)}/")
        assert [request.target for request in server.requests] == ["/"]


@pytest.mark.parametrize("mode", ["guarded", "listed", "open"])
def test_authorities_are_read_before_anybody_waits(mode: OutboundMode) -> None:
    """It takes tens of milliseconds, in which the first request of a graph would hold up all others."""
    trusted_authorities.cache_clear()
    open_outside(mode, OutboundRules())
    assert trusted_authorities.cache_info().currsize == 1


async def test_redirects_come_to_an_end() -> None:
    """A server that redirects to itself for ever is given up after five hops."""
    again = answer(status="302 Found", location="/again")
    async with serving(*[again] * 6) as server, client("127.0.0.1") as opened:
        with pytest.raises(httpx.TooManyRedirects):
            await opened.get(server.url)
        assert len(server.requests) == 6


async def test_the_body_of_a_redirect_is_not_read() -> None:
    """Neither an endless one nor one that inflates costs anything."""

    async def endless_redirect(_request: Request, stream: trio.SocketStream) -> None:
        await stream.send_all(b"HTTP/1.1 302 Found\r\nLocation: /there\r\nContent-Encoding: gzip\r\n\r\n")
        while True:
            await stream.send_all(gzip.compress(bytes(100_000)))

    async with serving(endless_redirect, answer(b"there")) as server, client("127.0.0.1") as opened:
        assert (await opened.get(server.url)).content == b"there"


async def test_an_endless_answer_is_refused() -> None:
    """The body is read up to the limit, and the connection closed."""
    async with serving(endless) as server, client("127.0.0.1") as opened:
        with pytest.raises(OutboundRefusedError, match=f"larger than {ANSWER_LIMIT_BYTES} bytes"):
            await opened.get(server.url)


async def test_an_answer_that_breaks_off_is_a_failure_and_no_refusal() -> None:
    """The errors of the connection are httpx's, also while the body is read."""

    async def half(_request: Request, stream: trio.SocketStream) -> None:
        await stream.send_all(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")

    async with serving(half) as server, client("127.0.0.1") as opened:
        with pytest.raises(httpx.RemoteProtocolError):
            await opened.get(server.url)


async def test_a_port_where_nobody_listens_is_a_failure_and_no_refusal() -> None:
    """An allowed host that does not answer raises what httpx raises."""
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))  # bound, and not listening
        async with client("127.0.0.1") as opened:
            with pytest.raises(httpx.ConnectError):
                await opened.get(f"http://127.0.0.1:{reserved.getsockname()[1]}/")


async def test_listed_reaches_only_what_is_named() -> None:
    """A public host is refused, and a named one is not."""
    assert "only what OUTBOUND_ALLOW names" in await refusal("https://public.example/", mode="listed")
    async with serving(answer(b"found")) as server, client("a.example", mode="listed") as opened:
        assert (await opened.get(f"http://a.example:{port_of(server)}/")).content == b"found"


@pytest.mark.parametrize("sources", [True, False])
async def test_off_reaches_nothing(sources: bool) -> None:
    """Not even what is named."""
    async with serving() as server:
        message = await refusal(server.url, "127.0.0.1", mode="off", sources=sources)
        assert "OUTBOUND=off" in message
        assert server.requests == []


@pytest.mark.parametrize("sources", [True, False])
async def test_open_reaches_this_machine(sources: bool) -> None:
    """Whoever opens the guard has none."""
    async with serving(answer(b"inside")) as server, client(mode="open", sources=sources) as opened:
        assert (await opened.get(server.url)).content == b"inside"


async def test_sources_come_by_plain_http_only_from_named_hosts() -> None:
    """Programs that run here are fetched where nobody on the way can change them; graphs may use plain HTTP."""
    assert "only what OUTBOUND_ALLOW names" in await refusal("http://public.example/", sources=True)
    async with serving(answer(b"found")) as server, client("a.example", sources=True) as opened:
        assert (await opened.get(f"http://a.example:{port_of(server)}/")).content == b"found"


CORE_ERRORS = [
    kind
    for kind in vars(httpcore).values()
    if isinstance(kind, type) and issubclass(kind, Exception) and kind is not httpcore.ConnectionNotAvailable
]


@pytest.mark.parametrize("kind", CORE_ERRORS)
def test_every_error_below_becomes_its_twin(kind: type[Exception]) -> None:
    """No error of httpcore reaches those who know httpx only; ConnectionNotAvailable stays inside of a pool."""
    with pytest.raises(httpx.TransportError, match="words") as caught, translated_errors():
        raise kind("words")
    assert type(caught.value).__name__ == kind.__name__
