"""Bodies as they were before they were compressed for the wire (``Content-Encoding``), within bounds.

Only gzip and deflate are asked for and undone, any number of members and in layers. Another coding that exists is
left: its bytes are the body, and the answer says which coding they are in. A word that names no coding (``utf-8``,
``none``) is a server's mistake, and says nothing.
"""

from engine.builtin.parts.http_refusal import invalid, too_large
from engine.builtin.parts.inflating import (
    DEFLATE,
    GZIP,
    ZLIB,
    CutOffError,
    NotDeflatedError,
    TooMuchInflatedError,
    inflated,
)

ACCEPTED_CODING = "gzip, deflate"
"""The compressions that can be bounded with the standard library alone; all servers know one of them."""

LAYERS_LIMIT = 3
"""Layers of gzip in gzip. A file that was compressed before it was served makes two; more only cost time."""

_GZIP = frozenset({"gzip", "x-gzip"})
_UNDONE = _GZIP | {"deflate"}
_REGISTERED = _UNDONE | {
    *("aes128gcm", "br", "compress", "dcb", "dcz", "exi", "pack200-gzip", "x-compress", "zstd"),
}
"""IANA's registry of content codings, but for ``identity``."""


def codings(header: str) -> list[str]:
    """List the codings that a header ``Content-Encoding`` names, in the order in which they were applied."""
    words = [word.strip().lower() for word in header.split(",")]
    return [word for word in words if word in _REGISTERED]


async def decoded(body: bytes, header: str, limit_bytes: int) -> tuple[bytes, str]:
    """Undo the codings of a body, from the last one that was applied on.

    Args:
        body: as it came.
        header: ``Content-Encoding``; empty where there is none.
        limit_bytes: of what comes of it.

    Returns:
        The body, and the codings that it is still in, as the header would name them; empty where there are none.

    Raises:
        HttpResponseError: it is larger, or not what the header says.
    """
    applied = codings(header) if body else []
    layers = 0
    while applied and applied[-1] in _UNDONE:
        layers += 1
        if layers > LAYERS_LIMIT:
            raise invalid(f"it is compressed more than {LAYERS_LIMIT} times")
        coding = applied.pop()
        body = await (_inflated(body, limit_bytes) if coding in _GZIP else _undeflated(body, limit_bytes))
    return body, ", ".join(applied)


async def _undeflated(body: bytes, limit_bytes: int) -> bytes:
    """Undo ``deflate``: that is zlib's form (RFC 9110, section 8.4.1.2), and of some servers the bare one."""
    try:
        try:
            return await inflated(body, ZLIB, limit_bytes)
        except NotDeflatedError:
            return await inflated(body, DEFLATE, limit_bytes)
    except NotDeflatedError as error:
        raise invalid(f"it says it is deflate but is not: {error}") from error
    except TooMuchInflatedError as error:
        raise too_large(limit_bytes) from error


async def _inflated(body: bytes, limit_bytes: int) -> bytes:
    try:
        return await inflated(body, GZIP, limit_bytes)
    except CutOffError as error:
        raise invalid("its gzip stream is cut off") from error
    except NotDeflatedError as error:
        raise invalid(f"it says it is gzip but is not: {error}") from error
    except TooMuchInflatedError as error:
        raise too_large(limit_bytes) from error
