"""Events as JSON texts, made of the notes that an observer takes. Pure.

The two events that come with every message are put together by hand around the value's own bytes: what does not
change along an edge is encoded once, and the value not at all.
"""

from proto.codec import encode
from proto.events import ComponentInvoked, PortEmit, PortOutput
from proto.reload import HandledBy

Encoded = tuple[str, bytes]
"""An event: its name, and its payload as JSON text."""


class FlowEncoder:
    """The encoder of one execution's flow."""

    def __init__(self, execution_id: str) -> None:
        self._execution = b'{"executionId":' + encode(execution_id)
        self._heads: dict[tuple[object, ...], bytes] = {}

    def hop(
        self,
        source: tuple[str, str],
        target: tuple[str, str],
        value: bytes,
        timestamp: int,
        sequence: int,
        *,
        skipped: int,
        max_value_bytes: int,
        mark: bytes = b"",
    ) -> Encoded:
        """Encode a ``port:emit``; source and target are a node's id and a port's name."""
        head = self._heads.get((source, target))
        if head is None:
            names = zip(("sourceNode", "sourcePort", "targetNode", "targetPort"), source + target, strict=True)
            head = self._head(dict(names)) + b',"value":'
            self._heads[source, target] = head
        shown, cut = shown_value(value, max_value_bytes)
        tail = b',"timestamp":%d,"sequence":%d' % (timestamp, sequence)
        return PortEmit.name, head + shown + tail + cut + mark + _skips(skipped)

    def output(
        self,
        source: tuple[str, str],
        value: bytes,
        timestamp: int,
        *,
        skipped: int,
        max_value_bytes: int,
        mark: bytes = b"",
    ) -> Encoded:
        """Encode a ``port:output``."""
        head = self._heads.get((source,))
        if head is None:
            fields = {"sourceNode": source[0], "sourcePort": source[1]}
            head = self._heads[(source,)] = self._head(fields) + b',"value":'
        shown, cut = shown_value(value, max_value_bytes)
        return PortOutput.name, head + shown + b',"timestamp":%d' % timestamp + cut + mark + _skips(skipped)

    def invocation(self, node_id: str, port: str, timestamp: int, *, skipped: int, mark: bytes = b"") -> Encoded:
        """Encode a ``component:invoked``."""
        key = ("invoked", node_id, port)
        head = self._heads.get(key)
        if head is None:
            head = self._heads[key] = self._head({"nodeId": node_id, "port": port})
        return ComponentInvoked.name, head + b',"timestamp":%d' % timestamp + mark + _skips(skipped)

    def _head(self, fields: dict[str, str]) -> bytes:
        return self._execution + b"," + encode(fields)[1:-1]


def shown_value(value: bytes, max_value_bytes: int) -> tuple[bytes, bytes]:
    """Return a value as it is shown, and the fields that say so where it was cut.

    A cut value is a JSON string: the beginning of its own text, at most so many bytes of it.
    """
    if len(value) <= max_value_bytes:
        return value, b""
    beginning = value[:max_value_bytes].decode(errors="ignore")
    return encode(beginning), b',"truncated":true,"valueBytes":%d' % len(value)


def mark_of(handled_by: HandledBy) -> bytes:
    """Return the fields that say which version has handled a message."""
    return b"," + encode(handled_by)[1:-1]


def _skips(skipped: int) -> bytes:
    return b',"skipped":%d}' % skipped if skipped else b"}"
