"""Work on megabytes that nobody need wait for: done piece by piece, with everybody else's turn in between."""

import base64
import binascii
import hashlib

import trio

PIECE_BYTES = 192 * 1024
"""Worked on in one go, in about a millisecond; a multiple of 3 and of 4, so that base64 can be cut there."""


async def sha256_of(content: bytes) -> str:
    """Return the SHA-256 of bytes, as 64 hexadecimal digits."""
    found = hashlib.sha256()
    for start in range(0, len(content), PIECE_BYTES):
        found.update(content[start : start + PIECE_BYTES])
        await trio.lowlevel.checkpoint()
    return found.hexdigest()


async def to_base64(content: bytes) -> str:
    """Bytes in base64."""
    pieces = []
    for start in range(0, len(content), PIECE_BYTES):
        pieces.append(base64.b64encode(content[start : start + PIECE_BYTES]))
        await trio.lowlevel.checkpoint()
    return b"".join(pieces).decode("ascii")


async def from_base64(text: str) -> bytes:
    """Decode the bytes that are in base64 (RFC 4648, section 4): in groups of four characters, the last one
    padded.

    Raises:
        ValueError: they are not.
    """
    if len(text) % 4 or "=" in text[:-2]:  # Python takes padding after a whole group, and in the midst of pieces
        raise binascii.Error("Incorrect padding")
    pieces = []
    for start in range(0, len(text), PIECE_BYTES):
        pieces.append(base64.b64decode(text[start : start + PIECE_BYTES], validate=True))
        await trio.lowlevel.checkpoint()
    return b"".join(pieces)
