"""The nodes that run as one, while an execution goes from one revision to the next."""

from collections.abc import Sequence

from engine.compile.chains import links_of
from engine.contracts.chain import Chain, Link
from engine.contracts.handler import Handler
from engine.execution.build import form_chain, join_handlers
from engine.execution.chained import ChainedInstances
from engine.execution.execution import Execution
from engine.execution.inbox import Inbox
from engine.execution.instance import Instance
from engine.execution.watched import is_watched
from engine.reload.canary import Tried


def left_chains(halted: Sequence[Instance]) -> dict[tuple[object, ...], Chain]:
    """Return the chains of the halted nodes, by their handlers and links; each is used again or dissolved."""
    found: dict[int, ChainedInstances] = {}
    for instance in halted:
        if isinstance(instance.chained, ChainedInstances):
            found[id(instance.chained)] = instance.chained
    chains = {}
    for chained in found.values():
        handlers = [member.handlers[0] for member in chained.members if isinstance(member, Instance)]
        key = _chain_key(handlers, chained.links)
        chain = chained.hand_on()
        if chain is not None:
            chains[key] = chain
    return chains


async def form_chains(
    execution: Execution, nodes_begun: Sequence[int], left: dict[tuple[object, ...], Chain]
) -> None:
    """Let nodes run as one that may: by the chain that they had, or by a new one where its guest opens."""
    graph, begun = execution.graph, set(nodes_begun)
    wanted = [chain for chain in graph.chains if begun.issuperset(chain)] if execution.maker.chaining else []
    formed: list[tuple[tuple[int, ...], tuple[Link, ...], Chain]] = []
    fresh: list[tuple[tuple[int, ...], tuple[Link, ...]]] = []
    for nodes in wanted:
        if any(type(execution.shared.inboxes[index]) is not Inbox for index in nodes):
            continue  # somebody holds an edge there, or looks at its messages
        instances = [execution.instances[index] for index in nodes]
        if any(isinstance(each.handlers[0], Tried) or is_watched(each) for each in instances):
            continue
        links = links_of(graph.nodes, nodes)
        chain = left.pop(_chain_key([execution.instances[each].handlers[0] for each in nodes], links), None)
        if chain is None:
            fresh.append((nodes, links))
        else:
            formed.append((nodes, links, chain))
    for chain in left.values():
        chain.dissolve()
    for nodes, links in fresh:
        chain = join_handlers(graph, nodes, links, execution.instances)
        if await chain.open_again():
            formed.append((nodes, links, chain))
        else:
            chain.dissolve()
    for nodes, links, chain in formed:
        form_chain(chain, nodes, links, execution.instances, execution.shared)


def _chain_key(handlers: Sequence[Handler], links: Sequence[Link]) -> tuple[object, ...]:
    """Return what tells a chain from all that do other work: its handlers, and how they feed each other."""
    ways = tuple(
        (
            link.rank,
            link.unheard,
            tuple((o.port, o.is_told, tuple(way[:3] for way in o.ways)) for o in link.outlets),
        )
        for link in links
    )
    return (*map(id, handlers), ways)
