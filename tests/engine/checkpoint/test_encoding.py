"""Checkpoints as bytes: there and back, and what is no checkpoint is refused in words."""

import struct
import zlib

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.checkpoint.checkpoint import (
    Attempts,
    Checkpoint,
    EdgeState,
    GroupState,
    HandlerState,
    KeptLog,
    KeptRun,
    LateEffects,
    MadeOutcome,
    NodeCounters,
    NodeState,
    PlacedMessage,
    Taken,
)
from engine.checkpoint.encoding import FRAME_MESSAGES, MAGIC, VERSION, decoded, encoded
from engine.contracts.handler import HandlerError, LogLine, Message
from engine.cooperative.slices import at_once
from engine.errors import CheckpointUnreadableError, CheckpointVersionError

_small = st.integers(0, 2**31)
_text = st.text(st.characters(codec="utf-8"), max_size=8)
_json = st.sampled_from([b"1", b'"x"', b'{"a":[null]}', b"[" + b"1," * 40 + b"2]"])
_at = st.tuples(_small, _small)
_plain = st.builds(Message, _small, _json, _small, st.integers(-1, 100), st.integers(0, 1))
_message = _plain | st.builds(PlacedMessage, _small, _json, _small, st.integers(-1, 9), st.integers(0, 1), _at)
_messages = st.lists(_message, max_size=5).map(tuple)
_line = st.builds(LogLine, _text, _text, st.none() | _json)
_error = st.builds(HandlerError, _text, _text, _text, st.none() | _json, st.booleans(), st.just(1.5))
_rest = st.recursive(
    st.none() | st.booleans() | _small | _text | st.binary(max_size=5) | st.floats(allow_nan=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_text, inner, max_size=3),
    max_leaves=5,
)
_outcome = st.builds(
    MadeOutcome,
    st.lists(st.tuples(_small, _json), max_size=3).map(tuple),
    st.lists(_line, max_size=2).map(tuple),
    st.none() | _error,
    places=st.lists(st.none() | _at, max_size=2).map(tuple),
    done=st.none() | st.lists(_at, max_size=2).map(tuple),
)
_taken = st.builds(
    Taken,
    messages=_messages,
    outcomes=st.lists(_outcome, max_size=3).map(tuple),
    attempts=st.none() | st.builds(Attempts, _small, _error, st.just(-0.25)),
    opening=st.none() | _at,
)
_node = st.builds(
    NodeState,
    id=_text,
    component=_text,
    waiting=_messages,
    taken=st.lists(_taken, max_size=2).map(tuple),
    handler=st.none() | st.builds(HandlerState, messages=_messages, rest=_rest),
    counters=st.builds(NodeCounters, _small, latencies=st.lists(_small, max_size=3).map(tuple)),
)
_held = st.lists(st.tuples(_text, _plain), max_size=3).map(tuple)
CHECKPOINTS = st.builds(
    Checkpoint,
    execution_id=_text,
    graph_id=_text,
    taken_ms=st.just(1.5),
    sequence=_small,
    input_end=st.none() | _text,
    nodes=st.lists(_node, max_size=4).map(tuple),
    edges=st.lists(st.builds(EdgeState, _text, _text, _small), max_size=3).map(tuple),
    groups=st.lists(st.builds(GroupState, _text, _small, st.none() | _at, _small), max_size=3).map(tuple),
    held=_held,
    offered=_held,
    late=st.builds(LateEffects, logs=st.lists(st.tuples(_text, _line), max_size=2).map(tuple)),
    kept_outputs=st.lists(st.builds(KeptRun, _text, _text, _small, _small, st.just((b"1", 7))), max_size=2).map(
        tuple
    ),
    logs=st.lists(st.builds(KeptLog, _text, _text, _text, _text), max_size=2).map(tuple),
)


@settings(max_examples=25)
@given(CHECKPOINTS)
def test_a_checkpoint_is_read_as_it_was_written(checkpoint: Checkpoint) -> None:
    """There and back it is the same, the kinds of its messages among it."""
    read = at_once(decoded(at_once(encoded(checkpoint))))
    assert read == checkpoint
    for before, after in zip(checkpoint.nodes, read.nodes, strict=True):
        assert list(map(type, before.waiting)) == list(map(type, after.waiting))


def test_a_long_queue_keeps_its_order() -> None:
    """What takes several frames stands in the order in which it stood."""
    waiting = tuple(Message(0, b"%d" % number, number) for number in range(FRAME_MESSAGES * 2 + 1))
    checkpoint = Checkpoint(
        execution_id="e", graph_id="g", taken_ms=0, nodes=(NodeState(id="n", component="c", waiting=waiting),)
    )
    assert at_once(decoded(at_once(encoded(checkpoint)))) == checkpoint


def test_another_version_is_named() -> None:
    """Who reads a checkpoint of a later version is told which it is, and which can be read."""
    with pytest.raises(CheckpointVersionError, match="is of version 9, and version 1 "):
        at_once(decoded(MAGIC + struct.pack(">H", 9) + b"whatever"))


@pytest.mark.parametrize("content", [b"", b"{}", MAGIC, MAGIC + struct.pack(">H", VERSION)])
def test_what_is_no_checkpoint_is_refused(content: bytes) -> None:
    """Nothing, other documents, and the mere beginning of one."""
    with pytest.raises(CheckpointUnreadableError):
        at_once(decoded(content))


@settings(max_examples=25)
@given(CHECKPOINTS, st.data())
def test_what_is_damaged_is_refused(checkpoint: Checkpoint, data: st.DataObject) -> None:
    """One altered byte, or an end that is missing, is noticed wherever it is."""
    content = bytearray(at_once(encoded(checkpoint)))
    at = data.draw(st.integers(0, len(content) - 1))
    if data.draw(st.booleans()):
        content[at] ^= data.draw(st.integers(1, 255))
    else:
        del content[at:]
    with pytest.raises((CheckpointUnreadableError, CheckpointVersionError)):
        at_once(decoded(bytes(content)))


_NESTED = b"\x81\xa4type\x91" + b"\x91" * 100_000


@pytest.mark.parametrize(
    "frame",
    [
        b"\xdd\xff\xff\xff\xff",
        _NESTED,
        msgspec.msgpack.encode({"type": "x"}),
        msgspec.msgpack.encode({"type": "end", "frames": 0}),
        msgspec.msgpack.encode({"type": "m", "of": "waiting", "messages": []}),
        msgspec.msgpack.encode({"type": "held", "items": [["n", [0, b"{", 1]]]}),
        b"",
    ],
)
def test_frames_that_make_no_sense_are_refused(frame: bytes) -> None:
    """A right checksum makes nobody trusted: promises of gigabytes, endless depth, other kinds, wrong JSON."""
    head = msgspec.msgpack.encode(
        {"type": "c", "checkpoint": {"execution_id": "e", "graph_id": "g", "taken_ms": 0.0}}
    )
    end = msgspec.msgpack.encode({"type": "end", "frames": 2})
    content = MAGIC + struct.pack(">H", VERSION)
    for each in (head, frame, end):
        content += struct.pack(">II", len(each), zlib.crc32(each)) + each
    with pytest.raises(CheckpointUnreadableError):
        at_once(decoded(content))
