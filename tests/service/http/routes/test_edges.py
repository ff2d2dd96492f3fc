"""The edges of an execution over REST."""

from tests.engine.executions import document, node
from tests.service.serving import open_service

WAITING = document(
    {
        "in": "symbia.core.passthrough",
        "stuck": node(
            "symbia.core.map",
            config={"expression": "value.a.b"},
            onError="retry",
            retry={"maxAttempts": 2, "backoffMs": 3_600_000},
        ),
    },
    ["in:out > stuck:in"],
)
"""A node that fails on its first message, and waits an hour before it tries again."""


async def test_what_waits_on_an_edge_is_listed_and_can_be_read_whole() -> None:
    """Page by page, the oldest first; a large value comes with its own route."""
    async with open_service() as service:
        execution = await service.start(WAITING, completion="manual")
        await service.inject(execution, "in", 0)
        for value in (1, "x" * 20_000, 3):
            await service.inject(execution, "in", value)
        path = f"/api/executions/{execution}/edges"
        while (edge := (await service.client.get(f"{path}/0")).json())["waiting"] != 3:
            pass
        assert (edge["edge"], edge["source"], edge["sent"], edge["overflow"]) == ("0", "in:out", 4, "block")
        listing = (await service.client.get(path)).json()
        assert (listing["executionId"], listing["total"]) == (execution, 1)
        assert [(each["edge"], each["sent"]) for each in listing["edges"]] == [("0", 4)]
        listed = (await service.client.get(f"{path}/0/messages")).json()
        assert [each["value"] for each in listed["messages"]] == [1, None, 3]
        assert [each["isOmitted"] for each in listed["messages"]] == [False, True, False]
        page = (await service.client.get(f"{path}/0/messages?offset=1&limit=1")).json()
        assert (page["total"], len(page["messages"])) == (3, 1)
        assert page["messages"][0]["sequence"] == listed["messages"][1]["sequence"]
        assert listed["messages"][0]["sequence"] == edge["oldestSequence"]
        whole = await service.client.get(f"{path}/0/messages/{page['messages'][0]['sequence']}")
        assert whole.json()["value"] == "x" * 20_000


async def test_what_is_not_there_is_said() -> None:
    """An edge that the graph has not, a message that does not wait, and an execution that has ended."""
    async with open_service() as service:
        execution = await service.start(WAITING, completion="manual")
        path = f"/api/executions/{execution}/edges"
        refused = await service.client.get(f"{path}/nowhere")
        assert (refused.status_code, refused.json()["code"]) == (404, "edge.not_found")
        refused = await service.client.get(f"{path}/0/messages/7")
        assert (refused.status_code, refused.json()["code"]) == (404, "message.not_waiting")
        await service.client.post(f"/api/executions/{execution}/stop")
        refused = await service.client.get(path)
        assert (refused.status_code, refused.json()["code"]) == (409, "execution.illegal_state")
