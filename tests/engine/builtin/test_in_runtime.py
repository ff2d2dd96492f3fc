"""The built-in components in a real runtime, one node each: what comes in by which port leaves by which."""

from collections.abc import Sequence
from typing import Any

import msgspec
import pytest

from engine.builtin.catalogue import builtins
from engine.builtin.io_http_request import open_client
from engine.contracts.observer import FlowObserver
from engine.errors import InvalidGraphError
from engine.runtime import open_runtime
from proto.codec import encode
from proto.execution import ExecuteOptions, ExecutionState
from proto.message import Injection
from tests.engine.builtin.http_server import Answer, answer, raw, serving


class Outputs(FlowObserver):
    """What left the graph: ports and decoded values."""

    def __init__(self) -> None:
        self.values: list[tuple[str, Any]] = []

    def emitted(self, node_id: str, port: str, value: bytes) -> None:
        assert node_id == "node"
        self.values.append((port, msgspec.json.decode(value)))


def graph(component: str, config: dict[str, Any]) -> dict[str, Any]:
    """A graph of one node."""
    node = {"id": "node", "component": f"symbia.{component}", "config": config}
    return {"symbia": "1.0", "name": "One node", "version": "1.0.0", "nodes": [node], "edges": []}


async def outputs(
    component: str, config: dict[str, Any], messages: Sequence[tuple[str, Any]]
) -> list[tuple[str, Any]]:
    """What leaves a graph of one node, until it completes."""
    async with open_runtime(open_http_client=open_client) as runtime:
        loaded = await runtime.library.load_graph(graph(component, config))
        execution = await runtime.execute(loaded.id, ExecuteOptions(completion="manual"))
        seen = Outputs()
        with runtime.execution(execution.id).watch(seen):
            injections = [Injection("node", port, msgspec.Raw(encode(value))) for port, value in messages]
            await runtime.execution(execution.id).inject(injections, final=True)
            finished = await runtime.execution(execution.id).wait_finished()
        assert finished.error is None
        assert finished.state is ExecutionState.COMPLETED
        return seen.values


@pytest.mark.parametrize(
    ("component", "config", "messages", "expected"),
    [
        ("core.passthrough", {}, [("in", 1), ("input", 2)], [("out", 1), ("output", 2)]),
        ("core.logger", {}, [("in", {"a": 1})], [("out", {"a": 1})]),
        ("core.delay", {"ms": 20}, [("in", 1), ("in", 2)], [("out", 1), ("out", 2)]),
        ("core.filter", {"predicate": "value > 10"}, [("in", 11), ("in", 9)], [("out", 11), ("rejected", 9)]),
        ("core.map", {"expression": "value * 2"}, [("in", 21)], [("out", 42)]),
        ("core.map", {"transform": "({port, value})"}, [("in", 1)], [("out", {"port": "in", "value": 1})]),
        ("core.merge", {}, [("a", 1), ("in", 2)], [("out", 1), ("out", 2)]),
        ("core.merge", {"mode": "zip"}, [("a", 1), ("b", 2)], [("out", {"a": 1, "b": 2})]),
        (
            "core.split",
            {"condition": "value.status === 'active'"},
            [("in", {"status": "active"}), ("in", {})],
            [("true", {"status": "active"}), ("false", {})],
        ),
        (
            "core.accumulator",
            {"count": 2},
            [("in", 1), ("in", 2), ("in", 3)],
            [("out", [1, 2]), ("out", [3])],
        ),
        ("core.accumulator", {"timeoutMs": 20}, [("in", 1)], [("out", [1])]),
        ("core.each", {}, [("in", [1, [2]]), ("in", [])], [("out", 1), ("out", [2])]),
        (
            "core.group",
            {"count": 2, "overlap": 1, "key": "k"},
            [("in", {"k": 1}), ("in", {"k": 1}), ("in", {"k": 2})],
            [
                ("out", {"key": "1", "values": [{"k": 1}, {"k": 1}]}),
                ("out", {"key": "2", "values": [{"k": 2}]}),
            ],
        ),
        ("core.group", {"ms": 60_000, "everyMs": 10_000}, [("in", 1)], [("out", [1])]),
        (
            "core.join",
            {"alone": "emit"},
            [("a", {"id": 1}), ("b", {"id": 1}), ("b", {"id": 2})],
            [
                ("out", {"a": {"id": 1}, "b": {"id": 1}}),
                ("alone", {"key": "2", "values": {"b": {"id": 2}}, "missing": ["a"]}),
            ],
        ),
        ("core.throttle", {"intervalMs": 20}, [("in", 1), ("in", 2)], [("out", 1), ("out", 2)]),
        ("core.throttle", {"excess": "drop"}, [("in", 1), ("in", 2)], [("out", 1), ("dropped", 2)]),
        ("core.debounce", {"ms": 20}, [("in", 1), ("in", 2)], [("dropped", 1), ("out", 2)]),
        ("core.debounce", {"edge": "leading"}, [("in", 1), ("in", 2)], [("out", 1), ("dropped", 2)]),
        ("core.dedupe", {}, [("in", 1), ("in", 1)], [("out", 1), ("duplicate", 1)]),
        (
            "data.json-transform",
            {"path": "a.b"},
            [("in", {"a": {"b": 1}}), ("in", 0)],
            [("out", 1), ("out", None)],
        ),
        ("io.collect", {}, [("in", [1])], [("out", [1])]),
        ("io.delay", {"ms": 20}, [("in", 1), ("in", 2)], [("out", 1), ("out", 2)]),
        (
            "transform.map",
            {"mapping": {"b": "a.c"}, "strict": True},
            [("in", {"a": {"c": 1}})],
            [("out", {"b": 1})],
        ),
        ("transform.map", {"mapping": {"b": "a.c"}}, [("in", {"a.c": 1, "a": {"c": 2}})], [("out", {"b": 1})]),
        ("logic.filter", {"op": "gt", "value": 1}, [("in", 2), ("in", 1)], [("pass", 2), ("fail", 1)]),
        (
            "logic.switch",
            {"field": "t", "ports": ["a"]},
            [("in", {"t": "a"}), ("in", {"t": "b"})],
            [("a", {"t": "a"}), ("default", {"t": "b"})],
        ),
        (
            "compute.arithmetic",
            {"expression": "{a} / 8"},
            [("in", {"a": 1})],
            [("out", {"result": 0.125, "method": "arithmetic", "expression": "1 / 8", "exact": True})],
        ),
        (
            "state.join",
            {"select": {"x": "a"}, "strict": True},
            [("in", {"key": "b"}), ("in", {"key": "a", "value": 1})],
            [("pending", {"have": 0, "need": 1, "missing": ["x"]}), ("out", {"x": 1})],
        ),
        (
            "state.join",
            {"select": {"x": "a"}},
            [("in", {"key": "b"}), ("in", {"key": "a", "value": 1})],
            [("pending", {"have": 0, "need": 1}), ("out", {"x": 1})],
        ),
    ],
)
async def test_component_in_a_graph(
    component: str, config: dict[str, Any], messages: list[tuple[str, Any]], expected: list[tuple[str, Any]]
) -> None:
    """What goes in leaves by the documented ports, and the execution completes with nothing held back."""
    assert await outputs(component, config, messages) == expected


