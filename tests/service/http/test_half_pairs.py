r"""Halves of surrogate pairs (``"\ud83d"``) at every door: kept, or one value is refused with its reason."""

import json
from pathlib import Path
from typing import Any

import pytest
from trio_websocket import open_websocket_url

from proto.codec import RESCUED_BYTES
from tests.service.chosen import settings_with
from tests.service.live.plain_client import open_plain
from tests.service.serving import SQUARE, Service, open_service, run_command, single

HALF = r'"\ud83d"'
LONE = "\ud83d"
PASS = single("symbia.core.passthrough")
LOGGER = {**single("symbia.core.logger"), "metadata": {"ingress": {"node": "only", "port": "in"}}}
JSON = {"Content-Type": "application/json"}
LINES = {"Content-Type": "application/x-ndjson"}


def message(value: str, node: str = '"only"', port: str = "in") -> str:
    return f'{{"nodeId": {node}, "port": "{port}", "value": {value}}}'


async def post(
    service: Service, path: str, content: str, headers: dict[str, str] = JSON
) -> tuple[int, dict[str, Any]]:
    reply = await service.client.post(path, content=content, headers=headers)
    return reply.status_code, json.loads(reply.content)


@pytest.mark.parametrize("query", ["?wait=1000", "?wait=1000&final=false"], ids=["fast", "framework"])
@pytest.mark.parametrize("value", [HALF, r'{"\ude00": ["\uD83D", "\ud83d\ude00"]}'])
async def test_a_value_over_http_is_kept(value: str, query: str) -> None:
    """A posted value comes back as it was written, by either way that a request takes."""
    async with open_service() as service:
        execution = await service.start(PASS, completion="manual")
        path = f"/api/executions/{execution}/inject{query}"
        reply = await service.client.post(path, content=message(value), headers=JSON)
        assert reply.status_code == 200, reply.text
        assert value in reply.text


async def test_a_batch_keeps_all_its_values() -> None:
    """One half of an emoji costs none of the values beside it: in a list, a stream, an ingress, a beginning."""
    values = ["1", HALF, "2"]
    async with open_service() as service:
        graph = await service.load(LOGGER)
        begin = f'{{"inputs": [{", ".join(map(message, values))}]}}'
        status, answer = await post(service, f"/api/graphs/{graph}/execute", begin)
        assert status == 201, answer
        ended = await service.runtime.execution(answer["executionId"]).wait_finished()
        assert (ended.state, ended.metrics.messages_processed) == ("completed", 3)
        options = {"completion": "manual"}
        execution = (await service.client.post(f"/api/graphs/{graph}/execute", json=options)).json()["executionId"]
        path = f"/api/executions/{execution}/inject"
        batch = f'{{"messages": [{", ".join(map(message, values))}]}}'
        status, answer = await post(service, path, batch)
        assert (status, answer["accepted"]) == (200, 3), answer
        status, answer = await post(service, path, "\n".join(map(message, values)), LINES)
        assert (status, answer["accepted"]) == (200, 3), answer
        status, answer = await post(service, "/api/ingress/Single", f"[{', '.join(values)}]")
        assert (status, answer["delivered"]) == (200, 3), answer
        logs = (await service.client.get(f"/api/executions/{execution}/logs")).json()["logs"]
        assert [entry["message"] for entry in logs] == values * 3


