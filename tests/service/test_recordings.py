"""Recordings over HTTP: what happened, what came of what, the file, and another version run on it."""

from typing import Any

import httpx
import pytest
import trio

from tests.service.serving import Service, open_service

PRICE = {
    "id": "own.price",
    "name": "Price",
    "version": "1.0.0",
    "ports": {"inputs": ["in"], "outputs": ["out"]},
    "execution": {"type": "javascript", "source": "return { process: (ctx, p, v) => ctx.emit('out', v * 2) }"},
}
WRONG = {
    **PRICE,
    "version": "1.1.0",
    "execution": {
        "type": "javascript",
        "source": "return { process: (ctx, p, v) => ctx.emit('out', v === 3 ? 7 : v * 2) }",
    },
}
GRAPH = {
    "symbia": "1.0",
    "name": "Prices",
    "nodes": [{"id": "entry", "component": "symbia.core.passthrough"}, {"id": "price", "component": "own.price"}],
    "edges": [{"source": {"node": "entry", "port": "out"}, "target": {"node": "price", "port": "in"}}],
    "recording": "full",
}


async def recorded(client: httpx.AsyncClient, graph: dict[str, Any] = GRAPH, **options: Any) -> str:
    """Run a graph with five numbers; return the id of its execution."""
    (await client.post("/api/components", json=PRICE)).raise_for_status()
    graph_id = (await client.post("/api/graphs", json=graph)).json()["id"]
    inputs = [{"nodeId": "entry", "port": "in", "value": number} for number in range(5)]
    started = await client.post(f"/api/graphs/{graph_id}/execute", json={"inputs": inputs, **options})
    execution_id: str = started.json()["executionId"]
    with trio.fail_after(10):
        while (await client.get(f"/api/executions/{execution_id}")).json()["state"] != "completed":  # noqa: ASYNC110
            await trio.sleep(0.01)
    return execution_id


def opened(service: Service) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=service.url, timeout=30)


async def test_a_recording_is_read_run_again_and_carried_elsewhere() -> None:
    """By the routes of its execution, and by those of recordings."""
    async with open_service() as service, opened(service) as client:
        execution_id = await recorded(client)
        path = f"/api/executions/{execution_id}"

        page = (
            await client.get(f"{path}/history", params={"kind": "emitted", "node": "price", "limit": 3})
        ).json()
        assert [each["value"] for each in page["records"]] == [0, 2, 4]
        rest = (
            await client.get(
                f"{path}/history", params={"kind": "emitted", "node": "price", "from": page["following"]}
            )
        ).json()
        assert ([each["value"] for each in rest["records"]], rest["following"]) == ([6, 8], 0)

        sequence = rest["records"][0]["sequence"]
        lineage = (await client.get(f"{path}/messages/{sequence}/lineage")).json()
        assert [each["value"] for each in lineage["causes"]] == [3, 3]

        same = (await client.post(f"{path}/replay")).json()
        assert (same["isSame"], same["compared"]) == (True, 10)
        wrong = (await client.post(f"{path}/replay", json={"components": [WRONG]})).json()
        (difference,) = wrong["differences"]
        assert (difference["nodeId"], difference["sequence"]) == ("price", sequence)
        assert (difference["expected"], difference["actual"]) == (6, 7)

        file = await client.get(f"{path}/recording")
        assert file.headers["Content-Type"] == "application/vnd.symbia.recording"
        headers = {"Content-Type": "application/octet-stream"}
        taken = await client.post("/api/recordings", content=file.content, headers=headers)
        assert taken.status_code == 201
        copy = taken.headers["Location"]
        listed = (await client.get("/api/recordings")).json()
        assert [each["executionId"] for each in listed["recordings"]] == [execution_id] * 2
        assert (await client.get(f"{copy}/file")).content == file.content
        assert (await client.get(copy)).json()["state"] == "ended"
        assert (await client.post(f"{copy}/replay", json={"to": 20})).json()["isSame"]
        assert len((await client.get(f"{copy}/history")).json()["records"]) > 15
        assert (await client.delete(copy)).status_code == 204
        assert (await client.get(copy)).status_code == 404


async def test_what_cannot_be_is_refused_and_says_why() -> None:
    """A file that is none, a question that is none, an execution of which nothing was noted."""
    async with open_service() as service, opened(service) as client:
        execution_id = await recorded(client, recording="off")
        path = f"/api/executions/{execution_id}"
        refusals = [
            await client.get(f"{path}/history"),
            await client.get("/api/recordings/nothing"),
            await client.post(
                "/api/recordings", content=b"x", headers={"Content-Type": "application/octet-stream"}
            ),
            await client.post("/api/recordings", content=b"x", headers={"Content-Type": "text/plain"}),
            await client.get(f"{path}/history", params={"kind": "everything"}),
            await client.put(f"{path}/recording", json={"level": "full"}),
            await client.put(f"{path}/recording", json={"level": "some"}),
        ]
        assert [(each.status_code, each.json()["code"]) for each in refusals] == [
            (404, "recording.not_found"),
            (404, "recording.not_found"),
            (400, "recording.invalid"),
            (415, "body.unsupported_type"),
            (400, "body.unreadable"),
            (409, "execution.illegal_state"),
            (400, "body.unreadable"),
        ]
        assert "this is no recording" in refusals[2].json()["error"]


@pytest.mark.parametrize("level", ["inputs", "full"])
async def test_a_recording_begins_while_an_execution_runs(level: str) -> None:
    """It begins with a checkpoint, from which it can be run again."""
    async with open_service() as service, opened(service) as client:
        await client.post("/api/components", json=PRICE)
        graph = (await client.post("/api/graphs", json={**GRAPH, "recording": "off"})).json()["id"]
        started = await client.post(f"/api/graphs/{graph}/execute", json={"completion": "manual"})
        path = f"/api/executions/{started.json()['executionId']}"
        put = await client.put(f"{path}/recording", json={"level": level})
        assert (put.status_code, put.json()["level"]) == (200, level)
        await client.post(f"{path}/inject", json={"nodeId": "entry", "port": "in", "value": 1})
        found = (await client.get(f"{path}/history", params={"kind": "injected"})).json()
        assert [each["value"] for each in found["records"]] == [1]
        again = (await client.post(f"{path}/replay")).json()
        assert (again["isSame"], again["compared"], again["injected"]) == (True, 2, 1)
