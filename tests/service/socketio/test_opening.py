"""Opening sessions, as the official Engine.IO 4 test suite asks for it, and who is not let in."""

from typing import Any

import msgspec
import pytest
import trio
import trio.testing

from service.addresses.origins import read_origins
from tests.service.socketio.serving import SUITE, open_served

OPEN = "/socket.io/?EIO=4&transport=polling"


def check_open_packet(text: str, upgrades: list[str]) -> None:
    """Hold an open packet against the protocol."""
    assert text.startswith("0")
    content = msgspec.json.decode(text[1:])
    assert isinstance(content.pop("sid"), str)
    assert content == {"upgrades": upgrades, "pingInterval": 300, "pingTimeout": 200, "maxPayload": 1_000_000}


async def test_a_session_opens_by_polling() -> None:
    """The open packet offers the upgrade, and the answer may be kept by nobody."""
    async with open_served() as served:
        reply = await served.client.get(OPEN)
        assert (reply.status_code, reply.headers["content-type"]) == (200, "text/plain; charset=UTF-8")
        assert reply.headers["cache-control"] == "no-store"
        check_open_packet(reply.text, ["websocket"])


async def test_a_session_opens_by_websocket() -> None:
    """The open packet offers no upgrade, because there is none."""
    async with open_served() as served, served.websocket() as websocket:
        check_open_packet(str(await websocket.get_message()), [])


async def test_session_ids_are_not_guessable() -> None:
    """Each is new, and has at least 120 bits."""
    async with open_served() as served:
        paths = {await served.open_polling() for _ in range(20)}
        assert len(paths) == 20
        assert all(len(path.partition("sid=")[2]) >= 20 for path in paths)


@pytest.mark.parametrize(
    ("method", "query", "status", "body"),
    [
        ("GET", "transport=polling", 400, {"code": 5, "message": "Unsupported protocol version"}),
        ("GET", "EIO=abc&transport=polling", 400, {"code": 5, "message": "Unsupported protocol version"}),
        ("GET", "EIO=3&transport=polling", 400, {"code": 5, "message": "Unsupported protocol version"}),
        ("GET", "EIO=4", 400, {"code": 0, "message": "Transport unknown"}),
        ("GET", "EIO=4&transport=abc", 400, {"code": 0, "message": "Transport unknown"}),
        ("GET", "", 400, {"code": 0, "message": "Transport unknown"}),
        ("POST", "EIO=4&transport=polling", 400, {"code": 2, "message": "Bad handshake method"}),
        ("PUT", "EIO=4&transport=polling", 400, {"code": 2, "message": "Bad handshake method"}),
        ("GET", "EIO=4&transport=websocket", 400, {"code": 3, "message": "Bad request"}),
        ("GET", "EIO=4&transport=polling&sid=x", 400, {"code": 1, "message": "Session ID unknown"}),
        ("POST", "EIO=4&transport=polling&sid=", 400, {"code": 1, "message": "Session ID unknown"}),
        ("GET", "&".join(["EIO=4&transport=polling"] * 99), 400, {"code": 0, "message": "Transport unknown"}),
    ],
)
async def test_a_wrong_request_is_told_by_code(method: str, query: str, status: int, body: Any) -> None:
    """The codes and words are those of the reference server."""
    async with open_served() as served:
        reply = await served.client.request(method, f"/socket.io/?{query}")
        assert (reply.status_code, reply.json()) == (status, body)
        assert served.server.statistics().refused == 1


UPGRADE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("transport=websocket", 5),
        ("EIO=abc&transport=websocket", 5),
        ("EIO=4", 0),
        ("EIO=4&transport=abc", 0),
        ("EIO=4&transport=polling", 3),
        ("EIO=4&transport=websocket&sid=x", 1),
    ],
)
async def test_a_wrong_websocket_is_refused(query: str, code: int) -> None:
    """Its handshake fails with a status and the code that polling would have got."""
    async with open_served() as served:
        reply = await served.client.get(f"/socket.io/?{query}", headers=UPGRADE)
        assert (reply.status_code, reply.json()["code"]) == (400, code)
        assert served.server.statistics().opened == 0


async def test_only_its_path_is_served() -> None:
    """With and without a slash at the end; elsewhere is nothing."""
    async with open_served() as served:
        assert (await served.client.get(OPEN.replace("/?", "?"))).status_code == 200
        assert (await served.client.get(OPEN.replace("socket.io", "socket"))).status_code == 404


async def test_pages_of_admitted_origins_may_read() -> None:
    """They are named in the answer, with credentials, and the preflight says what they may send."""
    config = msgspec.structs.replace(SUITE, admit_origin=read_origins("https://*.example.org").admit)
    async with open_served(config) as served:
        page = {"Origin": "https://console.example.org"}
        reply = await served.client.get(OPEN, headers=page)
        assert reply.status_code == 200
        assert reply.headers["access-control-allow-origin"] == page["Origin"]
        assert reply.headers["access-control-allow-credentials"] == "true"
        asked = {**page, "Access-Control-Request-Headers": "authorization"}
        preflight = await served.client.options(OPEN, headers=asked)
        assert (preflight.status_code, preflight.text) == (200, "OK")
        assert preflight.headers["access-control-allow-headers"] == "authorization"
        assert preflight.headers["access-control-allow-methods"] == "GET, POST, OPTIONS"
        wrong = await served.client.get("/socket.io/?EIO=4", headers=page)
        assert wrong.headers["access-control-allow-origin"] == page["Origin"]


async def test_pages_of_other_origins_open_nothing() -> None:
    """Neither by polling, nor by WebSocket, which browsers do not guard; the server's own pages may."""
    config = msgspec.structs.replace(SUITE, admit_origin=read_origins("https://example.org").admit)
    async with open_served(config) as served:
        for request in (served.client.get, served.client.options):
            reply = await request(OPEN, headers={"Origin": "https://evil.example"})
            assert (reply.status_code, reply.json()) == (403, {"code": 4, "message": "Forbidden"})
            assert "access-control-allow-origin" not in reply.headers
        page = {**UPGRADE, "Origin": "https://evil.example"}
        websocket = await served.client.get(OPEN.replace("polling", "websocket"), headers=page)
        assert (websocket.status_code, websocket.json()["code"]) == (403, 4)
        assert (await served.client.get(OPEN, headers={"Origin": f"http://{served.host}"})).status_code == 200
        assert served.server.statistics().opened == 1


async def test_one_session_too_many_is_refused() -> None:
    """All together, and from one address; when one ends, another may come."""
    for limited in (
        msgspec.structs.replace(SUITE, max_sessions=2),
        msgspec.structs.replace(SUITE, max_sessions_per_address=2),
    ):
        async with open_served(limited) as served:
            first, _ = await served.open_polling(), await served.open_polling()
            reply = await served.client.get(OPEN)
            assert (reply.status_code, reply.json()["code"]) == (503, 3)
            await served.client.post(first, content="1")
            assert (await served.client.get(OPEN)).status_code == 200


async def test_idle_sessions_cost_one_timer() -> None:
    """However many clients there are, one task keeps their time, and an idle session has none of its own."""
    config = msgspec.structs.replace(SUITE, ping_interval_ms=25_000)
    async with open_served(config) as served:
        for _ in range(30):
            await served.open_polling()
        await trio.testing.wait_all_tasks_blocked(0.02)
        before = trio.lowlevel.current_statistics().tasks_living
        for _ in range(30):
            await served.open_polling()
        await trio.testing.wait_all_tasks_blocked(0.02)
        assert trio.lowlevel.current_statistics().tasks_living == before
