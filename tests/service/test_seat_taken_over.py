"""A running stack gets this service, a process of its own, in the place of its runtime: all on real ports."""

import copy
from typing import Any

import httpx
import trio

from tests.fakes.catalog import FakeCatalog, serving_catalog
from tests.fakes.catalog_rules import problems
from tests.fakes.identity import serving_identity
from tests.fakes.logging_service import serving_logging
from tests.fakes.network import serving_network
from tests.service.catalog.test_service import until
from tests.service.serving import start_process
from tests.service.test_platform_member import SYSTEM

THEIRS: dict[str, tuple[list[str], list[str]]] = {
    "symbia.io.passthrough": (["out"], []),
    "symbia.io.collect": (["out"], []),
    "symbia.io.log": (["out"], []),
    "symbia.io.delay": (["out"], ["ms"]),
    "symbia.io.http-request": (["out", "error"], ["url", "method"]),
    "symbia.transform.map": (["out", "error"], ["mapping"]),
    "symbia.logic.filter": (["pass", "fail"], ["field", "op", "value"]),
    "symbia.logic.switch": (["default"], ["field", "ports"]),
    "symbia.compute.arithmetic": (["out", "error"], ["expression"]),
    "symbia.state.latest": (["out", "snapshot"], ["keyField"]),
    "symbia.state.join": (["out", "pending"], ["select", "keyField", "valueField"]),
    "symbia.state.window": (["out", "error"], ["size", "field"]),
    "symbia.state.rollup": (["out"], ["expected", "op", "keyField", "valueField"]),
    "symbia.source.timer": (["out"], ["intervalMs", "payload"]),
    "symbia.sink.metric": (["out", "error"], ["name", "valueField", "labels"]),
    "symbia.sink.log": (["out"], ["level", "message"]),
    "symbia.transform.extract-text": (["out", "error"], ["field"]),
    "symbia.canon.certify": (["out", "error"], ["keyPrefix"]),
}
"""Outputs and configuration keys of the manifests that another runtime has left, two of which only it offers."""

SIGNED = {"symbia.state.join", "symbia.sink.metric"}

MARGIN: dict[str, Any] = {
    "symbia": "1.0",
    "name": "margin",
    "version": "1.0.0",
    "nodes": [
        {"id": "entry", "component": "symbia.io.passthrough"},
        {"id": "known", "component": "symbia.logic.filter", "config": {"field": "value", "op": "gt", "value": -1}},
        {"id": "both", "component": "symbia.state.join", "config": {"select": {"price": "price", "cost": "cost"}}},
        {
            "id": "margin",
            "component": "symbia.compute.arithmetic",
            "config": {"expression": "({price} - {cost}) / {price}"},
        },
        {
            "id": "measured",
            "component": "symbia.sink.metric",
            "config": {"name": "margin", "valueField": "result", "labels": {"shop": "north"}},
        },
        {"id": "noted", "component": "symbia.sink.log", "config": {"level": "notice"}},
        {"id": "results", "component": "symbia.io.collect"},
    ],
    "edges": [
        {"source": {"node": source, "port": port}, "target": {"node": target, "port": "in"}}
        for source, port, target in (
            ("entry", "out", "known"),
            ("known", "pass", "both"),
            ("both", "out", "margin"),
            ("margin", "out", "measured"),
            ("measured", "out", "noted"),
            ("noted", "out", "results"),
        )
    ],
    "metadata": {"role": "service", "ingress": {"node": "entry"}},
}
"""A graph of the platform's own components, as people have written it for the runtime before."""


def _lane(component_id: str, port: str) -> str:
    cannot_be_computed = port in {"error", "pending"} or component_id == "symbia.io.http-request"
    return "apocryphal" if cannot_be_computed else "inherit"


def _manifest(component_id: str) -> dict[str, Any]:
    outputs, keys = THEIRS[component_id]
    return {
        "key": component_id,
        "version": "1.5.0",
        "implementation": "builtin",
        "inputs": [{"name": "in"}],
        "outputs": [
            {"name": name, "lane": _lane(component_id, name), "receipt": "none", "laneNote": "theirs"}
            for name in outputs
        ],
        "config": {key: {"type": "string", "description": "theirs"} for key in keys},
        "capability": "cap:runtime.execute",
        "description": f"their {component_id}",
    }


