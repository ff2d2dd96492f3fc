"""Graphs inside graphs over HTTP: what is loaded and shown, and how their insides are addressed."""

from typing import Any

from tests.service.serving import open_service

PART: dict[str, Any] = {
    "symbia": "1.0",
    "name": "pair",
    "version": "1.2.0",
    "ports": {
        "inputs": [
            {"name": "in", "bind": {"node": "a", "port": "in"}},
            {"name": "both", "bind": [{"node": "a", "port": "in"}, {"node": "b", "port": "in"}]},
        ],
        "outputs": [{"name": "out", "bind": {"node": "b", "port": "out"}}],
    },
    "nodes": [{"id": "a", "component": "symbia.core.passthrough"}, {"id": "b", "component": "symbia.core.logger"}],
    "edges": [{"source": {"node": "a", "port": "out"}, "target": {"node": "b", "port": "in"}}],
}
WHOLE: dict[str, Any] = {
    "symbia": "1.0",
    "name": "whole",
    "ports": {"inputs": [{"name": "orders", "bind": {"node": "p", "port": "in"}}]},
    "nodes": [
        {"id": "p", "component": "graph:pair@^1"},
        {"id": "q", "graph": {**PART, "nodes": [PART["nodes"][0], {"id": "b", "component": "graph:pair"}]}},
    ],
    "edges": [{"id": "over", "source": {"node": "p", "port": "out"}, "target": {"node": "q", "port": "both"}}],
}


async def test_insides_are_addressed_by_path() -> None:
    """A graph is shown as it was posted; messages, metrics, statistics, logs and outputs go by paths."""
    async with open_service() as service:
        client = service.client
        refused = await client.post("/api/graphs", json=WHOLE)
        assert (refused.status_code, refused.json()["problems"][0]["path"]) == (400, "nodes[0].component")
        await service.load(PART)
        loaded = (await client.post("/api/graphs", json=WHOLE)).json()
        inside = ["p/a", "p/b", "q/a", "q/b/a", "q/b/b"]
        assert (loaded["nodeCount"], loaded["topology"]["sorted"]) == (5, inside)
        shown = (await client.get(f"/api/graphs/{loaded['id']}")).json()
        assert {key: shown[key] for key in WHOLE} == WHOLE
        assert shown["uses"] == {"p": "graph:pair@^1", "q": "", "q/b": "graph:pair"}

        started = await client.post(f"/api/graphs/{loaded['id']}/execute", json={"completion": "manual"})
        path = f"/api/executions/{started.json()['executionId']}"
        sent = [
            {"port": "orders", "value": "whole"},
            {"nodeId": "q", "port": "both", "value": "use"},
            {"nodeId": "q/b/b", "port": "in", "value": "inside"},
        ]
        replies = [(await client.post(f"{path}/inject?wait=2000", json=each)).json() for each in sent]
        assert [each["accepted"] for each in replies] == [1, 1, 1]
        assert {name: each["value"] for name, each in replies[0]["outputs"].items()} == {"q/b/b:out": "whole"}
        unknown = await client.post(f"{path}/inject", json={"nodeId": "q", "port": "side", "value": 1})
        assert unknown.json()["error"].endswith("Node q has no input port side; it has in, both")

        under = {"under": "q/b"}
        instances = (await client.get(path, params=under)).json()["instances"]
        assert [(each["nodeId"], each["metrics"]["invocations"]) for each in instances] == [
            ("q/b/a", 4),
            ("q/b/b", 5),
        ]
        statistics = (await client.get(f"{path}/statistics", params=under)).json()
        assert [each["nodeId"] for each in statistics["nodes"]] == ["q/b/a", "q/b/b"]
        assert {(each["source"], each["target"]) for each in statistics["edges"]} == {
            ("p/b:out", "q/b/a:in"),
            ("q/a:out", "q/b/a:in"),
            ("q/b/a:out", "q/b/b:in"),
        }
        logs = (await client.get(f"{path}/logs?under=q%2Fb%2Fb")).json()["logs"]
        assert {each["nodeId"] for each in logs} == {"q/b/b"}
        assert [each["message"] for each in logs].count('"whole"') == 2
