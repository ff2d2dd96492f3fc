r"""A recording as one file: its head, its chunks, and a hash over all of it. Written and read in pieces.

    SYMBIA-RECORDING 1 \n
    frame*                    kind (1 byte), length (4 bytes, little-endian), body
      H  the head, JSON       once, first
      C  a chunk, MessagePack (docs/recordings.md)
      E  the end              once, last: the SHA-256 of every byte before this frame

A file may come from anybody. Nothing of it is believed: lengths are bounded before anything is read, the shapes of
head and records are checked, and a file whose hash is another one, or that was cut, is refused as a whole.
"""

import hashlib
import struct
from collections.abc import Iterable, Iterator
from typing import BinaryIO

from engine.cooperative.slices import Steps, at_once
from engine.journal.head import HEAD_BYTES_LIMIT, Head, decode_head, encode_head
from engine.journal.records import CHUNK_BYTES_LIMIT, Reader, Record
from engine.journal.shape import RecordingError

FORMAT = 1
MAGIC = b"SYMBIA-RECORDING "
FIRST_LINE = MAGIC + str(FORMAT).encode() + b"\n"

FILE_BYTES_LIMIT = 1024 * 1024 * 1024
"""Bytes of a file that is read."""

CHUNKS_LIMIT = 1_000_000
"""Chunks of it; ours come twice a second, where little happens."""

_HASHED_BYTES = 512 * 1024

_FRAME = struct.Struct("<cI")
_HEAD, _CHUNK, _END = b"H", b"C", b"E"
_LONGEST_LINE = 64
_DIGEST_BYTES = 32


def write_file(head: Head, chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the bytes of a recording as a file."""
    writer = FileWriter()
    yield writer.begin(head)
    for chunk in chunks:
        yield writer.chunk(chunk)
    yield writer.end()


class FileWriter:
    """The bytes of a file, part by part: ``begin``, ``chunk`` for each chunk, ``end``."""

    def __init__(self) -> None:
        self._digest = hashlib.sha256()

    def begin(self, head: Head) -> bytes:
        """Return the beginning."""
        return self._noted(FIRST_LINE + _framed(_HEAD, encode_head(head)))

    def chunk(self, body: bytes) -> bytes:
        """Return a chunk."""
        return self._noted(_framed(_CHUNK, body))

    def end(self) -> bytes:
        """Return the end."""
        return _framed(_END, self._digest.digest())

    def _noted(self, part: bytes) -> bytes:
        self._digest.update(part)
        return part


def _framed(kind: bytes, body: bytes) -> bytes:
    return _FRAME.pack(kind, len(body)) + body


class RecordingFile:
    """A recording in a file that can be read from any place of it. It is checked as a whole when it is opened.

    Args:
        file: at its beginning; open as long as this is used.
        limit_bytes: what it may have.

    Attributes:
        head: of it.
        size_bytes: of it.

    Raises:
        RecordingError: it is no recording, of a later version, damaged, or too large.
    """

    head: Head
    size_bytes: int

    def __init__(self, file: BinaryIO, limit_bytes: int = FILE_BYTES_LIMIT) -> None:
        at_once(self._open(file, limit_bytes))

    @classmethod
    def in_steps(cls, file: BinaryIO, limit_bytes: int = FILE_BYTES_LIMIT) -> "Steps[RecordingFile]":
        """Open one, as the constructor does, in steps."""
        opened = cls.__new__(cls)
        yield from opened._open(file, limit_bytes)  # noqa: SLF001 - its own
        return opened

    def _open(self, file: BinaryIO, limit_bytes: int) -> Steps[None]:
        self._file = file
        self._places: list[tuple[int, int]] = []
        self.size_bytes = 0
        self._limit_bytes = limit_bytes
        self.head = yield from self._checked()

    def chunks(self) -> Iterator[bytes]:
        """Yield the bodies of its chunks."""
        for place, length in self._places:
            self._file.seek(place)
            yield self._file.read(length)

    def records(self) -> Iterator[Record]:
        """Yield its records.

        Raises:
            RecordingError: one of them is damaged.
        """
        reader = Reader(self.head.shape, is_foreign=True)
        for chunk in self.chunks():
            yield from reader.read(chunk)

    def _checked(self) -> Steps[Head]:
        line = self._file.readline(_LONGEST_LINE)
        if not line.startswith(MAGIC):
            found = "its first line is another one" if line else "it is empty"
            raise RecordingError(f"this is no recording: {found}")
        if line != FIRST_LINE:
            version = line[len(MAGIC) :].strip().decode("ascii", "replace")
            raise RecordingError(f"this recording has version {version}; version {FORMAT} is read here")
        digest = hashlib.sha256(line)
        self.size_bytes = len(line)
        head: Head | None = None
        while True:
            kind, body = self._frame()
            if kind == _END:
                break
            digest.update(_FRAME.pack(kind, len(body)))
            for place in range(0, len(body), _HASHED_BYTES):
                yield
                digest.update(body[place : place + _HASHED_BYTES])
            if (kind == _HEAD) != (head is None):
                raise RecordingError("this recording has a head, first, and chunks behind it; this one has not")
            if head is None:
                head = decode_head(body)
            elif len(self._places) == CHUNKS_LIMIT or not body:
                raise RecordingError(f"a recording has at most {CHUNKS_LIMIT:,} chunks, and none of them is empty")
            else:
                self._places.append((self._file.tell() - len(body), len(body)))
        if head is None:
            raise RecordingError("this recording has no head")
        if body != digest.digest():
            raise RecordingError("this recording is damaged: its hash is another one")
        if self._file.read(1):
            raise RecordingError("something stands behind the end of this recording")
        return head

    def _frame(self) -> tuple[bytes, bytes]:
        start = self._file.read(_FRAME.size)
        if len(start) < _FRAME.size:
            raise RecordingError("this recording was cut: it has no end")
        kind, length = _FRAME.unpack(start)
        limit = {_HEAD: HEAD_BYTES_LIMIT, _CHUNK: CHUNK_BYTES_LIMIT, _END: _DIGEST_BYTES}.get(kind)
        if limit is None:
            raise RecordingError(f"this recording has a part of a kind that is not known: {kind!r}")
        if length > limit:
            raise RecordingError(f"a part of this recording has {length:,} bytes; {limit:,} are allowed")
        self.size_bytes += _FRAME.size + length
        if self.size_bytes > self._limit_bytes:
            raise RecordingError(f"this recording has more than {self._limit_bytes:,} bytes")
        body = self._file.read(length)
        if len(body) < length:
            raise RecordingError("this recording was cut: it has no end")
        return kind, body
