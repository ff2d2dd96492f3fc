"""The head of a recording: what was run, so that another machine can run it again."""

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from engine.compile.fingerprint import document_of
from engine.compile.loaded_graph import LoadedGraph
from engine.compile.parts import Part
from engine.components.sandboxed import ModuleComponent, SourceComponent
from engine.contracts.surroundings import Surroundings
from engine.cooperative.slices import Steps, paced
from engine.documents.mask import mask_of
from engine.journal.shape import RecordingError, Shape
from proto.codec import MalformedJsonError, check_elements, decode_as, encode
from proto.component import ComponentDefinition
from proto.execution import Completion
from proto.graph import Recording as Level

HEAD_BYTES_LIMIT = 64 * 1024 * 1024
"""Bytes of a head: a graph as large as may be, and the sources of its components."""

HEAD_ELEMENTS_LIMIT = 400_000
"""Values in it, likewise."""


class RecordedNode(msgspec.Struct, frozen=True, rename="camel"):
    """A node of what was recorded; ``id`` is its path, where it is inside other graphs."""

    id: str
    component: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


class RecordedEdge(msgspec.Struct, frozen=True, rename="camel"):
    """An edge of what was recorded: the indices of its nodes and ports, and its id, if it has one."""

    source: tuple[int, int]
    target: tuple[int, int]
    id: str = ""


class Head(msgspec.Struct, frozen=True, rename="camel"):
    """The head of a recording: what was run.

    Attributes:
        execution_id: of the execution.
        graph_id: of its graph.
        graph: its definition, with the graphs inside it written out.
        graph_version: its number.
        level: what was noted.
        began_ms: when that began, in milliseconds since 1970.
        is_from_start: whether it began with the execution; only then can it be run again.
        seed: where all randomness came from.
        parameters: the values that were given for the graph's parameters.
        components: the definitions of all components that are not built in, with their sources.
        lacking: ids of those whose code is a module, which is not in the recording.
        nodes: of the graph, those of the graphs inside it included.
        edges: likewise.
        completion: whether it ended by itself when it had gone quiet.
        is_chained: whether nodes that may run as one did.
        env: the variables that the graph uses, but those that hold a secret.
        secrets: names of the secrets that it uses; no recording has their values.
        is_whole: whether nothing is lacking of it, but perhaps its end; only then can it be run again.
    """

    execution_id: str
    graph_id: str
    graph: dict[str, Any]
    graph_version: int
    level: Level
    began_ms: int
    is_from_start: bool
    seed: int
    parameters: dict[str, msgspec.Raw]
    components: tuple[dict[str, Any], ...]
    lacking: tuple[str, ...]
    nodes: tuple[RecordedNode, ...]
    edges: tuple[RecordedEdge, ...]
    completion: Completion = "auto"
    is_chained: bool = True
    env: dict[str, str] = {}
    secrets: tuple[str, ...] = ()
    is_whole: bool = True

    @property
    def shape(self) -> Shape:
        """The shape of the graph, which records are held against."""
        return Shape(
            [len(node.inputs) for node in self.nodes],
            [len(node.outputs) for node in self.nodes],
            [edge.source[0] for edge in self.edges],
        )

    @property
    def name(self) -> str:
        """The name of the graph."""
        return str(self.graph.get("name", ""))


class Circumstances(msgspec.Struct, frozen=True, kw_only=True):
    """The circumstances of a run; each field is as in :class:`Head`."""

    level: Level
    began_ms: int
    is_from_start: bool
    seed: int
    parameters: Mapping[str, msgspec.Raw] = {}
    completion: Completion = "auto"
    is_chained: bool = True
    env: Mapping[str, str] = {}
    secrets: tuple[str, ...] = ()


def surroundings_of(graph: LoadedGraph, around: Surroundings) -> dict[str, Any]:
    """Return what a head says of the variables and secrets that a graph uses, as fields of it."""
    template = graph.template
    if template is None:
        return {}
    values = {name: around.env[name] for name in sorted(template.env) if name in around.env}
    mask = mask_of(around.secrets, around.secrets) if values else None
    shown = {name: value for name, value in values.items() if mask is None or mask.text(value) == value}
    return {"env": shown, "secrets": tuple(sorted(template.secrets))}


