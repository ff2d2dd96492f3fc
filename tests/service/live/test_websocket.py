"""Plain WebSockets at /ws, through a real service."""

import socket as sockets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import httpx
import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st

from service.addresses.origins import read_origins
from service.live import clients as live_clients
from tests.service.chosen import settings_with
from tests.service.live.plain_client import PlainClient, open_plain
from tests.service.serving import QUICK_REFERENCE, Service, open_service, single

MANUAL = {"completion": "manual"}
KEY = "dGhlIHNhbXBsZSBub25jZQ=="


@asynccontextmanager
async def connected() -> AsyncIterator[tuple[Service, PlainClient]]:
    """A service and a client of it."""
    async with open_service() as service, open_plain(service.url) as client:
        yield service, client


async def test_the_monitoring_example_of_the_specification() -> None:
    """A client that subscribes sees the hops of the Quick Reference, with their values, and its completion."""
    async with connected() as (service, client):
        execution_id = await service.start(QUICK_REFERENCE)
        answer = await client.say("execution:subscribe", executionId=execution_id)
        assert answer["state"] == "running"
        await service.inject(execution_id, "input", 21)
        await service.client.post(f"/api/executions/{execution_id}/complete")
        (done,) = await client.wait_for("execution:completed")
    hops = [
        f"{hop['sourceNode']}:{hop['sourcePort']} → {hop['targetNode']}:{hop['targetPort']}"
        for hop in client.heard("port:emit")
    ]
    assert hops == ["input:out → double:in", "double:out → output:in"]
    assert [hop["value"] for hop in client.heard("port:emit")] == [21, 42]
    assert [call["nodeId"] for call in client.heard("component:invoked")] == ["input", "double", "output"]
    assert done["metrics"]["messagesProcessed"] == 3


async def test_values_come_as_they_were_written() -> None:
    """A number beyond 2**53 goes in over /ws and comes out over /ws with all its digits."""
    async with connected() as (service, client):
        answer = await client.say("execution:start", graphId=await service.load(QUICK_REFERENCE), **MANUAL)
        execution_id = answer["executionId"]
        big = 12345678901234567890
        await client.say(
            "execution:inject", executionId=execution_id, nodeId="input", port="in", value=big, final=True
        )
        await client.wait_for("execution:completed")
        assert client.heard("port:emit")[0]["value"] == big


@pytest.mark.parametrize(
    ("message", "code", "reason"),
    [
        ("nonsense", 1007, "This is not JSON"),
        ("[" * 1000, 1007, "nested deeper"),
        ("[]", 1008, "Send"),
        ('{"data": {}}', 1008, "event"),
        ('{"event": 7}', 1008, "event"),
        ('{"event": "x", "id": {}}', 1008, "id"),
        (b"bytes", 1003, "text"),
    ],
)
async def test_what_is_no_message_ends_its_connection_with_a_reason(
    message: str | bytes, code: int, reason: str
) -> None:
    """The code is WebSocket's, the reason says what was expected."""
    async with connected() as (_, client):
        await client.connection.send_message(message)
        closed = await client.closed()
        assert closed[0] == code
        assert reason in closed[1]


async def test_a_message_that_is_too_large_ends_its_connection() -> None:
    """Beyond LIVE_MAX_FRAME_BYTES the connection is closed with 1009."""
    settings = settings_with(port=0, live_max_frame_bytes=2_000)
    async with open_service(settings) as service, open_plain(service.url) as client:
        await client.connection.send_message('"' + "x" * 3_000 + '"')
        assert (await client.closed())[0] == 1009


@given(st.lists(st.text(max_size=30) | st.binary(max_size=30), min_size=1, max_size=3))
@settings(max_examples=15, deadline=None)
def test_whatever_a_client_sends_concerns_its_connection_alone(messages: list[str | bytes]) -> None:
    """Any text and any bytes are answered or end that connection; the service goes on for everybody else."""

    async def send_all() -> None:
        async with open_service() as service, open_plain(service.url) as other:
            async with open_plain(service.url) as client:
                for message in messages:
                    try:
                        await client.connection.send_message(message)
                    except Exception:  # noqa: BLE001  it was closed already
                        break
            answer = await other.say("execution:pause", executionId="none")
            assert answer["code"] == "execution.not_found"

    trio.run(send_all)


async def test_an_ordinary_request_is_told_what_this_place_is() -> None:
    """GET /ws without an upgrade is answered with 426."""
    async with open_service() as service:
        reply = await service.client.get("/ws")
        assert reply.status_code == 426
        assert reply.json()["code"] == "websocket.required"


async def test_one_client_more_than_there_may_be_is_refused() -> None:
    """Beyond LIVE_MAX_CONNECTIONS the handshake is answered with 503; when one has gone there is room again."""
    async with open_service(settings_with(port=0, live_max_connections=1)) as service:
        async with open_plain(service.url):
            refused = await upgrade(service)
            assert (refused.status_code, refused.json()["code"]) == (503, "client.limit")
        with trio.fail_after(5):
            while b'transport="websocket"} 0.0' not in (await service.client.get("/metrics")).content:
                await trio.lowlevel.checkpoint()
        async with open_plain(service.url) as client:
            assert (await client.say("execution:pause", executionId="none"))["code"] == "execution.not_found"


@pytest.mark.parametrize("headers", [{"Origin": "https://evil.example"}, {"Host": "evil.example"}])
async def test_only_this_machine_is_served_until_told_otherwise(headers: dict[str, str]) -> None:
    """A page from elsewhere, or a name that points here, gets no connection; one of this machine does."""
    async with open_service() as service:
        for path in ("/ws", "/socket.io/?EIO=4&transport=websocket"):
            reply = await upgrade(service, path, **headers)
            assert reply.status_code == 403, path
            assert reply.json()["code"] == "caller.foreign"
        reply = await service.client.get("/socket.io/?EIO=4&transport=polling", headers=headers)
        assert reply.status_code == 403
        async with open_plain(service.url, [("Origin", "http://localhost:3000")]) as client:
            assert "error" in await client.say("execution:pause", executionId="none")


