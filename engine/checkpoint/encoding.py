"""Checkpoints as bytes: a magic number, a version, and frames, each a part of the checkpoint in MessagePack.

A frame has at most some hundred messages, so both ways are gone in steps, and a large checkpoint holds nobody up.
Every frame has its length and a checksum before it, and the last one says how many there were: what was cut off or
altered on a disk is noticed. What is read is a boundary: it may come from another version or from anybody.
"""

import struct
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Literal, TypeVar

import msgspec

from engine.checkpoint.checkpoint import (
    At,
    Checkpoint,
    EdgeState,
    GroupState,
    HandlerState,
    KeptLog,
    KeptRun,
    NodeState,
    PlacedMessage,
    Taken,
)
from engine.contracts.handler import Message
from engine.cooperative.slices import Steps
from engine.errors import CheckpointUnreadableError, CheckpointVersionError

T = TypeVar("T")

MAGIC = b"SYMBIACP"
VERSION = 1
"""The version of what follows the magic number. A change that an earlier reader would misread has the next one."""

FRAME_MESSAGES = 500
FRAME_BYTES = 256 * 1024
"""Messages of one frame, and bytes of their values; one message in any case."""

_CHECKED_AT_ONCE = 1024 * 1024
"""Bytes that are checked in one step: less than a millisecond."""

_COPIES = 2
"""Times that a frame is in memory before the whole is there: alone, and in that."""

_PREFIX = struct.Struct(">8sH")
_FRAME = struct.Struct(">II")

_List = Literal["edges", "groups", "held", "offered", "kept_outputs", "logs", "port_outputs"]


class _Head(msgspec.Struct, frozen=True, tag="c"):
    checkpoint: Checkpoint


class _Node(msgspec.Struct, frozen=True, tag="n"):
    node: NodeState


class _Messages(msgspec.Struct, frozen=True, tag="m"):
    """Messages of the last node: those that wait before it, or those that its handler keeps."""

    of: Literal["waiting", "kept"]
    messages: Sequence[PlacedMessage]


class _Taken(msgspec.Struct, frozen=True, tag="t"):
    """Messages that the last node has taken."""

    messages: Sequence[PlacedMessage]
    taken: Taken


class _Edges(msgspec.Struct, frozen=True, tag="edges"):
    items: Sequence[EdgeState]


class _Groups(msgspec.Struct, frozen=True, tag="groups"):
    items: Sequence[GroupState]


class _Held(msgspec.Struct, frozen=True, tag="held"):
    items: Sequence[tuple[str, Message]]


class _Offered(msgspec.Struct, frozen=True, tag="offered"):
    items: Sequence[tuple[str, Message]]


class _Runs(msgspec.Struct, frozen=True, tag="kept_outputs"):
    items: Sequence[KeptRun]


class _Logs(msgspec.Struct, frozen=True, tag="logs"):
    items: Sequence[KeptLog]


class _PortOutputs(msgspec.Struct, frozen=True, tag="port_outputs"):
    items: Sequence[tuple[str, str, int]]


class _End(msgspec.Struct, frozen=True, tag="end"):
    frames: int


_ListFrame = _Edges | _Groups | _Held | _Offered | _Runs | _Logs | _PortOutputs
_Frame = _Head | _Node | _Messages | _Taken | _ListFrame | _End

_LISTS: dict[_List, Callable[[Sequence[Any]], _ListFrame]] = {
    "edges": _Edges,
    "groups": _Groups,
    "held": _Held,
    "offered": _Offered,
    "kept_outputs": _Runs,
    "logs": _Logs,
    "port_outputs": _PortOutputs,
}

_NONE_OF_THEM: dict[str, Sequence[Any]] = {"nodes": (), **dict.fromkeys(_LISTS, ())}

_encoder = msgspec.msgpack.Encoder()
_decoder: msgspec.msgpack.Decoder[_Frame] = msgspec.msgpack.Decoder(_Frame)


