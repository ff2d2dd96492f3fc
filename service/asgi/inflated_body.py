"""Request bodies that come compressed (``Content-Encoding: gzip`` or ``deflate``), decoded before they are read.

A megabyte of zeros is a kilobyte of gzip. So nothing is decoded before it is asked for, and then a piece of
``PIECE_BYTES`` at a time, with a look at other tasks after each. What lies within this layer sees the pieces of an
ordinary body: it charges them, holds them to ``MAX_BODY_BYTES``, and takes those of a stream as fast as the graph
takes its lines. Nobody holds more for it than the compressed bytes of one event, and one piece.

What breaks off, or is no such format, becomes the error of the body and is raised where that is read.
"""

import zlib
from typing import Any, cast

import trio
from hypercorn.typing import ASGIFramework, ASGIReceiveCallable, ASGIReceiveEvent, ASGISendCallable, Scope

from service.asgi.json_reply import send_refusal
from service.problems import UnreadableBodyError, UnsupportedEncodingError

PIECE_BYTES = 64 * 1024
"""Bytes that are decoded in one go: half a millisecond."""

BODY_ERROR = "symbia.body_error"
"""The key of the error of a body, in the event with which it ends."""

ENCODINGS = frozenset({"gzip", "x-gzip", "deflate"})
_NOTHING = frozenset({"", "identity"})
_GZIP_BITS, _ZLIB_BITS, _RAW_BITS = zlib.MAX_WBITS | 16, zlib.MAX_WBITS, -zlib.MAX_WBITS
_METHOD_BITS, _DEFLATED = 0x0F, 8
"""The first byte, masked, of zlib's form (RFC 1950), which is what ``deflate`` means; some send the bare one."""


class InflatedBodies:
    """An ASGI application that decodes the bodies of requests to another one.

    Args:
        application: that answers them.
    """

    def __init__(self, application: ASGIFramework) -> None:
        self._application = application

    async def __call__(self, scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        encoding = _encoding_of(scope)
        if not encoding:
            await self._application(scope, receive, send)
        elif encoding in ENCODINGS:
            await self._application(scope, _Inflating(Inflater(encoding), receive).receive, send)
        else:
            message = f"Content-Encoding {encoding[:40]} is not taken; send gzip or deflate, or the body as it is"
            await send_refusal(send, UnsupportedEncodingError(message))


def _encoding_of(scope: Scope) -> str:
    """Return the encoding of a request's body; several with a comma between them."""
    if scope["type"] != "http":
        return ""
    values = [value for name, value in scope["headers"] if name == b"content-encoding"]
    if not values:  # as nearly always
        return ""
    names = [name.strip() for name in b",".join(values).decode("latin-1").lower().split(",")]
    return ", ".join(name for name in names if name not in _NOTHING)


class Inflater:
    """A decoder of one body: compressed bytes in, pieces out. Pure.

    Args:
        encoding: one of ``ENCODINGS``.
    """

    def __init__(self, encoding: str) -> None:
        self._encoding = encoding
        self._waiting = b""
        self._member: Any = None
        self._is_full = False
        self._has_ended = False

    def feed(self, data: bytes) -> None:
        """Take in compressed bytes; all pieces of those before must have been taken."""
        self._waiting += data

    def piece(self) -> bytes | None:
        """Return the next piece, which may be empty; None where more must be fed first.

        Raises:
            UnreadableBodyError: this is not what the encoding says.
        """
        if not self._waiting and not self._is_full:
            return None
        if self._has_ended and self._encoding == "deflate":
            raise self._refusal("goes on behind its end")
        if self._member is None:
            self._member = zlib.decompressobj(self._bits())
        try:
            decoded: bytes = self._member.decompress(self._waiting, PIECE_BYTES)
        except zlib.error as error:
            raise self._refusal(f"is no such thing: {error}") from error
        self._is_full = len(decoded) == PIECE_BYTES and not self._member.eof
        self._waiting = self._member.unconsumed_tail
        if self._member.eof:  # of one member of a gzip file, which may have several (RFC 1952)
            self._waiting = self._member.unused_data
            self._member = None
            self._has_ended = True
        return decoded

    def end(self) -> None:
        """See that nothing is missing, now that all has been fed and taken.

        Raises:
            UnreadableBodyError: something is.
        """
        if self._member is not None:
            raise self._refusal("breaks off")

    def _bits(self) -> int:
        if self._encoding != "deflate":
            return _GZIP_BITS
        return _ZLIB_BITS if self._waiting[0] & _METHOD_BITS == _DEFLATED else _RAW_BITS

    def _refusal(self, what: str) -> UnreadableBodyError:
        return UnreadableBodyError(f"The body is sent with Content-Encoding {self._encoding}, and {what}")


class _Inflating:
    """Gives the events of a compressed body with decoded pieces, each when it is asked for."""

    def __init__(self, inflater: Inflater, receive: ASGIReceiveCallable) -> None:
        self._inflater = inflater
        self._receive = receive
        self._is_all_there = False
        self._has_ended = False

    async def receive(self) -> ASGIReceiveEvent:
        """Return the next event; what comes behind the end of the body is passed on."""
        while not self._has_ended:
            try:
                piece = self._inflater.piece()
                if piece is None and self._is_all_there:
                    self._inflater.end()
                    return self._end()
            except UnreadableBodyError as error:
                return self._end(error)
            if piece:
                await trio.lowlevel.checkpoint()
                return {"type": "http.request", "body": piece, "more_body": True}
            if piece is not None:
                await trio.lowlevel.checkpoint()  # nothing came of many bytes, or of an empty member
                continue
            event = await self._receive()
            if event["type"] != "http.request":
                return event
            self._inflater.feed(event["body"])
            self._is_all_there = not event["more_body"]
        return await self._receive()

    def _end(self, error: UnreadableBodyError | None = None) -> ASGIReceiveEvent:
        self._has_ended = True
        event: dict[str, Any] = {"type": "http.request", "body": b"", "more_body": False}
        if error is not None:
            event[BODY_ERROR] = error
        return cast("ASGIReceiveEvent", event)
