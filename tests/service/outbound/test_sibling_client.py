"""Siblings that close connections, or whose certificates are no good, as each client meets them."""

from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import httpx
import pytest
import structlog.testing
import trio

from engine.builtin.parts.redirects import trusted_authorities
from engine.components.source import SourceFetchError
from service.auth.identity_client import open_identity
from service.auth.jwks import KeySource
from service.catalog.client import CatalogClient, open_catalog_client
from service.catalog.errors import CatalogUnavailableError
from service.cli.live_client import CONNECT_SECONDS, LiveClientError, open_live_client
from service.network.session import NetworkError, hold_session
from service.outbound.clients import UNGUARDED
from service.outbound.sibling_client import open_sibling_client
from service.outbound.source_fetcher import SourceFetcher
from service.problems import IdentityUnavailableError
from service.siblings.status import Siblings, SiblingStatus
from service.telemetry.client import LoggingClient
from service.telemetry.credentials import FixedCredentials, SystemCredentials
from service.telemetry.refusal import LoggingError
from tests.engine.builtin.certificates import Authority, serving_tls
from tests.engine.builtin.closing_server import serving_once_a_connection
from tests.engine.builtin.http_server import answer, raw, serving

WORDS = "its certificate is self-signed"


def _catalog(url: str, status: SiblingStatus | None = None) -> AbstractAsyncContextManager[CatalogClient]:
    """Open a client of the catalog that takes no chance."""
    return open_catalog_client(url, "", 5, status or Siblings().add("catalog"), lambda: 0.0)


async def test_identity_is_asked_again_where_it_closed_the_connection() -> None:
    """Its questions come by POST and change nothing: callers do not hear 503 because a connection was old."""
    async with serving_once_a_connection(b'{"active": false, "valid": false}') as server:
        async with open_identity(server.url, 5) as client:
            for _ in range(4):
                assert await client.introspect("token") is None
                assert await client.verify_api_key("key") is None
        assert len(server.requests) == 15


async def test_the_catalog_is_asked_again_where_it_closed_the_connection() -> None:
    """A catalog that closes an old connection is not down."""
    status = Siblings().add("catalog")
    async with serving_once_a_connection(b"[]") as server, _catalog(server.url, status) as client:
        for _ in range(3):
            assert (await client.get("/api/resources")).json() == []
    assert status.report().failures == 0


async def test_the_catalog_is_not_written_to_twice() -> None:
    """Nobody knows whether it wrote; the next round looks."""
    async with serving_once_a_connection(b"{}") as server:
        async with _catalog(server.url) as client:
            await client.write("POST", "/api/resources", {})
            with pytest.raises(CatalogUnavailableError):
                await client.write("POST", "/api/resources", {})
        assert len(server.requests) == 2


async def test_the_logging_service_is_sent_again_what_met_a_closed_connection() -> None:
    """The exporter would do so a second later, and would tell that the service is down."""
    async with serving_once_a_connection(b"{}") as server, open_sibling_client(5, base_url=server.url) as client:
        logging = LoggingClient(client, FixedCredentials({}), {})
        for _ in range(3):
            assert await logging.post("logs/ingest", {"entries": []}) == {}


@pytest.mark.parametrize(
    "refusal",
    [
        answer(b"x" * 1_000_000, status="429 Slow down", retry_after="40"),
        answer(b"x", status="429 Slow down", retry_after="40", content_encoding="gzip"),
        raw(b"HTTP/1.1 429 Slow down\r\nRetry-After: 40\r\nContent-Length: 9\r\n\r\ncut"),
    ],
)
async def test_a_status_of_the_catalog_stands_above_its_body(refusal: Any) -> None:
    """How long to wait is known, however broken or large the words about it are."""
    async with serving(refusal) as server, _catalog(server.url) as client:
        with pytest.raises(CatalogUnavailableError, match="status 429"):
            await client.get("/api/resources")
        assert 39 < client.quiet_seconds() <= 40


async def test_identity_is_left_alone_for_a_secret_as_long_as_it_asks() -> None:
    """The exporter waits for whoever holds it up, and that is Identity here."""
    async with serving(answer(status="429 X", retry_after="40")) as server, open_sibling_client(5) as client:
        with pytest.raises(LoggingError) as caught:
            await SystemCredentials(client, server.url).headers()
    assert caught.value.retry_after_seconds == 40


async def test_a_word_that_is_no_encoding_does_not_make_an_answer_unusable() -> None:
    """A proxy that writes ``Content-Encoding: utf-8`` has not encoded anything."""
    async with serving(answer(b"[]", content_encoding="utf-8")) as server, _catalog(server.url) as client:
        assert (await client.get("/api/resources")).json() == []


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


async def test_each_sibling_says_what_is_wrong_with_its_certificate(authority: Authority) -> None:
    """To operators who look for the reason; and where everybody may read it, without an address."""
    context = authority.serving(is_self_signed=True)
    async with serving_tls(context) as url, open_sibling_client(5, base_url=url) as client:
        async with _catalog(url) as catalog:
            with pytest.raises(CatalogUnavailableError) as no_catalog:
                await catalog.get("/api/resources")
        with pytest.raises(LoggingError) as no_logging:
            await LoggingClient(client, FixedCredentials({}), {}).get("metrics")
        with pytest.raises(LoggingError) as no_secret:
            await SystemCredentials(client, url).headers()
        with pytest.raises(NetworkError) as no_network:
            await hold_session(url, lambda _name, _args: None, lambda _session: _nothing())
        for caught in (no_catalog, no_logging, no_secret, no_network):
            assert WORDS in str(caught.value)
            assert "127.0.0.1" not in str(caught.value)
        with pytest.raises(SourceFetchError, match=WORDS):
            await SourceFetcher(UNGUARDED.open_source_client)(url, 1000)
        with structlog.testing.capture_logs() as lines:
            async with open_identity(url, 5) as identity:
                with pytest.raises(IdentityUnavailableError):
                    await identity.introspect("token")
            with pytest.raises(IdentityUnavailableError):
                await KeySource((), client, url, 5).find("RS256", None)
        assert [WORDS in line["reason"] for line in lines] == [True, True]


async def _nothing() -> None:
    """Do nothing with a session that does not come about."""


async def test_a_sibling_is_reached_by_no_proxy_and_followed_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the environment says of the outer world is not for siblings, and a redirect is an answer."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    async with serving(answer(status="302 Found", location="/away")) as server, open_sibling_client(5) as client:
        assert (await client.get(server.url)).status_code == httpx.codes.FOUND


async def test_authorities_may_be_those_of_a_file(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    """``SSL_CERT_FILE`` names the authorities of one's own network, for siblings as for graphs."""
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.write()))
    trusted_authorities.cache_clear()
    try:
        async with serving_tls(authority.serving()) as url, open_sibling_client(5) as client:
            assert (await client.get(url)).text == "hello"
    finally:
        trusted_authorities.cache_clear()


async def test_a_live_client_says_what_is_wrong_with_a_certificate(authority: Authority) -> None:
    """At once, and not that nothing came within ten seconds."""
    async with serving_tls(authority.serving(is_self_signed=True)) as url:
        began = trio.current_time()
        with pytest.raises(LiveClientError) as caught:
            async with open_live_client(url):
                pass
        assert trio.current_time() < began + CONNECT_SECONDS
    assert str(caught.value) == f"{url} cannot be reached: {WORDS}"
