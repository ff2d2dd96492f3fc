"""The client of the catalog against a real server that answers well, badly, or not at all."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trio
import trio.testing

from service.catalog.client import CatalogClient, base_url, open_catalog_client
from service.catalog.errors import CatalogRefusedError, CatalogUnavailableError
from service.catalog.listing import PAGE, read_listing
from service.observability.trace import bind_trace
from service.siblings.status import Siblings, SiblingStatus
from tests.fakes.catalog import MISBEHAVIOURS, Behaviour, FakeCatalog, serving_catalog


@asynccontextmanager
async def client_of(
    catalog: FakeCatalog, *, token: str = "", timeout_seconds: float = 5, **options: Any
) -> AsyncIterator[tuple[CatalogClient, SiblingStatus]]:
    """A client whose chance is nothing, so that its waits are half of what they may be."""
    status = Siblings().add("catalog")
    async with open_catalog_client(catalog.url, token, timeout_seconds, status, lambda: 0.0, **options) as client:
        yield client, status


async def test_a_list_is_read_as_the_platform_expects_it() -> None:
    """The service token, the caller and the trace are sent; a base that ends in /api is asked under /api once."""
    async with serving_catalog() as catalog:
        catalog.add_component("custom.a")
        catalog.url += "/api/"
        async with client_of(catalog) as (client, _):
            bind_trace("trace-7")
            listing = await read_listing(client, "component")
        assert [item.key for item in listing.resources.values()] == ["components/custom.a"]
        method, target, headers = catalog.requests[0]
        assert (method, target) == ("GET", f"/api/resources?type=component&limit={PAGE}&offset=0")
        assert headers["x-service-auth"] == "internal"
        assert (headers["x-symbia-caller"], headers["x-symbia-origin"]) == ("runtime", "internal")
        assert headers["x-trace-id"] == "trace-7"


async def test_the_token_of_the_settings_is_sent() -> None:
    """The catalog compares it with its own; a wrong one is told, and the token is not."""
    async with serving_catalog() as catalog:
        catalog.token = "s3cret"
        async with client_of(catalog, token="s3cret") as (client, _):
            assert (await read_listing(client, "component")).resources == {}
        async with client_of(catalog, token="wr0ng") as (client, status):
            with pytest.raises(CatalogUnavailableError, match="does not accept the service token"):
                await read_listing(client, "component")
            assert "wr0ng" not in status.report().last_error


@pytest.mark.parametrize("behaviour", MISBEHAVIOURS)
async def test_a_catalog_that_misbehaves_is_unavailable(behaviour: Behaviour) -> None:
    """Whatever comes in place of an answer, it is told as such, and nobody goes again at once."""
    async with serving_catalog() as catalog:
        catalog.add_component("custom.a")
        catalog.behaviour = behaviour
        timeout_seconds = 0.3 if behaviour == "silent" else 5
        async with client_of(catalog, timeout_seconds=timeout_seconds) as (client, status):
            with pytest.raises(CatalogUnavailableError):
                await read_listing(client, "component")
            assert (status.report().state, client.quiet_seconds() > 0) == ("down", True)
            assert catalog.url not in status.report().last_error
            asked = len(catalog.requests)
            catalog.behaviour = "well"
            with pytest.raises(CatalogUnavailableError):
                await read_listing(client, "component")
            assert len(catalog.requests) == asked


async def test_a_catalog_that_is_not_there_is_unavailable() -> None:
    """Nobody listens at the port."""
    async with serving_catalog() as catalog:
        pass
    async with client_of(catalog) as (client, _):
        with pytest.raises(CatalogUnavailableError, match="no connection"):
            await client.get("/api/resources")


async def waits_of(client: CatalogClient) -> list[float]:
    """Return how long the client waits after each of four questions that fail, each asked after the wait."""
    waits = []
    for _ in range(4):
        with pytest.raises(CatalogUnavailableError):
            await client.get("/api/resources")
        waits.append(client.quiet_seconds())
        await trio.sleep(client.quiet_seconds())
    return waits


async def test_the_catalog_is_tried_again_after_the_wait(autojump_clock: trio.testing.MockClock) -> None:
    """Waits grow with each failure in a row, and are short again once something was done."""
    del autojump_clock
    catalog = FakeCatalog()
    catalog.behaviour = "status 500"
    async with client_of(catalog, transport=catalog.transport) as (client, status):
        assert await waits_of(client) == [0.5, 1, 2, 4]
        catalog.behaviour = "well"
        await client.get("/api/resources")
        client.settled()
        assert (status.report().state, status.report().failures) == ("up", 4)
        catalog.behaviour = "status 500"
        with pytest.raises(CatalogUnavailableError):
            await client.get("/api/resources")
        assert client.quiet_seconds() == 0.5


@pytest.mark.parametrize("absence", ["hangs up", "status 502", "status 503"])
async def test_a_catalog_that_is_not_there_is_looked_for_often(
    absence: Behaviour, autojump_clock: trio.testing.MockClock
) -> None:
    """Where nothing answers for it the waits do not grow, since asking costs nobody anything."""
    del autojump_clock
    catalog = FakeCatalog()
    catalog.behaviour = absence
    async with client_of(catalog, transport=catalog.transport) as (client, _):
        assert await waits_of(client) == [0.5, 0.75, 0.75, 0.75]


@pytest.mark.parametrize(("asked", "waited"), [("7", 7), ("soon", 0.5), ("86400", 300)])
async def test_a_rate_limit_is_kept(asked: str, waited: float, autojump_clock: trio.testing.MockClock) -> None:
    """Retry-After of a 429 is waited for, within a bound; nonsense is none."""
    del autojump_clock
    catalog = FakeCatalog()
    catalog.behaviour, catalog.retry_after = "status 429", asked
    async with client_of(catalog, transport=catalog.transport) as (client, _):
        with pytest.raises(CatalogUnavailableError, match="429"):
            await client.get("/api/resources")
        assert client.quiet_seconds() == waited


async def test_several_who_fail_together_are_one_failure(autojump_clock: trio.testing.MockClock) -> None:
    """A burst of requests into a catalog that goes down does not make it stay away for longer."""
    del autojump_clock
    catalog = FakeCatalog()
    catalog.behaviour = "silent"
    async with client_of(catalog, timeout_seconds=5, transport=catalog.transport) as (client, status):

        async def ask() -> None:
            with pytest.raises(CatalogUnavailableError):
                await client.get("/api/resources")

        async with trio.open_nursery() as nursery:
            for _ in range(10):
                nursery.start_soon(ask)
        assert (len(catalog.requests), status.report().failures, client.quiet_seconds()) == (10, 1, 0.5)


async def test_a_refusal_is_not_an_outage() -> None:
    """What the catalog does not want is told in its words, and the next request goes through."""
    catalog = FakeCatalog()
    catalog.refused_keys = {"components/x"}
    async with client_of(catalog, transport=catalog.transport) as (client, status):
        body = {"key": "components/x", "type": "component", "metadata": {}}
        with pytest.raises(CatalogRefusedError, match="400: Invalid component manifest"):
            await client.write("POST", "/api/resources", body)
        made = await client.write("POST", "/api/resources", {**body, "key": "components/y"})
        assert (made["key"], status.report().state) == ("components/y", "unknown")


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://catalog:5003", "http://catalog:5003"),
        ("http://localhost:5003/api", "http://localhost:5003"),
        ("http://localhost:5003/api/", "http://localhost:5003"),
        ("https://example.org/svc/catalog/api", "https://example.org/svc/catalog"),
        ("https://example.org/myapi", "https://example.org/myapi"),
    ],
)
def test_the_address_of_the_catalog_follows_the_platforms_rule(url: str, expected: str) -> None:
    """The /api of its documentation is taken away, because paths bring it."""
    assert base_url(url) == expected