async def test_a_large_batch_keeps_all_its_values() -> None:
    """A body that is too large to be looked at in one go is looked at in slices."""
    long = "x" * (RESCUED_BYTES // 2)
    async with open_service() as service:
        execution = await service.start(PASS, completion="manual")
        path = f"/api/executions/{execution}/inject?wait=5000"
        values = [f'"{long}"', HALF, f'"{long}"', rf'"{long}\ude00"', HALF]
        status, answer = await post(service, path, f'{{"messages": [{", ".join(map(message, values))}]}}')
        assert (status, answer["accepted"], answer["outputs"]["only:out"]["value"]) == (200, 5, LONE), answer


async def test_a_value_that_no_decoder_of_ours_reads_is_refused_alone() -> None:
    """Half a pair in more than a megabyte is one refusal with its reason; the line before it was taken in."""
    long = "x" * RESCUED_BYTES
    async with open_service(settings_with(max_body_bytes=4 * RESCUED_BYTES)) as service:
        execution = await service.start(PASS, completion="manual")
        lines = "\n".join(map(message, ["1", rf'"{long}\ud83d"', "2"]))
        status, answer = await post(service, f"/api/executions/{execution}/inject", lines, LINES)
        assert (status, answer["accepted"], answer["line"]) == (400, 1, 2)
        assert "half of a surrogate pair" in answer["error"]


async def test_a_plain_websocket_stays_open() -> None:
    """A command with half an emoji is obeyed, its events show it, and one that names half an emoji is answered."""
    async with open_service() as service, open_plain(service.url) as client:
        execution = await service.start(PASS, completion="manual")
        await client.say("execution:subscribe", executionId=execution, events=["port:output"])
        data = f'{{"executionId": "{execution}", {message(HALF)[1:]}'
        await client.connection.send_message(f'{{"event": "execution:inject", "id": 7, "data": {data}}}')
        (told,) = await client.wait_for("execution:injected")
        assert told["nodeId"] == "only"
        data = f'{{"executionId": {HALF}, {message("1", HALF)[1:]}'
        await client.connection.send_message(f'{{"event": "execution:inject", "id": {HALF}, "data": {data}}}')
        (error,) = await client.wait_for("error")
        assert (error["code"], error["executionId"]) == ("execution.not_found", LONE)
        (output,) = await client.wait_for("port:output")
        assert output["value"] == LONE


async def test_a_socketio_client_stays_connected() -> None:
    """Over Socket.IO likewise, in its handshake, in values, in ids and in names of events."""
    async with open_service() as service:
        execution = await service.start(PASS, completion="manual")
        url = service.url.replace("http", "ws") + "/socket.io/?EIO=4&transport=websocket"
        async with open_websocket_url(url) as socket:
            await socket.get_message()  # opened
            await socket.send_message(f'40{{"token": {HALF}}}')
            assert str(await socket.get_message()).startswith("40{")

            async def say(event: str, data: str) -> dict[str, Any]:
                await socket.send_message(f"421[{event}, {data}]")
                while not (answer := str(await socket.get_message())).startswith("431"):
                    pass
                found: dict[str, Any] = json.loads(answer[3:])[0]
                return found

            data = f'{{"executionId": "{execution}", {message(HALF)[1:]}'
            assert (await say('"execution:inject"', data))["accepted"] == 1
            answer = await say('"execution:pause"', f'{{"executionId": {HALF}}}')
            assert (answer["code"], answer["executionId"]) == ("execution.not_found", LONE)
            assert (await say(HALF, "{}"))["code"] == "event.unknown"


NO_NAME = {**PASS, "name": LONE}
IN_METADATA = {**PASS, "metadata": {"a": [LONE]}}
IN_CONFIG = single("symbia.core.map", config={"expression": f"'{LONE}'"})
IN_TEXT = {**SQUARE, "description": LONE}
IN_SOURCE = {**SQUARE, "execution": {"type": "javascript", "source": f"'{LONE}'"}}


@pytest.mark.parametrize(
    ("path", "document", "place"),
    [
        ("/api/graphs", NO_NAME, "name"),
        ("/api/graphs", IN_METADATA, "metadata.a[0]"),
        ("/api/graphs", IN_CONFIG, "nodes[0].config"),
        ("/api/components", IN_TEXT, "description"),
        ("/api/components", IN_SOURCE, "execution.source"),
    ],
)
async def test_a_document_is_refused_with_its_place(path: str, document: Any, place: str) -> None:
    """What is stored becomes names, hashes and programs: it is refused, and the reason says where it stands."""
    async with open_service() as service:
        status, answer = await post(service, path, json.dumps(document))
        assert status == 400, answer
        assert "half of a surrogate pair" in answer["error"], answer
        assert answer["problems"][0]["path"].startswith(place), answer


KEPT = {
    "symbia.core.map": ({"expression": "value"}, "out"),
    "symbia.core.filter": ({"predicate": "true"}, "out"),
    "symbia.logic.filter": ({"field": "a", "op": "exists"}, "pass"),
    "symbia.logic.switch": ({"field": "a", "ports": ["x"]}, "default"),
    "symbia.data.json-transform": ({"path": "@"}, "out"),
    "symbia.state.latest": ({"keyField": "a"}, "out"),
    "symbia.sink.log": ({"message": "{a}"}, "out"),
    "symbia.routine.say": ({"description": "say {value.a}"}, "output"),
}
REFUSED = {
    "symbia.state.window": {"field": "a"},
    "symbia.compute.arithmetic": {"expression": "{a} + 1", "strict": True},
    "symbia.io.http-request": {"url": "http://127.0.0.1:1/{a}"},
}


async def through(service: Service, component: str, config: dict[str, Any]) -> dict[str, Any]:
    """What is answered where a component is given half a pair in a field."""
    execution = await service.start(single(component, config=config), completion="manual", timeoutMs=0)
    port = "input" if component.startswith("symbia.routine") else "in"
    body = message(r'{"a": "\ud83d", "b": 1}', port=port)
    status, answer = await post(service, f"/api/executions/{execution}/inject?wait=5000", body)
    assert status == 200, answer
    return answer


@pytest.mark.parametrize(("component", "config", "port"), [(name, *rest) for name, rest in KEPT.items()])
async def test_a_component_keeps_it(component: str, config: dict[str, Any], port: str) -> None:
    """Built-in ones and JavaScript hand on what they were given, whether they look into it or not."""
    async with open_service() as service:
        answer = await through(service, component, config)
        assert answer["outputs"][f"only:{port}"]["value"] == {"a": LONE, "b": 1}, answer


@pytest.mark.parametrize(("component", "config"), REFUSED.items())
async def test_a_component_that_can_do_nothing_with_it_says_why(component: str, config: dict[str, Any]) -> None:
    """Where a number or an address is wanted, the refusal is the component's own."""
    async with open_service() as service:
        answer = await through(service, component, config)
        error = answer["error"]["message"]
        assert any(reason in error for reason in ("NotNumeric", "half of a surrogate pair")), error


def test_the_command_line_prints_what_it_was_given(tmp_path: Path) -> None:
    """A value given to the command line, or in a line of its input, is printed as it was written."""
    graph = tmp_path / "graph.json"
    graph.write_text(json.dumps(PASS))
    done = run_command("run", str(graph), "--inject", f"only:in={HALF}")
    assert (done.returncode, done.stdout.strip()) == (0, rb'{"node":"only","port":"out","value":"\ud83d"}'), done
    lines = rf"{HALF}" "\n" r'{"a": "\ude00"}'
    done = run_command("run", str(graph), "--stdin-to", "only:in", stdin=lines.encode())
    assert [json.loads(line)["value"] for line in done.stdout.splitlines()] == [LONE, {"a": "\ude00"}], done
