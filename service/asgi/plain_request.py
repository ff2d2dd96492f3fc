"""Requests that can be read at a glance: whole, in one piece, and with nothing in the head that has to be weighed.

h11 takes 60 µs of a request, and a pattern takes five. What is read here is a part of what h11 takes, and where
anything is unusual (another version, chunks, an upgrade, a connection that is to end, a second length, more than
one request, one that has not come whole) the very same bytes go to h11, which decides alone. So there is no second
opinion about where a request ends: ``tests/service/asgi/test_plain_request.py`` holds that whatever is read here
h11 reads too, to the letter, and to its end. Pure.
"""

import re
from typing import NamedTuple

from service.asgi.request_head import is_host
from service.asgi.strict_buffer import HEAD_BYTES, HEADER_LINES

_LENGTH_DIGITS = 18
"""Digits of a length; more are no body that comes in one piece."""

_NO_LENGTH = b"9" * (_LENGTH_DIGITS + 1)

_NAME = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]++"
_VALUE = rb"[ \t]*+(?>(?:[!-~\x80-\xff]++(?>(?:[ \t]++[!-~\x80-\xff]++)*)[ \t]*+)?)"
_HEAD = re.compile(rb"(GET|POST) (/[!-\"$-~]*+) HTTP/1\.1\r\n((?>(?:%b:%b\r\n)+))\r\n" % (_NAME, _VALUE))
_UNUSUAL = frozenset({b"transfer-encoding", b"upgrade", b"expect", b"http2-settings", b"trailer", b"te"})


class PlainRequest(NamedTuple):
    """A request as it came.

    Attributes:
        method: GET or POST.
        target: a path, perhaps with a query.
        headers: names in lower case, and values, in their order.
        body: all of it.
    """

    method: bytes
    target: bytes
    headers: list[tuple[bytes, bytes]]
    body: bytes


def read_plain(data: bytes) -> PlainRequest | None:
    """Return the one request that some bytes are, from the first to the last; None where h11 has to see them."""
    head = _HEAD.match(data, 0, HEAD_BYTES)
    if head is None:
        return None
    method, target, lines = head.groups()
    headers: list[tuple[bytes, bytes]] = []
    length = b""
    hosts: list[bytes] = []
    for line in lines.split(b"\r\n")[:-1]:
        name, _, value = line.partition(b":")
        name, value = name.lower(), value.strip(b" \t")
        headers.append((name, value))
        if name == b"content-length":
            length = length + value if value.isdigit() and not length else _NO_LENGTH
        elif name == b"host":
            hosts.append(value)
        elif name in _UNUSUAL or (name == b"connection" and value.lower() != b"keep-alive"):
            return None
    if len(headers) > HEADER_LINES or len(hosts) != 1 or not is_host(hosts[0]) or len(length) > _LENGTH_DIGITS:
        return None
    end = head.end()
    return PlainRequest(method, target, headers, data[end:]) if len(data) - end == int(length or 0) else None
