"""The ingress that a graph declares in ``metadata.ingress``: where messages enter that name the graph alone.

    {"node": "entry", "port": "in", "capability": "cap:orders.write", "description": "Orders, one a message"}

All of it may be absent. The engine sees that the place exists; who may deliver there is the service's business.
"""

from collections.abc import Mapping
from typing import Annotated, Any

import msgspec

from engine.compile.flat_graph import FlatGraph
from engine.contracts.component import Component, inputs_of
from engine.cooperative.slices import at_once
from engine.documents.problem_report import listed, shown
from engine.documents.weight import Weight, weigh
from proto import codec
from proto.graph import Node
from proto.problem import Problem

KEY = "ingress"
PLACE = f"metadata.{KEY}"
ROLE = "role"

LISTED_BYTES = 4 * 1024
"""Bytes of ``metadata.ingress``, and of ``metadata.role``, as JSON text: every list of graphs repeats them."""

LISTED_VALUES = 100
"""Names and values in each of them."""

_LISTED = Weight(LISTED_BYTES, LISTED_VALUES)


class Ingress(msgspec.Struct, frozen=True):
    """A graph's declaration of its ingress; further fields are the author's own.

    Attributes:
        node: the node where messages enter.
        port: the input port of that node.
        capability: what a caller must hold to deliver.
        description: for people.
    """

    node: str = "entry"
    port: str = "in"
    capability: Annotated[str, msgspec.Meta(min_length=1, max_length=200)] | None = None
    description: str | None = None


def is_declared(metadata: Mapping[str, Any]) -> bool:
    """Return whether a graph with this metadata declares an ingress; null declares none."""
    return metadata.get(KEY) is not None


def ingress_of(metadata: Mapping[str, Any]) -> Ingress:
    """Return the ingress of a loaded graph: as declared, or the default one that every graph may have."""
    return msgspec.convert(metadata[KEY], Ingress) if is_declared(metadata) else Ingress()


def check_ingress(draft: FlatGraph, components: Mapping[str, Component]) -> list[Problem]:
    """Return what is wrong with what a graph declares for the outside: its role and its ingress.

    Args:
        draft: as ``flatten`` made it.
        components: the known components that the graph's nodes may name, by id.
    """
    metadata = draft.definition.metadata
    for key in (KEY, ROLE):
        if at_once(weigh(metadata.get(key), _LISTED)).exceeds(_LISTED):
            most = f"{LISTED_BYTES} bytes and {LISTED_VALUES} names and values"
            return [Problem(f"{key}.too_large", f"metadata.{key}", f"A graph's {key} has at most {most}")]
    if not is_declared(metadata) or not draft.has_nodes:
        return []
    try:
        ingress = ingress_of(metadata)
    except msgspec.ValidationError as error:
        return [codec.shape_problem(error, Ingress, code="ingress.wrong_type", path=PLACE)]
    if ingress.node in draft.misshapen_ids:
        return []  # its own problem has been reported
    return _check_place(draft, ingress, components, is_said="node" in metadata[KEY])


def _check_place(
    draft: FlatGraph, ingress: Ingress, components: Mapping[str, Component], *, is_said: bool
) -> list[Problem]:
    if ingress.node in draft.uses or not ingress.node:
        return _check_graph_port(draft, ingress)
    node = next((node for node in draft.definition.nodes if node.id == ingress.node), None)
    if node is not None:
        return _check_port(node, ingress.port, components.get(node.component))
    said = "" if is_said else f", the default where {PLACE} names no node"
    message = f"Ingress at an unknown node: {shown(ingress.node)}{said}"
    return [Problem("ingress.unknown_node", f"{PLACE}.node", message)]


def _check_graph_port(draft: FlatGraph, ingress: Ingress) -> list[Problem]:
    if (ingress.node, ingress.port) in draft.inputs:
        return []
    known = listed(port for path, port in draft.inputs if path == ingress.node) or "none"
    named = f"Node {shown(ingress.node)}" if ingress.node else "The graph"
    message = f"{named} has no input port {shown(ingress.port)} for the ingress; it has {known}"
    return [Problem("ingress.unknown_port", f"{PLACE}.port", message)]


def _check_port(node: Node, port: str, component: Component | None) -> list[Problem]:
    if component is None:
        return []  # reported at the node
    names = inputs_of(component, node.config)
    if port in names:
        return []
    known = listed(names) or "none"
    message = f"Node {shown(node.id)} has no input port {shown(port)} for the ingress; it has {known}"
    return [Problem("ingress.unknown_port", f"{PLACE}.port", message)]
