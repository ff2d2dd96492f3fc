"""Records: what can happen in an execution, each with its number, and chunks of them as bytes.

Numbers come from the execution's own count of messages: the number of a message that was injected, or that went
along an edge, is its sequence number, and everything else takes the next one. So they rise, with gaps.

A chunk is an array in MessagePack, because it is written under load: what is noted in plain tuples and lists
becomes bytes in one call. Read, it is hostile, whoever has written it: its shape is checked, and every value
before it is used.
"""

from collections.abc import Iterator, Mapping, Sequence
from hashlib import blake2b
from typing import Annotated, TypeVar

import msgspec

from engine.contracts.handler import NO_EDGE, Message
from engine.contracts.lanes import NAMES
from engine.journal.foreign import ENTRIES_LIMIT, ForeignError, check_chunk, check_value
from engine.journal.head import decode_head
from engine.journal.shape import RecordingError, Shape
from proto.recording import RecordKind

REFERENCE = b"\0"
"""The first byte of a value that stands elsewhere: its digest follows. No JSON text begins so."""

DIGEST_BYTES = 16

LARGE_BYTES = 4096
"""Bytes of a value from which on it is written once, and named by its digest where it comes again."""

CHUNK_BYTES_LIMIT = 64 * 1024 * 1024
"""Bytes of a chunk that is read: three values as large as may be, with all around them."""

_Few = msgspec.Meta(max_length=ENTRIES_LIMIT)
_Numbers = Annotated[list[int], _Few]
_NUMBER_LIMIT = 2**62
_SECONDS_LIMIT = 1e10


class Blob(msgspec.Struct, frozen=True, gc=False, array_like=True, tag=0):
    """A large value, before the first record that names it."""

    digest: bytes
    value: bytes


class InjectedTogether(msgspec.Struct, frozen=True, gc=False, array_like=True, tag=1):
    """Messages that were injected together, each with the index of its node."""

    at: float
    messages: Annotated[list[tuple[int, Message]], _Few]


class Injected(msgspec.Struct, frozen=True, gc=False):
    """A message that was injected.

    Attributes:
        number: its sequence number.
        at: seconds since the execution began to be recorded.
        node: the index of its node.
        port: the index of its input port.
        value: JSON text.
        lane: its lane.
    """

    number: int
    at: float
    node: int
    port: int
    value: bytes
    lane: int = 0


class Emitted(msgspec.Struct, frozen=True, gc=False, array_like=True, tag=2):
    """A value that left a node.

    Attributes:
        number: the sequence number of the message that it became; of an output, its own.
        at: seconds since the execution began to be recorded.
        node: the index of the node.
        port: the index of the output port.
        edge: the index of the edge that it went along; ``NO_EDGE`` for an output of the graph.
        cause: the number of the record that it followed from; 0 where nobody can say.
        value: JSON text.
        lane: its lane.
        is_error: whether it is what an error port would have sent, if an edge led away from it.
    """

    number: int
    at: float
    node: int
    port: int
    edge: int
    cause: int
    value: bytes
    lane: int = 0
    is_error: bool = False


class InvokedTogether(msgspec.Struct, frozen=True, gc=False, array_like=True, tag=3):
    """Invocations of one call: of the messages with these sequence numbers, in this order."""

    number: int
    at: float
    node: int
    messages: _Numbers


class Invoked(msgspec.Struct, frozen=True, gc=False):
    """A handler was called with a message; ``cause`` is the message's number."""

    number: int
    at: float
    node: int
    cause: int


class Written(msgspec.Struct, frozen=True, gc=False, array_like=True, tag=4):
    """A handler has set a key of its state, or, where the value is empty, taken it away."""

    number: int
    at: float
    node: int
    cause: int
    key: str
    value: bytes


class Fired(msgspec.Struct, frozen=True, gc=False, array_like=True, tag=5):
    """A handler gave out something without a message: it was due, or no more input is coming (``is_last``)."""

    number: int
    at: float
    node: int
    is_last: bool = False


class Answered(msgspec.Struct, frozen=True, gc=False, array_like=True, tag=6):
    """Something outside has answered a node.

    Attributes:
        number: of the record.
        at: when, in seconds since the execution began to be recorded.
        began: when it was asked.
        node: the index of the node.
        cause: the number of the message for which it was asked.
        port: the index of that one's input port.
        value: that one's value.
        emissions: what the node made of the answer.
        error: its name, its sentence, its details, and whether it is for good; None where there was none.
    """

    number: int
    at: float
    began: float
    node: int
    cause: int
    port: int
    value: bytes
    emissions: Annotated[list[tuple[int, bytes]], _Few]
    error: tuple[str, str, bytes, bool] | None = None


class Logged(msgspec.Struct, frozen=True, gc=False, array_like=True, tag=7):
    """A handler has logged a line; ``meta`` is JSON text, or empty."""

    number: int
    at: float
    node: int
    level: str
    message: str
    meta: bytes = b""