@pytest.mark.parametrize("into", ["in", "input"])
@pytest.mark.parametrize("leaving", ["out", "output"])
async def test_both_spellings_of_a_passthrough_meet(into: str, leaving: str) -> None:
    """A value that comes by one spelling takes the edges of the other, where there are no others."""
    document = graph("io.collect", {})
    document["nodes"].append({"id": "entry", "component": "symbia.core.passthrough"})
    document["edges"] = [{"source": {"node": "entry", "port": leaving}, "target": {"node": "node", "port": "in"}}]
    async with open_runtime() as runtime:
        loaded = await runtime.library.load_graph(document)
        execution = await runtime.execute(loaded.id, ExecuteOptions(completion="manual"))
        seen = Outputs()
        with runtime.execution(execution.id).watch(seen):
            await runtime.execution(execution.id).inject([Injection("entry", into, msgspec.Raw(b"7"))], final=True)
            await runtime.execution(execution.id).wait_finished()
    assert seen.values == [("out", 7)]


async def test_request_in_a_graph() -> None:
    """A strict node's answer leaves by out, and another status by error, with the answer and the message."""
    nodes = {"out": "symbia.core.passthrough", "error": "symbia.core.passthrough"}
    async with serving(answer(b"well"), answer(b"lost", status="404 Not Found")) as server:
        document = graph("io.http-request", {"url": server.url + "/{id}", "strict": True})
        document["nodes"] += [{"id": port, "component": component} for port, component in nodes.items()]
        document["edges"] = [
            {"source": {"node": "node", "port": port}, "target": {"node": port, "port": "in"}} for port in nodes
        ]
        async with open_runtime(open_http_client=open_client) as runtime:
            loaded = await runtime.library.load_graph(document)
            execution = await runtime.execute(loaded.id, ExecuteOptions(completion="manual"))
            seen = _ByNode()
            with runtime.execution(execution.id).watch(seen):
                injections = [Injection("node", "in", msgspec.Raw(b'{"id":%d}' % number)) for number in (1, 2)]
                await runtime.execution(execution.id).inject(injections, final=True)
                finished = await runtime.execution(execution.id).wait_finished()
    assert finished.state is ExecutionState.COMPLETED
    assert seen.values["out"]["data"] == "well"
    wrong = seen.values["error"]
    assert (wrong["status"], wrong["data"], wrong["value"]) == (404, "lost", {"id": 2})
    assert (wrong["name"], wrong["nodeId"]) == ("HttpStatusError", "node")


