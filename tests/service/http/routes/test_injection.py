"""Streams of messages, and injections that wait for what comes of them."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import trio

from tests.service.chosen import settings_with
from tests.service.serving import QUICK_REFERENCE, SPIN, SQUARE, Service, open_service, single

PASS = single("symbia.core.passthrough")
LOGGER = single("symbia.core.logger")
LINES = {"Content-Type": "application/x-ndjson"}
CALLER = {"x-symbia-caller": "assistants"}


def line(value: object, node: str = "only", port: str = "in") -> bytes:
    return f'{{"nodeId":"{node}","port":"{port}","value":{value}}}\n'.encode()


def values(outputs: dict[str, Any]) -> dict[str, Any]:
    """What left the graph, by port."""
    return {port: output["value"] for port, output in outputs.items()}


async def stream(service: Service, execution: str, content: Any, query: str = "") -> httpx.Response:
    path = f"/api/executions/{execution}/inject{query}"
    return await service.client.post(path, content=content, headers=LINES)


async def pieces(data: bytes, size: int) -> AsyncIterator[bytes]:
    for start in range(0, len(data), size):
        yield data[start : start + size]


@pytest.mark.parametrize("size", [7, 1000, 10**9])
async def test_a_stream_is_taken_in_order(size: int) -> None:
    """Lines in pieces of any size arrive whole and in order, and final lets the execution complete."""
    async with open_service() as service:
        execution = await service.start(LOGGER)
        body = b"".join(line(number) for number in range(150))
        reply = await stream(service, execution, pieces(body, size), "?final=true")
        assert reply.json() == {"success": True, "accepted": 150, "executionId": execution, "queued": False}
        assert (await service.runtime.execution(execution).wait_finished()).state == "completed"
        logs = (await service.client.get(f"/api/executions/{execution}/logs")).json()["logs"]
        assert [entry["message"] for entry in logs] == [str(number) for number in range(150)]


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        (b"{nonsense\n", "body.unreadable"),
        (line(1, node="ghost"), "injection.invalid"),
        (line(1, port="side"), "injection.invalid"),
        (line("[" * 300 + "]" * 300), "injection.invalid"),
    ],
)
async def test_a_bad_line_ends_the_stream_with_its_number(wrong: bytes, code: str) -> None:
    """Everything before the line was taken in, nothing after it, and the refusal says both."""
    async with open_service() as service:
        execution = await service.start(PASS)
        body = b"".join(line(number) for number in range(40)) + b"\n" + wrong + line(1) * 1000
        reply = await stream(service, execution, body)
        answer = reply.json()
        assert (reply.status_code, answer["code"], answer["accepted"], answer["line"]) == (400, code, 40, 42)
        assert answer["error"].startswith("Line 42: ")
        assert answer["problems"][0]["path"].startswith("lines[42]")
        assert (await service.processed(execution, 40))["messagesProcessed"] == 40


async def test_a_line_longer_than_a_body_may_be_is_refused() -> None:
    """A stream may be endless, a line of it may not."""
    async with open_service(settings_with(max_body_bytes=4096)) as service:
        execution = await service.start(PASS)
        reply = await stream(service, execution, line(1) + b'"' + b"x" * 300_000)
        assert (reply.status_code, reply.json()["code"], reply.json()["accepted"]) == (
            400,
            "body.line_too_long",
            1,
        )


async def test_a_refused_stream_is_answered_though_its_sender_goes_on() -> None:
    """A sender of many megabytes reads the refusal instead of meeting a broken connection."""
    async with open_service() as service:
        execution = await service.start(PASS)
        reply = await stream(service, execution, pieces(b"nonsense\n" + line(1) * 100_000, 65536))
        assert (reply.status_code, reply.json()["line"]) == (400, 1)


async def test_a_stream_waits_for_a_slow_graph() -> None:
    """What is far more than the inboxes hold is taken in as the graph goes on, and none of it is refused."""
    async with open_service() as service:
        execution = await service.start(single("symbia.core.map", config={"expression": "value + 1"}))
        reply = await stream(service, execution, line(1) * 20_000, "?wait=20000")
        assert (reply.json()["accepted"], reply.json()["drained"]) == (20_000, True)


async def test_a_stream_into_a_paused_execution_says_how_much_is_held() -> None:
    """Up to the bound the messages are held; then the stream is refused with 429, and the count."""
    async with open_service(settings_with(max_backpressure_queue=25)) as service:
        execution = await service.start(PASS)
        await service.client.post(f"/api/executions/{execution}/pause")
        reply = await stream(service, execution, line(1) * 100)
        answer = reply.json()
        assert (reply.status_code, answer["code"]) == (429, "injection.held_queue_full")
        assert (answer["accepted"], answer["line"], reply.headers["Retry-After"]) == (25, 26, "1")


async def test_a_stream_to_nothing_is_refused() -> None:
    """An unknown execution is 404, and one that has ended 409, with nothing accepted."""
    async with open_service() as service:
        assert (await stream(service, "none", line(1))).status_code == 404
        execution = await service.start(PASS)
        await service.client.post(f"/api/executions/{execution}/stop")
        reply = await stream(service, execution, line(1))
        assert (reply.status_code, "accepted" not in reply.json()) == (409, True)


@pytest.mark.parametrize("path", ["/api/graphs", "/api/components", "/api/graphs/none/execute"])
async def test_other_routes_take_no_stream(path: str) -> None:
    """They say so before the stream has come to its end, so that an endless one does not hold them up."""
    async with open_service() as service:
        head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-ndjson\r\n"
        host, port = service.url.removeprefix("http://").split(":")
        async with await trio.open_tcp_stream(host, int(port)) as connection:
            await connection.send_all(f"{head}Content-Length: 100000000\r\n\r\n".encode() + b"x" * 10_000)
            with trio.fail_after(5):
                assert (await connection.receive_some()).startswith(b"HTTP/1.1 415")


async def test_a_stream_that_breaks_off_keeps_what_it_brought() -> None:
    """A sender that goes away in the middle has injected its whole lines."""
    async with open_service() as service:
        execution = await service.start(PASS)
        host, port = service.url.removeprefix("http://").split(":")
        connection = await trio.open_tcp_stream(host, int(port))
        head = f"POST /api/executions/{execution}/inject HTTP/1.1\r\nHost: localhost\r\n"
        head += "Content-Type: application/x-ndjson\r\nContent-Length: 100000\r\n\r\n"
        await connection.send_all(head.encode() + line(1) * 3 + b'{"nodeId"')
        assert (await service.processed(execution, 3))["messagesProcessed"] == 3
        await connection.aclose()
        assert (await service.client.get(f"/api/executions/{execution}")).json()["state"] == "running"


async def test_a_waiting_injection_shows_what_came_of_it() -> None:
    """The Quick Reference in one request: 42 leaves the graph after two hops."""
    async with open_service() as service:
        execution = await service.start(QUICK_REFERENCE)
        body = {"nodeId": "input", "port": "in", "value": 21}
        reply = await service.client.post(f"/api/executions/{execution}/inject?wait=5000", json=body)
        answer = reply.json()
        assert (answer["outputs"], answer["hops"]) == ({"output:out": {"value": 42, "lane": "canonical"}}, 2)
        assert [(step["node"], step["port"], step["summary"]) for step in answer["trace"]] == [
            ("input", "out", "21"),
            ("double", "out", "42"),
            ("output", "out", "42"),
        ]
        assert (answer["drained"], answer["state"], answer["accepted"]) == (True, "running", 1)


async def test_the_last_value_of_a_port_is_its_output() -> None:
    """Of several messages the last one counts, and final shows what was held back until the end."""
    async with open_service() as service:
        execution = await service.start(single("symbia.core.accumulator", config={"count": 2}))
        messages = [{"nodeId": "only", "port": "in", "value": number} for number in range(5)]
        path = f"/api/executions/{execution}/inject?wait=5000"
        reply = await service.client.post(path, json={"messages": messages, "final": True})
        assert reply.json()["outputs"] == {"only:out": {"value": [4], "lane": "canonical"}}
        assert reply.json()["state"] == "completed"


async def test_a_wait_is_bounded() -> None:
    """A component that spins is waited for no longer than was asked."""
    async with open_service() as service:
        await service.client.post("/api/components", json=SPIN)
        execution = await service.start(single("custom.spin"))
        body = {"nodeId": "only", "port": "in", "value": 1}
        with trio.fail_after(10):
            reply = await service.client.post(f"/api/executions/{execution}/inject?wait=50", json=body)
        assert (reply.json()["drained"], reply.json()["outputs"], reply.json()["hops"]) == (False, {}, 0)


async def test_a_wait_tells_of_a_failure() -> None:
    """An execution that the message made fail is shown as failed, with the reason."""
    async with open_service() as service:
        execution = await service.start(single("symbia.core.map", config={"expression": "value.a.b"}))
        body = {"nodeId": "only", "port": "in", "value": 1}
        reply = await service.client.post(f"/api/executions/{execution}/inject?wait=5000", json=body)
        assert (reply.status_code, reply.json()["state"], reply.json()["drained"]) == (200, "failed", False)
        assert "only" in reply.json()["error"]["message"]


async def test_a_paused_execution_is_not_waited_for() -> None:
    """The reply comes at once, and says that the message is held."""
    async with open_service() as service:
        execution = await service.start(PASS)
        await service.client.post(f"/api/executions/{execution}/pause")
        body = {"nodeId": "only", "port": "in", "value": 1}
        with trio.fail_after(5):
            reply = await service.client.post(f"/api/executions/{execution}/inject?wait=60000", json=body)
        assert (reply.json()["queued"], reply.json()["drained"]) == (True, False)


@pytest.mark.parametrize(
    "query", ["wait=-1", "wait=60001", "wait=1.5", "wait=", "wait=x", "wait=٣", "final=maybe"]
)
async def test_a_wrong_query_injects_nothing(query: str) -> None:
    """It is refused with the parameter's name, and the execution has got nothing."""
    async with open_service() as service:
        execution = await service.start(PASS)
        body = {"nodeId": "only", "port": "in", "value": 1}
        reply = await service.client.post(f"/api/executions/{execution}/inject?{query}", json=body)
        assert (reply.status_code, reply.json()["problems"][0]["path"]) == (400, query.partition("=")[0])
        metrics = (await service.client.get(f"/api/executions/{execution}/metrics")).json()
        assert metrics["messagesProcessed"] == metrics["queuedMessages"] == 0


