"""Requests that meet a connection which its server closes: sent again, or told."""

import time
from collections.abc import Callable
from typing import Any

import httpcore
import httpx
import pytest
import trio
import trio.testing

from engine.builtin.io_http_request import http_request, open_client
from engine.builtin.parts.redirects import open_following
from engine.builtin.parts.repeating import REPEATABLE, RepeatingTransport
from service.addresses.outbound_rules import OutboundRules, read_allow_list
from service.outbound.clients import GuardedTransport
from service.outbound.sibling_client import open_sibling_client
from tests.engine.builtin.closing_server import serving_once_a_connection
from tests.engine.builtin.harness import driven
from tests.engine.builtin.http_server import answer, raw, serving
from tests.fakes.resolver import FakeResolver


def open_guarded() -> httpx.AsyncClient:
    """Open a client that the guard lets reach this machine."""
    rules = {"http": OutboundRules(allow=read_allow_list("127.0.0.1"))}
    return open_following(GuardedTransport(rules, FakeResolver()))


@pytest.mark.parametrize("resets", [False, True])
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "OPTIONS"])
@pytest.mark.parametrize("opening", [open_client, open_guarded])
async def test_what_may_be_done_twice_is_sent_again(
    opening: Callable[[], httpx.AsyncClient], method: str, resets: bool
) -> None:
    """Every message is answered, although each second request meets a connection that closes, body and all."""
    async with serving_once_a_connection(resets=resets) as server:
        async with driven(http_request(opening), url=server.url, method=method) as driver:
            outcomes = await driver.send(1, 2, 3, 4)
        assert [outcome.error for outcome in outcomes] == [None] * 4
        assert len(server.requests) == 7
        assert {request.body for request in server.requests} == (
            {b"1", b"2", b"3", b"4"} if method == "PUT" else {b""}
        )


@pytest.mark.parametrize("method", ["POST", "PATCH"])
async def test_what_may_not_be_done_twice_is_sent_once(method: str) -> None:
    """Nobody knows whether the server did it before it closed: the message is an error, and may pass later."""
    async with serving_once_a_connection() as server:
        async with driven(http_request(open_client), url=server.url, method=method) as driver:
            outcomes = await driver.send(1, 2, 3)
        errors = [outcome.error for outcome in outcomes]
        assert [error and error.name for error in errors] == [None, "HttpRequestFailed", None]
        assert errors[1] is not None
        assert not errors[1].is_permanent
        assert [request.body for request in server.requests] == [b"1", b"2", b"3"]


@pytest.mark.parametrize("opening", [open_client, open_guarded])
async def test_what_finds_its_connection_closed_takes_another(opening: Callable[[], httpx.AsyncClient]) -> None:
    """Nothing of it has been sent, so it may be anything: a message by POST is no error, and is done once."""
    kept = raw(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")  # as if the connection were kept, and it is not
    async with serving(kept, kept, kept) as server:
        async with driven(http_request(opening), url=server.url, method="POST") as driver:
            for value in (1, 2, 3):
                (outcome,) = await driver.send(value)
                assert outcome.error is None
                await trio.testing.wait_all_tasks_blocked()  # the server has closed by then
        assert [request.body for request in server.requests] == [b"1", b"2", b"3"]


@pytest.mark.parametrize("opening", [open_client, open_guarded, lambda: open_sibling_client(5)])
async def test_a_connection_that_servers_may_be_about_to_close_is_not_used(
    opening: Callable[[], httpx.AsyncClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Many close theirs after five seconds: what may not be sent twice does not meet them in that moment."""
    async with serving_once_a_connection() as server, opening() as client:
        assert (await client.post(server.url)).status_code == httpx.codes.OK
        now = time.monotonic
        monkeypatch.setattr(time, "monotonic", lambda: now() + 4.5)  # httpcore's clock; ours is another
        assert (await client.post(server.url)).status_code == httpx.codes.OK
        assert len(server.requests) == 2


@pytest.mark.parametrize("headers", [{"Idempotency-Key": "7"}, {"X-Idempotency-Key": "7"}])
async def test_a_key_makes_a_request_repeatable(headers: dict[str, str]) -> None:
    """A server that is given one knows the request again when it comes twice."""
    async with serving_once_a_connection() as server:
        async with driven(http_request(open_client), url=server.url, method="POST", headers=headers) as driver:
            outcomes = await driver.send(1, 2)
        assert [outcome.error for outcome in outcomes] == [None] * 2


async def test_our_own_code_may_say_that_a_request_is_repeatable() -> None:
    """A question by POST can be asked twice."""
    async with serving_once_a_connection() as server:
        async with httpx.AsyncClient(transport=RepeatingTransport(trust_env=False)) as client:
            for _ in range(2):
                request = client.build_request("POST", server.url, content=b"?", extensions={REPEATABLE: True})
                assert (await client.send(request)).status_code == 200
        assert [request.body for request in server.requests] == [b"?"] * 3


async def test_a_new_connection_that_closes_is_a_failure() -> None:
    """A server that answers nobody is asked once: this is no chance."""
    async with serving(raw(b""), answer()) as server:
        async with driven(http_request(open_client), url=server.url) as driver:
            (outcome,) = await driver.send(1)
        assert outcome.error is not None
        assert len(server.requests) == 1


async def test_an_answer_that_breaks_off_is_not_asked_for_again() -> None:
    """What has begun to come on an open connection came from a server that had read the request."""
    begun = raw(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\ncut")
    async with serving(begun, answer()) as server:
        async with driven(http_request(open_client), url=server.url) as driver:
            (outcome,) = await driver.send(1)
        assert outcome.error is not None
        assert len(server.requests) == 1


async def test_httpcore_tells_when_it_opens_a_connection() -> None:
    """The word on which all of the above depends: told with a new connection, and not with one that is open."""
    told: list[str] = []

    async def note(event: str, info: Any) -> None:
        del info
        told.append(event)

    async with serving_once_a_connection() as server, httpcore.AsyncConnectionPool() as pool:
        await pool.request("GET", server.url, extensions={"trace": note})
        assert "connection.connect_tcp.started" in told
        told.clear()
        with pytest.raises(httpcore.RemoteProtocolError):
            await pool.request("GET", server.url, extensions={"trace": note})
        assert told
        assert "connection.connect_tcp.started" not in told
