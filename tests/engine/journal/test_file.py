"""A recording as a file: what was written is read again, and whatever else comes is refused with one sentence."""

import hashlib
import io
import struct
from contextlib import suppress
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.journal.file import FIRST_LINE, FileWriter, RecordingFile
from engine.journal.head import Head, RecordedEdge, RecordedNode, decode_head, encode_head
from engine.journal.records import encode_chunk
from engine.journal.shape import RecordingError

HEAD = Head(
    execution_id="e",
    graph_id="g",
    graph={"name": "n"},
    graph_version=1,
    level="full",
    began_ms=1,
    is_from_start=True,
    seed=1,
    parameters={},
    components=(),
    lacking=(),
    nodes=(RecordedNode("a", "c", ("in",), ("out", "error")), RecordedNode("b", "c", ("in",), ("out", "error"))),
    edges=(RecordedEdge((0, 0), (1, 0)),),
)
ELEMENTS: list[Any] = [
    (9, 1, 0.0, "state running"),
    (1, 0.1, [(0, (0, b"1", 2, -1, 0)), (0, (0, b"2", 3, -1, 1))]),
    (3, 4, 0.2, 0, [2, 3]),
    (2, 6, 0.3, 0, 0, 0, 2, b"1", 0),
    (2, 7, 0.3, 1, 1, -1, 6, b"{}", 0, True),
    (6, 8, 0.4, 0.2, 0, 2, 0, b"1", [(0, b"3")], None),
    (6, 9, 0.4, 0.2, 0, 2, 0, b"1", [], ("E", "text", b"", True)),
    (5, 10, 0.4, 0, True),
    (7, 11, 0.4, 0, "info", "line"),
    (8, 12, 0.4, 0, 2, "E", "text"),
    (4, 13, 0.4, 0, 2, "key", b"1"),
    (11, 14, 0.4, [3]),
    (12, 15, 0.4, 0, 2, 1, [2]),
    (10, 16, 0.4, 3),
]


def written(*chunks: bytes, head: Head = HEAD) -> bytes:
    writer = FileWriter()
    return b"".join([writer.begin(head), *[writer.chunk(chunk) for chunk in chunks], writer.end()])


def hashed(content: bytes) -> bytes:
    """Return a beginning of a file with an end that fits it."""
    return content + struct.pack("<cI", b"E", 32) + hashlib.sha256(content).digest()


def opened(content: bytes, limit_bytes: int = 10**9) -> RecordingFile:
    return RecordingFile(io.BytesIO(content), limit_bytes)


def test_what_was_written_is_read() -> None:
    """Every kind of record, in several chunks."""
    file = opened(written(encode_chunk(ELEMENTS[:3]), encode_chunk(ELEMENTS[3:])))
    assert file.head == HEAD
    assert [record.number for record in file.records()] == [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16]
    assert file.size_bytes == len(written(encode_chunk(ELEMENTS[:3]), encode_chunk(ELEMENTS[3:])))


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "it is empty"),
        (b"PK\x03\x04", "this is no recording"),
        (b"SYMBIA-RECORDING 2\n" + b"x" * 100, "has version 2; version 1 is read here"),
        (FIRST_LINE, "was cut"),
        (written()[:-1], "was cut"),
        (written(encode_chunk(ELEMENTS))[:-60], "was cut"),
        (written() + b"x", "stands behind the end"),
        (hashed(FIRST_LINE), "has no head"),
        (hashed(FIRST_LINE + struct.pack("<cI", b"C", 0)), "has a head, first"),
        (hashed(FIRST_LINE + struct.pack("<cI", b"Z", 0)), "of a kind that is not known"),
        (FIRST_LINE + struct.pack("<cI", b"H", 2**32 - 1), "bytes; .* are allowed"),
        (hashed(FIRST_LINE + struct.pack("<cI", b"H", 2) + b"[]"), "its head cannot be read"),
        (hashed(FIRST_LINE + struct.pack("<cI", b"H", 9999) + b"[" * 9999), "its head cannot be read"),
    ],
)
def test_another_file_is_refused(content: bytes, complaint: str) -> None:
    """Cut, changed, of another version, or none at all."""
    with pytest.raises(RecordingError, match=complaint):
        opened(content)


def test_a_damaged_byte_is_noticed() -> None:
    """Anywhere in the file."""
    content = bytearray(written(encode_chunk(ELEMENTS)))
    for place in range(0, len(content), 7):
        damaged = content.copy()
        damaged[place] ^= 1
        with pytest.raises(RecordingError):
            opened(bytes(damaged))