class Failed(msgspec.Struct, frozen=True, gc=False, array_like=True, tag=8):
    """An invocation has ended in an error; ``cause`` is the message's number."""

    number: int
    at: float
    node: int
    cause: int
    name: str
    message: str


class Commanded(msgspec.Struct, frozen=True, gc=False, array_like=True, tag=9):
    """The execution was told something, or is in another state: such as ``pause``, or ``state completed``."""

    number: int
    at: float
    command: str


class Lost(msgspec.Struct, frozen=True, gc=False, array_like=True, tag=10):
    """Records that could not be kept: so many until this one, in all."""

    number: int
    at: float
    count: int


class Made(msgspec.Struct, frozen=True, gc=False, array_like=True, tag=12):
    """A value that leaves a node next was made of messages that it had held.

    Attributes:
        number: of the record.
        at: seconds since the execution began to be recorded.
        node: the index of the node.
        cause: the number of what let it leave: a message, or a firing.
        count: how many messages there were.
        messages: their numbers; empty where the node does not know, and then they are the ones that it has held
            longest.
    """

    number: int
    at: float
    node: int
    cause: int
    count: int
    messages: _Numbers


class Refused(msgspec.Struct, frozen=True, gc=False, array_like=True, tag=11):
    """Messages that were noted as injected, by their numbers, and were refused after all."""

    number: int
    at: float
    messages: _Numbers


class Revised(msgspec.Struct, frozen=True, gc=False, array_like=True, tag=13):
    """The execution was reloaded: what comes next speaks of another graph.

    Attributes:
        number: of the record.
        at: seconds since the execution began to be recorded.
        head: what is run from now on, as the head of a recording.
        is_again: whether that has been said, and is said again for whoever begins to read here.
    """

    number: int
    at: float
    head: bytes
    is_again: bool = False


class Dropped(msgspec.Struct, frozen=True, gc=False, array_like=True, tag=14):
    """Messages that a node was sent and never gets, by their numbers; ``reason`` is that of the drop."""

    number: int
    at: float
    node: int
    reason: str
    messages: _Numbers


class Checkpointed(msgspec.Struct, frozen=True, gc=False, array_like=True, tag=15):
    """The whole execution at one moment (``engine.checkpoint``).

    Attributes:
        number: of the record, which comes some time after that moment.
        at: seconds since the execution began to be recorded; likewise.
        sequence: what has a smaller number has happened at that moment, and nothing else has.
        body: its bytes; empty where they are not kept here.
    """

    number: int
    at: float
    sequence: int
    body: bytes


Element = (
    Blob
    | InjectedTogether
    | Emitted
    | InvokedTogether
    | Written
    | Fired
    | Answered
    | Logged
    | Failed
    | Commanded
    | Lost
    | Refused
    | Made
    | Revised
    | Dropped
    | Checkpointed
)
"""An element of a chunk."""

Record = (
    Injected
    | Emitted
    | Invoked
    | Written
    | Fired
    | Answered
    | Logged
    | Failed
    | Commanded
    | Lost
    | Refused
    | Made
    | Revised
    | Dropped
    | Checkpointed
)
"""A record of a recording."""

KINDS: Mapping[type[msgspec.Struct], RecordKind] = {
    Injected: "injected",
    Emitted: "emitted",
    Invoked: "invoked",
    Written: "written",
    Fired: "fired",
    Answered: "answered",
    Logged: "logged",
    Failed: "failed",
    Commanded: "command",
    Lost: "lost",
    Refused: "refused",
    Made: "made",
    Revised: "revised",
    Dropped: "dropped",
    Checkpointed: "checkpoint",
}
"""The kind of each record, as people name it."""


WithValue = TypeVar("WithValue", Emitted, Written)

_encoder = msgspec.msgpack.Encoder()
_decoder: "msgspec.msgpack.Decoder[list[Element]]" = msgspec.msgpack.Decoder(Annotated[list[Element], _Few])


def encode_chunk(elements: Sequence[object]) -> bytes:
    """Return the bytes of a chunk of elements, or of tuples that begin with their tags."""
    return _encoder.encode(elements)


def decode_chunk(body: bytes) -> list[Element]:
    """Return the elements of a chunk.

    Raises:
        RecordingError: it is none.
    """
    if len(body) > CHUNK_BYTES_LIMIT:
        raise RecordingError(f"a chunk has {len(body):,} bytes; {CHUNK_BYTES_LIMIT:,} are allowed")
    try:
        check_chunk(body)
        return _decoder.decode(body)
    except ForeignError as error:
        raise RecordingError(str(error)) from error
    except (msgspec.DecodeError, msgspec.ValidationError, RecursionError, UnicodeDecodeError) as error:
        raise RecordingError(f"a chunk cannot be read: {error}") from error


