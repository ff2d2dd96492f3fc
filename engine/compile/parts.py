"""A graph and the graphs inside it, found and put together: what is flattened afterwards.

A node uses another graph by its name and a range of versions, or has it written out. Names are looked for among
what is loaded, then wherever the runtime was told to look. A loaded graph keeps what it was put together with, as
it keeps its components: it brings its own insides, and they are not looked for again.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import msgspec

from engine.compile.draft import GraphDraft, parse_graph
from engine.compile.parameters import Parameters, read_parameters
from engine.compile.version_ranges import Range
from engine.cooperative.slices import Breaks, in_slices
from engine.documents.problem_report import ProblemReport, numbered, shown
from engine.documents.weight import Weight
from engine.limits import EngineLimits
from proto.graph import Node
from proto.problem import Problem

REFERENCE = "graph:"
"""The beginning of a node's ``component`` that names a graph."""


class Size(msgspec.Struct, frozen=True):
    """The size of a graph once everything inside it has been written out.

    Attributes:
        nodes: of components.
        edges: connections, and the bindings of ports.
        found: the weight of all that is inside by its name, once for each use.
        depth: graphs in one another; 1 where it uses none.
    """

    nodes: int
    edges: int
    found: Weight
    depth: int


class Part(msgspec.Struct, frozen=True):
    """A graph that is used by another one, or the outermost one.

    Attributes:
        draft: what its document says.
        name: its own; "" where it is written out.
        version: its own.
        parameters: that a use of it may give.
        children: the graphs that its nodes use, by the index of the node.
        lost: ids of the nodes whose graph cannot be had, which has been reported.
        size: of the whole.
    """

    draft: GraphDraft
    name: str
    version: str
    parameters: Parameters
    children: Mapping[int, "Part"]
    lost: frozenset[str]
    size: Size

    @property
    def weight(self) -> Weight:
        """The weight of it with all that is inside."""
        return self.draft.weight + self.size.found


class FoundGraphs(msgspec.Struct, frozen=True):
    """The graphs of one name that a source knows.

    Attributes:
        documents: decoded JSON, as ``POST /api/graphs`` takes it.
        trouble: why there may be others, where the source cannot say.
    """

    documents: Sequence[Any] = ()
    trouble: str = ""


class FoundDocument(msgspec.Struct, frozen=True):
    """A graph that was found as a document, which nobody has looked at."""

    content: Any


class GraphSource(Protocol):
    """A place where further graphs come from."""

    async def graphs_named(self, name: str, owner: str) -> FoundGraphs:
        """Return the graphs of a name that an owner may use. Never raise for what is wrong outside."""


class Finder(Protocol):
    """A finder of the graphs that one owner may use by name."""

    async def find(self, name: str, versions: Range) -> Part | FoundDocument | Problem:
        """Return the newest graph, loaded or as a document; or why there is none, its path left open."""


class NoGraphs:
    """A finder that finds nothing."""

    async def find(self, name: str, versions: Range) -> Problem:
        del versions
        return Problem("node.unknown_graph", "", f"No graph {shown(name)} is loaded")


def is_use(node: Node) -> bool:
    """Return whether a node is the use of a graph."""
    return node.graph is not None or node.component.startswith(REFERENCE)


async def assemble(draft: GraphDraft, finder: Finder, limits: EngineLimits, report: ProblemReport) -> Part:
    """Put a graph together with all graphs inside it.

    Args:
        draft: of the outermost one.
        finder: looks up names.
        limits: bounds of depth.
        report: takes what is wrong with the uses, and with documents that were found.
    """
    part = await _Assembly(finder, limits, report).part(draft, "", (draft.definition.name,), draft.definition.name)
    if part.size.depth > limits.graph_depth:
        report.note("graph.too_deep", "nodes", _too_deep(limits))
    return part


