"""Why an execution is slow, asked by a live client."""

from tests.service.live.live_runtime import chain, open_live_runtime


async def test_a_client_asks_for_the_bottleneck_and_is_answered() -> None:
    """With the state, and the time of each node; somebody else's execution is not found."""
    async with open_live_runtime() as live:
        client = live.open_client()
        execution_id = await client.start(await live.load(chain("a", "b")), completion="manual")
        answer = await client.say("execution:bottleneck", executionId=execution_id)
        assert (answer["executionId"], answer["state"]) == (execution_id, "running")
        assert [each["nodeId"] for each in answer["bottleneck"]["nodes"]] == ["a", "b"]
        refused = await client.say("execution:bottleneck", executionId="nobody's")
        assert refused["code"] == "execution.not_found"
