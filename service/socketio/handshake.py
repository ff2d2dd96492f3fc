"""The first request of a client: headers, query, cookies, address. Pure."""

from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import parse_qsl

import msgspec

MAX_QUERY_FIELDS = 100
"""Fields of a query; a client's own are few."""

MAX_COOKIES = 100
"""Cookies of a request; browsers keep about as many for a site."""


class Handshake(msgspec.Struct, frozen=True):
    """A connection's first request. Its sockets share it, save ``auth``, which is each one's own.

    ``headers`` has names in lower case, repeated ones joined by commas; ``query`` and ``cookies`` hold the first
    value of each name. ``client`` is the address of the other end of the connection, which may be a proxy.
    """

    headers: Mapping[str, str]
    query: Mapping[str, str]
    cookies: Mapping[str, str]
    scheme: str
    client: str
    path: str
    auth: Mapping[str, Any] = {}


def read_handshake(scope: Mapping[str, Any]) -> Handshake:
    """Read the handshake in an ASGI scope."""
    headers = _read_headers(scope["headers"])
    client = scope.get("client")
    return Handshake(
        headers=headers,
        query=read_query(scope),
        cookies=_read_cookies(headers.get("cookie", "")),
        scheme="https" if scope["scheme"] in {"wss", "https"} else "http",
        client=str(client[0]) if client else "",
        path=scope["path"],
    )


def read_query(scope: Mapping[str, Any]) -> dict[str, str]:
    """Read the query in an ASGI scope; empty when it is not readable."""
    try:
        fields = parse_qsl(
            scope["query_string"].decode("ascii"), keep_blank_values=True, max_num_fields=MAX_QUERY_FIELDS
        )
    except ValueError:
        return {}
    return dict(reversed(fields))


def _read_headers(pairs: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    headers: dict[str, str] = {}
    for raw_name, raw_value in pairs:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        joint = "; " if name == "cookie" else ", "
        headers[name] = f"{headers[name]}{joint}{value}" if name in headers else value
    return headers


def _read_cookies(header: str) -> dict[str, str]:
    """Read the cookies of a header (RFC 6265, section 4.2.1)."""
    cookies: dict[str, str] = {}
    for pair in header.split(";", MAX_COOKIES)[:MAX_COOKIES]:
        name, equals, value = pair.strip().partition("=")
        if equals and name:
            cookies.setdefault(name, value.strip('"'))
    return cookies
