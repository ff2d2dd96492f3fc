"""Commands to edges over REST: what they answer, what they refuse, and who comes too late."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import httpx

from tests.engine.executions import document
from tests.service.serving import Service, open_service

PASS = "symbia.core.passthrough"
INNER: dict[str, Any] = {
    **document({"x": PASS, "y": PASS}, ["x:out > y:in"]),
    "name": "Inner",
    "ports": {
        "inputs": [{"name": "in", "bind": {"node": "x", "port": "in"}}],
        "outputs": [{"name": "out", "bind": {"node": "y", "port": "out"}}],
    },
}


class Scene(NamedTuple):
    """A real service with an execution of a, b and c in a row; 10, 11 and 12 wait on the first edge, held."""

    service: Service
    execution: str

    async def ask(self, method: str, place: str, body: Any = None, tag: str = "") -> httpx.Response:
        """One request below the execution."""
        headers = {"If-Match": f'"{tag}"'} if tag else {}
        path = f"/api/executions/{self.execution}/{place}"
        return await self.service.client.request(method, path, json=body, headers=headers)

    async def waiting(self, edge: str = "0") -> list[dict[str, Any]]:
        """What waits on an edge."""
        messages: list[dict[str, Any]] = (await self.ask("GET", f"edges/{edge}/messages")).json()["messages"]
        return messages

    async def values(self, edge: str = "0") -> list[Any]:
        """The values of it."""
        return [each["value"] for each in await self.waiting(edge)]


@asynccontextmanager
async def open_scene() -> AsyncIterator[Scene]:
    """The scene."""
    graph = document({"a": PASS, "b": PASS, "c": PASS}, ["a:out > b:in", "b:out > c:in"])
    async with open_service() as service:
        scene = Scene(service, await service.start(graph, completion="manual"))
        held = await scene.ask("POST", "edges/0/pause")
        assert held.json()["edges"] == [{"edge": "0", "isHeld": True, "waiting": 0, "tag": "edge-1"}]
        for value in (10, 11, 12):
            await service.inject(scene.execution, "a", value)
        while len(await scene.waiting()) < 3:
            pass
        yield scene


async def test_an_edge_is_held_looked_at_changed_and_let_go() -> None:
    """Each command says what it did; in the end what was left has passed, and nothing is lost."""
    async with open_scene() as scene:
        snapshot = (await scene.ask("GET", "edges/0")).json()
        assert (snapshot["isHeld"], snapshot["waiting"]) == (True, 3)
        assert snapshot["oldestAgeMs"] >= 0
        ten, eleven, twelve = [each["sequence"] for each in await scene.waiting()]
        edited = await scene.ask("PATCH", f"edges/0/messages/{eleven}", {"value": [1, 2]})
        assert (edited.status_code, edited.json()["sequences"]) == (200, [eleven])
        await scene.ask("POST", "edges/0/move", {"sequence": twelve, "to": "first"})
        inserted = await scene.ask("POST", "edges/0/messages", {"value": "new", "at": "first"})
        assert inserted.status_code == 201
        first, *_ = await scene.waiting()
        assert (first["value"], first["isSynthetic"]) == ("new", True)
        assert inserted.json()["sequences"] == [first["sequence"]]
        assert await scene.values() == ["new", 12, 10, [1, 2]]
        assert (await scene.ask("DELETE", f"edges/0/messages/{ten}")).json()["messages"] == 1
        stepped = await scene.ask("POST", "edges/0/step", {"count": 2})
        assert stepped.json()["sequences"] == [first["sequence"], twelve]
        assert await scene.values() == [[1, 2]]
        let_go = await scene.ask("POST", "edges/0/resume")
        assert let_go.json()["edges"][0]["isHeld"] is False
        metrics = await scene.service.processed(scene.execution, 3 + 4 - 1 + 3)
        assert metrics["messagesDropped"] == 1
        outputs = (await scene.ask("GET", "outputs")).json()["outputs"]
        assert [each["value"] for each in outputs] == ["new", 12, [1, 2]]


async def test_what_is_dropped_is_chosen_by_numbers_or_by_a_condition() -> None:
    """What the condition cannot be asked of stays, and is counted; nonsense drops nothing."""
    async with open_scene() as scene:
        dropped = (await scene.ask("DELETE", "edges/0/messages?where=@ > `10` %26%26 @ < `12`")).json()
        assert (dropped["messages"], dropped["undecided"]) == (1, 0)
        await scene.ask("POST", "edges/0/messages", {"value": "x" * 70_000})
        assert (await scene.ask("DELETE", "edges/0/messages?where=length(@) > `1`")).json()["undecided"] == 3
        for query in ("where=][", "sequences=1,x", "sequences=", "where=@&sequences=1"):
            refused = await scene.ask("DELETE", f"edges/0/messages?{query}")
            assert refused.status_code == 400, query
        ten = (await scene.waiting())[0]["sequence"]
        assert (await scene.ask("DELETE", f"edges/0/messages?sequences={ten},999")).json()["messages"] == 1
        assert (await scene.ask("DELETE", "edges/0/messages")).json()["messages"] == 2
        assert await scene.values() == []


async def test_a_body_chooses_what_is_dropped_too() -> None:
    """It used to be overlooked, and everything was dropped."""
    async with open_scene() as scene:
        ten = (await scene.waiting())[0]["sequence"]
        for wrong in ({}, {"sequence": ten}, {"all": False}, {"all": True, "where": "@"}, [ten], {"where": "]["}):
            assert (await scene.ask("DELETE", "edges/0/messages", wrong)).status_code == 400, wrong
        both = await scene.ask("DELETE", f"edges/0/messages?sequences={ten}", {"all": True})
        assert both.status_code == 400
        assert await scene.values() == [10, 11, 12]
        assert (await scene.ask("DELETE", "edges/0/messages", {"sequences": [ten]})).json()["messages"] == 1
        assert (await scene.ask("DELETE", "edges/0/messages", {"where": "@ > `11`"})).json()["messages"] == 1
        assert await scene.values() == [11]
        assert (await scene.ask("DELETE", "nodes/b/messages", {"all": True})).json()["messages"] == 1


async def test_of_two_people_who_change_the_same_thing_the_second_is_told() -> None:
    """By the tag of the message or of the edge that they have seen; the reply says which it has now."""
    async with open_scene() as scene:
        eleven = (await scene.waiting())[1]
        place = f"edges/0/messages/{eleven['sequence']}"
        tag = (await scene.ask("GET", place)).headers["ETag"].strip('"')
        assert tag == eleven["tag"]
        assert (await scene.ask("PATCH", place, {"value": 1}, tag)).status_code == 200
        for method, body in (("PATCH", {"value": 2}), ("DELETE", None)):
            late = await scene.ask(method, place, body, tag)
            assert (late.status_code, late.json()["code"]) == (412, "version.precondition_failed")
        assert late.headers["ETag"] == (await scene.ask("GET", place)).headers["ETag"]
        tag = (await scene.ask("GET", "edges/0")).headers["ETag"].strip('"')
        assert (await scene.ask("POST", "edges/0/step", {})).status_code == 200
        late = await scene.ask("DELETE", "edges/0/messages", None, tag)
        assert (late.status_code, await scene.values()) == (412, [1, 12])
        tag = (await scene.ask("GET", "edges/0")).headers["ETag"].strip('"')
        assert (await scene.ask("DELETE", "edges/0/messages", None, tag)).json()["messages"] == 2


async def test_what_cannot_be_is_refused_with_its_reason() -> None:
    """Values that may not travel, edges and messages that are not there, and commands without meaning."""
    async with open_scene() as scene:
        cases: list[tuple[str, str, Any, int, str]] = [
            ("POST", "edges/9/pause", None, 404, "edge.not_found"),
            ("POST", "nodes/nowhere/pause", None, 404, "node.not_found"),
            ("POST", "edges/1/step", None, 409, "edge.illegal_command"),
            ("POST", "edges/0/step", {"count": 0}, 400, "body.unreadable"),
            ("PATCH", "edges/0/messages/999", {"value": 1}, 404, "message.not_waiting"),
            ("PATCH", "edges/0/messages/x", {"value": 1}, 404, "message.not_waiting"),
            ("DELETE", "edges/0/messages/999", None, 404, "message.not_waiting"),
            ("POST", "edges/0/move", {"sequence": 999, "to": "last"}, 404, "message.not_waiting"),
            ("POST", "edges/0/redirect", {"to": "0"}, 409, "edge.illegal_command"),
            ("POST", "edges/0/redirect", {"to": "nowhere"}, 404, "edge.not_found"),
            ("POST", "edges/input:a/messages", {"value": 1}, 409, "edge.illegal_command"),
        ]
        for method, place, body, status, code in cases:
            refused = await scene.ask(method, place, body)
            assert (refused.status_code, refused.json()["code"]) == (status, code), place
        assert await scene.values() == [10, 11, 12]


async def test_all_edges_into_a_graph_that_a_node_uses_are_held_together() -> None:
    """Those between the nodes inside as well, and what is injected there; a name within is a path."""
    outer = document({"a": PASS, "sub": "graph:Inner"}, ["a:out > sub:in"])
    async with open_service() as service:
        await service.load(INNER)
        scene = Scene(service, await service.start(outer, completion="manual"))
        held = (await scene.ask("POST", "nodes/sub/pause")).json()
        assert [(each["edge"], each["isHeld"]) for each in held["edges"]] == [
            ("0", True),
            ("1", True),
            ("input:sub/x", True),
            ("input:sub/y", True),
        ]
        await service.inject(scene.execution, "a", 1)
        await service.inject(scene.execution, "sub/y", 2)
        while not await scene.waiting():
            pass
        assert await scene.values("input:sub/y") == [2]
        assert (await scene.ask("POST", "nodes/sub/step")).json()["messages"] == 2
        let_go = (await scene.ask("POST", "nodes/sub%2Fx/resume")).json()
        assert [each["edge"] for each in let_go["edges"]] == ["0", "input:sub/x"]
        assert (await scene.ask("DELETE", "nodes/sub/messages")).status_code == 200
        assert (await scene.ask("POST", "nodes/sub/resume")).status_code == 200


async def test_an_edited_value_fits_the_schemas_of_both_ends_of_its_edge() -> None:
    """As a value fits that a node emits: otherwise the old one stays."""
    async with open_service() as service:
        component = {
            "id": "custom.number",
            "name": "Number",
            "version": "1.0.0",
            "ports": {"inputs": [{"name": "in", "schema": {"type": "number"}}], "outputs": [{"name": "out"}]},
            "execution": {"type": "javascript", "source": "return { process: (ctx, p, v) => ctx.emit('out', v) }"},
        }
        assert (await service.client.post("/api/components", json=component)).status_code == 201
        graph = document(
            {"a": PASS, "n": {"component": "custom.number", "validate": True}},
            ["a:out > n:in"],
        )
        scene = Scene(service, await service.start(graph, completion="manual"))
        await scene.ask("POST", "edges/0/pause")
        await service.inject(scene.execution, "a", 1)
        while not await scene.waiting():
            pass
        number = (await scene.waiting())[0]["sequence"]
        assert (await scene.ask("PATCH", f"edges/0/messages/{number}", {"value": 2})).status_code == 200
        for method, place in (("PATCH", f"edges/0/messages/{number}"), ("POST", "edges/0/messages")):
            refused = await scene.ask(method, place, {"value": "two"})
            assert (refused.status_code, refused.json()["code"]) == (400, "edge.command_invalid")
            assert "schema" in refused.json()["error"]
        assert await scene.values() == [2]
