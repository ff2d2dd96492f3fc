"""The node that holds the others up, and the reason. Pure: statistics in, one sentence out.

A node is a bottleneck when others wait for it: an edge into it has blocked its source, or messages pile up
before it. Being busy alone is no fault: somebody has to be the busiest.
"""

from collections.abc import Sequence

from engine.cooperative.slices import Steps, at_once, paced
from proto.statistics import Bottleneck, EdgeStatistics, NodeStatistics

_NOTICEABLE_BLOCKED_SECONDS = 0.001
_NOTICEABLE_FILL = 0.5


_BETWEEN_YIELDS = 100
"""Edges that are looked at between two yields: a tenth of a millisecond."""


def find_bottleneck(nodes: Sequence[NodeStatistics], edges: Sequence[EdgeStatistics]) -> Bottleneck | None:
    """Look for the bottleneck, as :func:`look_for_bottleneck`, at once."""
    return at_once(look_for_bottleneck(nodes, edges))


def look_for_bottleneck(
    nodes: Sequence[NodeStatistics], edges: Sequence[EdgeStatistics]
) -> Steps[Bottleneck | None]:
    """Return the node that costs the others most, or None where none waits for another.

    Blocking spreads upstream, hop by hop: the node to name is a blocked edge's target that is not itself held
    up by a node behind it, and among several of those the one that cost its sources the most time.
    """
    blocked: dict[str, float] = {}
    held_up: dict[str, float] = {}
    for edge, is_due in paced(edges, _BETWEEN_YIELDS):
        if is_due:
            yield
        target, source = _node_of(edge.target), _node_of(edge.source)
        seconds = edge.blocked_seconds - edge.held_seconds  # for the rest, nobody but a person is to blame
        blocked[target] = blocked.get(target, 0.0) + seconds
        held_up[source] = held_up.get(source, 0.0) + edge.blocked_seconds

    def own_share(node: NodeStatistics) -> float:
        return blocked.get(node.node_id, 0.0) - held_up.get(node.node_id, 0.0)

    culprit = max(nodes, key=own_share, default=None)
    if culprit is not None and own_share(culprit) > _NOTICEABLE_BLOCKED_SECONDS:
        seconds = blocked[culprit.node_id]
        return Bottleneck(culprit.node_id, f"Its sources waited {seconds:.3f} s for room; {_describe(culprit)}")
    fullest = max(nodes, key=_fill, default=None)
    if fullest is not None and _fill(fullest) >= _NOTICEABLE_FILL:
        number = fullest.queued_messages - fullest.held_messages
        waiting = f"{number} of {fullest.capacity} messages wait before it"
        return Bottleneck(fullest.node_id, f"{waiting}; {_describe(fullest)}")
    return None


def _fill(node: NodeStatistics) -> float:
    return (node.queued_messages - node.held_messages) / node.capacity


def _describe(node: NodeStatistics) -> str:
    share = min(node.busy_share, 1.0)
    return f"it was busy {share:.0%} of the time, at {node.p50_latency_ms:.3f} ms a message (median)"


def _node_of(endpoint: str) -> str:
    return endpoint.rpartition(":")[0]
