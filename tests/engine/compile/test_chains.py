"""Which nodes run as one."""

from collections.abc import Mapping, Sequence
from graphlib import TopologicalSorter
from itertools import pairwise
from random import Random
from typing import Any

import pytest

from engine.builtin.core_merge import MERGE
from engine.builtin.core_passthrough import PASSTHROUGH
from engine.compile.chains import CHAIN_NODES, CHAIN_OUTLETS, find_chains, links_of, without
from engine.compile.compiler import compile_graph
from engine.compile.loaded_graph import LoadedGraph
from engine.contracts.chain import Chain, Link, Outlet, Way
from engine.contracts.component import Builtin, Component
from engine.contracts.handler import Handler
from engine.limits import EngineLimits
from proto.component import Code, ComponentDefinition, Port, Ports
from tests.engine.executions import document, node
from wasm_host.guest.chain_ports import MOST_OUTLETS, MOST_PROGRAMS


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
COMPONENTS["relay"] = PASSTHROUGH
COMPONENTS["merge"] = MERGE


async def compiled(nodes: Mapping[str, Any], *edges: str) -> LoadedGraph:
    """The graph of these nodes and edges."""
    return await compile_graph(document(nodes, edges), COMPONENTS, EngineLimits(), lambda: "now")


def chains_of(graph: LoadedGraph) -> list[str]:
    """Its chains, each as the ids of its nodes."""
    return ["".join(graph.nodes[index].id for index in chain) for chain in graph.chains]


async def test_a_run_is_one_chain() -> None:
    """Nodes that feed each other belong together, whatever their order in the graph."""
    graph = await compiled({"c": "js", "a": "js", "b": "js"}, "a:out > b:in", "b:side > c:other")
    assert chains_of(graph) == ["abc"]
    assert links_of(graph.nodes, graph.chains[0]) == (
        Link(0, (Outlet(0, False, (Way(1, 0, 0, 0),)),), (1, 2)),
        Link(1, (Outlet(1, False, (Way(2, 1, 0, 1),)),), (0, 2)),
        Link(2, (), (0, 1, 2)),
    )


async def test_a_chain_may_branch_join_and_be_heard() -> None:
    """Each way is one edge; of two branches the first one has the higher rank; what also leaves is told."""
    edges = ("a:out > b:in", "a:out > c:in", "a:out > x:in", "b:out > d:in", "c:side > d:other")
    graph = await compiled({"a": "js", "b": "js", "c": "js", "d": "js", "x": "alone"}, *edges)
    assert chains_of(graph) == ["abcd"]
    assert links_of(graph.nodes, graph.chains[0]) == (
        Link(0, (Outlet(0, True, (Way(1, 0, 0, 0), Way(2, 0, 0, 1))),), (1, 2)),
        Link(2, (Outlet(0, False, (Way(3, 0, 0, 3),)),), (1, 2)),
        Link(1, (Outlet(1, False, (Way(3, 1, 0, 4),)),), (0, 2)),
        Link(3, (), (0, 1, 2)),
    )
    outside = without(graph.nodes[0], graph.chains[0])
    assert [[target.node for target in targets] for targets in outside.routes] == [[4], [], []]


