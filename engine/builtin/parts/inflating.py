"""Undoing DEFLATE in slices, within bounds: a thousand times as much may come of it as goes in."""

import zlib

import trio

SLICE_BYTES = 128 * 1024
"""The bytes inflated, or decoded, between two checkpoints: a millisecond or two."""

GZIP, ZLIB, DEFLATE = zlib.MAX_WBITS | 16, zlib.MAX_WBITS, -zlib.MAX_WBITS
"""The containers: of files (RFC 1952), zlib's own (RFC 1950), and none (RFC 1951)."""

_FIRST_BYTES = 4 * 1024
"""Bytes given to a member at first: what a short one leaves over is copied, and counts as work."""


class NotDeflatedError(ValueError):
    """The bytes are not what they are said to be; the message says why."""


class CutOffError(NotDeflatedError):
    """The bytes end before what is packed does."""


class TooMuchInflatedError(ValueError):
    """More comes of the bytes than may."""


async def inflated(packed: bytes, container: int, limit_bytes: int) -> bytes:
    """Return what was packed.

    Of gzip all members are undone, one behind another (RFC 1952, section 2.2), and zeros at their end.

    Args:
        packed: the bytes; none at all are nothing that was packed.
        container: ``GZIP``, ``ZLIB`` or ``DEFLATE``.
        limit_bytes: of what comes of them.

    Raises:
        NotDeflatedError: they are none, or cut off, or followed by others.
        TooMuchInflatedError: more than so many bytes come of them.
    """
    plain = bytearray()
    left = memoryview(packed)
    work_bytes = 0
    is_first = True
    while is_first or (left and not _is_padding(left)):
        if not is_first and container != GZIP:
            raise NotDeflatedError(f"{len(left)} bytes follow its end")
        is_first = False
        inflater = zlib.decompressobj(container)
        room_bytes, goes_on = _FIRST_BYTES, True
        while goes_on:
            given = left[:room_bytes]
            try:
                piece = inflater.decompress(given, SLICE_BYTES)
            except zlib.error as error:
                raise NotDeflatedError(str(error)) from error
            plain += piece
            if len(plain) > limit_bytes:
                raise TooMuchInflatedError(f"more than {limit_bytes} bytes come of it")
            left = left[len(given) - len(inflater.unconsumed_tail) - len(inflater.unused_data) :]
            goes_on = not inflater.eof and (bool(left) or len(piece) == SLICE_BYTES)
            work_bytes += len(given) + len(piece)
            if work_bytes > SLICE_BYTES:
                work_bytes = 0
                await trio.lowlevel.checkpoint()
            room_bytes = min(2 * room_bytes, SLICE_BYTES)
        if not inflater.eof:
            raise CutOffError("it is cut off")
    return bytes(plain)


def _is_padding(left: memoryview) -> bool:
    """Tell whether what is left behind a member are zeros, as tapes and some servers add them."""
    return left[0] == 0 and bytes(left).count(0) == len(left)
