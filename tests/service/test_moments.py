"""Moments over HTTP: an execution as it was, and another one that goes on from there."""

from typing import Any

import httpx
import pytest
import trio

from tests.service.serving import open_service
from tests.service.test_recordings import GRAPH, PRICE, WRONG, opened, recorded

SORTED = {
    **GRAPH,
    "name": "Sorted",
    "nodes": [
        {"id": "entry", "component": "symbia.core.passthrough"},
        {"id": "price", "component": "own.price"},
        {"id": "dear", "component": "symbia.core.filter", "config": {"predicate": "value > 5"}},
    ],
    "edges": [
        {"source": {"node": "entry", "port": "out"}, "target": {"node": "price", "port": "in"}},
        {"source": {"node": "price", "port": "out"}, "target": {"node": "dear", "port": "in"}, "id": "prices"},
    ],
}


async def numbers_of(client: httpx.AsyncClient, path: str, **wanted: Any) -> list[int]:
    page = (await client.get(f"{path}/history", params=wanted)).json()
    return [each["sequence"] for each in page["records"]]


async def outputs_of(client: httpx.AsyncClient, execution_id: str) -> list[tuple[str, Any]]:
    """Wait for the end of an execution; return what has left its graph."""
    with trio.fail_after(10):
        while (await client.get(f"/api/executions/{execution_id}")).json()["state"] != "completed":  # noqa: ASYNC110
            await trio.sleep(0.01)
    outputs = (await client.get(f"/api/executions/{execution_id}/outputs")).json()["outputs"]
    return [(each["port"], each["value"]) for each in outputs]


async def test_a_moment_is_shown_and_gone_on_from() -> None:
    """As it was recorded, run again up to it, from a file of it, with another message and with other code."""
    async with open_service() as service, opened(service) as client:
        execution_id = await recorded(client, graph=SORTED)
        path = f"/api/executions/{execution_id}"
        sequence = (await numbers_of(client, path, kind="emitted", node="price"))[3]

        for basis in ("records", "run"):
            moment = (await client.get(f"{path}/at/{sequence}", params={"basis": basis})).json()
            (entered, sent) = moment["edges"]
            assert entered["sent"] >= 4
            assert moment["basis"] == basis
            assert sent["last"]["value"] == 6
            assert (sequence, 6) in [(each["sequence"], each["value"]) for each in sent["messages"]]
            assert (sent["edge"], moment["sequence"]) == ("prices", sequence)

        same = await client.post(f"{path}/fork", json={"at": sequence})
        assert same.status_code == 201
        assert same.json()["forkedFrom"] == execution_id
        found = await outputs_of(client, same.json()["executionId"])
        assert found[-2:] == [("out", 6), ("out", 8)]
        assert len(found) < 5  # those before that moment are counted, and not listed

        other = await client.post(f"{path}/fork", json={"at": sequence, "values": {str(sequence): 4}})
        found = await outputs_of(client, other.json()["executionId"])
        assert (("out", 6) in found, ("rejected", 4) in found) == (False, True)

        file = await client.get(f"{path}/recording")
        headers = {"Content-Type": "application/octet-stream"}
        copy = (await client.post("/api/recordings", content=file.content, headers=headers)).headers["Location"]
        injected = (await numbers_of(client, path, kind="injected"))[3]
        code = await client.post(f"{copy}/fork", json={"at": injected, "components": [WRONG], "recording": "full"})
        found = await outputs_of(client, code.json()["executionId"])
        assert ("out", 7) in found
        assert (await client.get(f"{copy}/at/{sequence}")).json()["edges"][1]["last"]["value"] == 6
        forked = code.json()["executionId"]
        assert await numbers_of(client, f"/api/executions/{forked}", kind="injected") == []
        again = (await client.post(f"/api/executions/{forked}/replay")).json()
        assert (again["isSame"], again["compared"] > 0) == (True, True)
        last = (await numbers_of(client, f"/api/executions/{forked}", kind="emitted", node="price"))[-1]
        assert (await client.get(f"/api/executions/{forked}/at/{last}")).json()["edges"][1]["last"]["value"] == 7

        (
            await client.put(
                f"/api/graphs/{same.json()['graphId']}", json={**SORTED, "nodes": SORTED["nodes"][:1], "edges": []}
            )
        ).raise_for_status()
        mismatch = await client.post(f"{path}/fork", json={"at": sequence, "graph": "latest"})
        assert (mismatch.status_code, mismatch.json()["code"]) == (400, "checkpoint.mismatch")
        earlier = await client.post(f"{path}/fork", json={"at": sequence})
        assert earlier.status_code == 201


@pytest.mark.parametrize("level", ["inputs", "full"])
async def test_what_there_was_not_is_refused_and_says_why(level: str) -> None:
    """A moment before the first, a value that waits nowhere, another graph, a component that no node uses."""
    async with open_service() as service, opened(service) as client:
        execution_id = await recorded(client, recording=level)
        path = f"/api/executions/{execution_id}"
        first = (await numbers_of(client, path, kind="injected"))[0]
        refusals = [
            await client.post(f"{path}/fork", json={"at": 0}),
            await client.post(f"{path}/fork", json={"at": first, "values": {"99999": 1}}),
            await client.post(f"{path}/fork", json={"at": first, "graphId": "none"}),
            await client.post(f"{path}/fork", json={"at": first, "components": [{**PRICE, "id": "own.other"}]}),
            await client.post(f"{path}/fork", json={"at": first, "graph": 9}),
            await client.post(f"{path}/fork", json={"values": {}}),
            await client.post(f"{path}/fork", json={"at": first, "value": {}}),
            await client.get(f"{path}/at/last"),
            await client.get(f"{path}/at/{first}", params={"basis": "guess"}),
            await client.get(f"{path}/at/{first}", params={"messages": "0"}),
            await client.get("/api/executions/none/at/1"),
        ]
        assert [(each.status_code, each.json()["code"]) for each in refusals] == [
            (400, "recording.invalid"),
            (400, "recording.invalid"),
            (404, "graph.not_found"),
            (400, "component.invalid"),
            (404, "version.not_found"),
            (400, "body.unreadable"),
            (400, "body.unreadable"),
            (404, "recording.no_record"),
            (400, "body.unreadable"),
            (400, "body.unreadable"),
            (404, "recording.not_found"),
        ]
        assert "99999 waits nowhere" in refusals[1].json()["problems"][0]["message"]
        moment = (await client.get(f"{path}/at/{first}")).json()
        assert [each["value"] for each in moment["nodes"][0]["injected"]] == [0]
