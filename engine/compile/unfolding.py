"""The nodes of a graph and of the graphs inside it, each with the path by which it is known. Pure."""

from collections.abc import Mapping, Sequence
from functools import cached_property

import msgspec

from engine.compile.brackets import Brackets
from engine.compile.parts import Part
from engine.compile.scopes import ParameterScope
from engine.cooperative.slices import Steps
from engine.documents.problem_report import ProblemReport, shown
from proto.graph import Endpoint, GraphPort, InboxOptions, Node, OnError, Retry

SEPARATOR = "/"
"""Stands between the steps of a path."""


class Use:
    """One use of a graph: the outermost one, or a node's.

    Attributes:
        part: the graph.
        node: of the graph around it; None for the outermost one.
        outer: the use around it; None for the outermost one.
        path: the path of the node; "" for the outermost one.
        document: where the graph is written, for problems.
        scope: of its parameters, by index.
        on_error: what holds inside; None where nobody says.
        retry: likewise.
        children: the uses inside, by the id of their node.
        brackets: the nodes around it, where it handles the items of arrays.
    """

    def __init__(
        self,
        part: Part,
        outer: "Use | None",
        node: Node | None,
        path: str,
        document: str,
        scope: int,
    ) -> None:
        self.part = part
        self.node = node
        self.outer = outer
        self.path = path
        self.document = document
        self.scope = scope
        self.on_error: OnError | None = None
        self.retry = Retry()
        self.children: dict[str, Use] = {}
        self.brackets: Brackets | None = None

    def inner(self, node_id: str) -> str:
        """Return the path of a node inside."""
        return f"{self.path}{SEPARATOR}{node_id}" if self.path else node_id

    def written(self, place: str) -> str:
        """Return a place in its document as a place in the whole."""
        return f"{self.document}.{place}" if self.document else place

    @cached_property
    def ids(self) -> frozenset[str]:
        """Ids of its nodes, those included that could not be read."""
        draft = self.part.draft
        return frozenset(node.id for node in draft.definition.nodes) | draft.misshapen_ids

    @cached_property
    def leaving(self) -> frozenset[Endpoint]:
        """The ports of its nodes from which edges lead away inside."""
        return frozenset(edge.source for edge in self.part.draft.definition.edges)

    @cached_property
    def bound_outputs(self) -> Mapping[Endpoint, Sequence[str]]:
        """The output ports that a port of a node inside is bound to, by that port."""
        bound: dict[Endpoint, list[str]] = {}
        for port in self.part.draft.definition.ports.outputs:
            for end in port.ends:
                bound.setdefault(end, []).append(port.name)
        return bound

    @cached_property
    def inputs(self) -> Mapping[str, GraphPort]:
        """The input ports, by name."""
        return {port.name: port for port in self.part.draft.definition.ports.inputs}

    @cached_property
    def outputs(self) -> Mapping[str, GraphPort]:
        """The output ports, by name; without the ``error`` port that every graph has."""
        return {port.name: port for port in self.part.draft.definition.ports.outputs}


class Unfolding:
    """The unfolding of the nodes of one graph.

    Args:
        part: the graph, put together.
        report: takes the problems.

    Attributes:
        uses: of graphs, the outermost one first, each before those inside it.
        nodes: with their paths as ids, in the order in which they are written.
        node_paths: where each is written.
        owners: the use that each is written in.
        scopes: the parameters of the outermost graph, and of each use, behind those around it.
        lost: paths of nodes that are not among them, because something is wrong with them.
    """

    def __init__(self, part: Part, report: ProblemReport) -> None:
        self._report = report
        self.uses: list[Use] = []
        self.nodes: list[Node] = []
        self.node_paths: list[str] = []
        self.owners: list[Use] = []
        self.scopes = [ParameterScope(part.parameters)]
        self.lost: set[str] = set()

    def unfold(self, use: Use) -> Steps[None]:
        """Write out the nodes of a use, and of those inside it."""
        self.uses.append(use)
        draft, part = use.part.draft, use.part
        self.lost.update(use.inner(node_id) for node_id in (*draft.misshapen_ids, *part.lost))
        nodes = zip(draft.node_places, draft.definition.nodes, strict=True)
        for index, (place, node) in enumerate(nodes):
            written = use.written(f"nodes[{place}]")
            child = part.children.get(index)
            if child is not None:
                yield from self._unfold_child(use, node, child, written)
            elif node.id not in part.lost:
                self.nodes.append(self._flat(use, node))
                self.node_paths.append(written)
                self.owners.append(use)
            yield

    def _flat(self, use: Use, node: Node) -> Node:
        if use.outer is None:
            return node
        if node.on_error is not None or use.on_error is None:
            return msgspec.structs.replace(node, id=use.inner(node.id))
        return msgspec.structs.replace(node, id=use.inner(node.id), on_error=use.on_error, retry=use.retry)

    def _unfold_child(self, use: Use, node: Node, part: Part, written: str) -> Steps[None]:
        if node.id in use.children:
            message = f"Duplicate node id: {shown(use.inner(node.id))}"
            self._report.note("node.duplicate_id", f"{written}.id", message)
            return
        self._check_fields(node, written)
        document = f"{written}.graph" if not part.name else f"{written}.component({shown(part.name)})"
        around = self.scopes[use.scope]
        self.scopes.append(
            ParameterScope(
                parameters=part.parameters,
                given=node.config,
                outer=use.scope,
                path=f"{written}.config",
                declared=f"{document}.parameters",
                is_ours=around.is_ours and not part.name,
            )
        )
        child = Use(part, use, node, use.inner(node.id), document, len(self.scopes) - 1)
        says = node if node.on_error is not None else use
        child.on_error, child.retry = says.on_error, says.retry
        use.children[node.id] = child
        if node.every is not None:
            named = msgspec.structs.replace(node, id=child.path)
            child.brackets = Brackets(named, tuple(child.inputs), tuple(child.outputs), child.on_error)
            for made in child.brackets.nodes:
                self.nodes.append(made)
                self.node_paths.append(written)
                self.owners.append(use)
        yield from self.unfold(child)

    def _check_fields(self, node: Node, written: str) -> None:
        """Refuse what is a matter of single components."""
        for field, usual in (
            ("inbox", InboxOptions()),
            ("concurrency", 1),
            ("ordered", True),
            ("validate", False),
        ):
            if getattr(node, field) != usual:
                message = f"Node {shown(node.id)} uses a graph, which has no {field}; its nodes have"
                self._report.note("node.not_for_graphs", f"{written}.{field}", message)
