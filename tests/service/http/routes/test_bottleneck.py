"""Why an execution is slow, over REST; and the policy of an edge, as its edges show it."""

from tests.engine.executions import node, policed
from tests.service.serving import open_service

WAITING = policed(
    {
        "in": "symbia.core.passthrough",
        "stuck": node(
            "symbia.core.map",
            config={"expression": "value.a.b"},
            onError="retry",
            retry={"maxAttempts": 2, "backoffMs": 3_600_000},
        ),
        "late": "symbia.core.passthrough",
    },
    "in:out > stuck:in",
    policies={0: {"capacity": 2, "overflow": "dead-letter", "deadLetter": {"node": "late", "port": "in"}}},
)
"""A node that fails on its first message, and waits an hour before it tries again."""


async def test_a_bottleneck_is_told_with_its_cause_and_an_edge_with_its_policy() -> None:
    """While the execution lives; afterwards its statistics say where the time went."""
    async with open_service() as service:
        execution = await service.start(WAITING, completion="manual")
        path = f"/api/executions/{execution}"
        await service.inject(execution, "in", 0)
        while (await service.client.get(f"{path}/edges/0")).json()["takenPerSecond"] == 0:
            pass
        for value in range(5):
            await service.inject(execution, "in", value)
        while (edge := (await service.client.get(f"{path}/edges/0")).json())["deadLettered"] < 3:
            pass
        assert (edge["waiting"], edge["capacity"], edge["overflow"], edge["dropped"]) == (2, 2, "dead-letter", 3)
        assert edge["policy"] == WAITING["edges"][0]["policy"]
        letters = (await service.client.get(f"{path}/edges/1")).json()
        assert (letters["deadLettersOf"], letters["sent"]) == ("0", 3)
        report = (await service.client.get(f"{path}/bottleneck")).json()
        (first, *_) = report["bottlenecks"]
        assert (first["nodeId"], first["cause"], first["evidence"]["queuedMessages"]) == ("stuck", "queue", 2)
        assert [each["nodeId"] for each in report["nodes"]] == ["in", "stuck", "late"]
        page = (await service.client.get("/metrics")).text
        assert "symbia_messages_dead_lettered_total 3.0" in page
        await service.client.post(f"{path}/stop")
        refused = await service.client.get(f"{path}/bottleneck")
        assert (refused.status_code, refused.json()["code"]) == (409, "execution.illegal_state")


async def test_a_node_tells_how_long_its_invocations_took() -> None:
    """Each bucket ends at twice the length of the one before; a node that is not there is not found."""
    async with open_service() as service:
        execution = await service.start(WAITING, completion="manual")
        path = f"/api/executions/{execution}/nodes"
        unused = (await service.client.get(f"{path}/in/latency")).json()
        assert unused == {"executionId": execution, "nodeId": "in", "total": 0, "buckets": []}
        await service.inject(execution, "in", 1)
        while not (latency := (await service.client.get(f"{path}/in/latency")).json())["total"]:
            pass
        assert [each["count"] for each in latency["buckets"]] == [1]
        missing = await service.client.get(f"{path}/none/latency")
        assert (missing.status_code, missing.json()["code"]) == (404, "node.not_found")
        await service.client.post(f"/api/executions/{execution}/stop")
        assert (await service.client.get(f"{path}/in/latency")).status_code == 409