def encoded(checkpoint: Checkpoint, grow: Callable[[int], None] = lambda _: None) -> Steps[bytes]:
    """Encode a checkpoint.

    Args:
        checkpoint: what is encoded.
        grow: called with the bytes of memory that each frame takes, beforehand; what it raises ends this.
    """
    pieces = [_PREFIX.pack(MAGIC, VERSION)]
    for frame in _frames_of(checkpoint):
        content = _encoder.encode(frame)
        checksum = yield from _checksum(content)
        grow(_COPIES * len(content))
        pieces += [_FRAME.pack(len(content), checksum), content]
        yield
    return b"".join(pieces)


def decoded(content: bytes) -> Steps[Checkpoint]:
    """Read a checkpoint.

    Raises:
        CheckpointVersionError: it was written by another version.
        CheckpointUnreadableError: it is none, or is damaged.
    """
    reader = _Reader()
    for frame in (yield from _read_frames(content)):
        yield from reader.take(frame)
        yield
    return reader.result()


# Writing


def _frames_of(checkpoint: Checkpoint) -> Iterator[_Frame]:
    yield _Head(msgspec.structs.replace(checkpoint, **_NONE_OF_THEM))
    frames = 1
    for frame in _further_frames(checkpoint):
        frames += 1
        yield frame
    yield _End(frames)


def _further_frames(checkpoint: Checkpoint) -> Iterator[_Frame]:
    for node in checkpoint.nodes:
        yield from _frames_of_node(node)
    for name, kind in _LISTS.items():
        for chunk in _chunks(getattr(checkpoint, name), _size_of):
            yield kind(chunk)


def _frames_of_node(node: NodeState) -> Iterator[_Frame]:
    handler = node.handler
    kept: Sequence[Message] = ()
    if handler is not None:
        kept, handler = handler.messages, msgspec.structs.replace(handler, messages=())
    yield _Node(msgspec.structs.replace(node, waiting=(), taken=(), handler=handler))
    for chunk in _chunks(node.waiting, _size_of):
        yield _Messages("waiting", chunk)  # type: ignore[arg-type]  # encoded alike
    for chunk in _chunks(kept, _size_of):
        yield _Messages("kept", chunk)  # type: ignore[arg-type]
    for taken in node.taken:
        yield _Taken(taken.messages, msgspec.structs.replace(taken, messages=()))  # type: ignore[arg-type]


def _size_of(item: object) -> int:
    """Return the bytes of an item's values, roughly."""
    if isinstance(item, Message):
        return len(item.value)
    if isinstance(item, KeptRun):
        return sum([len(value) for value in item.values if isinstance(value, bytes)])
    if isinstance(item, KeptLog):
        return len(item.message)
    return len(item[1].value) if isinstance(item, tuple) and isinstance(item[1], Message) else 0


def _chunks(items: Sequence[T], size_of: Callable[[T], int]) -> Iterator[Sequence[T]]:
    for start in range(0, len(items), FRAME_MESSAGES):
        chunk: list[T] = []
        size = 0
        for item in items[start : start + FRAME_MESSAGES]:
            size += size_of(item)
            if chunk and size > FRAME_BYTES:
                yield chunk
                chunk, size = [], size_of(item)
            chunk.append(item)
        yield chunk


def _checksum(content: bytes | memoryview) -> Steps[int]:
    checksum = 0
    for start in range(0, len(content), _CHECKED_AT_ONCE):
        checksum = zlib.crc32(content[start : start + _CHECKED_AT_ONCE], checksum)
        if len(content) > _CHECKED_AT_ONCE:
            yield
    return checksum


# Reading


