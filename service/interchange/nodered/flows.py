"""An export of Node-RED, read: tabs, subflows, groups, configuration nodes and nodes; what is wrong is noted.

The file is whatever somebody has on their disk: every field may be absent, of another type, or a lie.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from service.interchange.imported import NotImportableError
from service.interchange.notes import Place, Report, shown

MOST_NODES = 20_000
"""Nodes of one file, before subflows are flattened; the largest that are published have some thousand."""

MOST_OUTPUTS = 90
"""Outputs of one node: a component has a hundred ports, and some are taken."""


class RedNode(msgspec.Struct, frozen=True):
    """One node as the file has it.

    Attributes:
        id: its id in the file.
        type: its type, such as ``function``.
        name: its name for people; may be empty.
        container: the id of its tab or subflow.
        group: the id of its group; may be empty.
        wires: for each output, the ids of the nodes that it feeds.
        props: all fields, as they stand.
        is_disabled: whether it, or its tab, is switched off.
    """

    id: str
    type: str
    name: str = ""
    container: str = ""
    group: str = ""
    wires: tuple[tuple[str, ...], ...] = ()
    props: Mapping[str, Any] = {}
    is_disabled: bool = False

    def text(self, key: str, otherwise: str = "") -> str:
        """Return a field that is to be text; a number is its digits, anything else counts as absent."""
        value = self.props.get(key, otherwise)
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            return otherwise
        return str(value)

    def number(self, key: str, otherwise: float = 0) -> float:
        """Return a field that is to be a number, which the editor writes as text."""
        return number_of(self.props.get(key), otherwise)

    def flag(self, key: str, *, otherwise: bool = False) -> bool:
        """Return a field that is to be true or false."""
        value = self.props.get(key, otherwise)
        return value if isinstance(value, bool) else value == "true" if isinstance(value, str) else otherwise

    def items(self, key: str) -> list[Mapping[str, Any]]:
        """Return the objects of a field that is to be a list of them."""
        value = self.props.get(key)
        return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []

    def texts(self, key: str) -> list[str]:
        """Return the texts of a field that is to be a list of them."""
        value = self.props.get(key)
        return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


class Container(msgspec.Struct, frozen=True):
    """A tab, or the definition of a subflow.

    Attributes:
        id: its id.
        name: its name for people.
        env: its variables, as they stand.
        info: what its author wrote about it.
        is_disabled: whether it is switched off.
        inputs: of a subflow: the nodes that its input feeds.
        outputs: of a subflow: for each output, the nodes and their outputs that feed it.
    """

    id: str
    name: str
    env: tuple[Mapping[str, Any], ...] = ()
    info: str = ""
    is_disabled: bool = False
    inputs: tuple[str, ...] = ()
    outputs: tuple[tuple[tuple[str, int], ...], ...] = ()


class Flows(msgspec.Struct):
    """All of a file, by what it is."""

    tabs: dict[str, Container] = {}
    subflows: dict[str, Container] = {}
    groups: dict[str, RedNode] = {}
    configurations: dict[str, RedNode] = {}
    nodes: dict[str, list[RedNode]] = {}
    mentioned: dict[str, bool] = {}

    def mentions(self, word: str) -> bool:
        """Return whether any node of the file names this property of a message, in its code or its fields."""
        if word not in self.mentioned:
            pattern = re.compile(rf"\b{re.escape(word)}\b")
            fields = ("func", "rules", "props", "template")
            reds = (red for each in self.nodes.values() for red in each)
            self.mentioned[word] = any(
                pattern.search(str(red.props.get(key, ""))) for red in reds for key in fields
            )
        return self.mentioned[word]

    def container(self, container_id: str) -> Container:
        """Return a tab or a subflow; one that is not in the file has its id for a name."""
        known = self.tabs.get(container_id) or self.subflows.get(container_id)
        return known or Container(container_id, container_id or "Flow")


def number_of(value: object, otherwise: float = 0) -> float:
    """Return the number that a field says, finite; ``otherwise`` where it says none."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return float(otherwise)
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return float(otherwise)
    return number if abs(number) < float("inf") else float(otherwise)


def place_of(red: RedNode, flows: Flows, node: str = "") -> Place:
    """Return where a node stands, for a note."""
    tab = flows.container(red.container).name
    return Place(id=shown(red.id), name=shown(red.name), type=shown(red.type), tab=shown(tab), node=node)


def is_flows(document: Any) -> bool:
    """Return whether a document looks like an export of Node-RED."""
    return any(
        isinstance(item, dict) and isinstance(item.get("type"), str) and ("wires" in item or item["type"] == "tab")
        for item in (_items(document) or [])[:100]
    )


