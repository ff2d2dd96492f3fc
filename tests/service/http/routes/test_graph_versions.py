"""Versions of graphs over HTTP: replaced, listed, shown, gone back to; tags and conditions."""

from typing import Any

import httpx
import trio

from tests.service.service_with_identity import open_service_with_identity
from tests.service.serving import Service, open_service, single

PASS = single("symbia.core.passthrough")
OTHER = {**single("symbia.core.logger"), "description": "another"}
WRONG = single("symbia.core.nothing")


async def _loaded(service: Service, graph: Any = PASS) -> tuple[str, str]:
    """Load a graph; its path and its tag."""
    reply = await service.client.post("/api/graphs", json=graph)
    assert reply.status_code == 201, reply.text
    return f"/api/graphs/{reply.json()['id']}", reply.headers["ETag"]


async def test_a_graph_is_replaced_under_its_id() -> None:
    """PUT answers 200 with the next number and another tag; all versions can be seen, and gone back to."""
    async with open_service() as service:
        path, first = await _loaded(service)
        put = await service.client.put(path, json=OTHER)
        assert (put.status_code, put.json()["versionNumber"]) == (200, 2)
        assert put.json()["id"] == path.rpartition("/")[2]
        assert put.headers["ETag"] not in ("", first)
        listed = (await service.client.get(f"{path}/versions")).json()
        assert (listed["total"], [each["number"] for each in listed["versions"]]) == (2, [1, 2])
        assert [each["isPresent"] for each in listed["versions"]] == [False, True]
        assert {each["createdBy"] for each in listed["versions"]} == {None}
        assert all(each["sizeBytes"] > 0 and len(each["sha256"]) == 64 for each in listed["versions"])
        page = (await service.client.get(f"{path}/versions?offset=1&limit=1")).json()["versions"]
        assert page == listed["versions"][1:]
        shown = [(await service.client.get(path, params=query)).json() for query in ({"version": 1}, {})]
        assert [each["nodes"][0]["component"][12:] for each in shown] == ["passthrough", "logger"]
        back = await service.client.post(f"{path}/rollback", json={"version": 1})
        assert (back.status_code, back.json()["versionNumber"]) == (200, 3)
        assert (await service.client.get(path)).json()["nodes"] == shown[0]["nodes"]


async def test_a_wrong_version_leaves_the_graph_as_it_was() -> None:
    """400 with the problems, 404 for what never was; the tag is the same."""
    async with open_service() as service:
        path, tag = await _loaded(service)
        wrong = await service.client.put(path, json=WRONG)
        assert (wrong.status_code, wrong.json()["problems"][0]["path"]) == (400, "nodes[0].component")
        assert (await service.client.get(path)).headers["ETag"] == tag
        for method, where, body in (
            ("PUT", "/api/graphs/never-was", PASS),
            ("GET", "/api/graphs/never-was/versions", None),
            ("GET", f"{path}?version=2", None),
            ("POST", f"{path}/rollback", {"version": 2}),
        ):
            assert (await service.client.request(method, where, json=body)).status_code == 404, (method, where)
        for body in ({}, {"version": 0}, {"version": "1"}, {"version": 1, "drain": True}):
            assert (await service.client.post(f"{path}/rollback", json=body)).status_code == 400, body
        for query in ("version=0", "version=x", "versoin=1"):
            assert (await service.client.get(f"{path}?{query}")).status_code == 400, query


async def test_the_same_content_has_the_same_tag() -> None:
    """200, and no version more."""
    async with open_service() as service:
        path, tag = await _loaded(service)
        again = await service.client.put(path, json=PASS)
        assert (again.status_code, again.json()["versionNumber"], again.headers["ETag"]) == (200, 1, tag)


async def test_a_change_may_depend_on_the_version_that_is_there() -> None:
    """``If-Match`` with another tag is 412 and says the present one; with the present one it is done."""
    async with open_service() as service:
        path, tag = await _loaded(service)
        stale = await service.client.put(path, json=OTHER, headers={"If-Match": '"9-0"'})
        assert (stale.status_code, stale.json()["code"]) == (412, "version.precondition_failed")
        assert stale.headers["ETag"] == tag
        weak = await service.client.put(path, json=OTHER, headers={"If-Match": f"W/{tag}"})
        none_yet = await service.client.put(path, json=OTHER, headers={"If-None-Match": "*"})
        assert (weak.status_code, none_yet.status_code) == (412, 412)
        bare = await service.client.put(path, json=OTHER, headers={"If-Match": tag.strip('"')})
        assert (bare.status_code, bare.json()["problems"][0]["code"]) == (400, "header.invalid")
        fresh = await service.client.put(path, json=OTHER, headers={"If-Match": f'"9-0", {tag}'})
        assert (fresh.status_code, fresh.json()["versionNumber"]) == (200, 2)
        back = await service.client.post(f"{path}/rollback", json={"version": 1}, headers={"If-Match": tag})
        assert back.status_code == 412
        assert (await service.client.delete(path, headers={"If-Match": tag})).status_code == 412
        assert (await service.client.delete(path, headers={"If-Match": "*"})).status_code == 204


