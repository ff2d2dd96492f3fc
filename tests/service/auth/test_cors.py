"""What web pages are told: the platform's headers, and no more pages than the operator admits."""

import httpx
import pytest

from service.addresses.origins import read_origins
from service.auth.cors import MAX_AGE_SECONDS
from tests.service.chosen import settings_with
from tests.service.service_with_identity import open_service_with_identity
from tests.service.serving import Service, open_service

GRAPHS = "/api/graphs"
CONSOLE = "https://console.example.org"
NAMED = read_origins(f"{CONSOLE},*.apps.example.org")
ALLOW = "Access-Control-Allow-Origin"


async def _preflight(service: Service, origin: str, path: str = GRAPHS) -> httpx.Response:
    asking = {"Origin": origin, "Access-Control-Request-Method": "POST"}
    return await service.client.options(path, headers=asking)


async def test_an_admitted_page_may_ask_everything_that_clients_of_the_platform_do() -> None:
    """200, its own name, credentials, the methods and headers, for a day; nobody is asked who it is."""
    async with open_service_with_identity(cors_origins=NAMED) as world:
        reply = await _preflight(world.service, CONSOLE)
        assert (reply.status_code, reply.text) == (200, "OK")
        headers = reply.headers
        assert (headers[ALLOW], headers["Access-Control-Allow-Credentials"]) == (CONSOLE, "true")
        assert headers["Access-Control-Max-Age"] == str(MAX_AGE_SECONDS)
        assert headers["Vary"] == "Origin"
        methods = set(headers["Access-Control-Allow-Methods"].split(", "))
        assert methods == {"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
        sent = {"Content-Type", "Authorization", "X-API-Key", "X-Org-Id", "X-Service-Id", "X-Env"}
        sent |= {"X-Environment", "X-Data-Class", "X-Policy-Ref", "If-Match", "If-None-Match"}
        assert set(headers["Access-Control-Allow-Headers"].split(", ")) == sent
        assert world.identity.questions == []


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "https://console.example.org.evil.example", ""]
)
async def test_a_foreign_page_is_told_no(origin: str) -> None:
    """Its preflight gets 403; an answer that it gets nevertheless is kept from it by its browser."""
    async with open_service_with_identity(cors_origins=NAMED) as world:
        reply = await _preflight(world.service, origin)
        assert (reply.status_code, reply.json()["code"]) == (403, "caller.foreign")
        assert ALLOW not in reply.headers
        answer = await world.alice.call("GET", GRAPHS, Origin=origin)
        assert answer.status_code == 200
        assert ALLOW not in answer.headers


async def test_answers_of_every_kind_are_marked() -> None:
    """A page must be able to read why it was refused, too."""
    async with open_service_with_identity(cors_origins=NAMED) as world:
        for person, path, status in (
            (world.alice, GRAPHS, 200),
            (world.anonymous, GRAPHS, 401),
            (world.alice, f"{GRAPHS}/none", 404),
            (world.alice, "/nothing", 404),
            (world.alice, "/api/executions/x/stop", 405),
        ):
            reply = await person.call("GET", path, Origin=CONSOLE)
            assert (reply.status_code, reply.headers[ALLOW]) == (status, CONSOLE)
            readable = set(reply.headers["Access-Control-Expose-Headers"].split(", "))
            assert readable == {"ETag", "Retry-After", "WWW-Authenticate", "x-trace-id"}
            assert reply.headers["x-trace-id"]


async def test_where_anyone_may_read_every_page_is_admitted() -> None:
    """The platform's default: the origin is echoed; without one, everybody is named."""
    async with open_service_with_identity() as world:
        page = await world.alice.call("GET", GRAPHS, Origin="https://anywhere.example")
        assert page.headers[ALLOW] == "https://anywhere.example"
        assert (await world.alice.call("GET", GRAPHS)).headers[ALLOW] == "*"
        assert (await _preflight(world.service, "https://anywhere.example", "/nothing")).status_code == 200


async def test_documents_may_be_read_by_every_page() -> None:
    """What says nothing of anybody is public, and without credentials."""
    async with open_service_with_identity(cors_origins=NAMED) as world:
        reply = await world.anonymous.call("GET", "/docs/openapi.json", Origin="https://evil.example")
        assert (reply.status_code, reply.headers[ALLOW]) == (200, "*")
        assert "Access-Control-Allow-Credentials" not in reply.headers


async def test_while_only_this_machine_is_served_a_star_admits_nobody() -> None:
    """Pages of this machine come in, and those that the operator named; others are refused before anything."""
    async with open_service(settings_with(cors_origins=read_origins(f"*,{CONSOLE}"))) as service:
        for origin, status in ((CONSOLE, 200), ("http://localhost:3000", 200), ("https://evil.example", 403)):
            reply = await _preflight(service, origin)
            assert (reply.status_code, reply.headers.get(ALLOW)) == (status, origin if status == 200 else None)
            answer = await service.client.get(GRAPHS, headers={"Origin": origin})
            assert (answer.status_code, answer.headers.get(ALLOW)) == (status, origin if status == 200 else None)
        assert ALLOW not in (await service.client.get(GRAPHS)).headers


async def test_a_plain_options_says_which_methods_there_are() -> None:
    """Without an Origin it is no question of a page's, and needs no credential."""
    async with open_service_with_identity() as world:
        reply = await world.anonymous.call("OPTIONS", GRAPHS)
        assert reply.status_code == 200
        assert {"GET", "POST"} <= set(reply.headers["Allow"].replace(" ", "").split(","))
