"""Bodies as they were before they were compressed for the wire (``Content-Encoding``), within bounds.

Only gzip is asked for and undone, any number of members and in layers. Another coding that exists is refused: its
bytes are no content. A word that names no coding (``utf-8``, ``none``) is a server's mistake, and says nothing.
"""

from engine.builtin.parts.http_refusal import invalid, too_large
from engine.builtin.parts.inflating import GZIP, CutOffError, NotDeflatedError, TooMuchInflatedError, inflated

ACCEPTED_CODING = "gzip"
"""The one compression that can be bounded with the standard library alone; all servers know it."""

LAYERS_LIMIT = 3
"""Layers of gzip in gzip. A file that was compressed before it was served makes two; more only cost time."""

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
    for _ in applied if body else ():
        body = await _inflated(body, limit_bytes)
    return body


async def _inflated(body: bytes, limit_bytes: int) -> bytes:
    try:
        return await inflated(body, GZIP, limit_bytes)
    except CutOffError as error:
        raise invalid("its gzip stream is cut off") from error
    except NotDeflatedError as error:
        raise invalid(f"it says it is gzip but is not: {error}") from error
    except TooMuchInflatedError as error:
        raise too_large(limit_bytes) from error
