"""Names that a request gives and nobody knows: refused, with the name that was meant."""

from typing import Any

import httpx
import pytest
import trio

from tests.service.live.plain_client import open_plain
from tests.service.serving import Service, open_service, single

PASS = single("symbia.core.passthrough")
SLOW = single("symbia.core.delay", config={"delay": 50, "ms": 50})
MESSAGE = {"nodeId": "only", "port": "in", "value": 1}


def said(reply: httpx.Response) -> tuple[int, str, str]:
    problem = reply.json()["problems"][0]
    return reply.status_code, problem["code"], problem["message"]


@pytest.mark.parametrize(
    ("method", "path", "meant"),
    [
        ("GET", "/api/graphs?limt=2", "did you mean limit?"),
        ("GET", "/api/executions?graphid=x", "did you mean graphId?"),
        ("GET", "/api/components?page=2", "known are limit, offset"),
        ("GET", "/api/executions/{id}?wait=5", "known are under"),
        ("GET", "/api/executions/{id}/metrics?wait=5", "this route takes none"),
        ("GET", "/api/executions/{id}/logs?last=5", "known are limit, offset"),
        ("POST", "/api/executions/{id}/inject?wiat=5", "did you mean wait?"),
        ("POST", "/api/executions/{id}/stop?drian=true", "did you mean drain?"),
        ("POST", "/api/executions/{id}/pause?drain=true", "this route takes none"),
        ("POST", "/api/ingress/Single?final=true", "known are wait"),
        ("POST", "/api/graphs?replce=true", "did you mean replace?"),
        ("DELETE", "/api/executions/{id}?drain=true", "this route takes none"),
    ],
)
async def test_an_unknown_query_parameter_is_refused(method: str, path: str, meant: str) -> None:
    """It would have been passed over in silence, and its sender would believe that it did something."""
    async with open_service() as service:
        execution = await service.start(PASS, completion="manual")
        reply = await service.client.request(method, path.format(id=execution), json=MESSAGE)
        status, code, message = said(reply)
        assert (status, code) == (400, "query.unknown")
        assert path.partition("?")[2].partition("=")[0] in message
        assert meant in message
        assert (await service.client.get(f"/api/executions/{execution}")).json()["state"] == "running"


async def test_a_query_parameter_comes_once() -> None:
    """Of two values only one would count, and which is nobody's guess."""
    async with open_service() as service:
        reply = await service.client.get("/api/graphs?limit=1&limit=2")
        assert said(reply)[:2] == (400, "query.repeated")


@pytest.mark.parametrize("path", ["/health", "/health/live", "/api/health", "/metrics", "/docs", "/api/stats"])
async def test_probes_and_browsers_may_add_what_they_like(path: str) -> None:
    """Pages that take no parameters at all answer whoever asks."""
    async with open_service() as service:
        assert (await service.client.get(f"{path}?t=1&utm_source=x")).status_code == 200


@pytest.mark.parametrize(
    ("path", "body", "meant"),
    [
        ("inject", {**MESSAGE, "finla": True}, "did you mean final?"),
        ("inject", {"messages": [{**MESSAGE, "lan": "apocryphal"}]}, "did you mean lane?"),
        ("stop", {"drian": True}, "did you mean drain?"),
        ("pause", {"drain": True}, "unknown field `drain`"),
        ("complete", {"final": True}, "unknown field `final`"),
        ("resume", {"x" * 1_000_000: True}, "unknown field"),
    ],
)
async def test_an_unknown_field_of_a_command_is_refused(path: str, body: Any, meant: str) -> None:
    """Commands take the fields that they know; what is quoted of others is short."""
    async with open_service() as service:
        execution = await service.start(PASS, completion="manual")
        reply = await service.client.post(f"/api/executions/{execution}/{path}", json=body)
        status, code, message = said(reply)
        assert (status, code, meant in message) == (400, "body.shape", True), message
        assert len(reply.content) < 2_000
        assert (await service.client.get(f"/api/executions/{execution}")).json()["state"] == "running"


async def test_an_unknown_field_of_a_start_is_refused_but_for_the_one_of_the_platform() -> None:
    """The platform's console sends ``input``, which does nothing and never did."""
    async with open_service() as service:
        graph = await service.load(PASS)
        path = f"/api/graphs/{graph}/execute"
        assert "did you mean inputs?" in said(await service.client.post(path, json={"inputz": []}))[2]
        assert "did you mean timeoutMs?" in said(await service.client.post(path, json={"timeout": 1}))[2]
        assert (await service.client.post(path, json={"input": {"a": 1}})).status_code == 201


async def test_a_line_of_a_stream_and_a_live_command_are_held_to_the_same() -> None:
    """Over NDJSON and over the live interface."""
    async with open_service() as service, open_plain(service.url) as client:
        execution = await service.start(PASS, completion="manual")
        lines = b'{"nodeId": "only", "port": "in", "value": 1, "lan": "canonical"}\n'
        headers = {"Content-Type": "application/x-ndjson"}
        reply = await service.client.post(f"/api/executions/{execution}/inject", content=lines, headers=headers)
        assert (reply.status_code, "`lan`" in reply.json()["error"]) == (400, True)
        for event, data in (
            ("execution:stop", {"drian": True}),
            ("execution:pause", {"drain": True}),
            ("execution:inject", {**MESSAGE, "finla": True}),
            ("execution:subscribe", {"node": ["only"]}),
        ):
            answer = await client.say(event, executionId=execution, **data)
            assert answer["code"] == "body.unreadable", answer
            assert f"unknown field `{next(iter(reversed(data)))}`" in answer["error"], answer


async def stopped(service: Service, execution: str, **arguments: Any) -> tuple[str, int]:
    """How an execution ends that is stopped, and what it has processed."""
    reply = await service.client.post(f"/api/executions/{execution}/stop", **arguments)
    assert reply.status_code == 200, reply.text
    shown = (await service.client.get(f"/api/executions/{execution}")).json()
    return reply.json()["state"], shown["metrics"]["messagesProcessed"]


@pytest.mark.parametrize(
    ("arguments", "end"),
    [
        ({"json": {"drain": True}}, "completed"),
        ({"params": {"drain": "true"}}, "completed"),
        ({"json": {"drain": False}, "params": {"drain": "true"}}, "completed"),
        ({"json": {"drain": False}}, "cancelled"),
        ({"json": {}}, "cancelled"),
        ({}, "cancelled"),
    ],
)
async def test_a_stop_drains_where_its_body_or_its_query_says_so(arguments: Any, end: str) -> None:
    """What was accepted is processed first, as the live command does."""
    async with open_service() as service:
        execution = await service.start(PASS, completion="manual")
        await service.client.post(f"/api/executions/{execution}/pause")
        for _ in range(3):
            await service.inject(execution, "only", 1)
        with trio.fail_after(20):
            state, processed = await stopped(service, execution, **arguments)
        assert (state, processed) == (end, 3 if end == "completed" else 0)
