"""The bytes that come on a connection, held to the letter of HTTP/1.1 before h11 reads them. Pure.

h11 is generous: a line may end in a bare line feed, a header may go on in the next line, a length may be said
twice, controls may stand in values, a chunk may carry endless extensions, and a head is only measured while it is
not whole. Each of these is read otherwise by some proxy, or is work that a caller makes for nothing. h11 has no
switch for any of it, and one place where all lines come by: its receive buffer, which is replaced here.
"""

import re
from typing import NoReturn

import h11
from h11._abnf import request_line
from h11._receivebuffer import ReceiveBuffer

HEAD_BYTES = 16 * 1024
"""Bytes of a head, and of the trailers after chunks: credentials and traces of proxies fit in many times."""

HEADER_LINES = 100
"""Lines of a head, or of trailers: each is matched, kept and looked through several times. Clients and proxies
send about ten each."""

CHUNK_EXTENSION_BYTES = 4 * 1024
"""Bytes of the extensions of all chunks of one body, which nobody reads (RFC 9112 section 7.1.1)."""

_BLANK_LINE = re.compile(rb"\n\r?\n")
_CONTROLS = bytes({*range(0x20), 0x7F} - set(b"\t\r\n"))
_REQUEST_LINE = re.compile(request_line.encode())
_LENGTH = b"\ncontent-length:"
_SIZE_BYTES = 22
"""Bytes of the line before a chunk without extensions: 20 digits at the most, and its end."""


class StrictBuffer(ReceiveBuffer):
    """A buffer in place of h11's. Its methods raise what h11's readers raise, so h11 tells of it as of its own."""

    def __init__(self) -> None:
        super().__init__()
        self._extension_bytes = 0

    def maybe_extract_lines(self) -> list[bytearray] | None:
        """Return the lines of a head, or of trailers, without their ends; None when they have not all come.

        Raises:
            h11.LocalProtocolError: they are not as they must be.
        """
        self._extension_bytes = 0
        data = self._data
        if data[:1] == b"\n":
            _fail("a line feed without a carriage return")
        if data[:2] == b"\r\n":
            self._extract(2)
            return []
        found = _BLANK_LINE.search(data, self._multiple_lines_search)
        if found is None:
            self._multiple_lines_search = max(0, len(data) - 2)
            if len(data) > HEAD_BYTES:
                _fail_by_size()
            return None
        end = found.end()
        if end > HEAD_BYTES:
            _fail_by_size()
        block = self._extract(end)
        _check(block)
        return block[:-4].split(b"\r\n")

    def maybe_extract_next_line(self) -> bytearray | None:
        """Return the line before a chunk, with its end; None when it has not come whole.

        Raises:
            h11.LocalProtocolError: its extensions are too long, or not as they must be.
        """
        line = super().maybe_extract_next_line()
        if line is None:
            if self._extension_bytes + len(self._data) > CHUNK_EXTENSION_BYTES + _SIZE_BYTES:
                _fail_by_extensions()
        elif len(line) > _SIZE_BYTES or b";" in line:
            self._extension_bytes += len(line)
            if self._extension_bytes > CHUNK_EXTENSION_BYTES:
                _fail_by_extensions()
            if _has_controls(line) or line.count(b"\r") != 1:
                _fail("a control character before a chunk")
        return line

    def is_next_line_obviously_invalid_request_line(self) -> bool:
        """Return whether the bytes can no more become a head: the first line is none, as that of HTTP/0.9."""
        first, end, _ = self._data.partition(b"\n")
        if not end:
            return super().is_next_line_obviously_invalid_request_line()
        return not first.endswith(b"\r") or _REQUEST_LINE.fullmatch(first, 0, len(first) - 1) is None


def _check(block: bytearray) -> None:
    """Refuse the lines of a head, ends included, that are not as they must be."""
    ends = block.count(b"\r\n")
    if block.count(b"\n") != ends or block.count(b"\r") != ends:
        _fail("a line that does not end in CR LF")
    if ends > HEADER_LINES + 2:  # the request line, and the empty one
        raise h11.LocalProtocolError(f"more than {HEADER_LINES} header lines", error_status_hint=431)
    if b"\n " in block or b"\n\t" in block:
        _fail("a header that goes on in the next line")
    if _has_controls(block):
        _fail("a control character in the head")
    lower = block.lower()
    length = lower.find(_LENGTH)
    if length >= 0 and (lower.rfind(_LENGTH) != length or b"," in lower[length : lower.index(b"\r", length)]):
        _fail("more than one Content-Length")


def _has_controls(text: bytearray) -> bool:
    return len(text.translate(None, _CONTROLS)) != len(text)  # a tenth of what a pattern takes


def _fail(what: str) -> NoReturn:
    raise h11.LocalProtocolError(what)


def _fail_by_size() -> NoReturn:
    raise h11.LocalProtocolError(f"a head of more than {HEAD_BYTES} bytes", error_status_hint=431)


def _fail_by_extensions() -> NoReturn:
    message = f"chunk extensions of more than {CHUNK_EXTENSION_BYTES} bytes"
    raise h11.LocalProtocolError(message, error_status_hint=413)
