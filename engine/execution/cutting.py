"""The taking of a checkpoint: the cut, at once, and what is made of it, in steps."""

from collections.abc import Sequence
from operator import attrgetter

import msgspec

from engine.checkpoint.checkpoint import Checkpoint
from engine.cooperative.slices import Steps
from engine.execution.chained import ChainedInstances
from engine.execution.cut import Cut, take_nodes, take_rest
from engine.execution.cut_chain import is_one, take_chain
from engine.execution.cut_made import made_of_cut
from engine.execution.edge_control import EdgeControl
from engine.execution.injector import Injector
from engine.execution.instance import Instance
from engine.execution.shared import ExecutionShared


def cut_of(
    shared: ExecutionShared,
    instances: Sequence[Instance],
    injector: Injector,
    edge_control: EdgeControl,
    head: Checkpoint,
) -> Steps[Checkpoint]:
    """Cut through an execution now, and return the steps that make the checkpoint; ``head`` is of this moment."""
    cut = Cut(shared)
    chains: dict[ChainedInstances, list[Instance]] = {}
    for instance in instances:
        if isinstance(instance.chained, ChainedInstances):
            chains.setdefault(instance.chained, []).append(instance)
    for chain, members in chains.items():
        take_chain(cut, chain, sorted(members, key=attrgetter("place")))
    take_nodes(cut, instances, lambda each: each.chained is not None and is_one(each.chained))
    take_rest(cut, injector)
    graph = shared.graph
    flushed = next(
        (place for place, index in enumerate(graph.order) if not instances[index].is_concluded), len(graph.order)
    )
    head = msgspec.structs.replace(
        head,
        sequence=cut.sequence,
        flushed=flushed,
        held_edges=tuple((graph.nodes[node].id, edge) for node, edge in edge_control.held_by_hand()),
        processed=head.processed + cut.processed,
    )
    return made_of_cut(cut, head)
