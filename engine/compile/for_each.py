"""Components that handle items one by one: written out between those that take apart and gather. Pure.

A graph that is used with ``forEach`` is written out likewise, where its ports are known
(``engine.compile.unfolding``, ``engine.compile.wiring``); the ports of a component are known only here.
"""

from collections.abc import Callable, Mapping

import msgspec

from engine.compile.brackets import ITEM, Brackets, item_of
from engine.compile.flat_graph import BoundEnd, FlatGraph, Place
from engine.components.config import complete
from engine.contracts.component import Builtin, Component, inputs_of, outputs_of
from engine.cooperative.slices import Steps, paced
from engine.documents.problem_report import ProblemReport
from engine.limits import EngineLimits
from proto.component import ERROR_PORT
from proto.graph import Edge, Endpoint, Node


def write_out_items(
    draft: FlatGraph, components: Mapping[str, Component], limits: EngineLimits, report: ProblemReport
) -> Steps[FlatGraph]:
    """Return a graph in which no component's node has ``forEach`` any more; one that is unknown keeps it."""
    asking = [node for node in draft.definition.nodes if node.every is not None and node.component in components]
    if not asking:
        return draft
    yield
    connected = {edge.source for edge in draft.definition.edges}
    connected |= {end for ends in draft.outputs.values() for end in ends}
    writer = _Writer(draft)
    for node, is_due in paced(asking, every=50):
        writer.add(node, components[node.component], connected)
        if is_due:
            yield
    written = yield from writer.write()
    size = len(written.definition.nodes)
    if size > limits.graph_nodes:
        message = f"With forEach the graph has {size} nodes; {limits.graph_nodes} are allowed"
        report.note("graph.too_large", "nodes", message)
    return written


class _Writer:
    def __init__(self, draft: FlatGraph) -> None:
        self._draft = draft
        self._brackets: dict[str, Brackets] = {}
        self._items: dict[str, Node] = {}
        self._edges: dict[str, list[Edge]] = {}
        self._inputs: dict[Place, tuple[Endpoint, ...]] = {}
        self._outputs: dict[Place, tuple[Endpoint, ...]] = {}

    def add(self, node: Node, component: Component, connected: set[Endpoint]) -> None:
        """Take in a node that has ``forEach``."""
        config = complete(node.config, component.definition.config)
        inputs = inputs_of(component, config)
        outputs = tuple(name for name in outputs_of(component, config) if name != ERROR_PORT)
        used = tuple(name for name in outputs if Endpoint(node.id, name) in connected)
        if isinstance(component, Builtin) and component.twins is not None and not used:
            used = tuple(name for name in outputs if name != component.twins[1])
        gathered = used or outputs
        brackets = self._brackets[node.id] = Brackets(node, inputs, gathered)
        self._items[node.id] = item_of(node, gathered, is_stateless=component.definition.stateless)
        inner = self._edges[node.id] = []
        for name in inputs:
            end = Endpoint(node.id, name)
            inner += brackets.inner_edges(name, (self._item(end),))
            self._inputs[node.id, name] = self._targets(end)
        for name in (*outputs, ERROR_PORT):
            end = Endpoint(node.id, name)
            if brackets.gathers(name):
                inner += brackets.outer_edges(name, (self._item(end),))
            self._outputs[node.id, name] = self._sources(end)

    def _item(self, end: Endpoint) -> Endpoint:
        return Endpoint(f"{end.node}/{ITEM}", end.port)

    def _targets(self, end: Endpoint) -> tuple[Endpoint, ...]:
        """Return where an edge to a port leads now; to one that the component has not, to the item's."""
        brackets = self._brackets.get(end.node)
        return (end,) if brackets is None else (brackets.into(end.port) or self._item(end),)

    def _sources(self, end: Endpoint) -> tuple[Endpoint, ...]:
        brackets = self._brackets.get(end.node)
        if brackets is None:
            return (end,)
        own = () if brackets.gathers(end.port) else (self._item(end),)
        return (*brackets.out_of(end.port), *own)

    def write(self) -> Steps[FlatGraph]:
        """Write the graph out."""
        draft = self._draft
        nodes: list[Node] = []
        node_paths: list[str] = []
        scope_of: list[int] = []
        edges: list[Edge] = []
        edge_paths: list[str] = []
        edge_ends: list[int] = []
        written = zip(draft.definition.nodes, draft.node_paths, draft.scope_of, strict=True)
        for (node, path, scope), is_due in paced(written):
            brackets = self._brackets.get(node.id)
            made = [node] if brackets is None else [self._items[node.id], *brackets.nodes]
            nodes += made
            node_paths += [path] * len(made)
            scope_of += [scope] * len(made)
            if brackets is not None:
                inner = self._edges[node.id]
                edges += inner
                edge_paths += [path] * len(inner)
                edge_ends += [0] * len(inner)
            if is_due:
                yield
        outer = zip(draft.definition.edges, draft.edge_paths, draft.edge_ends, strict=True)
        for (edge, path, ends), is_due in paced(outer):
            for source in self._sources(edge.source):
                for target in self._targets(edge.target):
                    is_as_it_was = source is edge.source and target is edge.target
                    edges.append(
                        edge if is_as_it_was else msgspec.structs.replace(edge, source=source, target=target)
                    )
                    edge_paths.append(path)
                    edge_ends.append(ends)
            if is_due:
                yield
        return msgspec.structs.replace(
            draft,
            definition=msgspec.structs.replace(draft.definition, nodes=tuple(nodes), edges=tuple(edges)),
            node_paths=node_paths,
            scope_of=scope_of,
            edge_paths=edge_paths,
            edge_ends=edge_ends,
            bound=[self._bound(each) for each in draft.bound],
            inputs={**_through(draft.inputs, self._targets), **self._inputs},
            outputs={**_through(draft.outputs, self._sources), **self._outputs},
            uses={**draft.uses, **{path: item.component for path, item in self._items.items()}},
        )

    def _bound(self, bound: BoundEnd) -> BoundEnd:
        if bound.end.node not in self._brackets:
            return bound
        return msgspec.structs.replace(bound, end=self._item(bound.end))


def _through(
    ports: Mapping[Place, tuple[Endpoint, ...]], lead: Callable[[Endpoint], tuple[Endpoint, ...]]
) -> dict[Place, tuple[Endpoint, ...]]:
    return {place: tuple(found for end in ends for found in lead(end)) for place, ends in ports.items()}
