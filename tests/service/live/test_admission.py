"""Who may come in over a live connection: credentials, organisations, and credentials that end."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import trio

from proto.codec import decode
from service.addresses.origins import read_origins
from tests.service.live.plain_client import Headers, PlainClient, open_plain
from tests.service.live.test_websocket import upgrade
from tests.service.service_with_identity import PASS, ServiceWithIdentity, open_service_with_identity
from tests.service.serving import Service
from tests.service.tokens import SECRET, claims, hs


@asynccontextmanager
async def client_of(world: ServiceWithIdentity, headers: Headers = ()) -> AsyncIterator[PlainClient]:
    """A client of the world's service."""
    async with open_plain(world.service.url, headers) as client:
        yield client


async def is_in(client: PlainClient) -> bool:
    """Whether commands are obeyed."""
    answer = await client.say("execution:pause", executionId="none")
    return bool(answer["code"] == "execution.not_found")


async def test_credentials_are_those_of_requests() -> None:
    """A bearer token and an API key in the headers let in; a wrong one is refused with 401."""
    async with open_service_with_identity() as world:
        key = world.identity.add_api_key("robot", "org-a")
        for headers in ([("Authorization", "Bearer token-of-alice")], [("X-API-Key", key)]):
            async with client_of(world, headers) as client:
                assert await is_in(client)
        refused = await upgrade(world.service, Authorization="Bearer wrong")
        assert (refused.status_code, refused.json()["error"]) == (401, "Authentication required")


async def test_who_can_set_no_headers_says_who_it_is_first() -> None:
    """The first message may be authenticate, with a token or a key; then commands are obeyed."""
    async with open_service_with_identity() as world:
        key = world.identity.add_api_key("robot", "org-a")
        for auth in ({"token": "token-of-alice"}, {"apiKey": key}):
            async with client_of(world) as client:
                assert await client.say("authenticate", **auth) == {"authenticated": True}
                assert await is_in(client)


@pytest.mark.parametrize(
    "message",
    [
        '{"event": "authenticate", "data": {"token": "wrong"}}',
        '{"event": "authenticate", "data": {"token": 7}}',
        '{"event": "authenticate", "data": null}',
        '{"event": "execution:start", "data": {"graphId": "x"}}',
    ],
)
async def test_without_a_good_credential_nothing_is_obeyed(message: str) -> None:
    """Anything else than a good credential ends the connection with 1008, before anything is done."""
    async with open_service_with_identity() as world, client_of(world) as client:
        await client.connection.send_message(message)
        assert await client.closed() == (1008, "Authentication required")


async def test_who_says_nothing_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    """An open connection of nobody ends after a while."""
    monkeypatch.setattr("service.live.websocket.AUTHENTICATE_SECONDS", 0.05)
    async with open_service_with_identity() as world, client_of(world) as client:
        code, reason = await client.closed()
        assert code == 1008
        assert "Authentication required" in reason


async def test_a_token_in_the_address_is_not_taken() -> None:
    """Addresses end up in logs, so a credential there lets nobody in."""
    async with (
        open_service_with_identity() as world,
        open_plain(f"{world.service.url}/ws?token=token-of-alice") as client,
    ):
        await client.connection.send_message('{"event": "execution:pause", "data": {"executionId": "x"}}')
        assert (await client.closed())[0] == 1008


async def test_cookies_count_only_from_pages_that_are_named() -> None:
    """A browser adds cookies to whatever any page opens; only named pages are believed to mean it."""
    origins = read_origins("*,https://console.example.org")
    async with open_service_with_identity(cors_origins=origins) as world:
        cookie = ("Cookie", "token=token-of-alice")
        async with client_of(world, [cookie, ("Origin", "https://console.example.org")]) as client:
            assert await is_in(client)
        async with client_of(world, [cookie, ("Origin", "https://evil.example")]) as client:
            await client.connection.send_message('{"event": "execution:pause", "data": {"executionId": "x"}}')
            assert await client.closed() == (1008, "Authentication required")


