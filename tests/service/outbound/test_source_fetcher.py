"""Fetching sources: bounded in time and size, and with one kind of error."""

import hashlib
from collections.abc import AsyncIterator

import httpx
import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

from engine.builtin.io_http_request import open_client
from engine.components.source import SourceFetchError
from service.addresses.outbound_rules import OutboundRules
from service.outbound.clients import open_outside
from service.outbound.source_fetcher import FETCH_SECONDS, SourceFetcher
from tests.engine.builtin.http_server import Request, answer, serving
from tests.fakes.resolver import FakeResolver


async def test_the_bytes_are_fetched_as_they_are() -> None:
    """What the server sends arrives, asked for without compression."""
    content = bytes(range(256)) * 100
    async with serving(answer(content)) as server:
        found = await SourceFetcher(open_client)(server.url + "/a.wasm?v=1", len(content))
        (request,) = server.requests
    assert hashlib.sha256(found).digest() == hashlib.sha256(content).digest()
    assert (request.method, request.target, request.headers["accept-encoding"]) == (
        "GET",
        "/a.wasm?v=1",
        "identity",
    )


async def test_one_byte_too_many_is_refused() -> None:
    """The limit is exact."""
    async with serving(answer(b"12345")) as server:
        with pytest.raises(SourceFetchError, match="larger than 4 bytes"):
            await SourceFetcher(open_client)(server.url, 4)


async def test_a_redirect_is_followed() -> None:
    """Code often stands behind one."""
    async with serving(answer(status="302 Found", location="/there"), answer(b"1")) as server:
        assert await SourceFetcher(open_client)(server.url, 10) == b"1"


@pytest.mark.usefixtures("autojump_clock")
async def test_a_slow_source_is_given_up() -> None:
    """A body that comes drop by drop holds a registration for FETCH_SECONDS and no longer."""

    class Drops(httpx.AsyncBaseTransport, httpx.AsyncByteStream):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            del request
            return httpx.Response(200, stream=self)

        async def __aiter__(self) -> AsyncIterator[bytes]:
            while True:
                await trio.sleep(1)
                yield b"x"

    began = trio.current_time()
    fetch = SourceFetcher(lambda: httpx.AsyncClient(transport=Drops()))
    with pytest.raises(SourceFetchError, match="longer than 30 s"):
        await fetch("https://slow.example/", 1_000_000)
    assert trio.current_time() - began == pytest.approx(FETCH_SECONDS)


async def test_a_connection_that_breaks_is_told() -> None:
    """The words of the client become those of the problem."""

    async def hang_up(_request: Request, _stream: trio.SocketStream) -> None:
        """Answer nothing."""

    async with serving(hang_up) as server:
        with pytest.raises(SourceFetchError, match="disconnected"):
            await SourceFetcher(open_client)(server.url, 10)


@given(url=st.text() | st.from_regex(r"https?://[^/]*/?", fullmatch=True))
def test_any_text_raises_the_one_error(url: str) -> None:
    """Where nothing may be reached, every text is refused with SourceFetchError, however it is malformed."""
    outside = open_outside("listed", OutboundRules(), FakeResolver("127.0.0.1"))

    async def attempt() -> None:
        with pytest.raises(SourceFetchError, match=r"\S"):
            await SourceFetcher(outside.open_source_client)(url, 10)

    trio.run(attempt)
