"""Which nodes run as one."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import pytest

from engine.compile.chains import CHAIN_NODES, links_of
from engine.compile.compiler import compile_graph
from engine.compile.loaded_graph import LoadedGraph
from engine.contracts.chain import Chain, Link
from engine.contracts.component import Builtin, Component
from engine.contracts.handler import Handler
from engine.limits import EngineLimits
from proto.component import Code, ComponentDefinition, Port, Ports
from tests.engine.executions import document, node
from wasm_host.guest.chain_abi import MOST_PROGRAMS


class Joint(Builtin):
    """A component of a domain, whose handlers are never made here."""

    def __init__(self, component_id: str, domain: str) -> None:
        ports = Ports(inputs=(Port("in"), Port("other")), outputs=(Port("out"), Port("side")))
        definition = ComponentDefinition(
            component_id, component_id, "1.0.0", ports, Code("builtin"), stateless=True
        )
        super().__init__(definition, lambda _: Handler())
        self.chain_domain = domain

    def join(self, handlers: Sequence[Handler], links: Sequence[Link]) -> Chain:
        """Not called."""
        raise NotImplementedError


COMPONENTS: dict[str, Component] = {
    name: Joint(name, domain) for name, domain in (("js", "mine"), ("theirs", "other"))
}
COMPONENTS["alone"] = Joint("alone", "")


async def compiled(nodes: Mapping[str, Any], *edges: str) -> LoadedGraph:
    """The graph of these nodes and edges."""
    return await compile_graph(document(nodes, edges), COMPONENTS, EngineLimits(), lambda: "now")


def chains_of(graph: LoadedGraph) -> list[str]:
    """Its chains, each as the ids of its nodes."""
    return ["".join(graph.nodes[index].id for index in chain) for chain in graph.chains]


async def test_a_run_is_one_chain() -> None:
    """Nodes whose values go from one to the next and nowhere else belong together, whatever their order."""
    graph = await compiled({"c": "js", "a": "js", "b": "js"}, "a:out > b:in", "b:side > c:other")
    assert chains_of(graph) == ["abc"]
    assert links_of(graph.nodes, graph.chains[0]) == (
        Link(0, 0, 0, (1, 2)),
        Link(1, 1, 1, (0, 2)),
        Link(None, 0, -1, (0, 1, 2)),
    )


@pytest.mark.parametrize(
    ("nodes", "edges", "chains"),
    [
        ({"a": "js"}, (), []),
        ({"a": "js", "b": "js"}, (), []),
        ({"a": "js", "b": "js", "c": "js"}, ("a:out > b:in", "a:out > c:in"), []),
        ({"a": "js", "b": "js", "c": "js"}, ("a:out > c:in", "b:out > c:in"), []),
        ({"a": "js", "b": "js"}, ("a:out > b:in", "a:side > b:other"), []),
        ({"a": "js", "b": "js"}, ("a:error > b:in",), []),
        ({"a": "js", "b": "js", "c": "js"}, ("a:error > c:in", "a:out > b:in"), ["ab"]),
        (
            {"a": "js", "b": "js", "c": "js", "d": "js"},
            ("a:out > b:in", "b:out > c:in", "b:side > d:in"),
            ["abc"],
        ),
        (
            {"a": "js", "b": "alone", "c": "js", "d": "js"},
            ("a:out > b:in", "b:out > c:in", "c:out > d:in"),
            ["cd"],
        ),
        ({"a": "js", "b": "theirs"}, ("a:out > b:in",), []),
        ({"a": "theirs", "b": "theirs"}, ("a:out > b:in",), ["ab"]),
        ({"a": "alone", "b": "alone"}, ("a:out > b:in",), []),
        ({"a": "js", "b": node("js", concurrency=2)}, ("a:out > b:in",), []),
        ({"a": node("js", onError="retry"), "b": "js"}, ("a:out > b:in",), []),
        ({"a": "js", "b": node("js", onError="retry")}, ("a:out > b:in",), []),
        ({"a": "js", "b": node("js", onError="continue")}, ("a:out > b:in",), ["ab"]),
        ({"a": "js", "b": node("js", validate=True)}, ("a:out > b:in",), []),
        ({"a": "js", "b": node("js", inbox={"capacity": 5})}, ("a:out > b:in",), []),
        ({"a": "js", "b": node("js", inbox={"overflow": "drop-oldest"})}, ("a:out > b:in",), []),
        ({"a": node("js", inbox={"capacity": 5}), "b": "js"}, ("a:out > b:in",), ["ab"]),
    ],
)
async def test_what_keeps_nodes_apart(nodes: Mapping[str, Any], edges: Sequence[str], chains: list[str]) -> None:
    """Another way in or out, another domain, several workers, retries, schemas, an inbox somebody asked for."""
    assert chains_of(await compiled(nodes, *edges)) == chains


async def test_a_very_long_run_is_several_chains() -> None:
    """As long as a guest has room for; what is left over at the end is a node like any other."""
    names = [f"n{index}" for index in range(2 * CHAIN_NODES + 1)]
    edges = [f"{one}:out > {two}:in" for one, two in pairwise(names)]
    graph = await compiled(dict.fromkeys(names, "js"), *edges)
    assert [len(chain) for chain in graph.chains] == [CHAIN_NODES, CHAIN_NODES]
    assert links_of(graph.nodes, graph.chains[0])[-1].port is None
    assert CHAIN_NODES == MOST_PROGRAMS
