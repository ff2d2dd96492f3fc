"""The shape of a graph, by Kahn's algorithm: order, levels, inputs, outputs, and cycles by their nodes.

Pure: node ids and pairs of node ids in, frozen answers out.
"""

from collections.abc import Iterable, Iterator, Sequence

from engine.cooperative.slices import Steps, at_once, paced
from proto.graph import TopologySummary

_STEPS_BETWEEN_YIELDS = 200
"""Edges, or nodes with all of theirs: a tenth of a millisecond."""


def analyse(
    nodes: Sequence[str], edges: Iterable[tuple[str, str]]
) -> tuple[TopologySummary, Iterator[tuple[str, ...]]]:
    """Do as :func:`analysis`, at once."""
    return at_once(analysis(nodes, edges))


def analysis(
    nodes: Sequence[str], edges: Iterable[tuple[str, str]]
) -> Steps[tuple[TopologySummary, Iterator[tuple[str, ...]]]]:
    """Return the topology of a graph, and its cycles.

    Args:
        nodes: distinct node ids, in the author's order, which is kept among equals.
        edges: (source, target) pairs of known ids; parallel pairs count once.

    Returns:
        The summary, whose ``sorted`` and ``levels`` lack the nodes that lie on a cycle or behind one; and the
        cycles, each as the node ids along one of its rounds, found as they are asked for, because there may be as
        many as edges. No cycles means that the order is complete.
    """
    successors: dict[str, list[str]] = {node: [] for node in nodes}
    waiting_for: dict[str, int] = dict.fromkeys(nodes, 0)
    for (source, target), is_due in paced(dict.fromkeys(edges), _STEPS_BETWEEN_YIELDS):
        if is_due:
            yield
        successors[source].append(target)
        waiting_for[target] += 1
    summary_inputs = tuple(node for node in nodes if not waiting_for[node])
    summary_outputs = tuple(node for node in nodes if not successors[node])

    levels: list[tuple[str, ...]] = []
    level = summary_inputs
    while level:
        levels.append(level)
        freed: list[str] = []
        for node, is_due in paced(level, _STEPS_BETWEEN_YIELDS):
            if is_due:
                yield
            for target in successors[node]:
                waiting_for[target] -= 1
                if not waiting_for[target]:
                    freed.append(target)
        level = tuple(freed)

    yield
    ordered = tuple(node for level in levels for node in level)
    summary = TopologySummary(
        sorted=ordered, levels=tuple(levels), input_nodes=summary_inputs, output_nodes=summary_outputs
    )
    left_over = set(nodes).difference(ordered)
    return summary, _cycles(left_over, successors, nodes)


def _cycles(
    left_over: set[str], successors: dict[str, list[str]], order: Sequence[str]
) -> Iterator[tuple[str, ...]]:
    """Yield one round of every cycle that is found by walking on from each node not walked yet."""
    walked: set[str] = set()
    for start in order:
        if start not in left_over or start in walked:
            continue
        # Depth first without recursion: a graph may be a chain of a thousand nodes.
        trail: list[str] = [start]
        place = {start: 0}
        branches = [iter(successors[start])]
        walked.add(start)
        while branches:
            for following in branches[-1]:
                if following not in left_over:
                    continue
                if following in place:
                    yield tuple(trail[place[following] :])
                elif following not in walked:
                    walked.add(following)
                    place[following] = len(trail)
                    trail.append(following)
                    branches.append(iter(successors[following]))
                    break
            else:
                branches.pop()
                del place[trail.pop()]
