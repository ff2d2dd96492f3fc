"""A network of FBP as a graph: processes with a counterpart are nodes of it, and the others have a place. Pure.

A component of FBP is a program of its author's, so most processes become components of the graph's own, with the
ports that are used and a program that refuses each packet: what is left to do is to write those.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from service.interchange.assembly import Wire, graph_document, without_cycles
from service.interchange.fbp.network import Connection, Network, Port, Process, read_network
from service.interchange.fbp.text import read_text
from service.interchange.imported import Imported, ImportedGraph, NotImportableError
from service.interchange.names import UniqueNames, slug
from service.interchange.nodered.flows import number_of
from service.interchange.notes import Place, Report, shown
from service.interchange.texts import mended


class Counterpart(msgspec.Struct, frozen=True):
    """A component of ours that does what one of FBP does.

    Attributes:
        component: its id.
        options: input ports that are configuration here, and the key of each.
        inputs: ports that have another name here.
        outputs: likewise.
        required: the ports of options without which it cannot be used.
        is_whole: whether it is named by its own id, and its ports are taken as they are.
        note: what is different; empty for nothing.
    """

    component: str
    options: Mapping[str, str] = {}
    inputs: Mapping[str, str] = {}
    outputs: Mapping[str, str] = {}
    required: tuple[str, ...] = ()
    is_whole: bool = False
    note: str = ""

    def has(self, port: str, side: str) -> bool:
        """Return whether it has a port, by the name that it has in FBP."""
        renamed, usual = (self.inputs, ("in",)) if side == "inputs" else (self.outputs, ("out", "error"))
        return self.is_whole or port in usual or port in renamed


_PASSTHROUGH = Counterpart("symbia.core.passthrough")
COUNTERPARTS: Mapping[str, Counterpart] = {
    "core/Output": Counterpart("symbia.core.logger", {"options": ""}),
    "core/Repeat": _PASSTHROUGH,
    "core/RepeatAsync": _PASSTHROUGH,
    "core/Merge": _PASSTHROUGH,
    "core/Split": _PASSTHROUGH,
    "core/RepeatDelayed": Counterpart("symbia.core.delay", {"delay": "ms"}),
    "core/Drop": Counterpart(_PASSTHROUGH.component, note="What it drops is a result of the graph"),
    "objects/ExtractProperty": Counterpart("symbia.data.json-transform", {"key": "path"}, required=("key",)),
    "objects/GetObjectKey": Counterpart("symbia.data.json-transform", {"key": "path"}, required=("key",)),
    "packets/UniquePacket": Counterpart("symbia.core.dedupe", outputs={"duplicate": "duplicate"}),
}
"""Counterparts by the names of NoFlo's libraries; with the library before them."""

_WITHOUT_LIBRARY = {name.partition("/")[2]: counterpart for name, counterpart in COUNTERPARTS.items()}
"""The same by their own names: old files name no library."""

REFUSAL = "const handler = { process() { throw new Error(%s); } };"
START = "const handler = { initialize(ctx) { ctx.emit('out', ctx.config.value); }, process() {} };"


def import_network(text: bytes, document: Any, name: str) -> Imported:
    """Make a graph of an `.fbp` file, or of a graph of NoFlo in JSON (``document``).

    Raises:
        NotImportableError: it is none of them.
    """
    report = Report()
    network = read_text(text) if document is None else read_network(mended(document), report)
    if not network.processes:
        raise NotImportableError("There is no process in it")
    _find_exported(network)
    return _Assembly(network, report, network.name or name).imported()


def _find_exported(network: Network) -> None:
    """Name the processes of exported ports as they are; old files write them there in capital letters."""
    known = {name.lower(): name for name in network.processes}
    for ports in (network.inputs, network.outputs):
        for name, port in ports.items():
            if port.process not in network.processes:
                own = known.get(port.process.lower(), port.process)
                ports[name] = msgspec.structs.replace(port, process=own)


