"""Commands to edges from live clients, and the events of them."""

from typing import Any

from tests.service.live.live_runtime import SessionClient, chain, open_live_runtime

COMMANDS: list[tuple[str, dict[str, Any], str]] = [
    ("edge:insert", {"edge": "e0", "value": 1}, "edge:inserted"),
    ("edge:insert", {"edge": "e0", "value": 2, "at": "first"}, "edge:inserted"),
    ("edge:insert", {"edge": "e0", "value": 3}, "edge:inserted"),
    ("edge:drop", {"edge": "e0", "where": "@ == `3`"}, "edge:dropped"),
    ("edge:redirect", {"edge": "e0", "to": "e1"}, "edge:redirected"),
    ("edge:step", {"nodeId": "c"}, "edge:stepped"),
    ("edge:resume", {"edge": "e0"}, "edge:resumed"),
    ("edge:resume", {"nodeId": "c"}, "edge:resumed"),
]


async def hold(client: SessionClient, execution_id: str) -> None:
    """Let both edges of the chain be held."""
    assert (await client.say("edge:pause", executionId=execution_id, edge="e0"))["edges"][0]["isHeld"]
    assert (await client.say("edge:pause", executionId=execution_id, nodeId="c"))["edges"][0]["edge"] == "e1"


async def test_each_command_is_answered_and_told_to_whoever_wants_to_hear_of_it() -> None:
    """In their order; whoever wants other events hears of none."""
    async with open_live_runtime() as live:
        client, onlooker = live.open_client(), live.open_client()
        names = sorted({name for _, _, name in COMMANDS} | {"edge:paused", "edge:edited", "edge:moved"})
        graph_id = await live.load(chain("a", "b", "c"))
        execution_id = await client.start(graph_id, completion="manual", events=names)
        await onlooker.say("execution:subscribe", executionId=execution_id, events=["port:emit"])
        await hold(client, execution_id)
        for command, fields, _ in COMMANDS:
            answer = await client.say(command, executionId=execution_id, **fields)
            assert "code" not in answer, answer
        expected = ["edge:paused"] * 3 + [name for _, _, name in COMMANDS] + ["edge:resumed"]
        await client.wait_for("edge:resumed", 3)
        assert [name for name in client.names if name.startswith("edge:")] == expected
        (redirected,) = client.heard("edge:redirected")
        assert (redirected["edge"], redirected["to"], redirected["messages"]) == ("e0", "e1", 2)
        assert not [name for name in onlooker.names if name.startswith("edge:")]


async def test_a_command_that_comes_too_late_or_says_nothing_is_refused() -> None:
    """With a tag that the message has no more, with two places, with none."""
    async with open_live_runtime() as live:
        client = live.open_client()
        execution_id = await client.start(await live.load(chain("a", "b", "c")), completion="manual")
        await hold(client, execution_id)
        (number,) = (await client.say("edge:insert", executionId=execution_id, edge="e0", value=1))["sequences"]
        message = await live.runtime.execution(execution_id).read_waiting_message("e0", str(number))
        edit = {"executionId": execution_id, "edge": "e0", "sequence": number, "ifMatch": message.tag}
        assert (await client.say("edge:edit", **edit, value=2))["messages"] == 1
        assert (await client.say("edge:edit", **edit, value=3))["code"] == "version.precondition_failed"
        last = {"executionId": execution_id, "edge": "e0", "sequence": number, "to": "last"}
        assert (await client.say("edge:move", **last))["messages"] == 1
        for fields in ({}, {"edge": "e0", "nodeId": "b"}):
            refused = await client.say("edge:pause", executionId=execution_id, **fields)
            assert refused["code"] == "body.unreadable"
