"""The bindings that a graph declares in ``bindings``, in either of the two shapes that are in use. Pure.

The specification's, by node and direction or port::

    {"extract": {"input": {"network": "orders.*", "component": "symbia.network.subscriber", "protocol": "ws"}}}

and the platform's, by a name and a port, each end named in full::

    {"orders": {"in": {"input": {"network": "orders.*", "node": "extract", "port": "in", "protocol": "ws"}}}}

In the first, ``input`` and ``output`` mean the node's ``in`` or ``out``, or else the port of that name, or else
its only port. ``component`` says the direction where the port's name does not.
In the second, ``node`` and ``port`` are what the binding stands under, where they are absent.
The engine sees that the places exist; what an event is, and whose, is the business of whoever runs it.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

import msgspec

from engine.component import Component, input_names, outputs_of
from engine.validation import GraphDraft
from proto import codec
from proto.binding import Bindings, Boundary, InputBinding, OutputBinding
from proto.graph import GraphDefinition, Node
from proto.problem import Problem

KEY = "bindings"
MAX_BINDINGS = 1_000
"""Bindings of one graph: as many as it may have nodes. Each is looked at for each event."""

Direction = Literal["input", "output"]
DIRECTIONS: tuple[Direction, ...] = ("input", "output")

_COMPONENTS: dict[str, Direction] = {
    "symbia.network.subscriber": "input",
    "symbia.network.publisher": "output",
}
_USUAL: dict[Direction, str] = {"input": "in", "output": "out"}
_TYPE = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.:/-]{0,199}")
_PATTERN = re.compile(r"\*|[A-Za-z0-9_-][A-Za-z0-9_.:/-]{0,197}(\.\*)?")


class Declared(msgspec.Struct, frozen=True):
    """One binding as its author writes it, in either shape."""

    network: str
    node: str | None = None
    port: str | None = None
    component: str | None = None
    protocol: str | None = None
    target: str = ""
    boundary: Boundary = "intra"


class Place(msgspec.Struct, frozen=True):
    """A declared binding and what its place says of it.

    Attributes:
        declared: what its author writes.
        path: where it stands.
        node: where it does not say itself.
        port: likewise.
        direction: None where only the port's name can tell.
    """

    declared: Declared
    path: str
    node: str
    port: str
    direction: Direction | None


def check_bindings(draft: GraphDraft, components: Mapping[str, Component]) -> list[Problem]:
    """What is wrong with the bindings that a graph declares.

    Args:
        draft: as ``parse_graph`` made it.
        components: the known components that the graph's nodes may name, by id.
    """
    if not draft.has_nodes:
        return []
    return _read(draft.definition, components, draft.misshapen_ids)[1]


def bindings_of(definition: GraphDefinition, components: Mapping[str, Component]) -> Bindings:
    """The bindings of a graph in which nothing is wrong."""
    return _read(definition, components, frozenset())[0]


def _read(
    definition: GraphDefinition, components: Mapping[str, Component], unreadable: frozenset[str]
) -> tuple[Bindings, list[Problem]]:
    problems: list[Problem] = []
    nodes = {node.id: node for node in definition.nodes}
    found: dict[InputBinding | OutputBinding, None] = {}
    for number, place in enumerate(_places(definition.bindings, problems)):
        if number == MAX_BINDINGS:
            message = f"A graph has at most {MAX_BINDINGS} bindings"
            problems.append(Problem("binding.too_many", KEY, message))
            break
        node_id = place.declared.node or place.node
        if node_id in unreadable:
            continue  # its own problem has been reported
        node = nodes.get(node_id)
        if node is None:
            message = f"Binding of an unknown node: {node_id}"
            problems.append(Problem("binding.unknown_node", place.path, message))
            continue
        binding, complaints = _bind(place, node, components.get(node.component))
        problems += complaints
        if binding is None:
            continue
        if binding in found:
            message = f"A second binding of {node_id}:{binding.port} to {binding.network} would double its events"
            problems.append(Problem("binding.duplicate", place.path, message))
        found[binding] = None
    return Bindings(
        tuple(each for each in found if isinstance(each, InputBinding)),
        tuple(each for each in found if isinstance(each, OutputBinding)),
    ), problems


def _places(document: Mapping[str, Any], problems: list[Problem]) -> Iterator[Place]:
    """All that has the shape of a binding; the rest becomes problems."""
    for outer, ports in document.items():
        path = f"{KEY}.{outer}"
        if not isinstance(ports, dict):
            message = "Bindings are an object of objects: by node, then by port"
            problems.append(Problem("binding.wrong_type", path, message))
            continue
        for inner, entry in ports.items():
            yield from _entries(outer, inner, entry, f"{path}.{inner}", problems)


def _entries(outer: str, inner: str, entry: Any, path: str, problems: list[Problem]) -> Iterator[Place]:
    if not isinstance(entry, dict):
        problems.append(Problem("binding.wrong_type", path, "A binding is an object with network"))
        return
    if "network" in entry:
        direction = next((each for each in DIRECTIONS if each == inner), None)
        declared = _convert(entry, path, problems)
        if declared is not None:
            yield Place(declared, path, outer, inner, direction)
        return
    ends = [(end, entry[end]) for end in DIRECTIONS if entry.get(end) is not None]
    if not ends:
        message = 'A binding has network, or {"input": {"network": ...}} or {"output": {"network": ...}}'
        problems.append(Problem("binding.missing_network", path, message))
    for end, item in ends:
        declared = _convert(item, f"{path}.{end}", problems)
        if declared is not None:
            yield Place(declared, f"{path}.{end}", outer, inner, end)


def _convert(item: Any, path: str, problems: list[Problem]) -> Declared | None:
    try:
        return msgspec.convert(item, Declared)
    except msgspec.ValidationError as error:
        problems.append(codec.shape_problem(error, code="binding.wrong_type", path=path))
        return None


def _bind(
    place: Place, node: Node, component: Component | None
) -> tuple[InputBinding | OutputBinding | None, list[Problem]]:
    """The binding of a known node; none where its component is unknown, which is reported at the node."""
    declared, path = place.declared, place.path
    problems = list(_check_protocol(declared, path))
    if component is None:
        return None, problems
    names: dict[Direction, Sequence[str]] = {
        "input": input_names(component.definition),
        "output": outputs_of(component, node.config),
    }
    direction = place.direction or _direction(place, names, problems)
    if direction is None:
        return None, problems
    pattern = _PATTERN if direction == "input" else _TYPE
    if not pattern.fullmatch(declared.network):
        wanted = "a type, prefix.* or *" if direction == "input" else "a type"
        message = f"network is {wanted}, of at most 200 letters, digits and _ . : / -"
        problems.append(Problem("binding.wrong_pattern", f"{path}.network", message))
    said = _COMPONENTS.get(declared.component or "", direction)
    if said != direction:
        message = f"{declared.component} is for an {said} binding, and this is an {direction} binding"
        problems.append(Problem("binding.wrong_component", f"{path}.component", message))
    port = _port(declared.port or place.port, direction, names[direction])
    if port is None:
        known = ", ".join(names[direction]) or "none"
        message = f"Node {node.id} has no {direction} port {declared.port or place.port}; it has {known}"
        problems.append(Problem("binding.unknown_port", path, message))
    if problems or port is None:
        return None, problems
    if direction == "input":
        return InputBinding(declared.network, node.id, port), []
    return OutputBinding(declared.network, node.id, port, declared.target, declared.boundary), []


def _check_protocol(declared: Declared, path: str) -> Iterator[Problem]:
    if declared.protocol not in (None, "ws", "http"):
        message = f"Events come and go by ws, or http; not by {declared.protocol[:40]}"
        yield Problem("binding.unsupported_protocol", f"{path}.protocol", message)
    if declared.component is not None and declared.component not in _COMPONENTS:
        message = f"component is {' or '.join(_COMPONENTS)}, or absent"
        yield Problem("binding.wrong_component", f"{path}.component", message)
    if len(declared.target) > 200:
        message = "target has at most 200 characters"
        yield Problem("binding.wrong_target", f"{path}.target", message)


def _direction(
    place: Place, names: Mapping[Direction, Sequence[str]], problems: list[Problem]
) -> Direction | None:
    """What a port's name, and the component that is named, say of the direction."""
    said = _COMPONENTS.get(place.declared.component or "")
    if said is not None:
        return said
    directions = [direction for direction in DIRECTIONS if place.port in names[direction]]
    if len(directions) == 1:
        return directions[0]
    if directions:
        message = f"{place.port} is an input and an output port; say which with component"
        problems.append(Problem("binding.ambiguous_port", place.path, message))
    else:
        known = ", ".join([*names["input"], *names["output"]]) or "none"
        message = f"Node {place.node} has no port {place.port}; it has {known}"
        problems.append(Problem("binding.unknown_port", place.path, message))
    return None


def _port(name: str, direction: Direction, names: Sequence[str]) -> str | None:
    """The port that is meant: the named one; where the name is a direction, the usual one goes before it."""
    if name == direction and _USUAL[direction] in names:
        return _USUAL[direction]
    if name in names:
        return name
    if name != direction:
        return None
    own = [each for each in names if each != "error"]
    return own[0] if len(own) == 1 else None