def head_of(execution_id: str, graph: LoadedGraph, circumstances: Circumstances) -> Steps[Head]:
    """Return the head of the recording of an execution, made in steps."""
    components: dict[tuple[str, str], ComponentDefinition] = {}
    lacking: dict[str, None] = {}
    for node in graph.nodes:
        component = node.component
        if isinstance(component, ModuleComponent):
            lacking[component.definition.id] = None
        if isinstance(component, SourceComponent):
            definition = component.definition
            components[definition.id, definition.version] = definition
        yield
    nodes = tuple(
        RecordedNode(node.id, node.definition.component, tuple(node.inputs), tuple(node.outputs))
        for node in graph.nodes
    )
    edges = []
    for edge, is_due in paced(graph.edges):
        if is_due:
            yield
        (source, target) = (graph.nodes[graph.index_of[end.node]] for end in (edge.source, edge.target))
        out, into = source.output_of[edge.source.port], target.input_of[edge.target.port]
        edges.append(RecordedEdge((source.index, out), (target.index, into), edge.id))
    document = document_of(graph.definition) if graph.part is None else written_out(graph.part)
    fields = {name: getattr(circumstances, name) for name in Circumstances.__struct_fields__}
    return Head(
        execution_id=execution_id,
        graph_id=graph.id,
        graph=(yield from document),
        graph_version=graph.number,
        components=tuple([_document(definition) for definition in components.values()]),
        lacking=tuple(lacking),
        nodes=nodes,
        edges=tuple(edges),
        **{**fields, "parameters": dict(circumstances.parameters), "env": dict(circumstances.env)},
    )


def written_out(part: Part) -> Steps[dict[str, Any]]:
    """Return a graph as a document, with the graphs that it uses by name written out in their places."""
    document = yield from document_of(part.draft.definition)
    for index, child in part.children.items():
        node = {key: value for key, value in document["nodes"][index].items() if key != "component"}
        document["nodes"][index] = {**node, "graph": (yield from written_out(child))}
    return document


def _document(definition: ComponentDefinition) -> dict[str, Any]:
    """Return a definition as it can be registered again: with its source, and not with where that came from."""
    code = msgspec.structs.replace(definition.execution, source_url="", source_hash="", sha256="")
    document: dict[str, Any] = msgspec.to_builtins(msgspec.structs.replace(definition, execution=code))
    return document


def described(execution_id: str, circumstances: Circumstances, graph: LoadedGraph) -> Steps[bytes]:
    """Return the head of the recording of an execution as JSON, made in steps."""
    return encode((yield from head_of(execution_id, graph, circumstances)))


def encode_head(head: Head) -> bytes:
    """Return a head as JSON."""
    return encode(head)


def decode_head(text: bytes) -> Head:
    """Return the head in a JSON text.

    Raises:
        RecordingError: there is none in it.
    """
    if len(text) > HEAD_BYTES_LIMIT:
        raise RecordingError(f"its head has {len(text):,} bytes; {HEAD_BYTES_LIMIT:,} are allowed")
    try:
        check_elements(text, HEAD_ELEMENTS_LIMIT)
        head = decode_as(text, Head, HEAD_ELEMENTS_LIMIT)
    except (MalformedJsonError, msgspec.ValidationError) as error:
        raise RecordingError(f"its head cannot be read: {error}") from error
    for problem in _problems(head):
        raise RecordingError(f"its head is wrong: {problem}")
    return head


def _problems(head: Head) -> Iterator[str]:
    shape = head.shape
    if len({node.id for node in head.nodes}) != len(head.nodes):
        yield "two nodes have one id"
    for edge in head.edges:
        ends = ((edge.source, shape.outputs), (edge.target, shape.inputs))
        if not all(0 <= node < len(ports) and 0 <= port < ports[node] for (node, port), ports in ends):
            yield f"an edge leads from {edge.source} to {edge.target}"
    if not 0 <= head.seed < 2**63:
        yield "the seed is no number of 63 bits"
    if not 0 <= head.began_ms < 2**53:
        yield "it began at no time"
