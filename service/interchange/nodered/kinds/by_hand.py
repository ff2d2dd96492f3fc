"""Nodes that have no counterpart: the graph loads with a place for each, and the report says what to do."""

from collections.abc import Mapping
from fnmatch import fnmatchcase

from service.interchange.nodered.draft import Draft, Workshop, port_name, programmed
from service.interchange.nodered.expansion import FlatNode
from service.interchange.notes import shown

REMEDIES: Mapping[str, str] = {
    "mqtt *": "let a client of the broker inject and take the messages, or bind the graph to the Network",
    "amqp*": "let a client of the broker inject and take the messages, or bind the graph to the Network",
    "websocket *": "messages enter by an injection, and leave to whoever watches the execution (docs/live.md)",
    "tcp*": "let a program of yours hold the connection, and inject what it reads",
    "udp*": "let a program of yours hold the socket, and inject what it reads",
    "file*": "components have no files: let the caller read and write them",
    "watch": "components have no files: let the caller watch them",
    "exec": "components start no programs: let the caller do so",
    "xml": "write a component that reads or writes the XML that it is for",
    "yaml": "write a component that reads or writes the YAML that it is for",
    "html": "write a component that finds what it is to find",
    "ui_*": "a dashboard shows what leaves the graph to whoever watches it (docs/live.md)",
    "ui-*": "a dashboard shows what leaves the graph to whoever watches it (docs/live.md)",
    "e-mail*": "call a service that sends mail, by symbia.io.http-request",
    "link call": "its target is in msg.target; call one that is fixed",
    "debug": "",
}
"""The way that it is done here, by type or by a pattern of types."""

OTHERWISE = "write a component for it (docs/sandbox.md), with the ports in and out"


def by_hand(node: FlatNode, shop: Workshop, name: str, *, is_fed: bool) -> Draft:
    """Make the place of a node that somebody has to write.

    Where nothing feeds it, it is an entry into the graph; where nothing follows it, its place is an exit; between
    others it refuses each message, for to hand it on unchanged would be a wrong answer.
    """
    red = node.red
    remedy = next((text for pattern, text in REMEDIES.items() if fnmatchcase(red.type, pattern)), OTHERWISE)
    outputs = max(len(red.wires), 1)
    has_output = any(red.wires)
    if not is_fed and has_output:
        shop.add(name, "symbia.core.passthrough")
        shop.note("byHand", f"What it would send is to be injected into {name}:in; {remedy}", node, name)
        return Draft(entry=(name, "in"), outputs=[(name, "out")] * outputs)
    if not has_output:
        shop.add(name, "symbia.core.passthrough")
        shop.note("byHand", f"What it would take leaves the graph at {name}:out; {remedy}", node, name)
        return Draft(entry=(name, "in"))
    shop.program(name, "stub", node, {"type": shown(red.type)}, outputs=outputs)
    shop.note("byHand", f"It refuses each message until it is written: {remedy}", node, name)
    draft = programmed(name, outputs)
    draft.outputs = [(name, port_name(index, outputs)) for index in range(outputs)]
    return draft
