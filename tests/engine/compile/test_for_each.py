"""Nodes that handle the items of arrays one by one: components and graphs alike."""

from collections.abc import Mapping
from typing import Any

import msgspec
import pytest
import trio
import trio.testing
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.builtin.core_delay import DELAY
from engine.builtin.core_each import EACH
from engine.builtin.core_gather import GATHER
from engine.builtin.core_passthrough import PASSTHROUGH
from engine.compile.compiler import compile_graph, find_problems
from engine.contracts.component import Component
from engine.limits import EngineLimits
from proto.component import Code, ComponentDefinition, Port, Ports
from tests.engine.executions import OutputTap, document, inject, node, open_execution
from tests.engine.handlers import Fan, Journal, components

BUILTINS: Mapping[str, Component] = {
    "symbia.core.each": EACH,
    "symbia.core.gather": GATHER,
    "delay": DELAY,
    "pass": PASSTHROUGH,
}
PARTS: Mapping[str, Component] = {**components(Journal()), **BUILTINS}


def each(component: str, how: Any = True, **fields: Any) -> dict[str, Any]:
    """A node that handles items."""
    return node(component, forEach=how, **fields)


def graph_of(
    nodes: Mapping[str, Any], edges: list[str], inputs: Mapping[str, str], outputs: Mapping[str, str]
) -> Any:
    """A graph to be used by another one; its ports are bound to places such as ``a:in``."""
    inside = document(nodes, edges)

    def ports(bound: Mapping[str, str]) -> list[Any]:
        ends = [(name, place.split(":")) for name, place in bound.items()]
        return [{"name": name, "bind": {"node": at, "port": port}} for name, (at, port) in ends]

    return {**inside, "ports": {"inputs": ports(inputs), "outputs": ports(outputs)}}


async def run(nodes: Mapping[str, Any], edges: list[str], place: str, *values: Any) -> dict[str, list[Any]]:
    """What leaves a graph, by port, and the sentence with which it failed, as ``failed``."""
    tap = OutputTap()
    async with open_execution(document(nodes, edges), Journal(), more=BUILTINS) as execution:
        execution.shared.add_flow_observer(tap)
        await inject(execution, place, *values, final=True)
        await execution.finished.wait()
        error = execution.head().error
    outputs: dict[str, list[Any]] = {} if error is None else {"failed": [error.message]}
    for name, port, value in tap.outputs:
        outputs.setdefault(f"{name}:{port}", []).append(msgspec.json.decode(value))
    return outputs