def test_a_file_that_is_too_large_is_not_read() -> None:
    """It is refused at the part that is too much."""
    with pytest.raises(RecordingError, match="has more than 100 bytes"):
        opened(written(encode_chunk(ELEMENTS)), 100)


@pytest.mark.parametrize(
    ("element", "complaint"),
    [
        ((2, 1, 0.0, 2, 0, 0, 0, b"1"), "names node 2 of 2"),
        ((2, 1, 0.0, 0, 2, 0, 0, b"1"), "names output 2 of 2"),
        ((2, 1, 0.0, 0, 0, 1, 0, b"1"), "names edge 1 of 1"),
        ((2, 1, 0.0, 0, 0, -2, 0, b"1"), "names edge -2 of 1"),
        ((2, 1, 0.0, 1, 0, 0, 0, b"1"), "names an edge that leaves another node"),
        ((1, 0.0, [(0, (1, b"1", 1, -1, 0))]), "names input 1 of 1"),
        ((1, 0.0, [(0, (0, b"1", 1, -1, 7))]), "or lane 7"),
        ((1, 0.0, [(0, (0, b"\0unknown", 1, -1, 0))]), "names a value that has not come before it"),
        ((0, b"\0digest", b"value"), "is not the one that its digest names"),
        ((9, 1, float("nan"), "x"), "was made at nan s"),
        ((9, 1, -1.0, "x"), "was made at -1.0 s"),
        ((9, 2**62, 0.0, "x"), "comes after record"),
        ((6, 1, 0.1, 0.2, 0, 0, 0, b"1", []), "was answered before it was asked"),
        ((99, 1), "a chunk cannot be read"),
        ((9, "1", 0.0, "x"), "a chunk cannot be read"),
    ],
)
def test_a_damaged_record_is_refused(element: Any, complaint: str) -> None:
    """Also where the hash of the file is right: its writer may have meant it."""
    file = opened(written(encode_chunk([element])))
    with pytest.raises(RecordingError, match=complaint):
        list(file.records())


def test_records_out_of_order_are_refused() -> None:
    """Their numbers rise."""
    file = opened(written(encode_chunk([(9, 2, 0.0, "x"), (9, 2, 0.0, "x")])))
    with pytest.raises(RecordingError, match="record 2 comes after record 2"):
        list(file.records())


def test_a_head_that_speaks_of_what_is_not_there_is_refused() -> None:
    """Edges lead between the nodes that it has."""
    for wrong in (
        msgspec.structs.replace(HEAD, edges=(RecordedEdge((0, 0), (2, 0)),)),
        msgspec.structs.replace(HEAD, edges=(RecordedEdge((0, 2), (1, 0)),)),
        msgspec.structs.replace(HEAD, nodes=HEAD.nodes[:1] * 2),
        msgspec.structs.replace(HEAD, seed=-1),
        msgspec.structs.replace(HEAD, began_ms=2**60),
    ):
        with pytest.raises(RecordingError, match="its head is wrong"):
            decode_head(encode_head(wrong))


VALUES = st.recursive(
    st.none() | st.integers(-(2**63), 2**63) | st.floats() | st.binary(max_size=20) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=8),
    max_leaves=20,
)
CHANGES = st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), max_size=6)


@settings(max_examples=30)
@given(st.one_of(st.binary(max_size=200), st.lists(VALUES, max_size=4).map(lambda each: encode_chunk(each[:4]))))
def test_whatever_a_chunk_holds_it_is_read_or_refused(chunk: bytes) -> None:
    """With the one error that is documented."""
    with suppress(RecordingError):
        list(opened(written(chunk)).records())


@settings(max_examples=30)
@given(CHANGES)
def test_however_a_chunk_was_changed_it_is_read_or_refused(changes: list[tuple[int, int]]) -> None:
    """Bytes of a good one, one or some of them others."""
    chunk = bytearray(encode_chunk(ELEMENTS))
    for place, byte in changes:
        chunk[place % len(chunk)] = byte
    with suppress(RecordingError):
        list(opened(written(bytes(chunk))).records())


@settings(max_examples=30)
@given(st.binary(max_size=300))
def test_whatever_a_file_holds_it_is_opened_or_refused(content: bytes) -> None:
    """After a good first line, too."""
    for file in (content, FIRST_LINE + content, hashed(FIRST_LINE + content)):
        with suppress(RecordingError):
            opened(file)
