"""The nodes of a graph that run as one: its connected parts of chainable nodes. Pure.

An edge lies inside a part when both its ends are chainable, of one domain and of one stage, and nothing that the
author says of it or of the later one needs a queue of its own. The *stage* of a node is the most edges, on any way
to it, whose ends may not run as one at all. So every edge that leaves a part leads to a later stage, or to a later
piece of a part that was too large: nothing that leaves comes back by way of others, and no part waits for room
before itself.

Built-in nodes that only hand on have no domain. They are given that of the node that feeds them, or else of all
that they feed: one at the head of a part that feeds others, too, stays apart, for these would wait for the part.
"""

from collections.abc import Container, Iterator, Mapping, Sequence

import msgspec

from engine.compile.loaded_graph import CompiledNode, Target
from engine.contracts.chain import Chainable, Link, Outlet, Way
from engine.contracts.component import Builtin, produces
from engine.cooperative.slices import Steps, paced
from proto.graph import InboxOptions

CHAIN_NODES = 32
"""Nodes of one chain; a larger part becomes several. What one guest has room for
(``wasm_host.guest.chain_ports``)."""

CHAIN_OUTLETS = 64
"""Output ports of its nodes that lead to others of them, at most: likewise."""

CHAIN_WAYS = 4096
"""Edges of its nodes, at most; and of one that may be in a chain."""

_USUAL_INBOX = InboxOptions()

_NODES_AT_ONCE = 50
"""Nodes with all their edges that are looked at without a break."""


def find_chains(
    nodes: Sequence[CompiledNode],
    order: Sequence[int],
    apart: Container[int] = frozenset(),
    policed: Container[int] = frozenset(),
    letters: Mapping[int, Sequence[int]] = {},
) -> Steps[tuple[tuple[int, ...], ...]]:
    """Return parts of at least two nodes, as indices in the given order; no node is in two of them.

    Args:
        nodes: of the graph.
        order: their indices, each after all that feed it.
        apart: indices of nodes that are in none: what they emit must be known by the message that it follows from.
        policed: indices of edges on which messages wait apart, by a policy of their own.
        letters: by the index of a node, the nodes to which dead letters go from it: these wait for room, too.
    """
    stages = [0] * len(nodes)
    domains: list[str] = []
    relays: set[int] = set()
    for node, is_due in paced(nodes, _NODES_AT_ONCE):
        if is_due:
            yield
        is_apart = node.index in apart or not _may_be_in_chain(node)
        domains.append("" if is_apart else _domain(node))
        if not is_apart and _relayed(node):
            relays.add(node.index)
    yield from _adopt(nodes, order, relays, domains)
    for index, is_due in paced(order, _NODES_AT_ONCE):
        if is_due:
            yield
        for port, targets in enumerate(nodes[index].routes):
            for target in targets:
                is_cut = target.edge in policed or not _may_join(nodes, domains, index, port, target)
                stages[target.node] = max(stages[target.node], stages[index] + is_cut)
        for node_index in letters.get(index, ()):
            stages[node_index] = max(stages[node_index], stages[index] + 1)
    position = {index: at for at, index in enumerate(order)}
    chains: list[tuple[int, ...]] = []
    chainable = [index for index in order if domains[index]]
    for part in (yield from _parts(nodes, chainable, list(zip(stages, domains, strict=True)))):
        for piece in _pieces(nodes, part):
            yield
            piece.sort(key=position.__getitem__)
            pieces = [piece] if len(piece) == len(part) else (yield from _parts(nodes, piece, stages))
            chains += [tuple(sorted(each, key=position.__getitem__)) for each in pieces]
    return tuple(chain for chain in chains if not relays.issuperset(chain))


def _adopt(
    nodes: Sequence[CompiledNode], order: Sequence[int], relays: set[int], domains: list[str]
) -> Steps[None]:
    """Give nodes that only hand on the domain of those around them, where they can be in one chain with these."""
    if not relays or not any(domains):
        return
    for index, is_due in paced(order, _NODES_AT_ONCE):
        if is_due:
            yield
        for port, target in _edges(nodes[index]):
            if domains[index] and target.node in relays and _needs_no_inbox(nodes, index, port, target):
                domains[target.node] = domains[target.node] or domains[index]
    for index, is_due in paced(reversed(order), _NODES_AT_ONCE):
        if is_due:
            yield
        if index in relays and not domains[index]:
            behind = {
                domains[target.node] if _needs_no_inbox(nodes, index, port, target) else ""
                for port, target in _edges(nodes[index])
                if port != nodes[index].error_port  # it has no errors
            }
            domains[index] = behind.pop() if len(behind) == 1 else ""


def _edges(node: CompiledNode) -> Iterator[tuple[int, Target]]:
    for port, targets in enumerate(node.routes):
        for target in targets:
            yield port, target


def links_of(nodes: Sequence[CompiledNode], chain: Sequence[int]) -> tuple[Link, ...]:
    """Return the place of each node in its chain."""
    places = {index: place for place, index in enumerate(chain)}
    following = {index: [target.node for target in _inside(nodes[index], places)] for index in chain}
    rank = {index: len(chain) - 1 - at for at, index in enumerate(_from_the_ends(following))}
    return tuple(_link(nodes[index], rank[index], places) for index in chain)