@pytest.mark.usefixtures("autojump_clock")
class TestComponents:
    async def test_items_are_handled_one_by_one(self) -> None:
        """Arrays go in, and arrays of what became of their items come out, in order; also empty ones."""
        nodes = {"a": "forward", "n": each("fan", config={"copies": 1}), "z": "forward"}
        edges = ["a:out > n:in", "n:out > z:in"]
        assert await run(nodes, edges, "a:in", [1, 2], [], [[3]]) == {"z:out": [[1, 2], [], [[3]]]}

    async def test_messages_are_injected_at_the_node(self) -> None:
        """Whoever injects names the node and its port as if it were one; what leaves has the gathering's path."""
        assert await run({"n": each("forward")}, [], "n:other", [1]) == {"n/(gather):out": [[1]]}

    async def test_what_is_no_array_is_an_error_with_the_port(self) -> None:
        """The port of the author is named, not the one that takes apart."""
        assert await run({"n": each("forward")}, [], "n:other", 7) == {
            "failed": [
                "Node n/(each other) failed: NotAnArray: The value on port other must be an array, and is a number"
            ]
        }

    async def test_errors_leave_by_the_node_s_error_port(self) -> None:
        """One failed item is one error of the array, where the author's edge leads; other arrays go on."""
        nodes = {"n": each("throw", config={"at": [2]}), "seen": "forward", "z": "forward"}
        out = await run(nodes, ["n:out > z:in", "n:error > seen:in"], "n:in", [1, 2, 2], 5, [3])
        assert out["z:out"] == [[3]]
        assert [error["name"] for error in out["seen:out"]] == ["NotAnArray", "ItemFailed"]
        assert "Item 1 failed: ValueError: cannot take 2, and 1 more" in out["seen:out"][1]["message"]

    @pytest.mark.parametrize(("what", "expected"), [("skip", [1, 3]), ("collect", [1, "error", 3])])
    async def test_failed_items_may_be_left_out_or_kept(self, what: str, expected: Any) -> None:
        """Or they are left out, or their errors stand in their places."""
        out = await run({"n": each("throw", {"onItemError": what}, config={"at": [2]})}, [], "n:in", [1, 2, 3])
        ((array,),) = out.values()
        assert [next(iter(item)) if isinstance(item, dict) else item for item in array] == expected

    async def test_an_unconnected_error_fails_the_execution_unless_it_goes_on(self) -> None:
        """What ``onError`` says of the node holds for its arrays."""
        out = await run({"n": each("throw", config={"at": [2]})}, [], "n:in", [1, 2])
        assert out == {"failed": ["Node n/(gather) failed: ItemFailed: Item 1 failed: ValueError: cannot take 2"]}
        out = await run({"n": each("throw", config={"at": [2]}, onError="continue")}, [], "n:in", [1, 2], [3])
        assert out == {"n/(gather):out": [[3]]}

    async def test_items_are_retried_one_by_one(self) -> None:
        """Under ``onError: retry`` a failed item is tried again, and not its array."""
        fields = {"onError": "retry", "retry": {"maxAttempts": 3, "backoffMs": 1}}
        nodes = {"n": each("throw", config={"at": [2], "times": 2}, **fields)}
        assert await run(nodes, [], "n:in", [1, 2, 3]) == {"n/(gather):out": [[1, 2, 3]]}

    async def test_concurrency_is_that_of_items(self) -> None:
        """So many items are worked on at once, and no more."""
        nodes = {"n": each("slow", {"concurrency": 3}, config={"seconds": 1})}
        began = trio.current_time()
        assert await run(nodes, [], "n:in", [1, 2, 3, 4, 5, 6]) == {"n/(gather):out": [[1, 2, 3, 4, 5, 6]]}
        assert trio.current_time() - began == pytest.approx(2)

    async def test_late_items_make_an_error_of_their_array(self) -> None:
        """With ``timeoutMs`` an array that is not complete in time is one error, and what comes late is none."""
        nodes = {
            "n": each("slow", {"timeoutMs": 1500}, config={"seconds": 1}, onError="continue"),
            "seen": "forward",
        }
        out = await run(nodes, ["n:error > seen:in"], "n:in", [1, 2], [3])
        assert [error["name"] for error in out["seen:out"]] == ["ItemsIncomplete"] * 2

    async def test_each_connected_port_gathers_its_own(self) -> None:
        """A component with several outputs gathers an array for each that is connected; errors are told once."""
        definition = ComponentDefinition(
            "two", "two", "1.0.0", Ports((Port("in"),), (Port("a"), Port("b"))), Code("builtin")
        )
        two = type(EACH)(definition, lambda context: Fan(context, Journal()))
        tap = OutputTap()
        nodes = {"n": each("two", config={"copies": 1}, onError="continue"), "x": "forward", "y": "forward"}
        graph = document(nodes, ["n:a > x:in", "n:b > y:in"])
        async with open_execution(graph, Journal(), more={**BUILTINS, "two": two}) as execution:
            execution.shared.add_flow_observer(tap)
            await inject(execution, "n:in", [1, 2], final=True)
            await execution.finished.wait()
        assert sorted(tap.outputs) == [("x", "out", b"[1,2]"), ("y", "out", b"[]")]

    async def test_two_names_of_one_port_gather_once(self) -> None:
        """A pass-through does not give out an empty array by the name that nobody uses."""
        assert await run({"n": each("pass")}, [], "n:in", [1]) == {"n/(gather):out": [[1]]}
        nodes = {"n": each("pass"), "z": "forward"}
        assert await run(nodes, ["n:output > z:in"], "n:in", [1]) == {"z:out": [[1]]}