async def test_pages_that_may_not_read_may_not_connect_either() -> None:
    """CORS does not bind WebSockets, so what it would keep from a page is refused here."""
    settings = settings_with(port=0, auth="none", cors_origins=read_origins("https://console.example.org"))
    async with open_service(settings) as service:
        assert (await upgrade(service, Origin="https://evil.example")).status_code == 403
        for origin in ("https://console.example.org", service.url):
            async with open_plain(service.url, [("Origin", origin)]) as client:
                assert "error" in await client.say("execution:pause", executionId="none")


async def test_nothing_is_compressed() -> None:
    """The extension is not agreed on, though the client offers it: compressed frames could not be shared."""
    async with open_service() as service:
        stream = await _upgraded(
            service, "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n"
        )
        head = bytes(await stream.receive_some(4096))
        assert b" 101 " in head
        assert b"sec-websocket-extensions" not in head.lower()
        await stream.aclose()


async def test_a_client_that_reads_nothing_is_cut_and_the_others_hear_everything(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its connection ends after LIVE_UNREAD_SECONDS; nobody else misses anything."""
    monkeypatch.setattr(live_clients, "LOOK_SECONDS", 0.1)
    settings = settings_with(port=0, live_unread_seconds=1)
    component = single("symbia.core.passthrough")
    component["nodes"].append({"id": "next", "component": "symbia.core.passthrough"})
    component["edges"] = [
        {"id": "e", "source": {"node": "only", "port": "out"}, "target": {"node": "next", "port": "in"}}
    ]
    async with open_service(settings) as service, open_plain(service.url) as client:
        execution_id = await service.start(component, completion="manual")
        await client.say("execution:subscribe", executionId=execution_id, events=["port:emit"])
        deaf = await _upgraded(service)
        head = bytes(await deaf.receive_some(4096))
        assert b" 101 " in head
        await deaf.send_all(
            _masked(f'{{"event":"execution:subscribe","data":{{"executionId":"{execution_id}"}}}}')
        )
        text = "x" * 200_000
        sent = 0
        with trio.fail_after(20):
            while b"symbia_live_slow_disconnects_total 1.0" not in (await service.client.get("/metrics")).content:
                await service.inject(execution_id, "only", text)
                sent += 1
                await client.wait_for("port:emit", sent)
                client.messages = [message for message in client.messages if "event" not in message]
                sent = 0
                await trio.sleep(0.02)
        await service.client.post(f"/api/executions/{execution_id}/stop")
        await client.wait_for("execution:completed")
        assert client.heard("events:skipped") == []
        assert await _ends(deaf)
        await deaf.aclose()


async def test_at_the_end_of_the_service_clients_hear_the_end_of_what_they_watch() -> None:
    """Told to stop, the service drains; the final event arrives, then the connection is closed with 1001."""
    async with open_service() as service, open_plain(service.url) as client:
        execution_id = await service.start(QUICK_REFERENCE, completion="manual")
        await client.say("execution:subscribe", executionId=execution_id)
        await service.inject(execution_id, "input", 21)  # so that its events have just been flushed
        service.told_to_stop.set()
        code, reason = await client.closed()
        (done,) = client.heard("execution:completed")
        assert (done["executionId"], done["state"]) == (execution_id, "completed")
        assert (code, reason) == (1001, "The service is stopping")


async def test_a_silent_client_is_pinged(monkeypatch: pytest.MonkeyPatch) -> None:
    """Proxies give up connections on which nothing moves, and dead peers are only found by writing."""
    monkeypatch.setattr("service.live.websocket.PING_SECONDS", 0.05)
    async with open_service() as service:
        stream = await _upgraded(service)
        received = b""
        with trio.fail_after(5):
            while b"\r\n\r\n\x89\x00" not in received:
                received += bytes(await stream.receive_some(4096))
        await stream.aclose()


async def upgrade(service: Service, path: str = "/ws", **headers: str) -> httpx.Response:
    """The answer to a request for a WebSocket that is refused."""
    asking = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"}
    async with httpx.AsyncClient(base_url=service.url) as client:
        return await client.get(path, headers={**asking, "Sec-WebSocket-Key": KEY, **headers})


async def _upgraded(service: Service, headers: str = "") -> trio.SocketStream:
    """A bare connection that has asked for a WebSocket."""
    url = httpx.URL(service.url)
    stream = await trio.open_tcp_stream(url.host, url.port or 0)
    stream.setsockopt(sockets.SOL_SOCKET, sockets.SO_RCVBUF, 4096)
    await stream.send_all(
        (
            f"GET /ws HTTP/1.1\r\nHost: {url.host}:{url.port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}\r\n{headers}\r\n"
        ).encode()
    )
    return stream


async def _ends(stream: trio.SocketStream) -> bool:
    """Whether a connection comes to its end, once what has arrived is read."""
    with trio.move_on_after(10) as scope, suppress(trio.BrokenResourceError):
        while await stream.receive_some(262_144):
            pass
    return not scope.cancelled_caught


def _masked(text: str) -> bytes:
    """A client's text frame, with a mask of zeros."""
    data = text.encode()
    assert 126 <= len(data) < 65_536 or len(data) < 126
    size = bytes([0x80 | len(data)]) if len(data) < 126 else b"\xfe" + len(data).to_bytes(2, "big")
    return b"\x81" + size + bytes(4) + data