class _Assembly:
    """Puts the graph together."""

    def __init__(self, network: Network, report: Report, name: str) -> None:
        self._network = network
        self._report = report
        self._name = name
        self._unique = UniqueNames()
        self._names = {key: self._unique.give(slug(key, "process")) for key in network.processes}
        self._packets = {
            (each.target.process, each.target.name)
            for each in network.connections
            if each.source is None and isinstance(each.data, str) and each.data
        }
        self._nodes: dict[str, dict[str, Any]] = {}
        self._components: dict[str, dict[str, Any]] = {}
        self._wires: list[Wire] = []

    def imported(self) -> Imported:
        """Make the graph and its components."""
        known = [each for each in self._network.connections if self._is_known(each)]
        for process in self._network.processes.values():
            self._node(process, known)
        for connection in known:
            self._connect(connection)
        kept, back = without_cycles(list(self._nodes), self._wires)
        for wire in back:
            message = f"The connection to {wire.target} closes a cycle and is left out: graphs have none"
            self._report.note("byHand", message, Place(node=wire.source))
        ports = {side: self._exported(side) for side in ("inputs", "outputs")}
        ports = {side: made for side, made in ports.items() if made}
        document = graph_document(self._name[:200] or "Network", self._nodes.values(), kept, ports=ports)
        graph = ImportedGraph(slug(self._name, "network"), document, tuple(self._components))
        return Imported((graph,), self._components, self._report.notes())

    def _is_known(self, connection: Connection) -> bool:
        for port in (connection.source, connection.target):
            if port is not None and port.process not in self._names:
                message = f"A connection names the process {shown(port.process)}, which is not there"
                self._report.note("leftOut", message)
                return False
        return True

    def _node(self, process: Process, connections: list[Connection]) -> None:
        name = self._names[process.name]
        place = Place(id=shown(process.name), type=shown(process.component), node=name)
        counterpart = self._counterpart(process)
        node: dict[str, Any] = {"id": name, "component": counterpart.component if counterpart else ""}
        if counterpart is None:
            node["component"] = self._own(process, connections)
            self._report.note("byHand", f"Write the program of {node['component']}; it refuses each packet", place)
        elif counterpart.note:
            self._report.note("approximated", counterpart.note, place)
        else:
            self._report.note("carried", f"It is a node of {counterpart.component}", place)
        if process.name != name:
            node["name"] = process.name[:200]
        x, y = (number_of(process.metadata.get(axis), -1) for axis in ("x", "y"))
        if x >= 0 and y >= 0:
            node["position"] = {"x": x, "y": y}
        self._nodes[name] = node

    def _counterpart(self, process: Process) -> Counterpart | None:
        component = process.component
        if component.startswith("symbia."):
            return Counterpart(component, is_whole=True)
        found = COUNTERPARTS.get(component) or _WITHOUT_LIBRARY.get(component)
        lacks = found is not None and any((process.name, port) not in self._packets for port in found.required)
        return None if lacks else found

    def _own(self, process: Process, connections: list[Connection]) -> str:
        """Define a component with the ports that are used of a process; return its id."""
        library, _, own = (process.component or process.name).rpartition("/")
        component = ".".join(["fbp", *(slug(part) for part in library.split("/") if part), slug(own, "component")])
        ends = [each.target for each in connections] + list(self._network.inputs.values())
        starts = [each.source for each in connections if each.source] + list(self._network.outputs.values())
        inputs = [_own_port(port, "inputs") for port in ends if port.process == process.name]
        outputs = [_own_port(port, "outputs") for port in starts if port.process == process.name]
        message = msgspec.json.encode(f"{component} is to be written by hand: docs/import.md says how").decode()
        made = self._components.setdefault(
            component,
            {
                "id": component,
                "name": (process.component or process.name)[:200],
                "version": "1.0.0",
                "category": "fbp",
                "ports": {"inputs": [], "outputs": []},
                "execution": {"type": "javascript", "entrypoint": "handler", "source": REFUSAL % message},
            },
        )
        for side, ports in (("inputs", inputs or ["in"]), ("outputs", outputs)):
            made["ports"][side] += [port for port in dict.fromkeys(ports) if port not in made["ports"][side]]
        return component

    def _connect(self, connection: Connection) -> None:
        target = self._names[connection.target.process]
        counterpart = self._counterpart(self._network.processes[connection.target.process])
        port = connection.target.name
        if counterpart and port in counterpart.options:
            self._configure(connection, counterpart.options[port], target)
            return
        into = self._port(connection.target, "inputs")
        if connection.source is None:
            if into:
                self._start(connection.data, target, into)
            return
        out = self._port(connection.source, "outputs")
        if into and out:
            self._wires.append(Wire(self._names[connection.source.process], out, target, into))

    def _port(self, port: Port, side: str) -> str:
        """Return the name of a port here; empty, with a note, where the counterpart of its process has none."""
        counterpart = self._counterpart(self._network.processes[port.process])
        if counterpart is None:
            return _own_port(port, side)
        if not counterpart.has(port.name, side):
            message = f"{counterpart.component} has no port {shown(port.name)}; the connection is left out"
            place = Place(id=shown(port.process), node=self._names[port.process])
            self._report.note("byHand", message, place)
            return ""
        return (counterpart.inputs if side == "inputs" else counterpart.outputs).get(port.name, port.name)

    def _configure(self, connection: Connection, key: str, target: str) -> None:
        """Put an initial packet for an option into the node's configuration."""
        place = Place(id=shown(connection.target.process), node=target)
        if connection.source is not None:
            message = f"Its {connection.target.name} comes from another process; here it is configuration"
            self._report.note("byHand", message, place)
        elif key:
            value = connection.data
            number = number_of(value, -1)
            is_number = isinstance(value, str) and key == "ms" and number >= 0
            self._nodes[target].setdefault("config", {})[key] = number if is_number else value

    def _start(self, data: Any, target: str, into: str) -> None:
        """Send an initial packet when the graph starts."""
        component = "fbp.initial-packet"
        self._components.setdefault(
            component,
            {
                "id": component,
                "name": "FBP: initial packet",
                "version": "1.0.0",
                "category": "fbp",
                "ports": {"inputs": ["in"], "outputs": ["out"]},
                "config": {"value": {"type": "any", "description": "What is sent when the graph starts."}},
                "execution": {"type": "javascript", "entrypoint": "handler", "source": START},
            },
        )
        name = self._unique.give(f"{target}-{slug(into)}-packet")
        self._nodes[name] = {"id": name, "component": component, "config": {"value": data}}
        self._wires.append(Wire(name, "out", target, into))

    def _exported(self, side: str) -> list[dict[str, Any]]:
        made = []
        names = UniqueNames()
        for name, port in (self._network.inputs if side == "inputs" else self._network.outputs).items():
            if port.process not in self._names:
                message = f"The exported port {name} is of {shown(port.process)}, which is not there"
                self._report.note("leftOut", message)
                continue
            own = self._port(port, side)
            if own:
                bound = {"node": self._names[port.process], "port": own}
                made.append({"name": names.give(slug(name, "port")), "bind": bound})
        return made


def _own_port(port: Port, side: str) -> str:
    """Return the name of a port of a component of its own; ``error`` is an output of every component."""
    name = slug(port.name, "port")
    name = name if name[0].isalpha() else f"p-{name}"
    name = "error-in" if (name, side) == ("error", "inputs") else name
    return name if port.index is None else f"{name}-{port.index}"
