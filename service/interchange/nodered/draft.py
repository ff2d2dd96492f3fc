"""The draft of what a node becomes: nodes of ours, where wires enter and leave, and the components they need."""

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

from service.interchange.assembly import Wire
from service.interchange.names import UniqueNames, slug
from service.interchange.nodered.expansion import FlatNode
from service.interchange.nodered.flows import Flows, number_of, place_of
from service.interchange.nodered.jsonata import NotTranslatedError, javascript_of
from service.interchange.notes import Fate, Place, Report

Port = tuple[str, str]
"""A node of the graph, and a port of it."""

PROGRAMS = Path(__file__).parent / "programs"

TELLING = ("complete", "status", "context", "error")
"""Outputs of every program, by which it emits only what somebody listens to."""

VERSION = "1.0.0"


class Draft(msgspec.Struct):
    """One node of Node-RED as it will be in the graph.

    Attributes:
        entry: where its wires lead; None where nothing can be sent to it.
        outputs: for each of its outputs, where wires leave.
        errors: the ports that its errors leave by.
        complete: the port that tells that a message is done with.
        status: the port that its status leaves by.
        program: the node of ours that keeps context, where one does.
    """

    entry: Port | None = None
    outputs: list[Port] = []
    errors: list[Port] = []
    complete: Port | None = None
    status: Port | None = None
    program: str = ""


class Workshop:
    """Makes the nodes, the wires and the components of one graph."""

    def __init__(
        self,
        name: str,
        flows: Flows,
        report: Report,
        components: dict[str, dict[str, Any]],
        unusable: Mapping[str, str],
    ) -> None:
        self.slug = slug(name, "flow")
        self.flows = flows
        self.report = report
        self.components = components
        self.unusable = unusable
        self.nodes: dict[str, dict[str, Any]] = {}
        self.wires: list[Wire] = []
        self.used: dict[str, None] = {}
        self._names = UniqueNames()

    def mentions(self, *words: str) -> bool:
        """Return whether any node of the file names one of these properties of a message."""
        return any(self.flows.mentions(word) for word in words)

    def name(self, node: FlatNode) -> str:
        """Return the id that a node gets in the graph; the first call decides."""
        own = slug(node.red.name or node.red.type)
        return self._names.give(".".join([*(slug(each) for each in node.trail), own]))

    def beside(self, name: str, suffix: str) -> str:
        """Return the id of a further node, which another one needs."""
        return self._names.give(f"{name}-{suffix}")

    def add(self, name: str, component: str, config: Mapping[str, Any] | None = None, **more: Any) -> str:
        """Add a node of ours; return its id."""
        fields = {"config": dict(config or {}), **more}
        self.nodes[name] = {
            "id": name,
            "component": component,
            **{key: each for key, each in fields.items() if each},
        }
        return name

    def describe(self, name: str, node: FlatNode) -> None:
        """Keep at a node of ours which one it was, and where it stood."""
        red = node.red
        made = self.nodes[name]
        if red.name:
            made["name"] = red.name[:200]
        x, y = (number_of(red.props.get(axis), -1) for axis in ("x", "y"))
        if x >= 0 and y >= 0:
            made["position"] = {"x": int(x) if x.is_integer() else x, "y": int(y) if y.is_integer() else y}
        tab = self.flows.container(red.container).name
        made["metadata"] = {"nodered": {"id": red.id[:100], "type": red.type[:100], "tab": tab[:100]}}

    def program(
        self,
        name: str,
        kind: str,
        node: FlatNode,
        red: Mapping[str, Any],
        *,
        inputs: Sequence[str] = ("in",),
        outputs: int = 1,
        libraries: Sequence[str] = (),
        also: Sequence[str] = (),
        expressions: Sequence[str] = (),
    ) -> str:
        """Add a node that runs one of our programs.

        Args:
            name: its id in the graph.
            kind: the program's file name.
            node: the node of Node-RED.
            red: what the program is to know of it.
            inputs: its input ports, beside that for context.
            outputs: how many outputs it has.
            libraries: programs that stand before it.
            also: further output ports.
            expressions: texts in JSONata that it evaluates.
        """
        jsonata = self._expressions(expressions, node)
        files = ["adapter", *(["jsonata"] if jsonata else []), *libraries, kind]
        component = f"nodered.{kind}{f'-{outputs}' if outputs != 1 else ''}{'.jsonata' if jsonata else ''}"
        source = "\n".join(program_text(file) for file in files)
        self.define(component, f"Node-RED: {kind}", source, inputs=inputs, outputs=outputs, also=also)
        return self.add(name, component, {"settings": self._settings(node, outputs, jsonata, red)})

    def _expressions(self, texts: Sequence[str], node: FlatNode) -> dict[str, str]:
        made = {}
        for text in dict.fromkeys(texts):
            try:
                made[text] = javascript_of(text)
            except NotTranslatedError as error:
                self.note("byHand", f"An expression in JSONata: {error}", node)
        return made

    @staticmethod
    def _settings(
        node: FlatNode, outputs: int, jsonata: Mapping[str, str], red: Mapping[str, Any]
    ) -> dict[str, Any]:
        fields = {
            "type": node.red.type,
            "name": node.red.name,
            "env": dict(node.env),
            "jsonata": jsonata,
            "red": red,
        }
        base = {"id": node.key, "outputs": outputs, "tells": []}
        settings = {**base, **{key: value for key, value in fields.items() if value}}
        # Some programs are told more later on; what a node's fields hold may be shared by instances of a subflow.
        return {**settings, "red": dict(red)} if red else settings

    def define(
        self,
        component: str,
        title: str,
        source: str,
        *,
        inputs: Sequence[str] = ("in",),
        outputs: int = 1,
        also: Sequence[str] = (),
    ) -> None:
        """Define a component in JavaScript, where it is not defined yet."""
        self.used[component] = None
        names = [port_name(index, outputs) for index in range(outputs)]
        self.components.setdefault(
            component,
            {
                "id": component,
                "name": title,
                "version": VERSION,
                "category": "nodered",
                "ports": {"inputs": [*inputs, "context"], "outputs": [*names, *also, *TELLING]},
                "config": {"settings": {"type": "object", "description": "The node as it was in Node-RED."}},
                "execution": {"type": "javascript", "entrypoint": "handler", "source": source},
            },
        )

    def connect(self, source: Port, target: Port) -> None:
        """Add a wire between two ports of ours."""
        self.wires.append(Wire(*source, *target))

    def note(self, fate: Fate, message: str, node: FlatNode, name: str = "") -> None:
        """Add a note about a node."""
        self.report.note(fate, message, self.place(node, name))

    def place(self, node: FlatNode, name: str = "") -> Place:
        """Return where a node stands."""
        return place_of(node.red, self.flows, name)


def port_name(index: int, outputs: int) -> str:
    """Return the port of an output, counted from 0: ``out`` where there is one, else ``out1`` and on."""
    return "out" if outputs == 1 else f"out{index + 1}"


def programmed(name: str, outputs: int = 1) -> Draft:
    """Return the draft of a node that is one program."""
    return Draft(
        entry=(name, "in"),
        outputs=[(name, port_name(index, outputs)) for index in range(outputs)],
        errors=[(name, "error")],
        complete=(name, "complete"),
        status=(name, "status"),
        program=name,
    )


@cache
def program_text(name: str) -> str:
    """Return one of the programs."""
    return (PROGRAMS / f"{name}.js").read_text(encoding="utf-8")