@pytest.mark.parametrize(
    ("first", "requests"),
    [
        (answer(status="404 Not Found"), 1),
        (answer(status="500 Oops"), 2),
        (answer(status="503 Later", retry_after="1"), 2),
        (raw(b"HTTP/1.1 503 Later\r\nRetry-After: 1\r\nContent-Length: 9\r\n\r\ncut"), 2),
        (raw(b"nonsense\r\n\r\n"), 2),
    ],
)
async def test_only_what_may_pass_is_requested_again(first: Answer, requests: int) -> None:
    """Under ``onError: retry`` a strict node's 404 is an error at once, and a passing one is waited for."""
    async with serving(first, answer(b"well")) as server:
        document = graph("io.http-request", {"url": server.url, "strict": True})
        document["nodes"][0] |= {"onError": "retry", "retry": {"maxAttempts": 2, "backoffMs": 1}}
        async with open_runtime(open_http_client=open_client) as runtime:
            loaded = await runtime.library.load_graph(document)
            execution = await runtime.execute(loaded.id, ExecuteOptions(completion="manual"))
            await runtime.execution(execution.id).inject([Injection("node", "in", msgspec.Raw(b"1"))], final=True)
            finished = await runtime.execution(execution.id).wait_finished()
        assert len(server.requests) == requests
        assert (finished.error is None) is (requests == 2)


@pytest.mark.parametrize(
    ("component", "config", "port", "value"),
    [
        ("compute.arithmetic", {"expression": "1 / {a}"}, "in", {"a": 0}),
        ("transform.map", {"mapping": {"a": "b"}}, "in", 1),
        ("data.json-transform", {"path": "abs(@)"}, "in", "text"),
        ("state.window", {}, "in", {"value": "text"}),
        ("state.latest", {"strict": True}, "in", {"key": []}),
        ("state.join", {"select": {"a": "x"}, "strict": True}, "in", {"key": "x"}),
        ("sink.metric", {"name": "a"}, "in", {}),
        ("routine.think", {}, "input", 1),
    ],
)
async def test_what_cannot_be_taken_is_not_tried_again(
    component: str, config: dict[str, Any], port: str, value: Any
) -> None:
    """Under ``onError: retry``: a built-in component says the same of the same message each time."""
    document = graph(component, config)
    document["nodes"][0] |= {"onError": "retry", "retry": {"maxAttempts": 3, "backoffMs": 1}}
    async with open_runtime(open_http_client=open_client) as runtime:
        loaded = await runtime.library.load_graph(document)
        execution = await runtime.execute(loaded.id, ExecuteOptions(completion="manual"))
        injection = Injection("node", port, msgspec.Raw(encode(value)))
        await runtime.execution(execution.id).inject([injection], final=True)
        finished = await runtime.execution(execution.id).wait_finished()
    assert finished.state is ExecutionState.FAILED
    assert finished.metrics.component_invocations == 1


class _ByNode(FlowObserver):
    def __init__(self) -> None:
        self.values: dict[str, Any] = {}

    def emitted(self, node_id: str, port: str, value: bytes) -> None:
        del port
        self.values[node_id] = msgspec.json.decode(value)


@pytest.mark.parametrize(
    ("component", "config", "path"),
    [
        ("core.delay", {"ms": -1}, "ms"),
        ("core.logger", {"level": "loud"}, "level"),
        ("core.merge", {"inputs": ["a", "x"]}, "inputs[1]"),
        ("core.accumulator", {"count": 0}, "count"),
        ("io.http-request", {"url": "ftp://host"}, "url"),
        ("data.json-transform", {"path": "a["}, "path"),
        ("core.filter", {}, "predicate"),
        ("core.map", {"expression": "value *"}, "expression"),
        ("transform.map", {"maping": {}, "strict": True}, "maping"),
        ("compute.arithmetic", {"expression": "{a} +", "strict": True}, "expression"),
        ("state.rollup", {"expected": ["a"], "op": "median", "strict": True}, "op"),
        ("sink.metric", {"strict": True}, "name"),
        ("logic.filter", {"strict": "yes"}, "strict"),
    ],
)
async def test_wrong_configuration_refuses_the_graph(component: str, config: dict[str, Any], path: str) -> None:
    """A mistake in a configuration is a problem at its key when the graph is loaded."""
    async with open_runtime() as runtime:
        with pytest.raises(InvalidGraphError) as caught:
            await runtime.library.load_graph(graph(component, config))
    assert [problem.path for problem in caught.value.problems] == [f"nodes[0].config.{path}"]


async def test_runtime_offers_the_catalogue() -> None:
    """The runtime's first components are the built-in ones."""
    async with open_runtime() as runtime:
        offered = [definition.id for definition in runtime.library.components()]
    assert offered == [item.definition.id for item in builtins()]