@pytest.mark.usefixtures("autojump_clock")
class TestGraphs:
    async def test_a_graph_handles_items(self) -> None:
        """Items pass through a graph as through a component, whatever ways they take inside."""
        inside = graph_of(
            {"each": node("throw", config={"at": [2]}, onError="continue"), "d": node("delay", config={"ms": 5})},
            ["each:out > d:in"],
            {"value": "each:in"},
            {"value": "d:out"},
        )
        nodes = {"s": {"graph": inside, "forEach": {"onItemError": "skip", "concurrency": 2}}, "z": "forward"}
        assert await run(nodes, ["s:value > z:in"], "s:value", [1, 2, 3, 4], []) == {"z:out": [[1, 3, 4], []]}

    async def test_errors_inside_are_those_of_items(self) -> None:
        """An error that nothing inside takes is that of its item, and leaves by the graph's ``error`` port."""
        inside = graph_of({"t": node("throw", config={"at": [2]})}, [], {"in": "t:in"}, {"out": "t:out"})
        nodes = {"s": {"graph": inside, "forEach": True}, "seen": "forward"}
        out = await run(nodes, ["s:error > seen:in"], "s:in", [1, 2], [3])
        assert out["s/(gather):out"] == [[3]]
        assert [error["nodeId"] for error in out["seen:out"]] == ["s/(gather)"]

    @pytest.mark.parametrize("inner", ["component", "graph"])
    async def test_errors_of_arrays_leave_once(self, inner: str) -> None:
        """An array's error inside a graph leaves by the innermost connected ``error`` port alone."""
        one: dict[str, Any] = node("throw", config={"at": [2]})
        if inner == "graph":
            one = {"graph": graph_of({"t": one}, [], {"in": "t:in"}, {"out": "t:out"})}
        one["forEach"] = True
        silent = graph_of({"n": one}, [], {"in": "n:in"}, {"out": "n:out"})
        nodes = {"s": {"graph": silent}, "seen": "forward"}
        out = await run(nodes, ["s:error > seen:in"], "s:in", [1, 2], 5, [3])
        assert out.pop("s/n/(gather):out") == [[3]]
        assert {error["name"] for error in out["seen:out"]} == {"ItemFailed", "NotAnArray"}
        assert len(out["seen:out"]) == 2
        heard = graph_of({"n": one, "ear": "forward"}, ["n:error > ear:in"], {"in": "n:in"}, {"out": "n:out"})
        out = await run({"s": {"graph": heard}, "seen": "forward"}, ["s:error > seen:in"], "s:in", [1, 2], 5, [3])
        assert len(out["s/ear:out"]) == 2
        assert "seen:out" not in out

    async def test_levels(self) -> None:
        """Orders with lines, each priced by a shared graph: arrays within arrays, by graphs within graphs."""
        line = graph_of({"p": node("fan", config={"copies": 2})}, [], {"in": "p:in"}, {"out": "p:out"})
        order = graph_of({"lines": {"graph": line, "forEach": True}}, [], {"in": "lines:in"}, {"out": "lines:out"})
        nodes = {"orders": {"graph": order, "forEach": True}}
        assert await run(nodes, [], "orders:in", [[1, 2], []], []) == {
            "orders/(gather):out": [[[1, 1, 2, 2], []], []]
        }


async def test_what_is_wrong_is_told_where_it_stands() -> None:
    """Problems of the item's component, of its ports and of ``forEach`` itself have the author's places."""
    nodes = {
        "n": each("nothing"),
        "m": each("delay", config={"ms": -1}),
        "o": each("forward", {"onItemErorr": "skip"}),
    }
    _, problems = await find_problems(document(nodes, ["m:nowhere > n:in"]), PARTS, EngineLimits())
    found = {(problem.code, problem.path) for problem in problems}
    assert {
        ("node.unknown_component", "nodes[0].component"),
        ("config.out_of_range", "nodes[1].config.ms"),
        ("edge.unknown_port", "edges[0].source.port"),
    } <= found
    assert any(path.startswith("nodes[2].forEach") for _, path in found), found


async def test_the_nodes_around_count() -> None:
    """A graph that has too many nodes with those that take apart and gather is refused."""
    nodes = {f"n{number}": each("forward") for number in range(400)}
    _, problems = await find_problems(document(nodes), PARTS, EngineLimits())
    assert [problem.code for problem in problems] == ["graph.too_large"]


async def test_false_is_nothing() -> None:
    """``forEach: false`` leaves the node as it is."""
    graph = await compile_graph(document({"n": each("forward", False)}), PARTS, EngineLimits(), str)
    assert [compiled.id for compiled in graph.nodes] == ["n"]
    assert graph.groups is None


@settings(max_examples=15)
@given(
    arrays=st.lists(st.lists(st.integers(0, 9), max_size=5), max_size=4),
    at=st.sets(st.integers(0, 9), max_size=4),
    copies=st.integers(0, 2),
    how=st.fixed_dictionaries(
        {}, optional={"concurrency": st.integers(0, 3), "onItemError": st.sampled_from(["skip", "collect"])}
    ),
)
def test_a_graph_and_its_nodes_handle_items_alike(
    arrays: list[list[int]], at: set[int], copies: int, how: dict[str, Any]
) -> None:
    """One node after another for every item, or both in a graph for every item: what leaves is the same."""
    throws, copied = node("throw", config={"at": sorted(at)}), node("fan", config={"copies": copies})

    async def body() -> None:
        inside = graph_of({"t": throws, "f": copied}, ["t:out > f:in"], {"in": "t:in"}, {"out": "f:out"})
        graph = await run({"s": {"graph": inside, "forEach": {**how, "onItemError": "skip"}}}, [], "s:in", *arrays)
        nodes = {"t": {**throws, "forEach": {**how, "onItemError": "skip"}}, "f": {**copied, "forEach": how}}
        apart = await run(nodes, ["t:out > f:in"], "t:in", *arrays)
        expected = [[n for n in array if n not in at for _ in range(copies)] for array in arrays]
        assert list(graph.values()) == list(apart.values()) == ([expected] if arrays else [])

    trio.run(body, clock=trio.testing.MockClock(autojump_threshold=0))
