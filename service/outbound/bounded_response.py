"""Answers to our own requests, read as they come off the wire, and no further than they may be long."""

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
    body = bytearray()
    with trio.CancelScope() as scope:
        async for chunk in answer.aiter_raw():
            body += chunk
            if len(body) > limit_bytes:
                scope.cancel()  # leaving the loop would abandon the client's inner generators; this ends them
    if len(body) > limit_bytes:
        raise UnreadableAnswerError(f"its answer is larger than {limit_bytes} bytes")
    return bytes(body)
