"""Bindings: where events of the network enter a graph, and which of its values leave as events."""

from typing import Literal

import msgspec

Boundary = Literal["intra", "inter", "extra"]


class InputBinding(msgspec.Struct, frozen=True):
    """Events whose type fits enter at a port.

    Attributes:
        network: a type, ``prefix.*`` for all below a prefix, or ``*`` for all.
        node: the node into which the event's data is injected.
        port: an input port of that node.
    """

    network: str
    node: str
    port: str

    def fits(self, event_type: str) -> bool:
        """Return whether events of this type enter here."""
        if self.network == "*":
            return True
        if self.network.endswith(".*"):
            return event_type.startswith(self.network[:-1])
        return event_type == self.network


class OutputBinding(msgspec.Struct, frozen=True):
    """Each value of a port leaves as an event.

    Attributes:
        network: the event's type.
        node: the node whose values leave as events.
        port: an output port of that node.
        target: the node of the network that it is for; "" for whoever has a contract for it.
        boundary: the boundary that it may not cross, in the network's words.
    """

    network: str
    node: str
    port: str
    target: str = ""
    boundary: Boundary = "intra"


class Bindings(msgspec.Struct, frozen=True):
    """All bindings of a graph."""

    inputs: tuple[InputBinding, ...] = ()
    outputs: tuple[OutputBinding, ...] = ()

    @property
    def exist(self) -> bool:
        """True where there is any binding."""
        return bool(self.inputs or self.outputs)