def _populate(catalog: FakeCatalog) -> None:
    for component_id in THEIRS:
        metadata: dict[str, Any] = {"manifest": _manifest(component_id), "theirs": True}
        if component_id in SIGNED:
            metadata["manifestSignature"] = {"signature": "ed25519:theirs"}
        catalog.add(f"components/{component_id}", "component", metadata, orgId=None)
    catalog.add_graph("graphs/margin", MARGIN, orgId="org-a")
    catalog.window.limit = 1_000  # minutes would pass in real time; the budget has tests of its own


def _lost(before: Any, after: Any) -> list[str]:
    """Places of what stood before and stands no more, or otherwise."""
    if isinstance(before, dict) and isinstance(after, dict):
        gone = [name for name in before if name not in after]
        kept = [name for name in before if name in after]
        return gone + [f"{name}.{each}" for name in kept for each in _lost(before[name], after[name])]
    if before != after and isinstance(before, list) and isinstance(after, list):  # of ports
        named = {part["name"]: part for part in after}
        return [f"{part['name']}.{each}" for part in before for each in _lost(part, named.get(part["name"]))]
    return [] if before == after else [f"{before} is {after}"]


async def test_a_stack_is_taken_over_and_nothing_of_it_is_lost() -> None:
    """The graph that is there runs and measures as before, no manifest loses a word; a restart writes nothing."""
    async with (
        serving_catalog() as catalog,
        serving_identity() as identity,
        serving_network() as network,
        serving_logging() as logging,
    ):
        _populate(catalog)
        left = copy.deepcopy({key: item for item in catalog.resources.values() for key in [item["key"]]})
        identity.documents["/api/bootstrap/internal"] = SYSTEM
        logging.secret = SYSTEM["secret"]
        member = {"Authorization": f"Bearer {identity.add_user('alice', 'org-a')}"}
        environment = {
            "IDENTITY_SERVICE_URL": identity.url,
            "CATALOG_SERVICE_URL": catalog.url,
            "NETWORK_SERVICE_URL": network.url,
            "LOGGING_SERVICE_URL": logging.url,
            "RUNTIME_MANIFEST_ENFORCEMENT": "strict",
        }
        for start in ("first", "second"):
            writes = sum(method != "GET" for method, _, _ in catalog.requests)
            with await trio.to_thread.run_sync(start_process, environment) as process:
                async with httpx.AsyncClient(base_url=process.url, headers=member, timeout=20) as client:
                    await until(lambda: catalog.by_key("ingress/margin"))
                    await until(_published(client))
                    orders = [{"key": "price", "value": 120}, {"key": "cost", "value": "50.4"}]
                    reply = (await client.post("/api/ingress/margin", json=orders)).json()
                    assert reply["delivered"] == 2, reply
                    assert reply["outputs"]["results:out"]["value"]["result"] == 0.58
                status, log = await trio.to_thread.run_sync(process.end)
            assert status == 0, log
            if start == "second":
                assert sum(method != "GET" for method, _, _ in catalog.requests) == writes
        assert [point["value"] for point in logging.points["org-a", "margin"]] == [0.58, 0.58]
        assert [point["labels"] for point in logging.points["org-a", "margin"]] == [{"shop": "north"}] * 2
    found = {item["key"]: item for item in catalog.resources.values()}
    lost = {key: _lost(item["metadata"], found[key]["metadata"]) for key, item in left.items()}
    assert {key: words for key, words in lost.items() if words} == {}
    for component_id in SIGNED:
        key = f"components/{component_id}"
        assert found[key] == left[key]
    assert [
        key for key, item in found.items() if item["type"] == "component" and problems(key, item["metadata"])
    ] == []


def _published(client: httpx.AsyncClient) -> Any:
    async def is_published() -> bool:
        siblings = (await client.get("/api/stats")).json()["siblings"]
        counts = next(item for item in siblings if item["name"] == "catalog").get("counts", {})
        return bool(counts.get("manifestsPublished")) and not counts.get("manifestsWaiting")

    return is_published
