"""Answers to our own requests, read as they come off the wire, and no further than they may be long."""

from collections.abc import AsyncIterator

import httpx
import trio

from engine.builtin.parts.content_coding import codings

PLAIN = {"Accept": "application/json", "Accept-Encoding": "identity"}
"""Headers that ask for an answer as it is; a small compressed one could be a very large one."""


class UnreadableAnswerError(Exception):
    """An answer that is too large, or encoded although that was not asked for."""


async def read_bounded(answer: httpx.Response, limit_bytes: int) -> bytes:
    """Read the body of an answer whose head has come.

    Raises:
        UnreadableAnswerError: it is larger than ``limit_bytes``, or encoded.
    """
    applied = codings(answer.headers.get("content-encoding", ""))
    if applied:
        raise UnreadableAnswerError(f"its answer is encoded as {applied[0]!r}, which was not asked for")
    body = await joined(answer.aiter_raw(), limit_bytes)
    if body is None:
        raise UnreadableAnswerError(f"its answer is larger than {limit_bytes} bytes")
    return body


async def joined(pieces: AsyncIterator[bytes], limit_bytes: int) -> bytes | None:
    """Read the pieces of an answer to their end; None where they are more than that, and the rest is not read."""
    body = bytearray()
    with trio.CancelScope() as scope:
        async for piece in pieces:
            body += piece
            if len(body) > limit_bytes:
                scope.cancel()  # leaving the loop would abandon the client's inner generators; this ends them
    return bytes(body) if len(body) <= limit_bytes else None