def _inside(node: CompiledNode, chain: Container[int]) -> Iterator[Target]:
    for targets in node.routes:
        yield from (target for target in targets if target.node in chain)


def without(node: CompiledNode, chain: Container[int]) -> CompiledNode:
    """Return a node with those of its edges only that leave the chain."""
    routes = tuple(tuple(target for target in targets if target.node not in chain) for targets in node.routes)
    return msgspec.structs.replace(node, routes=routes)


def _link(node: CompiledNode, rank: int, places: Mapping[int, int]) -> Link:
    outlets = []
    for port, targets in enumerate(node.routes):
        ways = tuple(
            Way(places[target.node], target.port, node.lanes[port], target.edge)
            for target in targets
            if target.node in places
        )
        if ways:
            outlets.append(Outlet(port, len(ways) < len(targets), ways))
    unheard = tuple(port for port, targets in enumerate(node.routes) if not targets)
    return Link(rank, tuple(outlets), unheard, _relayed(node))


def _parts(
    nodes: Sequence[CompiledNode], among: Sequence[int], groups: Sequence[object]
) -> Steps[list[list[int]]]:
    """Return the connected parts of some nodes, of two or more. What follows from one node stands together.

    Args:
        nodes: of the graph.
        among: those that are asked about, each after all that feed it.
        groups: of each node of the graph; only those of one group are joined.
    """
    members = set(among)
    following = {}
    for index, is_due in paced(among, _NODES_AT_ONCE):
        if is_due:
            yield
        inside = _inside(nodes[index], members)
        following[index] = [target.node for target in inside if groups[target.node] == groups[index]]
    leaders = {index: index for index in among}
    for index, is_due in paced(among, _NODES_AT_ONCE):
        if is_due:
            yield
        for later in following[index]:
            leaders[_leader(leaders, later)] = _leader(leaders, index)
    parts: dict[int, list[int]] = {}
    for index, is_due in paced(_from_the_ends(following), _NODES_AT_ONCE):
        if is_due:
            yield
        parts.setdefault(_leader(leaders, index), []).append(index)
    return [part[::-1] for part in parts.values() if len(part) > 1]


def _leader(leaders: dict[int, int], index: int) -> int:
    """Return who stands for all that a node is joined with; the way there becomes shorter."""
    while leaders[index] != index:
        leaders[index] = leaders[leaders[index]]
        index = leaders[index]
    return index


def _from_the_ends(following: Mapping[int, Sequence[int]]) -> Iterator[int]:
    """Yield nodes, each after all that follow it, and of these the first one first.

    Without recursion: a graph may be a chain of a thousand nodes.
    """
    seen = set()
    for start in following:
        if start in seen:
            continue
        seen.add(start)
        trail = [(start, iter(following[start]))]
        while trail:
            index, rest = trail[-1]
            later = next((each for each in rest if each not in seen), None)
            if later is None:
                trail.pop()
                yield index
            else:
                seen.add(later)
                trail.append((later, iter(following[later])))


def _pieces(nodes: Sequence[CompiledNode], part: Sequence[int]) -> Iterator[list[int]]:
    """Yield what one guest has room for at a time."""
    piece: list[int] = []
    outlets = ways = 0
    for index in part:
        own_outlets, own_ways = _size(nodes[index])
        outlets += own_outlets
        ways += own_ways
        if len(piece) == CHAIN_NODES or outlets > CHAIN_OUTLETS or ways > CHAIN_WAYS:
            yield piece
            piece = []
            outlets, ways = own_outlets, own_ways
        piece.append(index)
    yield piece


def _size(node: CompiledNode) -> tuple[int, int]:
    """Return how many output ports of a node lead anywhere, and by how many edges."""
    return sum(map(bool, node.routes)), sum(map(len, node.routes))


def _may_join(
    nodes: Sequence[CompiledNode], domains: Sequence[str], index: int, port: int, target: Target
) -> bool:
    return (
        bool(domains[index])
        and domains[index] == domains[target.node]
        and _needs_no_inbox(nodes, index, port, target)
    )


def _needs_no_inbox(nodes: Sequence[CompiledNode], index: int, port: int, target: Target) -> bool:
    return port != nodes[index].error_port and nodes[target.node].definition.inbox == _USUAL_INBOX


def _relayed(node: CompiledNode) -> tuple[int, ...]:
    """Return the output port of each input port of a node that only hands on."""
    return node.component.relayed(node.config) if isinstance(node.component, Builtin) else ()


def _domain(node: CompiledNode) -> str:
    """Return the domain of a node's component, or "" where it has none of its own."""
    return node.component.chain_domain if isinstance(node.component, Chainable) else ""


def _may_be_in_chain(node: CompiledNode) -> bool:
    definition = node.definition
    outlets, ways = _size(node)
    return (
        definition.concurrency == 1
        and definition.on_error != "retry"
        and node.schemas is None
        and not produces(node.component)
        and outlets <= CHAIN_OUTLETS
        and ways <= CHAIN_WAYS
    )