@pytest.mark.parametrize(
    ("nodes", "edges", "chains"),
    [
        ({"a": "js"}, (), []),
        ({"a": "js", "b": "js"}, (), []),
        ({"a": "js", "b": "js", "c": "js"}, ("a:out > b:in", "a:out > c:in"), ["abc"]),
        ({"a": "js", "b": "js", "c": "js"}, ("a:out > c:in", "b:out > c:in"), ["abc"]),
        ({"a": "js", "b": "js"}, ("a:out > b:in", "a:side > b:other"), ["ab"]),
        ({"a": "js", "b": "js"}, ("a:error > b:in",), []),
        ({"a": "js", "b": "js", "c": "js"}, ("a:error > c:in", "a:out > b:in"), ["ab"]),
        (
            {"a": "js", "b": "js", "c": "js", "d": "js"},
            ("a:out > b:in", "b:out > c:in", "b:side > d:in"),
            ["abcd"],
        ),
        ({"a": "js", "b": "alone", "c": "js"}, ("a:out > c:in", "a:out > b:in", "b:out > c:in"), []),
        (
            {"a": "js", "b": "js", "x": "alone", "c": "js"},
            ("a:out > b:in", "b:out > c:in", "a:side > x:in", "x:out > c:in"),
            ["ab"],
        ),
        (
            {"a": "js", "b": "theirs", "c": "theirs", "d": "js"},
            ("a:out > d:in", "c:out > b:in", "a:out > b:in", "c:out > d:in"),
            [],
        ),
        ({"a": "js", "b": "js", "c": "js"}, ("a:out > b:in", "a:error > c:in", "b:out > c:in"), ["ab"]),
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
    """Another domain, several workers, retries, schemas, an inbox somebody asked for, a way out and in again."""
    assert chains_of(await compiled(nodes, *edges)) == chains


@pytest.mark.parametrize(
    ("nodes", "edges", "chains"),
    [
        ({"a": "js", "b": "relay", "c": "js"}, ("a:out > b:in", "b:out > c:in"), ["abc"]),
        ({"a": "js", "b": "relay", "c": "js"}, ("a:out > b:input", "b:output > c:in"), ["abc"]),
        ({"a": "js", "b": "merge", "c": "js"}, ("a:out > b:a", "b:out > c:in"), ["abc"]),
        ({"a": "js", "b": node("merge", config={"mode": "zip"})}, ("a:out > b:a",), []),
        ({"a": "relay", "b": "js", "c": "relay"}, ("a:out > b:in", "b:out > c:in"), ["abc"]),
        ({"a": "relay", "b": "relay", "c": "js"}, ("a:out > b:in", "b:out > c:in"), ["abc"]),
        ({"a": "relay", "b": "relay", "c": "alone"}, ("a:out > b:in", "b:out > c:in"), []),
        ({"a": "relay", "b": "js", "c": "alone"}, ("a:out > b:in", "a:out > c:in"), []),
        (
            {"a": "js", "b": "relay", "c": "js", "d": "alone"},
            ("a:out > b:in", "b:out > c:in", "b:out > d:in"),
            ["abc"],
        ),
        ({"a": "js", "b": "merge", "c": "theirs"}, ("a:out > b:in", "b:out > c:in"), ["ab"]),
        ({"a": "theirs", "b": "merge", "c": "js"}, ("a:out > b:a", "c:out > b:b"), []),
        (
            {"a": "js", "b": "alone", "c": "merge", "d": "js"},
            ("a:out > c:a", "b:out > c:b", "c:out > d:in"),
            ["cd"],
        ),
        ({"a": "js", "b": "relay", "c": "js"}, ("a:error > b:in", "b:out > c:in"), ["bc"]),
        ({"a": "js", "b": node("relay", inbox={"capacity": 5})}, ("a:out > b:in",), []),
        ({"a": node("relay", inbox={"capacity": 5}), "b": "js"}, ("a:out > b:in",), ["ab"]),
        ({"a": "js", "b": node("relay", concurrency=2), "c": "js"}, ("a:out > b:in", "b:out > c:in"), []),
        (
            {"a": "js", "b": node("relay", inbox={"capacity": 5}), "c": "relay", "d": "alone"},
            ("a:out > b:in", "b:out > c:in", "c:out > d:in"),
            [],
        ),
    ],
)
async def test_what_only_hands_on_runs_with_those_around_it(
    nodes: Mapping[str, Any], edges: Sequence[str], chains: list[str]
) -> None:
    """Never by itself, not at the head of a branch to others, and of two domains with the one that feeds it."""
    assert chains_of(await compiled(nodes, *edges)) == chains


async def test_the_place_of_what_only_hands_on_says_so() -> None:
    """With the output of each input; both outputs of twins lead to the same."""
    graph = await compiled({"a": "js", "b": "relay", "c": "js"}, "a:out > b:in", "b:output > c:in")
    way = Way(2, 0, 0, 1)
    assert links_of(graph.nodes, graph.chains[0])[1] == Link(
        1, (Outlet(0, False, (way,)), Outlet(1, False, (way,))), (2,), (0, 1)
    )


async def test_a_very_long_run_is_several_chains() -> None:
    """As long as a guest has room for; what is left over at the end is a node like any other."""
    names = [f"n{index}" for index in range(2 * CHAIN_NODES + 1)]
    edges = [f"{one}:out > {two}:in" for one, two in pairwise(names)]
    graph = await compiled(dict.fromkeys(names, "js"), *edges)
    assert [len(chain) for chain in graph.chains] == [CHAIN_NODES, CHAIN_NODES]
    assert links_of(graph.nodes, graph.chains[0])[-1].outlets == ()
    assert (CHAIN_NODES, CHAIN_OUTLETS) == (MOST_PROGRAMS, MOST_OUTLETS)


async def test_a_very_large_part_is_cut_along_its_branches() -> None:
    """So what follows from a node stands together, and no piece holds nodes that nothing joins."""
    names = [f"n{row}-{column}" for row in range(20) for column in range(3)]
    edges = [f"n{row}-{at}:out > n{row}-{at + 1}:in" for row in range(20) for at in range(2)]
    edges += [f"top:out > n{row}-0:in" for row in range(20)]
    graph = await compiled(dict.fromkeys(["top", *names], "js"), *edges)
    sizes = sorted(len(chain) for chain in graph.chains)
    assert sum(sizes) >= 60
    assert sizes[-1] == CHAIN_NODES
    assert sizes[:-1] == [2, *[3] * 9] or set(sizes[:-1]) <= {2, 3}


async def test_chains_are_found_in_steps() -> None:
    """Others go on after fifty nodes, and after each piece of a part that is too large."""
    names = [f"n{index}" for index in range(20 * CHAIN_NODES)]
    graph = await compiled(dict.fromkeys(names, "js"), *[f"{one}:out > {two}:in" for one, two in pairwise(names)])
    rounds = 5  # domains, stages, edges, parts, orders
    assert sum(1 for _ in find_chains(graph.nodes, graph.order)) == rounds * (len(names) // 50) + 20


def _port(random: Random, kind: str) -> str:
    return random.choice(("out", "error") if kind in ("relay", "merge") else ("out", "side", "out", "error"))


async def test_what_leaves_a_chain_never_comes_back_to_it() -> None:
    """Otherwise it could wait for room before itself: along any edge between two chains there is no way back."""
    random = Random(1)
    for _ in range(200):
        size = random.randint(2, 70)
        kinds = {
            f"n{at:02}": random.choice(("js", "js", "js", "theirs", "alone", "relay", "merge"))
            for at in range(size)
        }
        edges = {
            f"n{low:02}:{_port(random, kinds[f'n{low:02}'])} > n{high:02}:in"
            for high in range(1, size)
            for low in random.sample(range(high), min(high, random.choice((0, 1, 1, 2))))
        }
        graph = await compiled(kinds, *sorted(edges))
        whose = {index: index for index in range(size)}
        for chain in graph.chains:
            whose |= dict.fromkeys(chain, chain[0])
            assert len({graph.nodes[index].component for index in chain} - {PASSTHROUGH, MERGE}) == 1
        sorter = TopologicalSorter[int]()
        for each in graph.nodes:
            for target in (target for targets in each.routes for target in targets):
                if whose[each.index] != whose[target.node]:
                    sorter.add(whose[target.node], whose[each.index])
        sorter.prepare()
