"""Bodies as they were before they were compressed for the wire (``Content-Encoding``), within bounds.

Only gzip is asked for and undone, any number of members and in layers. Another coding that exists is refused: its
bytes are no content. A word that names no coding (``utf-8``, ``none``) is a server's mistake, and says nothing.
"""

import zlib

import trio

from engine.builtin.parts.http_refusal import invalid, too_large

ACCEPTED_CODING = "gzip"
"""The one compression that can be bounded with the standard library alone; all servers know it."""

SLICE_BYTES = 128 * 1024
"""The bytes inflated, or decoded, between two checkpoints: a millisecond or two."""

LAYERS_LIMIT = 3
"""Layers of gzip in gzip. A file that was compressed before it was served makes two; more only cost time."""

_FIRST_BYTES = 4 * 1024
"""Bytes given to a member at first: what a short one leaves over is copied, and counts as work."""

_ANY_GZIP = zlib.MAX_WBITS | 16
_GZIP = frozenset({"gzip", "x-gzip"})
_REGISTERED = _GZIP | {
    *("aes128gcm", "br", "compress", "dcb", "dcz", "deflate", "exi", "pack200-gzip", "x-compress", "zstd"),
}
"""IANA's registry of content codings, but for ``identity``."""


def codings(header: str) -> list[str]:
    """List the codings that a header ``Content-Encoding`` names, in the order in which they were applied."""
    words = [word.strip().lower() for word in header.split(",")]
    return [word for word in words if word in _REGISTERED]


async def decoded(body: bytes, header: str, limit_bytes: int) -> bytes:
    """Undo the codings of a body.

    Args:
        body: as it came.
        header: ``Content-Encoding``; empty where there is none.
        limit_bytes: of what comes of it.

    Raises:
        HttpResponseError: it is larger, encoded otherwise than as gzip, or not what the header says.
    """
    applied = codings(header)
    unknown = next((word for word in applied if word not in _GZIP), None)
    if body and unknown is not None:
        raise invalid(f"it is encoded as {unknown!r}, not as gzip")
    if len(applied) > LAYERS_LIMIT:
        raise invalid(f"it is compressed {len(applied)} times; {LAYERS_LIMIT} are undone")
    for _ in applied:
        body = await _inflated(body, limit_bytes)
    return body


async def _inflated(body: bytes, limit_bytes: int) -> bytes:
    """Inflate all members of a gzip stream, one behind another (RFC 1952, section 2.2), and zeros at their end."""
    plain = bytearray()
    left = memoryview(body)
    work_bytes = 0
    while left and not _is_padding(left, plain):
        inflater = zlib.decompressobj(_ANY_GZIP)
        room_bytes, goes_on = _FIRST_BYTES, True
        while goes_on:
            given = left[:room_bytes]
            try:
                piece = inflater.decompress(given, SLICE_BYTES)
            except zlib.error as error:
                raise invalid(f"it says it is gzip but is not: {error}") from error
            plain += piece
            if len(plain) > limit_bytes:
                raise too_large(limit_bytes)
            left = left[len(given) - len(inflater.unconsumed_tail) - len(inflater.unused_data) :]
            goes_on = not inflater.eof and (bool(left) or len(piece) == SLICE_BYTES)
            work_bytes += len(given) + len(piece)
            if work_bytes > SLICE_BYTES:
                work_bytes = 0
                await trio.lowlevel.checkpoint()
            room_bytes = min(2 * room_bytes, SLICE_BYTES)
        if not inflater.eof:
            raise invalid("its gzip stream is cut off")
    return bytes(plain)


def _is_padding(left: memoryview, plain: bytearray) -> bool:
    """Tell whether what is left behind a member are zeros, as tapes and some servers add them."""
    return bool(plain) and left[0] == 0 and bytes(left).count(0) == len(left)