async def test_what_another_organisation_owns_does_not_exist() -> None:
    """Subscribe, control, inject and start say not found, as for an id that nobody has."""
    async with (
        open_service_with_identity() as world,
        client_of(world, [("Authorization", "Bearer token-of-bob")]) as bob,
    ):
        graph_id, execution_id = await world.alice.start(PASS)
        message = {"nodeId": "only", "port": "in", "value": 1}
        for command in ("subscribe", "pause", "resume", "complete", "stop"):
            answer = await bob.say(f"execution:{command}", executionId=execution_id)
            assert answer["code"] == "execution.not_found", command
        answer = await bob.say("execution:inject", executionId=execution_id, **message)
        assert answer["code"] == "execution.not_found"
        assert (await bob.say("execution:start", graphId=graph_id))["code"] == "graph.not_found"
        assert (await world.alice.call("GET", f"/api/executions/{execution_id}")).json()["state"] == "running"


async def test_the_organisation_is_named_in_a_header_or_in_auth() -> None:
    """A member of two acts for the one that it names; one that is not its own is refused."""
    async with open_service_with_identity() as world:
        world.identity.add_user("carol", "org-c", "org-a")
        graph_id = await world.alice.load(PASS)
        bearer = ("Authorization", "Bearer token-of-carol")
        async with client_of(world, [bearer]) as client:
            assert (await client.say("execution:start", graphId=graph_id))["code"] == "graph.not_found"
        async with client_of(world, [bearer, ("X-Org-Id", "org-a")]) as client:
            assert (await client.say("execution:start", graphId=graph_id))["state"] == "running"
        async with client_of(world) as client:
            await client.say("authenticate", token="token-of-carol", orgId="org-a")
            assert (await client.say("execution:start", graphId=graph_id))["state"] == "running"
        async with client_of(world) as client:
            await client.connection.send_message(
                '{"event": "authenticate", "data": {"token": "token-of-carol", "orgId": "org-b"}}'
            )
            assert await client.closed() == (1008, "Access denied to requested organization")


async def test_a_token_that_expires_ends_its_connection() -> None:
    """At its exp the client hears error, and is closed with 1008; until then it hears everything."""
    async with open_service_with_identity(identity_service_url="", jwt_secret=SECRET) as world:
        token = hs(SECRET, body=claims(exp=time.time() + 1.5))
        async with client_of(world, [("Authorization", f"Bearer {token}")]) as client:
            assert await is_in(client)
            code, _ = await client.closed()
            assert code == 1008
            (error,) = (each for each in client.heard("error") if each["code"] == "auth.required")
            assert error["message"] == "Authentication required"