async def test_a_registered_component_squares_in_one_request() -> None:
    """The specification's component turns 12 into 144, and the caller sees it."""
    async with open_service() as service:
        await service.client.post("/api/components", json=SQUARE)
        execution = await service.start(single(SQUARE["id"]))
        body = {"nodeId": "only", "port": "in", "value": 12}
        reply = await service.client.post(f"/api/executions/{execution}/inject?wait=5000", json=body)
        assert reply.json()["outputs"] == {"only:out": {"value": 144, "lane": "apocryphal"}}


async def test_the_reply_shows_the_lane_of_what_left() -> None:
    """A message may say that nobody vouches for it; outputs and trace show the lanes, and others are refused."""
    async with open_service() as service:
        execution = await service.start(single("symbia.core.passthrough"))
        path = f"/api/executions/{execution}/inject?wait=1000"
        body = {"nodeId": "only", "port": "in", "value": 1, "lane": "apocryphal"}
        alone = (await service.client.post(path, json=body)).json()
        together = (await service.client.post(path, json={"messages": [body]})).json()
        for answer in (alone, together):
            assert answer["outputs"] == {"only:out": {"value": 1, "lane": "apocryphal"}}
            assert [step["lane"] for step in answer["trace"]] == ["apocryphal"]
        refused = await service.client.post(path, json={**body, "lane": "holy"})
        assert refused.status_code == 400
        assert "lane" in refused.text