def _read_frames(content: bytes) -> Steps[list[_Frame]]:
    """Read the frames; raise where they are not all there."""
    if len(content) < _PREFIX.size or not content.startswith(MAGIC):
        raise CheckpointUnreadableError("it does not begin as a checkpoint does")
    _, version = _PREFIX.unpack_from(content)
    if version != VERSION:
        raise CheckpointVersionError(version, VERSION)
    view = memoryview(content)
    position = _PREFIX.size
    frames: list[_Frame] = []
    while position < len(content):
        frame, position = yield from _read_frame(view, position)
        frames.append(frame)
        yield
    end = frames.pop() if frames else None
    if not isinstance(end, _End) or end.frames != len(frames) or not isinstance(frames[0], _Head):
        raise CheckpointUnreadableError("its end is missing")
    return frames


def _read_frame(view: memoryview, position: int) -> Steps[tuple[_Frame, int]]:
    if len(view) - position < _FRAME.size:
        raise CheckpointUnreadableError("its end is missing")
    length, checksum = _FRAME.unpack_from(view, position)
    position += _FRAME.size
    content = view[position : position + length]
    if len(content) < length:
        raise CheckpointUnreadableError("its end is missing")
    if (yield from _checksum(content)) != checksum:
        raise CheckpointUnreadableError(f"its bytes from {position} on have been altered")
    try:
        return _decoder.decode(content), position + length
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, OverflowError) as error:
        raise CheckpointUnreadableError(str(error)) from error


class _Reader:
    """Puts frames together again."""

    def __init__(self) -> None:
        self._head: Checkpoint | None = None
        self._nodes: list[NodeState] = []
        self._lists: dict[str, list[Any]] = {name: [] for name in _LISTS}
        self._messages: dict[str, list[Message]] = {}
        self._taken: list[Taken] = []

    def take(self, frame: _Frame) -> Steps[None]:
        """Take in one frame."""
        match frame:
            case _Head():
                if self._head is not None:
                    raise CheckpointUnreadableError("it has two heads")
                self._head = frame.checkpoint
            case _Node():
                self._close_node()
                self._nodes.append(frame.node)
            case _Messages():
                self._messages.setdefault(frame.of, []).extend((yield from _plain(frame.messages)))
            case _Taken():
                messages = yield from _plain(frame.messages)
                self._taken.append(msgspec.structs.replace(frame.taken, messages=messages))
            case _End():
                raise CheckpointUnreadableError("it has two ends")
            case _:
                items = frame.items
                if isinstance(frame, _Held | _Offered):
                    for _, message in frame.items:
                        _check_json(message.value)
                self._lists[str(frame.__struct_config__.tag)].extend(items)

    def _close_node(self) -> None:
        """Put the last node together, whose frames have all come."""
        if not self._messages and not self._taken:
            return
        if not self._nodes:
            raise CheckpointUnreadableError("messages come before their node")
        node = self._nodes.pop()
        kept = self._messages.get("kept")
        handler = node.handler
        if kept:
            handler = msgspec.structs.replace(handler or HandlerState(), messages=tuple(kept))
        waiting = tuple(self._messages.get("waiting", ()))
        self._nodes.append(
            msgspec.structs.replace(node, waiting=waiting, taken=tuple(self._taken), handler=handler)
        )
        self._messages, self._taken = {}, []

    def result(self) -> Checkpoint:
        """Return the checkpoint."""
        self._close_node()
        assert self._head is not None  # noqa: S101 - the frames begin with it
        lists = {name: tuple(items) for name, items in self._lists.items()}
        return msgspec.structs.replace(self._head, nodes=tuple(self._nodes), **lists)


def _plain(messages: Iterable[PlacedMessage]) -> Steps[tuple[Message, ...]]:
    """Return messages in the kinds in which they were written."""
    plain: list[Message] = []
    for message in messages:
        _check_json(message.value)
        at: At | None = message.at
        plain.append(
            Message(message.port, message.value, message.sequence, message.edge, message.lane)
            if at is None
            else message
        )
    yield
    return tuple(plain)


def _check_json(value: bytes) -> None:
    try:
        msgspec.json.decode(value, type=msgspec.Raw)
    except msgspec.DecodeError as error:
        raise CheckpointUnreadableError(f"a value is no JSON text: {error}") from error
