"""What is answered at once is answered as the web framework would answer it: status, headers and body."""

import json
import re
from typing import Any

import h11
import pytest
import trio
import trio.testing

from service.http.fast_path.routes import FastPath
from service.settings.table import Settings
from tests.service.chosen import settings_with
from tests.service.service_with_identity import open_service_with_identity
from tests.service.serving import Service, open_service, single

PASS = {**single("symbia.core.passthrough"), "name": "passing"}
MESSAGE = b'{"nodeId": "only", "port": "in", "value": [1.50, {"b": 1, "a": "\\u00e9"}]}'
COOKIE = "Cookie: theme=dark"
"""Says nothing to anybody, and makes a request one that the framework answers."""

Exchange = tuple[int, dict[str, list[str]], Any]


@pytest.fixture
def fast(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The routes of what was answered at once, in order."""
    answered: list[str] = []
    answer = FastPath._reply

    async def noting(self: FastPath, scope: Any, request: Any, body: bytes) -> Any:
        answered.append(request.kind)
        return await answer(self, scope, request, body)

    monkeypatch.setattr(FastPath, "_reply", noting)
    monkeypatch.setattr("service.asgi.half_close.ARRIVAL_SECONDS", 5.0)  # a busy machine must not change a header
    return answered


def request_of(method: str, target: str, body: bytes | None, *headers: str, host: str = "localhost") -> bytes:
    """A request as bytes."""
    lines = [f"{method} {target} HTTP/1.1", f"Host: {host}", *headers]
    if body is not None:
        lines += [f"Content-Length: {len(body)}"]
    return "\r\n".join([*lines, "", ""]).encode() + (body or b"")


async def exchange(service: Service, *pieces: bytes) -> Exchange:
    """Send a request in pieces, each when the one before was read; the reply without what differs by nature."""
    port = int(service.url.rpartition(":")[2])
    connection = h11.Connection(h11.CLIENT)
    connection.send(h11.Request(method="GET", target="/", headers=[("Host", "x")]))
    connection.send(h11.EndOfMessage())
    body = b""
    async with await trio.open_tcp_stream("127.0.0.1", port) as stream:
        for piece in pieces:
            await stream.send_all(piece)
            await trio.testing.wait_all_tasks_blocked(0.01)
        while True:
            event = connection.next_event()
            if event is h11.NEED_DATA:
                connection.receive_data(await stream.receive_some(65536))
            elif isinstance(event, h11.Response):
                response = event
            elif isinstance(event, h11.Data):
                body += bytes(event.data)
            else:
                break
    headers: dict[str, list[str]] = {}
    for name, value in response.headers:
        if name not in {b"date", b"x-trace-id"}:
            headers.setdefault(name.decode(), []).append(value.decode())
    text = re.sub(r'"(timestamp|uptime|ms|sequence)":\s?("[^"]*"|[0-9.]+)', r'"\1":0', body.decode())
    if text != body.decode():
        del headers["content-length"]  # of a time that has another number of digits
    return response.status_code, headers, text


async def both(service: Service, whole: bytes, fast: list[str]) -> Exchange:
    """The reply to a request that came whole, after seeing that the framework answers it likewise."""
    before = len(fast)
    at_once = await exchange(service, whole)
    assert len(fast) == before + 1, whole
    head, _, body = whole.partition(b"\r\n\r\n")
    assert await exchange(service, head + f"\r\n{COOKIE}\r\n\r\n".encode() + body) == at_once
    if body:
        assert await exchange(service, head + b"\r\n\r\n", body) == at_once
    if len(body) > 1:
        assert await exchange(service, head + b"\r\n\r\n" + body[:1], body[1:]) == at_once
    assert len(fast) == before + 1
    return at_once


BODIES: dict[str, tuple[bytes, int]] = {
    "one message": (MESSAGE, 200),
    "several": (b'{"messages": [' + MESSAGE + b"," + MESSAGE + b"]}", 200),
    "none": (b'{"messages": []}', 200),
    "unknown node": (b'{"nodeId": "x", "port": "in", "value": 1}', 400),
    "unknown port": (b'{"nodeId": "only", "port": "x", "value": 1}', 400),
    "no value": (b'{"nodeId": "only", "port": "in"}', 400),
    "both forms": (b'{"nodeId": "only", "port": "in", "value": 1, "messages": []}', 400),
    "wrong type": (b'{"nodeId": 1, "port": "in", "value": 1}', 400),
    "an array": (b"[]", 400),
    "nothing": (b"", 400),
    "blanks": (b"  ", 400),
    "half a document": (b'{"nodeId": "only",', 400),
    "something after it": (MESSAGE + b"x", 400),
    "not UTF-8": (MESSAGE.replace(b"\\u00e9", b"\xff"), 400),
    "deep": (MESSAGE.replace(b"1.50", b"[" * 5000 + b"]" * 5000), 400),
    "large": (MESSAGE.replace(b"\\u00e9", b"x" * 10_000), 200),
}


@pytest.mark.parametrize("name", BODIES)
async def test_injections_are_answered_alike(name: str, fast: list[str]) -> None:
    """Good messages and bad ones get the same reply, whole or in pieces, as a program's or as a page's."""
    body, status = BODIES[name]
    async with open_service() as service:
        execution = await service.start(PASS, completion="manual")
        target = f"/api/executions/{execution}/inject"
        reply = await both(service, request_of("POST", target, body, "Content-Type: application/json"), fast)
        assert reply[0] == status
        assert (await both(service, request_of("POST", target, body), fast))[0] == status
        if status == 200 and name != "none":
            waited = await both(service, request_of("POST", f"{target}?wait=2000", body), fast)
            assert json.loads(waited[2])["outputs"]["only:out"]["value"] is not None
            named = await both(service, request_of("POST", target, body, "X-Symbia-Caller: assistants"), fast)
            assert named[2] == waited[2]


async def test_states_and_strangers_are_refused_alike(fast: list[str]) -> None:
    """An unknown execution, one that has ended, one that is full, and a foreign host name."""
    async with open_service(settings_with(port=0, max_backpressure_queue=5)) as service:
        execution = await service.start(PASS, completion="manual")
        target = f"/api/executions/{execution}/inject"
        unknown = await both(service, request_of("POST", "/api/executions/nobody/inject", MESSAGE), fast)
        foreign = await both(service, request_of("POST", target, MESSAGE, host="example.org"), fast)
        nameless = await both(service, request_of("POST", target, MESSAGE, host="[:::]"), fast)
        await service.client.post(f"/api/executions/{execution}/pause")
        many = b'{"messages": [' + b",".join([MESSAGE] * 5) + b"]}"
        assert (await exchange(service, request_of("POST", target, many)))[0] == 200
        full = await both(service, request_of("POST", target, many), fast)
        await service.client.post(f"/api/executions/{execution}/stop")
        ended = await both(service, request_of("POST", target, MESSAGE), fast)
    statuses = [reply[0] for reply in (unknown, foreign, nameless, full, ended)]
    assert statuses == [404, 403, 403, 429, 409]
    assert full[1]["retry-after"]
    assert json.loads(full[2])["code"] == "injection.held_queue_full"


async def test_deliveries_are_answered_alike(fast: list[str]) -> None:
    """To a graph that runs, to one that does not, to none; one message, several, none, and no JSON."""
    async with open_service() as service:
        await service.load({**PASS, "name": "idle"})
        entry = {"metadata": {"ingress": {"node": "only", "port": "in"}}}
        await service.start({**PASS, **entry}, completion="manual")
        replies = [
            await both(service, request_of("POST", f"/api/ingress/{target}", body), fast)
            for target, body in (
                ("passing", b'{"a": 1}'),
                ("passing?wait=0", b'{"a": 1}'),
                ("passing", b"[1, 2]"),
                ("passing", b"[]"),
                ("passing", b"x"),
                ("passing", b""),
                ("idle", b"1"),
                ("nobody", b"1"),
            )
        ]
    assert [reply[0] for reply in replies] == [200, 200, 200, 200, 400, 200, 409, 404]
    assert json.loads(replies[0][2])["outputs"] == {"only:out": {"value": {"a": 1}, "lane": "canonical"}}


@pytest.mark.parametrize(
    "settings", [settings_with(port=0), settings_with(port=0, auth="none")], ids=["this machine", "all"]
)
async def test_probes_are_answered_alike(settings: Settings, fast: list[str]) -> None:
    """All six, where only this machine is served and where everybody is; for any page then."""
    async with open_service(settings) as service:
        for prefix in ("", "/api"):
            for path in ("/health", "/health/live", "/health/ready"):
                status, headers, _ = await both(service, request_of("GET", prefix + path, None), fast)
                assert status == 200
                assert ("cache-control" in headers) == bool(prefix)
                assert ("access-control-allow-origin" in headers) == (settings.identity.auth == "none")


async def test_callers_are_recognised_alike(fast: list[str]) -> None:
    """By a good token; and refused without one, with a wrong one, two, another organisation's, or two of them."""
    async with open_service_with_identity() as world:
        _, execution = await world.alice.start(PASS)
        target = f"/api/executions/{execution}/inject"
        token = f"Authorization: {world.alice.headers['Authorization']}"
        other = f"Authorization: {world.bob.headers['Authorization']}"
        statuses = []
        for headers in (
            [token],
            [token, "X-Org-Id: org-a"],
            [token, "X-Org-Id: org-b"],
            [token, "X-Org-Id: org-a", "X-Org-Id: org-b"],
            [other],
            [],
            [token, token],
            ["Authorization: Bearer wrong"],
            ["X-API-Key: wrong"],
        ):
            reply = await both(world.service, request_of("POST", target, MESSAGE, *headers), fast)
            statuses.append(reply[0])
    assert statuses == [200, 200, 403, 400, 404, 401, 401, 401, 401]


async def test_slow_requests_are_cut_alike(fast: list[str]) -> None:
    """While nobody says who the caller is, the time of a request runs out, and its reply says so."""
    async with open_service_with_identity(request_timeout_seconds=0.2) as world:
        world.identity.behaviour = "silent"
        target = "/api/executions/any/inject"
        reply = await both(world.service, request_of("POST", target, MESSAGE, "Authorization: Bearer new"), fast)
        world.identity.released.set()
    assert reply[0] == 503
    assert json.loads(reply[2])["code"] == "request.timeout"


async def test_a_service_that_stops_refuses_alike(fast: list[str]) -> None:
    """It takes no more messages, and says on its probes that it does not."""
    async with open_service(settings_with(port=0, drain_seconds=20)) as service:
        execution = await service.start(single("symbia.core.delay", config={"ms": 15_000}), completion="manual")
        await service.inject(execution, "only", 1)
        service.told_to_stop.set()
        await trio.testing.wait_all_tasks_blocked()
        target = f"/api/executions/{execution}/inject"
        message = await both(service, request_of("POST", target, MESSAGE), fast)
        health = await both(service, request_of("GET", "/api/health", None), fast)
        await service.runtime.execution(execution).stop()
    assert (message[0], health[0]) == (503, 503)
    assert message[1]["retry-after"] == ["5"]


async def test_requests_are_counted_and_traced_alike(fast: list[str]) -> None:
    """Both ways are counted under one route and status, and give back the caller's trace id."""
    async with open_service() as service:
        execution = await service.start(PASS, completion="manual")
        target = f"/api/executions/{execution}/inject"
        for body in (MESSAGE, b"x"):
            await both(service, request_of("POST", target, body), fast)
        for headers in ({}, {"Cookie": "theme=dark"}):
            traced = {"x-trace-id": "mine", "content-type": "application/json", **headers}
            reply = await service.client.post(target, content=MESSAGE, headers=traced)
            assert reply.headers["x-trace-id"] == "mine"
        page = (await service.client.get("/metrics")).text
    (route,) = {line.partition('route="')[2].partition('"')[0] for line in page.splitlines() if "/inject" in line}
    assert route == "/api/executions/<execution_id>/inject"
    counts = [
        (line.partition('status="')[2].partition('"')[0], float(line.split()[-1]))
        for line in page.splitlines()
        if "/inject" in line and 'status="' in line
    ]
    assert sorted(counts) == [("200", 6.0), ("400", 3.0)]


async def test_a_body_that_is_too_large_is_refused_by_the_framework(fast: list[str]) -> None:
    """It is not looked at here, and its refusal is the framework's."""
    async with open_service(settings_with(port=0, max_body_bytes=1024)) as service:
        execution = await service.start(PASS, completion="manual")
        target = f"/api/executions/{execution}/inject"
        assert (await exchange(service, request_of("POST", target, b" " * 1025)))[0] == 413
    assert fast == []
