"""Nodes that hear of others: catch, complete, status; and those that call and answer each other."""

from service.interchange.nodered.draft import Draft, Workshop, port_name, programmed
from service.interchange.nodered.expansion import FlatNode


def catch(node: FlatNode, shop: Workshop, name: str) -> Draft:
    """Make a node that makes a message of an error; who feeds it is found when all nodes are there."""
    shop.program(name, "catch", node, {"sources": {}})
    return programmed(name)


def status(node: FlatNode, shop: Workshop, name: str) -> Draft:
    """Make a node that makes a message of the status of function nodes."""
    shop.program(name, "status", node, {"source": None})
    return programmed(name)


def complete(node: FlatNode, shop: Workshop, name: str) -> Draft:
    """Make a node that passes on what others are done with."""
    del node
    shop.add(name, "symbia.core.passthrough")
    return Draft(entry=(name, "in"), outputs=[(name, "out")])


def junction(node: FlatNode, shop: Workshop, name: str) -> Draft:
    """Make a node at which many wires meet."""
    del node
    shop.add(name, "symbia.core.passthrough")
    return Draft(entry=(name, "in"), outputs=[(name, "out")])


def link_call(node: FlatNode, shop: Workshop, name: str) -> Draft:
    """Make a node that calls what is behind a link."""
    shop.program(name, "link-call", node, {})
    return programmed(name)


def link_return(node: FlatNode, shop: Workshop, name: str, callers: tuple[str, ...]) -> Draft:
    """Make a node that answers each of its callers by an output of its own."""
    count = min(len(callers), 90)
    if len(callers) > count:
        shop.note("byHand", f"{len(callers)} nodes call it; the first {count} are answered", node, name)
    shop.program(name, "link-return", node, {"callers": list(callers[:count])}, outputs=count)
    draft = programmed(name, count)
    draft.outputs = [(name, port_name(index, count)) for index in range(count)]
    return draft