class _Assembly:
    """The assembly of one graph, which looks each name up once."""

    def __init__(self, finder: Finder, limits: EngineLimits, report: ProblemReport) -> None:
        self._finder = finder
        self._limits = limits
        self._report = report
        self._found: dict[str, Part | Problem] = {}
        self._ways: dict[tuple[int, tuple[str, ...]], tuple[str, ...] | None] = {}
        self._breaks = Breaks()

    async def part(self, draft: GraphDraft, path: str, names: tuple[str, ...], name: str = "") -> Part:
        """Put one graph together.

        Args:
            draft: of it.
            path: its place, for problems.
            names: of the graphs that it is inside of, and its own.
            name: by which it is used; "" where it is written out.
        """
        definition = draft.definition
        prefix = f"{path}." if path else ""
        parameters = await in_slices(read_parameters(definition.parameters, f"{prefix}parameters", self._report))
        children: dict[int, Part] = {}
        lost: set[str] = set()
        for index, (place, node) in enumerate(zip(draft.node_places, definition.nodes, strict=True)):
            if not is_use(node):
                continue
            node_path = f"{prefix}nodes[{place}]"
            if node.graph is not None:
                child: Part | None = await self.part(draft.inside[index], f"{node_path}.graph", names)
            else:
                child = await self._named(node.component, f"{node_path}.component", names)
            if child is None:
                lost.add(node.id)
            else:
                children[index] = child
            await self._breaks.offer()
        return Part(draft, name, definition.version, parameters, children, frozenset(lost), _size(draft, children))

    async def _named(self, reference: str, path: str, names: tuple[str, ...]) -> Part | None:
        """Return the graph that a node names; None where there is none, which is noted."""
        if reference not in self._found:
            self._found[reference] = await self._look_up(reference, path, names)
        found = self._found[reference]
        if isinstance(found, Problem):
            self._report.note(found.code, path, found.message)
            return None
        key = (id(found), names)
        if key not in self._ways:
            self._ways[key] = next((way for name in names if (way := _way_to(name, found)) is not None), None)
        chain = self._ways[key]
        if chain is not None:
            self._report.note("graph.recursion", path, _recursion((*names, *chain)))
            return None
        return found

    async def _look_up(self, reference: str, path: str, names: tuple[str, ...]) -> Part | Problem:
        try:
            name, wanted = _read_reference(reference)
        except ValueError as error:
            return Problem("node.wrong_reference", "", f"{shown(reference)}: {error}")
        if name in names:
            return Problem("graph.recursion", "", _recursion((*names, name)))
        if len(names) >= self._limits.graph_depth:
            return Problem("graph.too_deep", "", _too_deep(self._limits))
        found = await self._finder.find(name, wanted)
        if isinstance(found, Part | Problem):
            return found
        draft, report = await in_slices(parse_graph(found.content, self._limits))
        place = f"{path}({shown(name)})"
        self._report.extend(numbered(report.problems(), place))
        if draft is None:
            return Problem("node.unusable_graph", "", f"Graph {shown(name)} was found, and is none")
        return await self.part(draft, place, (*names, name), name)


def _read_reference(reference: str) -> tuple[str, Range]:
    """Return the name and the range in ``graph:NAME@RANGE``, or raise ValueError."""
    text = reference.removeprefix(REFERENCE)
    name, at, versions = text.rpartition("@") if "@" in text else (text, "", "")
    if not name or (at and not versions.strip()):
        raise ValueError(f"write {REFERENCE}NAME@VERSIONS, or {REFERENCE}NAME for the newest")
    return name, Range(versions)


def _size(draft: GraphDraft, children: Mapping[int, Part]) -> Size:
    definition = draft.definition
    ports = (*definition.ports.inputs, *definition.ports.outputs)
    sizes = [child.size for child in children.values()]
    found = Weight()
    for child in children.values():
        found += child.weight if child.name else child.size.found  # what is written out weighs in the draft
    return Size(
        nodes=len(definition.nodes) - len(children) + sum(size.nodes for size in sizes),
        edges=len(definition.edges) + sum(len(port.ends) for port in ports) + sum(size.edges for size in sizes),
        found=found,
        depth=1 + max((size.depth for size in sizes), default=0),
    )


def _way_to(name: str, part: Part) -> tuple[str, ...] | None:
    """Return the names from a graph to one inside it; None where it has none of this name."""
    left: list[tuple[Part, tuple[str, ...]]] = [(part, (part.name,))]
    seen = {id(part)}
    while left:
        inner, way = left.pop()
        if inner.name == name:
            return tuple(step for step in way if step)
        for child in inner.children.values():
            if id(child) not in seen:
                seen.add(id(child))
                left.append((child, (*way, child.name)))
    return None


def _recursion(names: Sequence[str]) -> str:
    return f"A graph cannot be inside itself: {' -> '.join(shown(name) for name in names)}"


def _too_deep(limits: EngineLimits) -> str:
    return f"Graphs are at most {limits.graph_depth} deep in one another"
