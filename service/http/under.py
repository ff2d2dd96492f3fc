"""``?under=PATH``: of what is told of an execution's nodes, only what concerns those in one graph inside."""

from collections.abc import Callable

import msgspec
from quart import request

from proto.execution import ExecutionSnapshot
from proto.statistics import ExecutionStatistics
from service.http.operation import Query

UNDER = Query(
    "under",
    "Only the nodes of the graph that the node with this path uses, however deep, or this node.",
    {"type": "string", "maxLength": 1000},
)


def is_under() -> Callable[[str], bool]:
    """Return what tells whether a node is wanted by the request, by its path."""
    path = request.args.get("under", "")
    if not path:
        return lambda _: True
    return lambda node_id: node_id == path or node_id.startswith(f"{path}/")


def instances_under(snapshot: ExecutionSnapshot) -> ExecutionSnapshot:
    """Return a snapshot without the instances that are not wanted."""
    wanted = is_under()
    kept = tuple(each for each in snapshot.instances if wanted(each.node_id))
    return msgspec.structs.replace(snapshot, instances=kept)


def statistics_under(statistics: ExecutionStatistics) -> ExecutionStatistics:
    """Return statistics without the nodes that are not wanted, and without edges that end at none of them."""
    wanted = is_under()
    ends = {node for edge in statistics.edges for node in (_node(edge.source), _node(edge.target)) if wanted(node)}
    return msgspec.structs.replace(
        statistics,
        nodes=tuple(each for each in statistics.nodes if wanted(each.node_id)),
        edges=tuple(edge for edge in statistics.edges if {_node(edge.source), _node(edge.target)} & ends),
    )


def _node(end: str) -> str:
    """Return the node of ``node:port``."""
    return end.rpartition(":")[0]
