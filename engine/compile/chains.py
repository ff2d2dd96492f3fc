"""The nodes of a graph that run as one: maximal linear runs of chainable ones. Pure.

Two nodes belong together when the one's values go to the other and nowhere else, the other gets values from
nowhere else, and nothing that their author says of either needs the inbox between them.
"""

from collections.abc import Sequence

from engine.compile.loaded_graph import CompiledNode
from engine.contracts.chain import Chainable, Link
from engine.contracts.handler import NO_EDGE
from proto.graph import InboxOptions

CHAIN_NODES = 32
"""Nodes of one chain; a longer run becomes several. What one guest has room for
(``wasm_host.guest.chain_abi``)."""

_USUAL_INBOX = InboxOptions()


def find_chains(nodes: Sequence[CompiledNode]) -> tuple[tuple[int, ...], ...]:
    """Return runs of at least two nodes, as indices in the order of the flow; no node is in two of them."""
    following = {node.index: port[1] for node in nodes if (port := _link(nodes, node)) is not None}
    reached = set(following.values())
    chains = []
    for node in nodes:
        if node.index in reached:
            continue
        run = [node.index]
        while run[-1] in following:
            run.append(following[run[-1]])
        pieces = [tuple(run[start : start + CHAIN_NODES]) for start in range(0, len(run), CHAIN_NODES)]
        chains += [piece for piece in pieces if len(piece) > 1]
    return tuple(chains)


def links_of(nodes: Sequence[CompiledNode], chain: Sequence[int]) -> tuple[Link, ...]:
    """Return the place of each node in its chain."""
    links = []
    for index in chain:
        node = nodes[index]
        unheard = tuple(port for port, targets in enumerate(node.routes) if not targets)
        found = _link(nodes, node)
        if index == chain[-1] or found is None:
            links.append(Link(None, 0, NO_EDGE, unheard))
        else:
            target = node.routes[found[0]][0]
            links.append(Link(found[0], target.port, target.edge, unheard))
    return tuple(links)


def _link(nodes: Sequence[CompiledNode], node: CompiledNode) -> tuple[int, int] | None:
    """Return the output port of a node that leads to the next one of its chain, and the index of that one."""
    if not _is_chainable(node):
        return None
    for port, targets in enumerate(node.routes):
        if port != node.error_port and len(targets) == 1 and _may_follow(nodes[targets[0].node], node):
            return port, targets[0].node
    return None


def _may_follow(later: CompiledNode, earlier: CompiledNode) -> bool:
    return (
        _is_chainable(later)
        and _domain(later) == _domain(earlier)
        and len(later.incoming) == 1
        and later.definition.inbox == _USUAL_INBOX
    )


def _is_chainable(node: CompiledNode) -> bool:
    definition = node.definition
    return (
        bool(_domain(node))
        and definition.concurrency == 1
        and definition.on_error != "retry"
        and node.schemas is None
    )


def _domain(node: CompiledNode) -> str:
    return node.component.chain_domain if isinstance(node.component, Chainable) else ""
