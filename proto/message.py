"""Messages: what enters an execution, and what travels along its edges."""

import msgspec


class Injection(msgspec.Struct, frozen=True, rename="camel"):
    """A value pushed into a node's input port from outside."""

    node_id: str
    port: str
    value: msgspec.Raw


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