async def test_an_injection_cut_off_by_the_end_says_how_much_was_taken_in() -> None:
    """The 409 of messages that were waiting when their execution was stopped counts those before them."""
    async with open_service() as service:
        assert (await service.client.post("/api/components", json=SPIN)).status_code == 201
        execution = await service.start(single(SPIN["id"], inbox={"capacity": 5}))
        path = f"/api/executions/{execution}"
        messages = [{"nodeId": "only", "port": "in", "value": number} for number in range(20)]
        replies: list[httpx.Response] = []

        async def inject() -> None:
            replies.append(await service.client.post(f"{path}/inject", json={"messages": messages}))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(inject)
            while not service.runtime.execution(execution).snapshot().metrics.backpressure_events:
                await trio.lowlevel.checkpoint()
            await service.client.post(f"{path}/stop")
        (reply,) = replies
        assert (reply.status_code, reply.json()["code"]) == (409, "execution.illegal_state")
        assert reply.json()["accepted"] == service.runtime.execution(execution).snapshot().unprocessed
        assert 5 <= reply.json()["accepted"] < 20
        late = await service.client.post(f"{path}/inject", json=messages[0])
        assert (late.status_code, "accepted" in late.json()) == (409, False)


async def test_a_service_of_the_platform_is_shown_what_came_of_its_message() -> None:
    """An injection that says which service calls, and no wait, is answered as the platform's runtime answers."""
    body = {"nodeId": "input", "port": "in", "value": 21}
    async with open_service() as service:
        execution = await service.start(QUICK_REFERENCE)
        path = f"/api/executions/{execution}/inject"
        reply = await service.client.post(path, json=body, headers=CALLER)
        answer = reply.json()
        assert (values(answer["outputs"]), answer["hops"], len(answer["trace"])) == ({"output:out": 42}, 2, 3)
        for headers, query in ((CALLER, "?wait=0"), ({}, ""), ({"x-symbia-caller": ""}, "")):
            reply = await service.client.post(path + query, json=body, headers=headers)
            assert ("drained" in reply.json()) is bool(query)


