"""Executions that are changed while they run, over REST."""

from typing import Any

from tests.engine.executions import document
from tests.engine.reload.running import SUM, component
from tests.service.serving import Service, open_service


async def total(service: Service, execution: str, value: int) -> dict[str, Any]:
    """What comes out for a value."""
    path = f"/api/executions/{execution}/inject?wait=5000"
    reply = await service.client.post(path, json={"nodeId": "sum", "port": "in", "value": value})
    assert reply.status_code == 200, reply.text
    (output,) = reply.json()["allOutputs"]
    return dict(output["value"])


async def test_a_component_is_mended_while_it_runs_and_taken_back() -> None:
    """The plan first; then the change, which ``PUT ?reload=true`` makes by itself; then the way back."""
    async with open_service() as service:
        client = service.client
        await client.post("/api/components", json=component("own.sum", "1.0.0", SUM))
        execution = await service.start(document({"sum": "own.sum"}), completion="manual")
        assert await total(service, execution, 2) == {"by": "1.0.0", "total": 2}
        placed = await client.put("/api/components/own.sum?reload=true", json=component("own.sum", "2.0.0", SUM))
        assert placed.json()["reloads"] == [{"executionId": execution, "state": "done"}]
        assert await total(service, execution, 3) == {"by": "2.0.0", "total": 5}
        path = f"/api/executions/{execution}"
        wanted = {"components": {"own.sum": "1.0.0"}, "dryRun": True}
        plan = (await client.post(f"{path}/reload", json=wanted)).json()
        (node,) = plan["nodes"]
        assert (node["fromVersion"], node["toVersion"], node["state"], node["keys"]) == (
            "2.0.0",
            "1.0.0",
            "moves",
            1,
        )
        back = await client.post(f"{path}/rollback")
        assert (back.status_code, back.json()["state"], back.json()["revision"]) == (200, "done", 3)
        assert await total(service, execution, 1) == {"by": "1.0.0", "total": 6}
        listed = (await client.get(f"{path}/reloads")).json()
        assert [each["number"] for each in listed["reloads"]] == [1, 2]
        refused = await client.post(f"{path}/rollback")
        assert (refused.status_code, refused.json()["code"]) == (409, "reload.nothing_to_roll_back")
        refused = await client.post(f"{path}/reload", json={"components": {"own.sun": None}})
        assert (refused.status_code, "did you mean own.sum" in refused.json()["error"]) == (400, True)
        refused = await client.post(f"{path}/reload", json={"canary": {"messages": 5}, "configs": {"sum": {}}})
        assert (refused.status_code, refused.json()["code"]) == (409, "reload.refused")


async def test_executions_follow_their_graph_where_it_is_replaced_so() -> None:
    """``PUT /api/graphs/<id>?reload=true`` says what has become of each execution."""
    async with open_service() as service:
        await service.client.post("/api/components", json=component("own.sum", "1", SUM))
        graph_id = await service.load(document({"sum": "own.sum"}))
        started = await service.client.post(f"/api/graphs/{graph_id}/execute", json={"completion": "manual"})
        execution = started.json()["executionId"]
        await total(service, execution, 4)
        following = document({"sum": "own.sum", "out": "symbia.core.passthrough"}, ["sum:out > out:in"])
        placed = await service.client.put(f"/api/graphs/{graph_id}?reload=true", json=following)
        assert placed.json()["reloads"] == [{"executionId": execution, "state": "done"}]
        assert await total(service, execution, 1) == {"by": "1", "total": 5}
        shown = (await service.client.get(f"/api/executions/{execution}")).json()
        assert (shown["graphVersion"], [each["nodeId"] for each in shown["instances"]]) == (2, ["sum", "out"])
