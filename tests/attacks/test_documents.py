"""Graphs and components that are small to send and large to look at: what is refused is refused soon and briefly.

Every case goes to the real service over a real socket, with another caller asking for its health all the while.
No step of any task may be longer than 50 ms, which the test suite's stopwatch sees to; before, each case was one
step of seconds.
"""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
import trio

from tests.service.serving import SQUARE, Service, open_service

REPLY_BYTES = 256 * 1024
"""The longest refusal: a hundred problems of at most a thousand characters each, and their places."""


@asynccontextmanager
async def asked_for_health(service: Service) -> AsyncIterator[None]:
    """Somebody else asks for the service's health in the block, and is answered."""
    asking = trio.Event()

    async def ask() -> None:
        async with httpx.AsyncClient(base_url=service.url, timeout=20) as client:
            while True:
                assert (await client.get("/health/live")).status_code == 200
                asking.set()
                await trio.sleep(0.01)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(ask)
        await asking.wait()
        yield
        nursery.cancel_scope.cancel()


async def send(service: Service, path: str, document: Any) -> httpx.Response:
    """Post a document while others ask for the service's health."""
    body = json.dumps(document).encode()
    async with asked_for_health(service):
        return await service.client.post(path, content=body, headers={"Content-Type": "application/json"})


def graph_of(nodes: list[dict[str, Any]], edges: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    return {"symbia": "1.0", "name": "g", "nodes": nodes, "edges": edges or []}


def edge(source: str, target: str) -> dict[str, Any]:
    (source_node, source_port), (target_node, target_port) = source.split(":"), target.split(":")
    return {
        "source": {"node": source_node, "port": source_port},
        "target": {"node": target_node, "port": target_port},
    }


def component(**changes: Any) -> dict[str, Any]:
    return {**SQUARE, "id": "custom.large", **changes}


COMPONENTS: dict[str, dict[str, Any]] = {
    "an enum of 2 MB": component(config={"mode": {"type": "string", "enum": ["x" * 100] * 20_000}}),
    "an enum of 40,000 numbers": component(config={"n": {"type": "number", "enum": [1] * 40_000}}),
    "40,000 keys": component(config={f"key{number}": {} for number in range(40_000)}),
    "a default of 1 MB": component(config={"table": {"default": "x" * 1_000_000}}),
    "a default of empty lists": component(config={"table": {"default": [[]] * 20_000}}),
    "40,000 ports": component(ports={"inputs": ["p"] * 40_000, "outputs": []}),
    "a schema of 2 MB": component(
        ports={"inputs": [{"name": "in", "schema": {"enum": ["x" * 100] * 20_000}}], "outputs": []}
    ),
    "a description of 2 MB": component(description="x" * 2_000_000),
}


@pytest.mark.parametrize("name", COMPONENTS)
async def test_a_component_is_bounded_where_it_is_registered(name: str) -> None:
    """What every node would have to be compared with, and every list to repeat, is refused at once."""
    async with open_service() as service:
        reply = await send(service, "/api/components", COMPONENTS[name])
        assert reply.status_code == 400, reply.text[:200]
        assert reply.json()["code"] == "component.invalid"
        assert len(reply.content) < REPLY_BYTES


def wide_merge() -> dict[str, Any]:
    config: dict[str, Any] = {"mode": "all", "inputs": ["a"] * 40_000}
    return graph_of([{"id": "m", "component": "symbia.core.merge", "config": config}])


def wide_switch() -> dict[str, Any]:
    ports = [f"p{number}" for number in range(15_000)]
    nodes: list[dict[str, Any]] = [
        {"id": "s", "component": "symbia.logic.switch", "config": {"ports": ports}},
        {"id": "t", "component": "symbia.core.passthrough"},
    ]
    return graph_of(nodes, [edge(f"s:p{number}", "t:in") for number in range(10_000)])


def everything_unknown() -> dict[str, Any]:
    nodes = [{"id": f"{number:0>150}", "component": f"{number:0>190}"} for number in range(1_000)]
    return graph_of(nodes, [edge(f"{number:0>150}:no", f"{number:0>140}:no") for number in range(10_000)])


def unknown_keys() -> dict[str, Any]:
    config = {f"{number}-" + "k" * 60: 1 for number in range(20_000)}
    return graph_of([{"id": "d", "component": "symbia.core.delay", "config": config}])


def long_names() -> dict[str, Any]:
    name = "x" * 200_000
    return graph_of([{"id": name, "component": name, "name": name}], [edge(f"{name}:{name}", f"{name}:out")] * 5)


def bindings() -> dict[str, Any]:
    nodes = [{"id": "p", "component": "symbia.core.passthrough"}]
    entries = {f"port{number}": {"network": "?"} for number in range(15_000)}
    return {**graph_of(nodes), "bindings": {"p" * 10_000: entries, "p": entries}}


def metadata_of_lists() -> dict[str, Any]:
    nodes = [{"id": "p", "component": "symbia.core.passthrough"}]
    return {**graph_of(nodes), "metadata": {str(number): [[]] * 20_000 for number in range(6)}}


def large_metadata() -> dict[str, Any]:
    nodes = [{"id": "p", "component": "symbia.core.passthrough"}]
    return {**graph_of(nodes), "metadata": {"role": "x" * 5_000}}


def many_at_once() -> dict[str, Any]:
    node = {"component": "symbia.core.map", "config": {"expression": "value"}, "concurrency": 100}
    return graph_of([{**node, "id": str(number)} for number in range(1_000)])


GRAPHS = {
    "a merge of 40,000 equal inputs": wide_merge,
    "a switch of 15,000 ports with 10,000 edges": wide_switch,
    "nothing of it is known": everything_unknown,
    "20,000 unknown keys": unknown_keys,
    "names of 200 kB": long_names,
    "30,000 bindings of nothing": bindings,
    "a role that every list would repeat": large_metadata,
    "100,000 invocations at once": many_at_once,
}


@pytest.mark.parametrize("name", GRAPHS)
async def test_a_refused_graph_costs_no_more_than_it_is_large(name: str) -> None:
    """The refusal is brief, whatever is wrong and however often; nobody waits for it but its sender."""
    async with open_service() as service:
        reply = await send(service, "/api/graphs", GRAPHS[name]())
        assert reply.status_code == 400, reply.text[:200]
        assert reply.json()["code"] == "graph.invalid"
        assert len(reply.json()["problems"]) <= 101
        assert len(reply.content) < REPLY_BYTES
        assert (await service.client.get("/api/graphs")).json()["total"] == 0


async def test_metadata_of_empty_lists_is_refused_before_anything_is_made_of_it() -> None:
    """What is few bytes and much memory is counted in the text."""
    async with open_service() as service:
        reply = await send(service, "/api/graphs", metadata_of_lists())
        assert (reply.status_code, reply.json()["code"]) == (400, "body.unreadable")
        assert "elements" in reply.json()["error"]


async def test_two_hundred_nodes_against_a_large_enum() -> None:
    """The largest enumeration that is registered is named in part, and in a hundred problems at most."""
    large = component(config={"mode": {"type": "string", "enum": [f"{n:0>200}" for n in range(1_000)]}})
    async with open_service() as service:
        assert (await service.client.post("/api/components", json=large)).status_code == 201
        nodes = [{"id": str(n), "component": "custom.large", "config": {"mode": "?"}} for n in range(200)]
        reply = await send(service, "/api/graphs", graph_of(nodes))
        assert reply.status_code == 400
        problems = reply.json()["problems"]
        assert len(problems) == 101
        assert "and 980 more" in problems[0]["message"] or problems[0]["message"].endswith("…")
        assert problems[-1]["message"] == "There are 100 further problems; repair these first"
        assert len(reply.content) < REPLY_BYTES


async def test_the_defaults_of_a_component_count_at_each_node() -> None:
    """A default of 100 kB is given to every guest: a thousand nodes of it are more than a graph may hold."""
    large = component(config={"table": {"type": "string", "default": "x" * 100_000}})
    async with open_service() as service:
        assert (await service.client.post("/api/components", json=large)).status_code == 201
        nodes = [{"id": str(number), "component": "custom.large"} for number in range(1_000)]
        reply = await service.client.post("/api/graphs", json=graph_of(nodes))
        assert [problem["code"] for problem in reply.json()["problems"]] == ["graph.too_large"]
        assert (await service.client.post("/api/graphs", json=graph_of(nodes[:50]))).status_code == 201
        assert (await service.client.get("/api/graphs")).json()["total"] == 1


async def test_the_largest_graph_is_loaded_in_slices() -> None:
    """A thousand nodes and ten thousand edges: checked, compiled and shown, and nobody else waits for it."""
    names = [str(number) for number in range(1_000)]
    edges = [
        edge(f"{index}:out", f"{index + distance}:in")
        for index in range(1_000)
        for distance in range(1, 12)
        if index + distance < 1_000
    ]
    graph = graph_of([{"id": name, "component": "symbia.core.passthrough"} for name in names], edges[:10_000])
    async with open_service() as service:
        reply = await send(service, "/api/graphs", graph)
        assert reply.status_code == 201
        assert reply.json()["edgeCount"] == 10_000


def routine(params: dict[str, Any], steps: int) -> dict[str, Any]:
    made = [{"id": f"s{number}", "type": "say", "description": "-", "params": params} for number in range(steps)]
    return {
        "symbia": "routine/1.0",
        "name": "r",
        "version": "1",
        "assistantId": "a",
        "routines": [{"id": "m", "name": "Main", "isMain": True, "steps": made}],
    }


ROUTINES = {
    "unknown params": routine({f"param{number}": number for number in range(40)}, 1_000),
    "empty lists": routine({"content": [[]] * 20_000}, 1),
    "more than may be": routine({"content": "x" * 2_000_000}, 1),
}


@pytest.mark.parametrize("name", ROUTINES)
async def test_routines_are_judged_in_slices(name: str) -> None:
    """However many steps and params a definition has, and whether it is refused or only warned of."""
    async with open_service() as service:
        reply = await send(service, "/api/routines/validate", ROUTINES[name])
        assert reply.status_code == 200, reply.text[:200]
        verdict = reply.json()
        assert len(verdict["errors"]) <= 101
        assert len(verdict["warnings"]) <= 101
        assert len(reply.content) < REPLY_BYTES
