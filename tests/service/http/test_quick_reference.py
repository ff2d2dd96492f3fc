"""The specification's Quick Reference, verbatim, over HTTP."""

from tests.service.serving import QUICK_REFERENCE, SQUARE, open_service, single


async def test_the_quick_reference_reaches_42() -> None:
    """Load, execute, inject 21: 42 is logged at output, and three messages were processed."""
    async with open_service() as service:
        loaded = (await service.client.post("/api/graphs", json=QUICK_REFERENCE)).json()
        assert loaded["topology"] == {
            "sorted": ["input", "double", "output"],
            "levels": [["input"], ["double"], ["output"]],
            "inputNodes": ["input"],
            "outputNodes": ["output"],
        }
        started = await service.client.post(f"/api/graphs/{loaded['id']}/execute")
        assert (started.status_code, started.json()["state"]) == (201, "running")
        execution = started.json()["executionId"]
        injected = await service.inject(execution, "input", 21)
        assert injected.status_code == 200
        assert injected.json() == {
            "success": True,
            "accepted": 1,
            "executionId": execution,
            "nodeId": "input",
            "port": "in",
            "queued": False,
        }
        metrics = await service.processed(execution, 3)
        assert (metrics["messagesProcessed"], metrics["errorCount"], metrics["state"]) == (3, 0, "running")
        logs = (await service.client.get(f"/api/executions/{execution}/logs")).json()
        assert [(line["nodeId"], line["message"]) for line in logs["logs"]] == [("output", "42")]


async def test_the_registered_square_makes_144_of_12() -> None:
    """A registered JavaScript component runs in a graph like a built-in one."""
    graph = {
        **single("custom.math.square"),
        "nodes": [
            {"id": "square", "component": "custom.math.square"},
            {"id": "output", "component": "symbia.core.logger"},
        ],
        "edges": [{"source": {"node": "square", "port": "out"}, "target": {"node": "output", "port": "in"}}],
    }
    async with open_service() as service:
        registered = await service.client.post("/api/components", json=SQUARE)
        assert (registered.status_code, registered.json()["registered"]) == (201, "custom.math.square")
        execution = await service.start(graph)
        await service.inject(execution, "square", 12)
        await service.processed(execution, 2)
        logs = (await service.client.get(f"/api/executions/{execution}/logs")).json()["logs"]
        assert [line["message"] for line in logs] == ["144"]
