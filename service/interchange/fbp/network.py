"""A network of FBP: processes, connections and initial packets, and the JSON that NoFlo writes of it. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from service.interchange.imported import NotImportableError
from service.interchange.notes import Place, Report, shown

MOST_PROCESSES = 5_000
MOST_CONNECTIONS = 50_000
"""The bounds of one network, some five times those of a graph."""


class Process(msgspec.Struct):
    """One process: its name, its component, and what editors wrote about it."""

    name: str
    component: str = ""
    metadata: Mapping[str, Any] = {}


class Port(msgspec.Struct, frozen=True):
    """A port of a process, in small letters; ``index`` is its place in an array port, where it has one."""

    process: str
    name: str
    index: int | None = None


class Connection(msgspec.Struct, frozen=True):
    """A connection, or an initial packet (``source`` is None, and ``data`` is sent when the network starts)."""

    target: Port
    source: Port | None = None
    data: Any = None


class Network(msgspec.Struct):
    """All of a network.

    Attributes:
        name: for people.
        processes: by their names.
        connections: in their order.
        inputs: exported input ports, by the names that they have outside.
        outputs: likewise.
    """

    name: str = ""
    processes: dict[str, Process] = {}
    connections: list[Connection] = []
    inputs: dict[str, Port] = {}
    outputs: dict[str, Port] = {}


def is_network(document: Any) -> bool:
    """Return whether a document looks like a graph of NoFlo."""
    return (
        isinstance(document, dict)
        and isinstance(document.get("processes"), dict)
        and isinstance(document.get("connections", []), list)
    )


def read_network(document: Any, report: Report) -> Network:
    """Read a graph of NoFlo.

    Raises:
        NotImportableError: it is none, or too large.
    """
    if not is_network(document):
        raise NotImportableError("A graph of FBP is an object with processes and connections")
    processes, connections = document["processes"], document.get("connections", [])
    if len(processes) > MOST_PROCESSES or len(connections) > MOST_CONNECTIONS:
        raise NotImportableError(
            f"It has {len(processes)} processes and {len(connections)} connections; {MOST_PROCESSES} and "
            f"{MOST_CONNECTIONS} are taken"
        )
    properties = document.get("properties")
    name = properties.get("name") if isinstance(properties, dict) else None
    network = Network(name=name if isinstance(name, str) else "")
    for key, each in processes.items():
        item = each if isinstance(each, dict) else {}
        component, metadata = item.get("component"), item.get("metadata")
        network.processes[key] = Process(
            key,
            component if isinstance(component, str) else "",
            metadata if isinstance(metadata, dict) else {},
        )
    for index, item in enumerate(connections):
        made = _connection(item)
        if made is None:
            report.note("leftOut", "It is no connection", Place(id=f"connections[{index}]"))
        else:
            network.connections.append(made)
    network.inputs = dict(_exported(document.get("inports")))
    network.outputs = dict(_exported(document.get("outports")))
    return network


def _connection(item: Any) -> Connection | None:
    if not isinstance(item, dict):
        return None
    target = _port(item.get("tgt"))
    source = _port(item.get("src"))
    if target is None or (source is None and "data" not in item):
        return None
    return Connection(target, source, item.get("data"))


def _port(end: Any) -> Port | None:
    if not isinstance(end, dict):
        return None
    process, port, index = end.get("process"), end.get("port"), end.get("index")
    if not isinstance(process, str) or not isinstance(port, str):
        return None
    return Port(process, port.lower(), index if type(index) is int and index >= 0 else None)


def _exported(ports: Any) -> Iterator[tuple[str, Port]]:
    for name, end in ports.items() if isinstance(ports, dict) else ():
        port = _port(end)
        if port is not None:
            yield shown(name), port
