"""The rules for the head of a request beyond h11's: nothing that can be read in two ways. Pure.

A proxy in front of the service and the service itself must agree where each request ends, and whom it is for.
Where a head can be read in two ways, one of them is an attacker's, so it is refused and the connection with it: a
length beside chunks (RFC 9112 section 6.1), a host in the target that is not the one in ``Host`` (section 3.2.2),
a method that only looks like a known one. Nothing is mended that a client could send right.
"""

import re
from collections.abc import Iterable

import h11
import msgspec

QUOTED_BYTES = 60
"""Bytes of what a caller sent that a refusal repeats."""

_VERSIONS = frozenset({b"1.0", b"1.1"})
_FRAMINGS = frozenset({b"content-length", b"transfer-encoding"})
_METHOD = re.compile(rb"[A-Z]{1,20}")
_HOST = re.compile(rb"(?:[A-Za-z0-9._~!$&'()*+,;=%-]{1,255}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{0,5})?")
_ABSOLUTE = re.compile(rb"(https?)://([^/?#]*)([^#]*)", re.IGNORECASE)
_DEFAULT_PORTS = {b"http": b"80", b"https": b"443"}
_HIGHEST_PORT = 65_535


class HeadFault(msgspec.Struct, frozen=True):
    """The reason why a head is refused.

    Attributes:
        status: of the refusal.
        code: a stable name for programs.
        message: one sentence for people.
    """

    status: int
    code: str
    message: str


def check_head(request: h11.Request) -> h11.Request | HeadFault:
    """Check a request; return it, its target a path, or why it is refused.

    Args:
        request: as h11 read it, so with exactly one ``Host`` if it is HTTP/1.1.
    """
    host: bytes | None = None
    framings: list[bytes] = []
    for name, value in request.headers:
        if name == b"host":
            host = value
        elif name in _FRAMINGS:
            framings.append(name)
    fault = _fault(request, host, framings)
    if fault is not None:
        return fault
    if request.target.startswith(b"/") and b"#" not in request.target:
        return request
    return _with_path(request, host)


def _fault(request: h11.Request, host: bytes | None, framings: list[bytes]) -> HeadFault | None:
    """Return the fault of the version, the framing, the method or the host, if there is one."""
    if request.http_version not in _VERSIONS:
        version = request.http_version.decode()
        return HeadFault(400, "http.version", f"HTTP/{version} is not served: send HTTP/1.1")
    if len(framings) > 1:
        return HeadFault(400, "http.framing", "Content-Length beside Transfer-Encoding: send one of the two")
    if framings == [b"transfer-encoding"] and request.http_version == b"1.0":
        return HeadFault(400, "http.framing", "HTTP/1.0 has no Transfer-Encoding: send Content-Length")
    if not _METHOD.fullmatch(request.method):
        return HeadFault(400, "http.method", f"{_quoted(request.method)} is no method: they are in capitals")
    if host is not None and not is_host(host):
        return HeadFault(400, "http.host", f"Host is {_quoted(host)}: expected a host and perhaps a port")
    return None


def is_host(text: bytes) -> bool:
    """Return whether a text is a host and perhaps a port, as ``Host`` has them (RFC 9110 section 7.2)."""
    if not _HOST.fullmatch(text):
        return False
    port = text.rpartition(b":")[2] if not text.endswith(b"]") and b":" in text else b""
    return not port or int(port) <= _HIGHEST_PORT


def _with_path(request: h11.Request, host: bytes | None) -> h11.Request | HeadFault:
    """Return the same for a target that is no plain path."""
    target = request.target
    if request.method == b"CONNECT":
        return HeadFault(405, "http.method", "CONNECT is not served: this is no proxy")
    if target == b"*" and request.method == b"OPTIONS":
        return request
    absolute = _ABSOLUTE.fullmatch(target)
    if absolute is None:
        return HeadFault(400, "http.target", f"The target {_quoted(target)} is neither a path nor a URL")
    scheme, authority, rest = absolute.groups()
    if not is_host(authority):
        return HeadFault(400, "http.target", f"The target {_quoted(target)} names no host")
    if host is not None and _parts(authority, scheme) != _parts(host, scheme):
        message = f"The target is for {_quoted(authority)}, and Host says {_quoted(host)}: they must agree"
        return HeadFault(400, "http.host", message)
    headers: Iterable[tuple[bytes, bytes]] = request.headers.raw_items()
    if host is None:  # in HTTP/1.0 the target alone may say it
        headers = [*headers, (b"Host", authority)]
    path = rest if rest.startswith(b"/") else b"/" + rest
    return h11.Request(
        method=request.method, headers=list(headers), target=path, http_version=request.http_version
    )


def _parts(authority: bytes, scheme: bytes) -> tuple[bytes, int]:
    """Host and port, in the one form in which they can be compared."""
    host, colon, port = authority.rpartition(b":")
    if not colon or authority.endswith(b"]"):
        host, port = authority, b""
    return host.lower().rstrip(b"."), int(port or _DEFAULT_PORTS[scheme.lower()])


def _quoted(text: bytes) -> str:
    shown = text if len(text) <= QUOTED_BYTES else text[:QUOTED_BYTES] + b"..."
    return repr(shown.decode("latin-1"))