async def test_a_revoked_token_ends_its_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection lives no longer on a credential than requests would: it is looked at again as often."""
    monkeypatch.setattr("service.auth.credential_cache.RECOGNISED_SECONDS", 0.1)
    async with (
        open_service_with_identity() as world,
        client_of(world, [("Authorization", "Bearer token-of-alice")]) as client,
    ):
        assert await is_in(client)
        await trio.sleep(0.2)
        assert await is_in(client)
        del world.identity.tokens["token-of-alice"]
        assert (await client.closed())[0] == 1008


async def test_who_leaves_an_organisation_hears_no_more_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """When the credential is looked at again, what it may not see any more is not told any more."""
    monkeypatch.setattr("service.auth.credential_cache.RECOGNISED_SECONDS", 0.1)
    async with (
        open_service_with_identity() as world,
        client_of(world, [("Authorization", "Bearer token-of-alice")]) as client,
    ):
        _, execution_id = await world.alice.start(PASS)
        await client.say("execution:subscribe", executionId=execution_id)
        world.identity.add_user("alice", "org-z")
        (error,) = await client.wait_for("error")
        assert (error["executionId"], error["code"]) == (execution_id, "execution.not_found")
        assert (await client.say("execution:subscribe", executionId=execution_id))["code"] == "execution.not_found"


async def test_an_identity_that_is_away_for_a_moment_ends_no_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    """While nobody can say, connections stay for a while; then they end, with a reason."""
    monkeypatch.setattr("service.auth.credential_cache.RECOGNISED_SECONDS", 0.05)
    monkeypatch.setattr("service.live.clients.RETRY_SECONDS", 0.05)
    monkeypatch.setattr("service.live.clients.UNANSWERED_SECONDS", 0.4)
    async with (
        open_service_with_identity() as world,
        client_of(world, [("Authorization", "Bearer token-of-alice")]) as client,
    ):
        assert await is_in(client)
        world.identity.behaviour = "hangs up"
        await trio.sleep(0.15)
        world.identity.behaviour = "well"
        await trio.sleep(0.5)
        assert await is_in(client)
        world.identity.behaviour = "hangs up"
        code, reason = await client.closed()
        assert code == 1008
        assert "identity service does not answer" in reason


async def test_the_switch_lets_everybody_in_and_only_over_sockets() -> None:
    """SOCKET_AUTH=off mirrors the platform's old runtime, whose sockets asked nobody; HTTP asks all the same."""
    async with open_service_with_identity(socket_auth="off") as world, client_of(world) as client:
        _, execution_id = await world.alice.start(PASS)
        assert (await client.say("execution:subscribe", executionId=execution_id))["state"] == "running"
        assert (await world.anonymous.call("GET", f"/api/executions/{execution_id}")).status_code == 401


async def packet_of(service: Service, auth: str, headers: dict[str, str] | None = None) -> tuple[str, str]:
    """The id of a Socket.IO session over polling, and what the server says to a connect packet with ``auth``."""
    path = "/socket.io/?EIO=4&transport=polling"
    opened = await service.client.get(path, headers=headers)
    sid = str(decode(opened.content[1:])["sid"])
    assert (await service.client.post(f"{path}&sid={sid}", content=f"40{auth}")).status_code == 200
    return sid, (await service.client.get(f"{path}&sid={sid}")).text


async def test_socketio_clients_give_the_same_credentials_in_auth() -> None:
    """A token, a key or a header lets in; anything else is told in connect_error, as the platform tells it."""
    async with open_service_with_identity() as world:
        key = world.identity.add_api_key("robot", "org-a")
        for auth in ('{"token": "token-of-alice"}', f'{{"apiKey": "{key}"}}'):
            assert (await packet_of(world.service, auth))[1].startswith("40{")
        bearer = {"Authorization": "Bearer token-of-alice"}
        assert (await packet_of(world.service, "", bearer))[1].startswith("40{")
        for auth in ("", '{"token": "wrong"}', '{"token": 7}', '{"token": ""}'):
            refused = decode((await packet_of(world.service, auth))[1].removeprefix("44").encode())
            assert refused == {"message": "Authentication required", "data": {"code": "auth.required"}}
        foreign = (await packet_of(world.service, '{"token": "token-of-alice", "orgId": "org-b"}'))[1]
        assert decode(foreign.removeprefix("44").encode())["message"] == "Access denied to requested organization"


async def test_a_socketio_client_whose_token_expires_is_told_and_disconnected() -> None:
    """It hears the event error, then that its namespace is closed, after which it does not come back by itself."""
    async with open_service_with_identity(identity_service_url="", jwt_secret=SECRET) as world:
        token = hs(SECRET, body=claims(exp=time.time() + 1.5))
        sid, let_in = await packet_of(world.service, f'{{"token": "{token}"}}')
        assert let_in.startswith("40{")
        told = ""
        with trio.fail_after(10):
            while "41" not in told.split("\x1e"):
                poll = await world.service.client.get(f"/socket.io/?EIO=4&transport=polling&sid={sid}")
                told += "\x1e" + poll.text
        (error,) = (text for text in told.split("\x1e") if text.startswith("42"))
        assert decode(error[2:].encode()) == [
            "error",
            {"message": "Authentication required", "code": "auth.required"},
        ]
