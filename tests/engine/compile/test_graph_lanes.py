"""Which graphs have values in lanes of their own making: only those look at the lane of each."""

import pytest

from engine.compile.compiler import compile_graph
from engine.contracts.component import Builtin, Component
from engine.contracts.handler import Handler
from engine.limits import EngineLimits
from proto.component import Code, ComponentDefinition, Port, PortLane, Ports
from tests.engine.executions import document


def emitting(component_id: str, side: PortLane) -> Component:
    """A component that holds what leaves by one of its two ports to a lane; its handlers are never made here."""
    ports = Ports(inputs=(Port("in"),), outputs=(Port("out"), Port("side", lane=side)))
    definition = ComponentDefinition(component_id, component_id, "1.0.0", ports, Code("builtin"))
    return Builtin(definition, lambda _: Handler())


LANES: tuple[PortLane, ...] = ("inherit", "apocryphal", "conditional")
COMPONENTS: dict[str, Component] = {lane: emitting(lane, lane) for lane in LANES}


@pytest.mark.parametrize(
    ("component", "edges", "has_lanes"),
    [
        ("inherit", ["a:out > b:in", "a:side > b:in"], False),
        ("apocryphal", ["a:out > b:in"], False),
        ("apocryphal", ["a:out > b:in", "a:side > b:in"], True),
        ("apocryphal", ["a:side > b:in"], True),
        ("conditional", ["a:out > b:in"], True),
    ],
)
async def test_a_graph_has_lanes_where_a_node_makes_them(
    component: str, edges: list[str], *, has_lanes: bool
) -> None:
    """It has some where an edge leaves a port of another lane, or a node may decide for each value."""
    graph = document({"a": component, "b": "inherit"}, edges)
    compiled = await compile_graph(graph, COMPONENTS, EngineLimits(), lambda: "now")
    assert compiled.has_lanes is has_lanes