async def test_a_stream_of_a_service_does_not_wait() -> None:
    """Whoever streams wants to send; what came of it is told where they ask."""
    async with open_service() as service:
        execution = await service.start(PASS)
        path = f"/api/executions/{execution}/inject"
        reply = await service.client.post(path, content=line(1), headers={**LINES, **CALLER})
        assert reply.json() == {"success": True, "accepted": 1, "executionId": execution, "queued": False}


DIVIDING = single("symbia.compute.arithmetic", config={"expression": "{a} / {b}"}, onError="continue")


async def test_an_error_that_no_edge_takes_up_is_among_the_outputs() -> None:
    """Whoever waits reads it at the error port, in the lane of all errors, also where it ends the execution."""
    body = {"nodeId": "only", "port": "in", "value": {"a": 1}}
    failing = {**DIVIDING, "nodes": [{**DIVIDING["nodes"][0], "onError": "fail"}]}
    async with open_service() as service:
        for graph, state in ((DIVIDING, "running"), (failing, "failed")):
            execution = await service.start(graph, completion="manual")
            path = f"/api/executions/{execution}/inject?wait=5000"
            answer = (await service.client.post(path, json=body)).json()
            output = answer["outputs"].pop("only:error")
            assert (answer["state"], answer["outputs"], output["lane"]) == (state, {}, "apocryphal")
            assert "b" in output["value"]["message"]
            assert (output["value"]["nodeId"], output["value"]["value"]) == ("only", {"a": 1})
            assert [(step["node"], step["port"]) for step in answer["trace"]] == [("only", "error")]


async def test_an_error_in_a_run_of_nodes_is_among_the_outputs() -> None:
    """JavaScript nodes that run in one call tell of their errors like any other node."""
    nodes = [
        {"id": "a", "component": "symbia.core.map", "config": {"expression": "value"}},
        {"id": "b", "component": "symbia.core.map", "config": {"expression": "value.x.y"}, "onError": "continue"},
    ]
    edges = [{"id": "e", "source": {"node": "a", "port": "out"}, "target": {"node": "b", "port": "in"}}]
    async with open_service() as service:
        execution = await service.start({**PASS, "nodes": nodes, "edges": edges}, completion="manual")
        path = f"/api/executions/{execution}/inject?wait=5000"
        answer = (await service.client.post(path, json={"nodeId": "a", "port": "in", "value": 1})).json()
        assert list(answer["outputs"]) == ["b:error"]
        assert answer["outputs"]["b:error"]["value"]["value"] == 1