def digest_of(value: bytes) -> bytes:
    """Return the name of a large value."""
    return REFERENCE + blake2b(value, digest_size=DIGEST_BYTES).digest()


class Reader:
    """A reader of the chunks of one recording, in their order; it knows the large values that have come.

    Args:
        shape: of the graph.
        after: the number of the record before the first one.
        is_foreign: whether anybody may have written them: then it is checked that values are JSON texts.
    """

    def __init__(self, shape: Shape, after: int = -1, *, is_foreign: bool = False) -> None:
        self._shape = shape
        self._is_foreign = is_foreign
        self._last = after
        self._blobs: dict[bytes, bytes] = {}

    def read(self, body: bytes) -> Iterator[Record]:
        """Yield the records of the next chunk.

        Raises:
            RecordingError: it is damaged.
        """
        for element in decode_chunk(body):
            if isinstance(element, Blob):
                if digest_of(element.value) != element.digest:
                    raise RecordingError("a value is not the one that its digest names")
                self._check(element.value)
                self._blobs[element.digest] = element.value
                continue
            for record in self._records(element):
                is_late = isinstance(record, Injected) and record.number > 0
                if not (is_late or self._last < record.number) or record.number >= _NUMBER_LIMIT:
                    raise RecordingError(f"record {record.number} comes after record {self._last}")
                if not 0 <= record.at < _SECONDS_LIMIT:
                    raise RecordingError(f"record {record.number} says that it was made at {record.at} s")
                self._last = max(self._last, record.number)
                yield record

    def _records(self, element: Element) -> Iterator[Record]:  # noqa: PLR0912 - one for each kind
        if isinstance(element, InjectedTogether):
            for node, message in element.messages:
                self._check_input(node, message.port, message.lane)
                value = self._value(message.value)
                yield Injected(message.sequence, element.at, node, message.port, value, message.lane)
        elif isinstance(element, InvokedTogether):
            self._check_node(element.node)
            for number, cause in enumerate(element.messages, element.number):
                yield Invoked(number, element.at, element.node, cause)
        elif isinstance(element, Emitted):
            self._check_output(element.node, element.port)
            edges = self._shape.edges
            if not (NO_EDGE <= element.edge < len(edges) and 0 <= element.lane < len(NAMES)):
                raise RecordingError(f"record {element.number} names edge {element.edge} of {len(edges)}")
            if element.edge >= 0 and edges[element.edge] != element.node:
                raise RecordingError(f"record {element.number} names an edge that leaves another node")
            yield self._with_value(element)
        elif isinstance(element, Answered):
            yield self._answered(element)
        elif isinstance(element, Written):
            self._check_node(element.node)
            yield self._with_value(element)
        elif isinstance(element, Fired | Logged | Failed | Made | Dropped):
            self._check_node(element.node)
            if isinstance(element, Logged) and element.meta:
                self._check(element.meta)
            yield element
        elif isinstance(element, Revised):
            self._shape = decode_head(element.head).shape
            yield element
        elif not isinstance(element, Blob):
            yield element

    def _answered(self, element: Answered) -> Answered:
        self._check_input(element.node, element.port, 0)
        for port, _ in element.emissions:
            self._check_output(element.node, port)
        if not 0 <= element.began <= element.at:
            raise RecordingError(f"record {element.number} was answered before it was asked")
        if element.error is not None and element.error[2]:
            self._check(element.error[2])
        emissions = [(port, self._value(value)) for port, value in element.emissions]
        return msgspec.structs.replace(element, value=self._value(element.value), emissions=emissions)

    def _check_node(self, node: int) -> None:
        if not 0 <= node < len(self._shape.inputs):
            raise RecordingError(f"a record names node {node} of {len(self._shape.inputs)}")

    def _check_input(self, node: int, port: int, lane: int) -> None:
        self._check_node(node)
        if not (0 <= port < self._shape.inputs[node] and 0 <= lane < len(NAMES)):
            raise RecordingError(f"a record names input {port} of {self._shape.inputs[node]}, or lane {lane}")

    def _check_output(self, node: int, port: int) -> None:
        self._check_node(node)
        if not 0 <= port < self._shape.outputs[node]:
            raise RecordingError(f"a record names output {port} of {self._shape.outputs[node]}")

    def _with_value(self, element: WithValue) -> WithValue:
        if not element.value and isinstance(element, Written):
            return element
        if element.value[:1] != REFERENCE:
            self._check(element.value)
            return element
        return msgspec.structs.replace(element, value=self._value(element.value))

    def _value(self, value: bytes) -> bytes:
        if value[:1] != REFERENCE:
            self._check(value)
            return value
        found = self._blobs.get(value)
        if found is None:
            raise RecordingError("a record names a value that has not come before it")
        return found

    def _check(self, value: bytes) -> None:
        if self._is_foreign:
            try:
                check_value(value)
            except ForeignError as error:
                raise RecordingError(str(error)) from error
