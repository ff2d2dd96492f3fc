"""The bindings of a graph: both shapes, and everything that can be wrong with them."""

from typing import Any

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

from engine.compile.bindings import MAX_BINDINGS, read_bindings
from engine.compile.compiler import compile_graph, read_graph
from engine.compile.parts import NoGraphs
from engine.cooperative.slices import at_once
from engine.documents.problem_report import ProblemReport
from engine.errors import InvalidGraphError
from engine.limits import EngineLimits
from proto.binding import Bindings, InputBinding, OutputBinding
from tests.engine.executions import document
from tests.engine.handlers import Journal, components

KNOWN = components(Journal())
LIMITS = EngineLimits()


def _read(bindings: Any, nodes: dict[str, Any] | None = None) -> tuple[Bindings, ProblemReport]:
    drawn = document(nodes or {"a": "forward", "b": "forward"})
    read = trio.run(read_graph, drawn | {"bindings": bindings}, LIMITS, NoGraphs())
    assert read.flat is not None
    return at_once(read_bindings(read.flat, KNOWN, read.report)), read.report


def _problems(bindings: Any, nodes: dict[str, Any] | None = None) -> list[tuple[str, str]]:
    _, report = _read(bindings, nodes)
    return [(each.code, each.path) for each in report.problems()]


def _bindings(bindings: Any) -> Bindings:
    found, report = _read(bindings)
    assert not report
    return found


def test_the_specifications_shape() -> None:
    """By node and direction; the port is the node's own."""
    bound = _bindings(
        {
            "a": {
                "input": {"network": "events.orders", "component": "symbia.network.subscriber", "protocol": "ws"},
                "output": {"network": "orders.priced", "component": "symbia.network.publisher"},
            }
        }
    )
    assert bound.inputs == (InputBinding("events.orders", "a", "in"),)
    assert bound.outputs == (OutputBinding("orders.priced", "a", "out"),)
    assert bound.exist


def test_the_platforms_shape() -> None:
    """By a name and a port, with each end named in full, or taken from where the binding stands."""
    bound = _bindings(
        {
            "orders": {
                "x": {
                    "input": {"network": "events.*", "node": "a", "port": "in", "protocol": "http"},
                    "output": {
                        "network": "done",
                        "node": "b",
                        "port": "out",
                        "target": "billing",
                        "boundary": "inter",
                    },
                }
            },
            "b": {"in": {"input": {"network": "*"}, "output": None}},
        }
    )
    assert bound.inputs == (InputBinding("events.*", "a", "in"), InputBinding("*", "b", "in"))
    assert bound.outputs == (OutputBinding("done", "b", "out", "billing", "inter"),)


def test_a_port_says_the_direction() -> None:
    """The first shape with a port's name: an input port receives, an output port sends."""
    bound = _bindings({"a": {"in": {"network": "x"}, "out": {"network": "y"}, "error": {"network": "z"}}})
    assert bound.inputs == (InputBinding("x", "a", "in"),)
    assert bound.outputs == (OutputBinding("y", "a", "out"), OutputBinding("z", "a", "error"))