def read_flows(document: Any, report: Report) -> Flows:
    """Sort what is in the file by what it is.

    Raises:
        NotImportableError: it is no export of Node-RED, or holds too many nodes.
    """
    items = _items(document)
    if items is None:
        raise NotImportableError(
            "An export of Node-RED is a list of nodes, or an object with such a list in flows"
        )
    if len(items) > MOST_NODES:
        raise NotImportableError(f"There are {len(items)} nodes in it; {MOST_NODES} are taken")
    flows = Flows()
    seen: set[str] = set()
    for index, item in enumerate(items):
        if not isinstance(item, dict) or not isinstance(item.get("type"), str) or not item["type"]:
            report.note("leftOut", "It is no node: a node is an object with a type", Place(id=f"[{index}]"))
            continue
        node_id = item.get("id")
        if not isinstance(node_id, str) or not node_id:
            node_id = f"[{index}]"
        if node_id in seen:
            message = "A node with this id stands before it in the file, and only the first one counts"
            report.note("leftOut", message, Place(id=shown(node_id), type=shown(item["type"])))
            continue
        seen.add(node_id)
        _sort(item, node_id, flows, report)
    return flows


def _items(document: Any) -> list[Any] | None:
    if isinstance(document, list):
        return document
    if isinstance(document, dict):
        for key in ("flows", "nodes"):
            if isinstance(document.get(key), list) and "processes" not in document:
                more = [item for also in ("configs", "subflows") for item in _list(document.get(also))]
                head = {"id": document.get("id"), "type": "tab", "label": document.get("label")}
                return [*([head] if key == "nodes" else []), *document[key], *more]
    return None


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _sort(item: Mapping[str, Any], node_id: str, flows: Flows, report: Report) -> None:
    kind = item["type"]
    env = tuple(each for each in _list(item.get("env")) if isinstance(each, dict))
    if kind == "tab":
        label = item.get("label")
        flows.tabs[node_id] = Container(
            id=node_id,
            name=label if isinstance(label, str) and label else "Flow",
            env=env,
            info=item["info"] if isinstance(item.get("info"), str) else "",
            is_disabled=item.get("disabled") is True,
        )
    elif kind == "subflow":
        name = item.get("name")
        flows.subflows[node_id] = Container(
            id=node_id,
            name=name if isinstance(name, str) and name else "Subflow",
            env=env,
            inputs=tuple(end for port in _list(item.get("in")) for end, _ in _ends(port)),
            outputs=tuple(tuple(_ends(port)) for port in _list(item.get("out"))[:MOST_OUTPUTS]),
        )
    else:
        red = _node(item, node_id, flows, report)
        if kind == "group":
            flows.groups[node_id] = red
        elif "wires" not in item and "x" not in item:
            flows.configurations[node_id] = red
        else:
            flows.nodes.setdefault(red.container, []).append(red)


def _ends(port: Any) -> Iterator[tuple[str, int]]:
    """Yield the nodes, and their outputs, that a port of a subflow is wired to."""
    for wire in _list(port.get("wires")) if isinstance(port, dict) else []:
        if isinstance(wire, dict) and isinstance(wire.get("id"), str):
            number = wire.get("port", 0)
            yield wire["id"], number if type(number) is int and 0 <= number < MOST_OUTPUTS else 0


def _node(item: Mapping[str, Any], node_id: str, flows: Flows, report: Report) -> RedNode:
    name = item.get("name") or item.get("label")
    container = item.get("z")
    group = item.get("g")
    red = RedNode(
        id=node_id,
        type=item["type"],
        name=name if isinstance(name, str) else "",
        container=container if isinstance(container, str) else "",
        group=group if isinstance(group, str) else "",
        props=item,
        is_disabled=item.get("d") is True,
    )
    return msgspec.structs.replace(red, wires=tuple(_wires(item, red, flows, report)))


def _wires(item: Mapping[str, Any], red: RedNode, flows: Flows, report: Report) -> Iterator[tuple[str, ...]]:
    wires = item.get("wires", [])
    if not isinstance(wires, list):
        report.note("leftOut", "Its wires are no list", place_of(red, flows))
        return
    if len(wires) > MOST_OUTPUTS:
        message = f"It has {len(wires)} outputs; those after the first {MOST_OUTPUTS} are left out"
        report.note("byHand", message, place_of(red, flows))
    for output in wires[:MOST_OUTPUTS]:
        ends = output if isinstance(output, list) else [output]
        if not all(isinstance(end, str) for end in ends):
            report.note("leftOut", "A wire that leads to no id", place_of(red, flows))
        yield tuple(dict.fromkeys(end for end in ends if isinstance(end, str)))
