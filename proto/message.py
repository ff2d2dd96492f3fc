"""Messages: what enters an execution, and what travels along its edges."""

from typing import Literal

import msgspec

from proto.names import Name

Lane = Literal["canonical", "apocryphal"]
"""The lane of a value: recomputable from the graph and its inputs, or not."""


class Injection(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True, forbid_unknown_fields=True):
    """A value pushed into a node's input port from outside.

    Attributes:
        node_id: the node.
        port: its input port.
        value: any JSON value; it travels as the text that was sent.
        lane: whether its sender vouches for the value; what follows from an ``apocryphal`` one is so too.
    """

    node_id: Name
    port: Name
    value: msgspec.Raw
    lane: Lane = "canonical"


class PortMessage(msgspec.Struct, frozen=True, rename="camel"):
    """One value on its way along an edge (specification, "Message Routing").

    Attributes:
        id: unique; made only when somebody watches.
        execution_id: the execution it belongs to.
        source_node_id: the emitting node; empty for an injected message.
        source_port: the emitting port; empty for an injected message.
        target_node_id: the receiving node.
        target_port: the receiving port.
        value: JSON text, untouched.
        timestamp: milliseconds since the epoch.
        sequence: strictly increasing within the execution.
    """

    id: str
    execution_id: str
    source_node_id: str
    source_port: str
    target_node_id: str
    target_port: str
    value: msgspec.Raw
    timestamp: int
    sequence: int
