"""Breakpoints over REST and over live connections."""

from typing import Any

import trio

from tests.engine.executions import document, node
from tests.service.live.live_runtime import open_live_runtime
from tests.service.serving import Service, open_service

ORDERS = document(
    {
        "in": "symbia.core.passthrough",
        "price": node("symbia.core.map", config={"expression": "({ total: value.n * value.each })"}),
        "store": "symbia.core.logger",
    },
    ["in:out > price:in", "price:out > store:in"],
)
PASSING = document({"a": "symbia.core.passthrough", "b": "symbia.core.passthrough"}, ["a:out > b:in"])


async def held(service: Service, path: str, count: int = 1) -> list[dict[str, Any]]:
    """What a breakpoint holds, as soon as it is so much."""
    while len(found := (await service.client.get(path)).json()["held"]) != count:
        await trio.lowlevel.checkpoint()
    return list(found)


async def test_a_message_is_held_looked_at_edited_and_stepped() -> None:
    """Set where a condition holds; what is held shows itself and its verbs; each verb answers what is left."""
    async with open_service() as service:
        execution = await service.start(ORDERS, completion="manual")
        path = f"/api/executions/{execution}/breakpoints"
        wanted = {"edge": 0, "when": "value.n > 2"}
        made = await service.client.post(path, json=wanted)
        assert made.status_code == 201
        assert made.json() == {
            "id": "b1",
            "edge": 0,
            "node": None,
            "port": None,
            "on": "input",
            "level": None,
            "key": None,
            "when": "value.n > 2",
            "after": 0,
            "scope": "edge",
            "action": "hold",
            "createdAt": made.json()["createdAt"],
            "passed": 0,
            "hits": 0,
            "failure": None,
            "failures": 0,
            "holding": 0,
            "held": [],
            "recent": [],
        }
        for number in (1, 3, 5):
            await service.inject(execution, "in", {"n": number, "each": 10})
        (first,) = await held(service, f"{path}/b1")
        assert (first["value"], first["node"], first["edge"], first["on"]) == (
            {"n": 3, "each": 10},
            "price",
            "0",
            "input",
        )
        edited = await service.client.post(f"{path}/b1/edit", json={"hold": first["hold"], "value": {"n": 4.0}})
        assert edited.json()["held"][0]["value"] == {"n": 4.0}
        await service.client.post(f"{path}/b1/edit", json={"value": {"n": 4, "each": 10}})
        assert (await service.client.post(f"{path}/b1/step")).status_code == 200
        while (behind := (await held(service, f"{path}/b1"))[0])["on"] != "step":
            await trio.lowlevel.checkpoint()
        assert (behind["emitted"], behind["verbs"]) == (1, ["continue", "next", "drop"])
        assert (await service.client.post(f"{path}/b1/continue", json={"hold": behind["hold"]})).status_code == 200
        again = await service.client.post(f"{path}/b1/continue", json={"hold": behind["hold"]})
        assert (again.status_code, again.json()["code"]) == (409, "breakpoint.nothing_held")
        (last,) = await held(service, f"{path}/b1")
        assert last["value"] == {"n": 5, "each": 10}
        refused = await service.client.post(f"{path}/b1/retry")
        assert (refused.status_code, refused.json()["code"]) == (409, "breakpoint.verb_refused")
        assert (await service.client.get(path)).json()["total"] == 1
        assert (await service.client.delete(f"{path}/b1")).status_code == 204
        await service.processed(execution, 9)
        logs = (await service.client.get(f"/api/executions/{execution}/logs")).json()["logs"]
        assert [line["message"] for line in logs] == ['{"total":10}', '{"total":40}', '{"total":50}']
        assert (await service.client.get(f"{path}/b1")).json()["code"] == "breakpoint.not_found"


async def test_what_is_wrong_is_said_and_nothing_is_set() -> None:
    """A field that there is none of, a place that the graph has not, too many, an execution that has ended."""
    async with open_service() as service:
        execution = await service.start(PASSING, completion="manual")
        path = f"/api/executions/{execution}/breakpoints"
        for body, status, code in (
            ({"egde": 0}, 400, "refused"),
            ({"node": "a", "on": "inputs"}, 400, "refused"),
            ({"node": "c"}, 400, "breakpoint.invalid"),
            ({"node": "a", "when": "value >"}, 400, "breakpoint.invalid"),
            ({"node": "a", "after": -1}, 400, "refused"),
        ):
            refused = await service.client.post(path, json=body)
            assert refused.status_code == status, body
            assert refused.json()["code"] == code or code == "refused", refused.json()
        assert (await service.client.get(path)).json()["breakpoints"] == []
        for _ in range(service.runtime.limits.breakpoints):
            assert (await service.client.post(path, json={"node": "a"})).status_code == 201
        refused = await service.client.post(path, json={"node": "a"})
        assert (refused.status_code, refused.json()["code"]) == (409, "breakpoint.limit")
        await service.client.post(f"/api/executions/{execution}/stop")
        for reply in (await service.client.get(path), await service.client.post(path, json={"node": "a"})):
            assert (reply.status_code, reply.json()["code"]) == (409, "execution.illegal_state")


async def test_live_clients_set_hear_and_release(autojump_clock: trio.testing.MockClock) -> None:
    """The same over a connection: commands with their answers, and events for whoever watches."""
    del autojump_clock
    async with open_live_runtime() as live:
        client = live.open_client()
        execution = await client.start(await live.load(PASSING), completion="manual")
        made = await client.say("breakpoint:add", executionId=execution, node="b", scope="node")
        identifier = made["breakpoint"]["id"]
        await client.say("execution:inject", executionId=execution, nodeId="a", port="in", value=7)
        await client.wait_for("breakpoint:hit")
        (hit,) = client.heard("breakpoint:hit")
        assert (hit["breakpointId"], hit["node"], hit["value"], hit["action"]) == (identifier, "b", 7, "hold")
        listed = await client.say("breakpoint:list", executionId=execution)
        assert [each["held"][0]["hold"] for each in listed["breakpoints"]] == [hit["hold"]]
        left = await client.say(
            "breakpoint:release",
            executionId=execution,
            breakpointId=identifier,
            verb="edit",
            value=8,
            hold=hit["hold"],
        )
        assert left["breakpoint"]["held"][0]["value"] == 8
        removed = await client.say("breakpoint:remove", executionId=execution, breakpointId=identifier)
        assert removed == {"executionId": execution, "breakpointId": identifier}
        await client.wait_for("breakpoint:removed")
        assert [event["verb"] for event in client.heard("breakpoint:released")] == ["edit", "continue"]
