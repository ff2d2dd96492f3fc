"""The parts of an execution: every node's handlers and instance, and the chains that join some of them."""

import hashlib
from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

from engine.compile.chains import links_of, without
from engine.compile.loaded_graph import CompiledNode, LoadedGraph
from engine.compile.template import FilledGraph
from engine.components.config import complete
from engine.contracts.chain import Chainable
from engine.contracts.handler import Handler, InstanceContext
from engine.cooperative.slices import Steps
from engine.execution.chained import ChainedInstances
from engine.execution.grouped import GroupedInstance
from engine.execution.grouped_shared import GroupedShared
from engine.execution.heritage import Heritage
from engine.execution.instance import Instance
from engine.execution.shared import ExecutionShared
from engine.schemas.validating_handler import ValidatingHandler
from proto.graph import OnError
from workers.pool import Pool

StandIn = Callable[[CompiledNode, InstanceContext], Handler | None]

SEED_BITS = 63


def no_stand_in(node: CompiledNode, context: InstanceContext) -> None:
    """Let the component make the handler of every node."""
    del node, context


def shared_of(graph: LoadedGraph) -> type[ExecutionShared]:
    """Return what the instances of a graph share: another kind where it takes arrays apart and gathers them."""
    return ExecutionShared if graph.groups is None else GroupedShared


class Sources(NamedTuple):
    """The sources of an execution's instances.

    Attributes:
        timestamp: the present wall time, ISO 8601 in UTC.
        workers: where work runs that cannot be sliced; without them it is refused.
        heritage: of an earlier revision of the graph; its state goes on here.
        values: what is filled into configurations, and what programs see as ``param``.
        seed: where the randomness of all nodes comes from.
        stand_in: makes the handler of a node in place of its component; of None, the component does.
    """

    timestamp: Callable[[], str]
    workers: Pool | None
    heritage: Heritage | None
    values: FilledGraph
    seed: int
    stand_in: StandIn


def build_instances(
    sources: Sources,
    instances: list[Instance],
    shared: ExecutionShared,
    *,
    chaining: bool,
    is_chained: Callable[[Sequence[int]], bool] | None = None,
) -> Steps[None]:
    """Make the instances of an execution, in the order of the graph's nodes. Nothing runs yet.

    Args:
        sources: what they are made with.
        instances: takes them; empty.
        shared: the parts that they share; knows the execution's id and its graph.
        chaining: whether nodes that may run as one do.
        is_chained: asked of each such run of nodes, by their indices, where that is not all.
    """
    execution_id, graph = shared.execution_id, shared.graph
    on_error: OnError = "continue" if graph.is_long_lived else "fail"
    handlers = []
    for node in graph.nodes:
        made = _make_handlers(node, sources, shared)
        if sources.heritage is not None:
            sources.heritage.pass_on(node, made)
        handlers.append(made)
        kind = GroupedInstance if isinstance(shared, GroupedShared) and shared.concerns(node.index) else Instance
        instances.append(kind(node, f"{execution_id}/{node.id}", made, shared, on_error))
        yield
    for nodes in graph.chains if chaining else ():
        if is_chained is not None and not is_chained(nodes):
            continue
        component = graph.nodes[nodes[0]].component
        assert isinstance(component, Chainable)  # noqa: S101 - find_chains has looked
        links = links_of(graph.nodes, nodes)
        chain = component.join([handlers[index][0] for index in nodes], links)
        outside = [without(graph.nodes[index], nodes) for index in nodes]
        ChainedInstances([instances[index] for index in nodes], outside, chain, links, shared)
        yield


def seed_of(seed: int, node_id: str, place: int) -> int:
    """Return the seed of one handler of a node: another one for each, and the same one in each run with a seed."""
    digest = hashlib.blake2b(f"{seed} {place} {node_id}".encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest) >> 1


def _make_handlers(node: CompiledNode, sources: Sources, shared: ExecutionShared) -> Sequence[Handler]:
    """Make one handler, or as many as the node asks for."""
    values = sources.values
    execution_id, owner = shared.execution_id, shared.graph.owner
    config = node.config
    if node.index in values.configs:
        config = complete(values.configs[node.index], node.component.definition.config)
    handlers = []
    for place in range(node.definition.concurrency):
        context = InstanceContext(
            execution_id=execution_id,
            node_id=node.id,
            instance_id=f"{execution_id}/{node.id}",
            config=config,
            inputs=node.inputs,
            outputs=node.outputs,
            seed=seed_of(sources.seed, node.id, place),
            on_slice_end=shared.gate.yield_if_closed,
            owner=owner,
            timestamp=sources.timestamp,
            value_bytes=shared.limits.value_bytes,
            account=shared.account,
            param=values.param_of(node.index),
            mask=values.mask,
            call_key=partial(shared.call_keys.key_of, node.id),
        )
        handler = sources.stand_in(node, context) or node.component.create(context)
        if node.schemas is not None:
            handler = ValidatingHandler(
                handler,
                node.schemas,
                node.inputs,
                node.outputs,
                workers=sources.workers,
                owner=owner,
                between_turns=shared.gate.yield_if_closed,
            )
        handlers.append(handler)
    return handlers
