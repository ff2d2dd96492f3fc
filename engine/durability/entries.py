"""The log of what an execution has accepted, as entries of a stream: messages, and commands. Pure.

Messages name their places by node and port, and not by index: the components of the graph may have other ports in
another order when it is compiled the next time.
"""

from collections.abc import Sequence
from typing import Literal

import msgspec

from engine.compile.loaded_graph import LoadedGraph
from engine.contracts.handler import NO_EDGE, Message
from engine.errors import CannotGoOnError
from engine.execution.endings import BEGUN, TOLD
from engine.execution.injection import Located
from store.errors import StoreCorruptError
from store.protocol import Stream

KIND = "accepted"
"""The kind of the streams, one for each durable execution."""

Verb = Literal["pause", "resume", "complete", "drain", "stop"]
"""A command, as it is logged; ``drain`` is a stop that lets messages drain."""


class Injected(msgspec.Struct, frozen=True, array_like=True, tag="i"):
    """Messages that were accepted together.

    Attributes:
        first: the sequence number of the first of them; the others have those that follow.
        places: nodes and their ports.
        messages: of each the index of its place, its lane and its JSON text.
        is_final: whether no more input comes after them.
        is_beginning: whether the execution was started with them.
    """

    first: int
    places: tuple[tuple[str, str], ...]
    messages: tuple[tuple[int, int, bytes], ...]
    is_final: bool = False
    is_beginning: bool = False


class Told(msgspec.Struct, frozen=True, array_like=True, tag="c"):
    """A command that was accepted."""

    verb: Verb


class Called(msgspec.Struct, frozen=True, array_like=True, tag="o"):
    """A call to the outside that is about to be made.

    Attributes:
        node_id: the node that makes it.
        digest: of the message for which.
        key: by which its server knows it again.
    """

    node_id: str
    digest: bytes
    key: str


Accepted = Injected | Told | Called

_encoder = msgspec.msgpack.Encoder()
_decoder: msgspec.msgpack.Decoder[Accepted] = msgspec.msgpack.Decoder(Accepted)


def stream_of(owner: str, execution_id: str) -> Stream:
    """Return the name of an execution's log."""
    return Stream(KIND, owner, execution_id)


def encode_entry(entry: Accepted) -> bytes:
    """Return an entry as it is kept."""
    return _encoder.encode(entry)


def decode_entry(body: bytes) -> Accepted:
    """Return an entry that was kept.

    Raises:
        StoreCorruptError: there is none in it.
    """
    try:
        return _decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise StoreCorruptError(f"What an execution has accepted cannot be read: {error}") from error


def entry_of(
    graph: LoadedGraph,
    messages: Sequence[Located],
    *,
    is_final: bool = False,
    is_beginning: bool = False,
) -> Injected:
    """Return messages that have been numbered, one after another, as an entry."""
    places: dict[tuple[int, int], int] = {}
    kept = []
    for node_index, message in messages:
        place = places.setdefault((node_index, message.port), len(places))
        kept.append((place, message.lane, message.value))
    first = messages[0][1].sequence if messages else 0
    named = [(graph.nodes[node], graph.nodes[node].inputs[port]) for node, port in places]
    return Injected(
        first, tuple((node.id, name) for node, name in named), tuple(kept), is_final, is_beginning=is_beginning
    )


def told_to_pause(entries: Sequence[Accepted], *, before: bool) -> bool:
    """Return whether the last such command was to pause, in entries or before them."""
    verbs = [each.verb for each in entries if isinstance(each, Told) and each.verb in ("pause", "resume")]
    return verbs[-1] == "pause" if verbs else before


def end_of_input_in(entries: Sequence[Accepted]) -> str:
    """Return why no more messages come after entries; "" where more may."""
    end_of_input = ""
    for entry in entries:
        if isinstance(entry, Injected) and (entry.is_beginning or entry.is_final):
            end_of_input = BEGUN if entry.is_beginning else TOLD
        elif isinstance(entry, Told) and entry.verb == "complete":
            end_of_input = TOLD
    return end_of_input


def messages_in(graph: LoadedGraph, entry: Injected) -> list[Located]:
    """Return the messages of an entry, with the numbers that they had.

    Raises:
        CannotGoOnError: the graph has not got their place.
    """
    places = [_found(graph, node_id, port) for node_id, port in entry.places]
    located = []
    for number, (place, lane, value) in enumerate(entry.messages, entry.first):
        node_index, port = places[place]
        located.append((node_index, Message(port, value, number, NO_EDGE, lane)))
    return located


def _found(graph: LoadedGraph, node_id: str, port: str) -> tuple[int, int]:
    node = graph.node(node_id)
    if node is None or port not in node.input_of:
        place = f"port {port[:100]} of node {node_id[:100]}"
        raise CannotGoOnError(f"it has accepted messages for {place}, which is gone")
    return node.index, node.input_of[port]
