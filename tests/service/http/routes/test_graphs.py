"""Graphs over HTTP: loaded, listed, shown, unloaded; from JSON and from YAML."""

import pytest
import yaml

from tests.service.serving import QUICK_REFERENCE, open_service, single

PASS = single("symbia.core.passthrough")


async def test_a_loaded_graph_says_what_it_became() -> None:
    """The reply has the platform's fields, and the topology."""
    async with open_service() as service:
        reply = await service.client.post("/api/graphs", json=QUICK_REFERENCE)
        body = reply.json()
        assert reply.status_code == 201
        platforms = {"type", "id", "name", "version", "nodeCount", "edgeCount", "topology", "loadedAt"}
        assert set(body) == {*platforms, "versionNumber"}
        assert (body["type"], body["name"], body["nodeCount"], body["edgeCount"]) == (
            "graph",
            "Simple Pipeline",
            3,
            2,
        )


async def test_graphs_are_listed_with_their_role() -> None:
    """The list counts graphs and unfinished executions, and shows what metadata says of the role."""
    async with open_service() as service:
        await service.start({**PASS, "metadata": {"role": "service"}, "description": "d"})
        body = (await service.client.get("/api/graphs")).json()
        assert (body["loadedGraphs"], body["activeExecutions"]) == (1, 1)
        (graph,) = body["graphs"]
        assert (graph["role"], graph["ingress"], graph["orgId"], graph["description"]) == (
            "service",
            None,
            None,
            "d",
        )


async def test_a_graph_is_shown_as_it_was_written() -> None:
    """The nodes and edges come back, with the topology."""
    async with open_service() as service:
        graph_id = await service.load(QUICK_REFERENCE)
        body = (await service.client.get(f"/api/graphs/{graph_id}")).json()
        assert (body["id"], body["nodes"], body["edges"]) == (
            graph_id,
            QUICK_REFERENCE["nodes"],
            QUICK_REFERENCE["edges"],
        )
        assert body["topology"]["sorted"] == ["input", "double", "output"]
        assert {"symbia", "name", "version", "description", "loadedAt"} <= set(body)


async def test_an_unloaded_graph_is_gone_with_its_executions() -> None:
    """DELETE answers 204, stops what ran, and the id means nothing afterwards."""
    async with open_service() as service:
        execution = await service.start(PASS)
        graph_id = (await service.client.get(f"/api/executions/{execution}")).json()["graphId"]
        reply = await service.client.delete(f"/api/graphs/{graph_id}")
        assert (reply.status_code, reply.content) == (204, b"")
        assert (await service.client.get(f"/api/executions/{execution}")).json()["state"] == "cancelled"
        assert (await service.client.get(f"/api/graphs/{graph_id}")).status_code == 404


@pytest.mark.parametrize(
    "kind", ["application/yaml", "application/x-yaml", "text/yaml", "text/x-yaml; charset=utf-8"]
)
async def test_a_graph_may_be_yaml(kind: str) -> None:
    """The same graph in YAML loads the same."""
    async with open_service() as service:
        reply = await service.client.post(
            "/api/graphs", content=yaml.safe_dump(QUICK_REFERENCE), headers={"Content-Type": kind}
        )
        assert (reply.status_code, reply.json()["nodeCount"]) == (201, 3)


async def test_a_yaml_bomb_is_refused() -> None:
    """Ten lines that stand for a billion values are refused at the first anchor."""
    bomb = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
        f"{name}: &{name} [{','.join([f'*{before}'] * 9)}]\n"
        for before, name in zip("abcdefgh", "bcdefghi", strict=True)
    )
    async with open_service() as service:
        reply = await service.client.post(
            "/api/graphs", content=bomb, headers={"Content-Type": "application/yaml"}
        )
        assert (reply.status_code, reply.json()["code"]) == (400, "body.unreadable")
        assert "Anchors" in reply.json()["error"]


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "a/b"])
async def test_another_content_type_is_refused(kind: str) -> None:
    """What is neither JSON nor YAML is told what to send, with 415."""
    async with open_service() as service:
        reply = await service.client.post("/api/graphs", content=b"{}", headers={"Content-Type": kind})
        assert (reply.status_code, reply.json()["code"]) == (415, "body.unsupported_type")
        assert "application/json" in reply.json()["error"]


@pytest.mark.parametrize(
    "kind", ["application/json", "application/vnd.symbia+json", "application/json; charset=utf-8"]
)
async def test_json_has_several_names(kind: str) -> None:
    """Every content type that means JSON is taken for JSON."""
    async with open_service() as service:
        reply = await service.client.post("/api/graphs", content=b"{}", headers={"Content-Type": kind})
        assert reply.json()["code"] == "graph.invalid"