async def test_of_two_puts_with_one_tag_one_wins() -> None:
    """Whoever comes second is told 412."""
    async with open_service() as service:
        path, tag = await _loaded(service)
        statuses: list[int] = []

        async def put(text: str) -> None:
            body = {**OTHER, "description": text}
            reply = await service.client.put(path, json=body, headers={"If-Match": tag})
            statuses.append(reply.status_code)

        async with trio.open_nursery() as nursery:
            for text in ("one", "two"):
                nursery.start_soon(put, text)
        assert sorted(statuses) == [200, 412]


async def test_what_has_not_changed_is_not_sent_again() -> None:
    """``If-None-Match`` on GET: 304 without a body while the tag is the same, also of an old version."""
    async with open_service() as service:
        path, tag = await _loaded(service)
        same = await service.client.get(path, headers={"If-None-Match": f'"x", W/{tag}'})
        assert (same.status_code, same.content, same.headers["ETag"]) == (304, b"", tag)
        await service.client.put(path, json=OTHER)
        assert (await service.client.get(path, headers={"If-None-Match": tag})).status_code == 200
        old = await service.client.get(f"{path}?version=1", headers={"If-None-Match": tag})
        assert old.status_code == 304


async def test_a_second_graph_of_a_name_is_told_and_may_replace() -> None:
    """201 with a warning; ``replace`` is 200 with a new version, 409 where two have the name, 412 on request."""
    async with open_service() as service:

        async def post(graph: Any, query: str = "", **headers: str) -> httpx.Response:
            return await service.client.post(f"/api/graphs{query}", json=graph, headers=headers)

        first = await post(PASS, "?replace=true")
        assert (first.status_code, "warnings" in first.json()) == (201, False)
        replaced = await post(OTHER, "?replace=true")
        assert (replaced.status_code, replaced.json()["id"]) == (200, first.json()["id"])
        exists = await post(OTHER, **{"If-None-Match": "*"})
        assert exists.status_code == 412
        second = await post(OTHER)
        (warning,) = second.json()["warnings"]
        assert (second.status_code, warning["code"], warning["path"]) == (201, "graph.name_exists", "name")
        assert first.json()["id"] in warning["message"]
        ambiguous = await post(PASS, "?replace=true")
        assert (ambiguous.status_code, ambiguous.json()["code"]) == (409, "graph.name_ambiguous")


async def test_a_delivery_goes_to_what_runs_and_then_to_the_newest() -> None:
    """Until the new version runs the old one takes it where the old one says; a broken one loses nothing."""
    async with open_service() as service:

        async def deliver() -> list[str]:
            reply = await service.client.post("/api/ingress/entered", json=1)
            assert reply.status_code == 200, reply.text
            return list(reply.json()["outputs"])

        path, _ = await _loaded(service, _entered("old"))
        await service.client.post(f"{path}/execute")
        assert await deliver() == ["old:out"]
        assert (await service.client.put(path, json=_entered("new"))).status_code == 200
        assert await deliver() == ["old:out"]
        new = (await service.client.post(f"{path}/execute")).json()["executionId"]
        assert await deliver() == ["new:out"]
        shown = (await service.client.get(f"/api/executions/{new}")).json()
        assert shown["graphVersion"] == 2
        await service.client.post(f"/api/executions/{new}/stop")
        assert await deliver() == ["old:out"]


def _entered(name: str) -> dict[str, Any]:
    """A graph with an ingress into its only node, which has this name."""
    node = {"id": name, "component": "symbia.core.passthrough"}
    metadata = {"ingress": {"node": name, "port": "in"}}
    return {**PASS, "name": "entered", "nodes": [node], "metadata": metadata}


async def test_the_history_says_who() -> None:
    """Where callers are recognised; another organisation's graph is not found, and its name not taken."""
    async with open_service_with_identity() as world:
        graph_id = await world.alice.load()
        foreign = await world.bob.call("POST", "/api/graphs?replace=true", json=PASS)
        assert (foreign.status_code, "warnings" in foreign.json()) == (201, False)
        assert (await world.bob.call("PUT", f"/api/graphs/{graph_id}", json=OTHER)).status_code == 404
        await world.alice.call("PUT", f"/api/graphs/{graph_id}", json=OTHER)
        listed = (await world.alice.call("GET", f"/api/graphs/{graph_id}/versions")).json()
        assert [each["createdBy"] for each in listed["versions"]] == ["user-alice"] * 2


async def test_replace_is_true_or_false() -> None:
    """Anything else is refused, and nothing is loaded."""
    async with open_service() as service:
        assert (await service.client.post("/api/graphs?replace=yes", json=PASS)).status_code == 400
        assert (await service.client.get("/api/graphs")).json()["total"] == 0