@pytest.mark.parametrize(
    ("bindings", "code", "path"),
    [
        (7, "graph.wrong_type", "bindings"),
        ({"a": []}, "binding.wrong_type", "bindings.a"),
        ({"a": {"in": "events"}}, "binding.wrong_type", "bindings.a.in"),
        ({"a": {"in": {}}}, "binding.missing_network", "bindings.a.in"),
        ({"a": {"in": {"network": 7}}}, "binding.wrong_type", "bindings.a.in.network"),
        ({"a": {"in": {"input": {"node": "a"}}}}, "binding.wrong_type", "bindings.a.in.input"),
        ({"a": {"in": {"input": []}}}, "binding.wrong_type", "bindings.a.in.input"),
        ({"c": {"in": {"network": "x"}}}, "binding.unknown_node", "bindings.c.in"),
        ({"a": {"nowhere": {"network": "x"}}}, "binding.unknown_port", "bindings.a.nowhere"),
        ({"x": {"y": {"input": {"network": "x", "node": "a"}}}}, "binding.unknown_port", "bindings.x.y.input"),
        ({"a": {"in": {"network": ""}}}, "binding.wrong_pattern", "bindings.a.in.network"),
        ({"a": {"in": {"network": "a.*.b"}}}, "binding.wrong_pattern", "bindings.a.in.network"),
        ({"a": {"in": {"network": "a*"}}}, "binding.wrong_pattern", "bindings.a.in.network"),
        ({"a": {"out": {"network": "a.*"}}}, "binding.wrong_pattern", "bindings.a.out.network"),
        ({"a": {"out": {"network": "x" * 201}}}, "binding.wrong_pattern", "bindings.a.out.network"),
        (
            {"a": {"in": {"network": "x", "protocol": "grpc"}}},
            "binding.unsupported_protocol",
            "bindings.a.in.protocol",
        ),
        (
            {"a": {"in": {"network": "x", "component": "my.own"}}},
            "binding.wrong_component",
            "bindings.a.in.component",
        ),
        (
            {"a": {"input": {"network": "x", "component": "symbia.network.publisher"}}},
            "binding.wrong_component",
            "bindings.a.input.component",
        ),
        ({"a": {"out": {"network": "x", "target": "t" * 201}}}, "binding.wrong_target", "bindings.a.out.target"),
        ({"a": {"out": {"network": "x", "boundary": "beyond"}}}, "binding.wrong_type", "bindings.a.out.boundary"),
        (
            {"a": {"in": {"network": "x"}, "input": {"network": "x"}}},
            "binding.duplicate",
            "bindings.a.input",
        ),
    ],
)
def test_a_wrong_binding_is_a_problem_with_its_place(bindings: Any, code: str, path: str) -> None:
    """Each mistake has its own code, and says where it stands."""
    assert _problems(bindings) == [(code, path)]


def test_a_binding_of_a_misshapen_node_or_unknown_component_is_not_complained_of_twice() -> None:
    """What is wrong there has been reported at the node."""
    nodes = {"a": "unknown.component", "b": {"component": "forward", "config": 7}}
    assert _problems({"a": {"in": {"network": "x"}}, "b": {"in": {"network": "x"}}}, nodes) == [
        ("node.wrong_type", "nodes[1].config")
    ]


def test_bindings_have_an_end() -> None:
    """One too many is told once."""
    many = {f"p{number}": {"input": {"network": f"t{number}", "port": "in"}} for number in range(MAX_BINDINGS + 9)}
    assert _problems({"a": many}) == [("binding.too_many", "bindings")]


@pytest.mark.parametrize(
    ("pattern", "event_type", "fits"),
    [
        ("events.orders", "events.orders", True),
        ("events.orders", "events.orders.new", False),
        ("events.*", "events.orders", True),
        ("events.*", "events.orders.new", True),
        ("events.*", "events", False),
        ("events.*", "eventsorders", False),
        ("*", "anything", True),
    ],
)
def test_patterns(pattern: str, event_type: str, *, fits: bool) -> None:
    """A type fits exactly, by what stands before ``.*``, or in any case."""
    assert InputBinding(pattern, "a", "in").fits(event_type) is fits


async def test_a_graph_with_bindings_lives_until_it_is_stopped() -> None:
    """Its executions wait for events, so quiet does not end them."""
    graph = document({"a": "forward"}) | {"bindings": {"a": {"in": {"network": "x"}}}}
    loaded = await compile_graph(graph, KNOWN, LIMITS, lambda: "")
    assert loaded.is_long_lived
    assert loaded.bindings.inputs == (InputBinding("x", "a", "in"),)
    without = await compile_graph(document({"a": "forward"}) | {"bindings": {}}, KNOWN, LIMITS, lambda: "")
    assert not without.is_long_lived


async def test_a_graph_with_a_wrong_binding_is_refused() -> None:
    """Nothing that names a place that does not exist is loaded."""
    graph = document({"a": "forward"}) | {"bindings": {"b": {"in": {"network": "x"}}}}
    with pytest.raises(InvalidGraphError) as caught:
        await compile_graph(graph, KNOWN, LIMITS, lambda: "")
    assert [problem.code for problem in caught.value.problems] == ["binding.unknown_node"]


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=5)
    | st.sampled_from(["a", "in", "out", "x.*", "*"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["a", "b", "in", "out", "input", "output", "network", "node", "port", "component", "target"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from(["a", "b", "c"]), JSON, max_size=3))
def test_whatever_is_declared_is_read_or_refused(bindings: dict[str, Any]) -> None:
    """No document makes the reader fail, and what is accepted names ports that exist."""
    if not _problems(bindings):
        bound = _bindings(bindings)
        assert all(each.node in "ab" and each.port == "in" for each in bound.inputs)
        assert all(each.node in "ab" and each.port in {"out", "error"} for each in bound.outputs)
