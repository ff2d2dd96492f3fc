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

from engine.compile.flat_graph import FlatGraph
from engine.contracts.component import Component, inputs_of, outputs_of
from engine.cooperative.slices import Steps, paced
from engine.documents.problem_report import ProblemReport, listed, shown
from proto import codec
from proto.binding import Bindings, Boundary, InputBinding, OutputBinding
from proto.graph import Node
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


class BindingSite(msgspec.Struct, frozen=True):
    """A declared binding and what its place says of it.

    Attributes:
        declared: what its author writes.
        path: the path to its place.
        node: where it does not say itself.
        port: likewise.
        direction: None where only the port's name can tell.
    """

    declared: Declared
    path: str
    node: str
    port: str
    direction: Direction | None


def read_bindings(draft: FlatGraph, components: Mapping[str, Component], report: ProblemReport) -> Steps[Bindings]:
    """Read the bindings that a graph declares; of no account where the report is not empty.

    Args:
        draft: as ``flatten`` made it.
        components: the known components that the graph's nodes may name, by id.
        report: takes what is wrong with them.
    """
    if not draft.has_nodes:
        return Bindings()
    nodes = {node.id: node for node in draft.definition.nodes}
    found: dict[InputBinding | OutputBinding, None] = {}
    number = 0
    for place, is_due in paced(_places(draft.definition.bindings, report)):
        if is_due:
            yield
        if place is None:
            continue
        number += 1
        if number > MAX_BINDINGS:
            report.note("binding.too_many", KEY, f"A graph has at most {MAX_BINDINGS} bindings")
            break
        node_id = place.declared.node or place.node
        if node_id in draft.misshapen_ids:
            continue  # its own problem has been reported
        node = nodes.get(node_id)
        if node is None:
            report.note("binding.unknown_node", place.path, f"Binding of an unknown node: {shown(node_id)}")
            continue
        binding, complaints = _bind(place, node, components.get(node.component))
        report.extend(complaints)
        if binding is None:
            continue
        if binding in found:
            named = f"{shown(node_id)}:{binding.port} to {binding.network}"
            report.note("binding.duplicate", place.path, f"A second binding of {named} would double its events")
        found[binding] = None
    return Bindings(
        tuple(each for each in found if isinstance(each, InputBinding)),
        tuple(each for each in found if isinstance(each, OutputBinding)),
    )


def _places(document: Mapping[str, Any], report: ProblemReport) -> Iterator[BindingSite | None]:
    """Yield all that has the shape of a binding; None for the rest, which becomes problems."""
    for outer, ports in document.items():
        path = f"{KEY}.{shown(outer)}"
        if not isinstance(ports, dict):
            report.note("binding.wrong_type", path, "Bindings are an object of objects: by node, then by port")
            yield None
            continue
        for inner, entry in ports.items():
            yield from _entries(outer, inner, entry, f"{path}.{shown(inner)}", report)


def _entries(outer: str, inner: str, entry: Any, path: str, report: ProblemReport) -> Iterator[BindingSite | None]:
    if not isinstance(entry, dict):
        report.note("binding.wrong_type", path, "A binding is an object with network")
        yield None
        return
    if "network" in entry:
        direction = next((each for each in DIRECTIONS if each == inner), None)
        declared = _convert(entry, path, report)
        yield None if declared is None else BindingSite(declared, path, outer, inner, direction)
        return
    ends = [(end, entry[end]) for end in DIRECTIONS if entry.get(end) is not None]
    if not ends:
        message = 'A binding has network, or {"input": {"network": ...}} or {"output": {"network": ...}}'
        report.note("binding.missing_network", path, message)
        yield None
    for end, item in ends:
        declared = _convert(item, f"{path}.{end}", report)
        yield None if declared is None else BindingSite(declared, f"{path}.{end}", outer, inner, end)


def _convert(item: Any, path: str, report: ProblemReport) -> Declared | None:
    try:
        return msgspec.convert(item, Declared)
    except msgspec.ValidationError as error:
        report.extend([codec.shape_problem(error, Declared, code="binding.wrong_type", path=path)])
        return None


def _bind(
    place: BindingSite, node: Node, component: Component | None
) -> tuple[InputBinding | OutputBinding | None, list[Problem]]:
    """Return the binding of a known node; none where its component is unknown, which is reported at the node."""
    declared, path = place.declared, place.path
    problems = list(_check_protocol(declared, path))
    if component is None:
        return None, problems
    names: dict[Direction, Sequence[str]] = {
        "input": inputs_of(component, node.config),
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
        known = listed(names[direction]) or "none"
        wanted = shown(declared.port or place.port)
        message = f"Node {shown(node.id)} has no {direction} port {wanted}; it has {known}"
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
    place: BindingSite, names: Mapping[Direction, Sequence[str]], problems: list[Problem]
) -> Direction | None:
    """Return the direction that a port's name, and the component that is named, stand for."""
    said = _COMPONENTS.get(place.declared.component or "")
    if said is not None:
        return said
    directions = [direction for direction in DIRECTIONS if place.port in names[direction]]
    if len(directions) == 1:
        return directions[0]
    if directions:
        message = f"{shown(place.port)} is an input and an output port; say which with component"
        problems.append(Problem("binding.ambiguous_port", place.path, message))
    else:
        known = listed([*names["input"], *names["output"]]) or "none"
        message = f"Node {shown(place.node)} has no port {shown(place.port)}; it has {known}"
        problems.append(Problem("binding.unknown_port", place.path, message))
    return None


def _port(name: str, direction: Direction, names: Sequence[str]) -> str | None:
    """Find the port that is meant: the named one; where the name is a direction, the usual one goes before it."""
    if name == direction and _USUAL[direction] in names:
        return _USUAL[direction]
    if name in names:
        return name
    if name != direction:
        return None
    own = [each for each in names if each != "error"]
    return own[0] if len(own) == 1 else None
