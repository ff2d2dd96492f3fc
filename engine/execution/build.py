"""The parts of an execution: every node's handlers and instance, and the chains that join some of them."""

import hashlib
from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

from engine.compile.chains import links_of, without
from engine.compile.loaded_graph import CompiledNode, LoadedGraph
from engine.compile.template import FilledGraph
from engine.components.config import complete
from engine.contracts.chain import Chain, Chainable, Link
from engine.contracts.handler import Handler, InstanceContext
from engine.cooperative.slices import Steps
from engine.execution.chained import ChainedInstances
from engine.execution.grouped import GroupedInstance
from engine.execution.grouped_shared import GroupedShared
from engine.execution.heritage import Heritage
from engine.execution.instance import Instance
from engine.execution.policed_shared import PolicedGroupedShared, PolicedShared
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
    """Return what the instances of a graph share: another kind where it takes arrays apart and gathers them, and
    where edges have policies.
    """
    if graph.policies:
        return PolicedShared if graph.groups is None else PolicedGroupedShared
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
    graph = shared.graph
    maker = Maker(sources, chaining=chaining)
    for node in graph.nodes:
        made = maker.handlers(node, sources.values, shared)
        if sources.heritage is not None:
            sources.heritage.pass_on(node, made)
        instances.append(maker.instance(node, made, shared))
        yield
    for nodes in graph.chains if chaining else ():
        if is_chained is not None and not is_chained(nodes):
            continue
        links = links_of(graph.nodes, nodes)
        form_chain(join_handlers(graph, nodes, links, instances), nodes, links, instances, shared)
        yield


def seed_of(seed: int, node_id: str, place: int) -> int:
    """Return the seed of one handler of a node: another one for each, and the same one in each run with a seed."""
    digest = hashlib.blake2b(f"{seed} {place} {node_id}".encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest) >> 1


def join_handlers(
    graph: LoadedGraph, nodes: Sequence[int], links: Sequence[Link], instances: Sequence[Instance]
) -> Chain:
    """Join the handlers of nodes that may run as one."""
    components = (graph.nodes[index].component for index in nodes)
    component = next(each for each in components if isinstance(each, Chainable))  # the others only hand on
    return component.join([instances[index].handlers[0] for index in nodes], links)


def form_chain(
    chain: Chain,
    nodes: Sequence[int],
    links: Sequence[Link],
    instances: Sequence[Instance],
    shared: ExecutionShared,
) -> None:
    """Let instances run as one, by a chain of their handlers."""
    outside = [without(shared.graph.nodes[index], nodes) for index in nodes]
    ChainedInstances([instances[index] for index in nodes], outside, chain, links, shared)


class Maker:
    """The maker of the parts of one execution.

    Args:
        sources: that its instances are made from.
        chaining: whether nodes that may run as one do.
    """

    def __init__(self, sources: Sources, *, chaining: bool) -> None:
        self._sources = sources._replace(heritage=None)  # it is passed on once, by whoever builds all of them
        self.chaining = chaining

    def handlers(self, node: CompiledNode, values: FilledGraph, shared: ExecutionShared) -> Sequence[Handler]:
        """Make one handler of a node, or as many as it asks for."""
        return _make_handlers(node, self._sources._replace(values=values), shared)

    @staticmethod
    def instance(
        node: CompiledNode, handlers: Sequence[Handler], shared: ExecutionShared, former: Instance | None = None
    ) -> Instance:
        """Make the instance of a node; ``former`` is the one whose place it takes."""
        on_error: OnError = "continue" if shared.graph.is_long_lived else "fail"
        kind = GroupedInstance if isinstance(shared, GroupedShared) and shared.concerns(node.index) else Instance
        return kind(node, f"{shared.execution_id}/{node.id}", handlers, shared, on_error, former)


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
