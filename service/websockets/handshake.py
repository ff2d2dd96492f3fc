"""The request for a WebSocket: whether it is one, and what it is answered (RFC 6455, section 4.2). Pure."""

import base64
import binascii
import hashlib
from collections.abc import Iterable, Sequence

import msgspec

VERSION = b"13"
_KEY_BYTES = 16
_SUFFIX = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

Headers = Sequence[tuple[bytes, bytes]]


class HandshakeError(Exception):
    """The request is not one that a WebSocket can be made of.

    Args:
        message: the reason.
        status: of the answer.
        headers: that it needs.
    """

    def __init__(self, message: str, status: int = 400, headers: Headers = ()) -> None:
        super().__init__(message)
        self.status = status
        self.headers = headers


class OpeningHandshake(msgspec.Struct, frozen=True):
    """A request for a WebSocket.

    Attributes:
        key: that the answer proves to have read.
        subprotocols: that the client offers.
    """

    key: bytes
    subprotocols: tuple[str, ...]

    def answer(self, subprotocol: str | None) -> list[tuple[bytes, bytes]]:
        """Return the headers of the answer that accepts. No extension is agreed on.

        Compression would let 64 KiB from anybody become 64 MiB before any limit is looked at, would hold some 300
        KiB for each connection, and would make the same frame different for each client.

        Raises:
            ValueError: the client has not offered this subprotocol.
        """
        proof = base64.b64encode(hashlib.sha1(self.key + _SUFFIX, usedforsecurity=False).digest())
        headers = [(b"upgrade", b"websocket"), (b"connection", b"Upgrade"), (b"sec-websocket-accept", proof)]
        if subprotocol is not None:
            if subprotocol not in self.subprotocols:
                raise ValueError(f"The client has not offered the subprotocol {subprotocol!r}")
            headers.append((b"sec-websocket-protocol", subprotocol.encode()))
        return headers


def read_opening(method: str, http_version: str, headers: Iterable[tuple[bytes, bytes]]) -> OpeningHandshake:
    """Read the handshake of a request.

    Raises:
        HandshakeError: with the answer.
    """
    found: dict[bytes, list[bytes]] = {}
    for name, value in headers:
        found.setdefault(name.lower(), []).append(value.strip())
    if method != "GET" or http_version != "1.1":
        raise HandshakeError("A WebSocket is asked for with GET and HTTP/1.1")
    _check_upgrade(found)
    versions = found.get(b"sec-websocket-version", [])
    if versions != [VERSION]:
        needed = [(b"sec-websocket-version", VERSION), (b"upgrade", b"websocket")]
        raise HandshakeError("Sec-WebSocket-Version must be 13", 426, needed)
    return OpeningHandshake(
        _key(found.get(b"sec-websocket-key", [])), _tokens(found.get(b"sec-websocket-protocol", []))
    )


def _check_upgrade(found: dict[bytes, list[bytes]]) -> None:
    if "websocket" not in map(str.lower, _tokens(found.get(b"upgrade", []))):
        raise HandshakeError("Upgrade must name websocket")
    if "upgrade" not in map(str.lower, _tokens(found.get(b"connection", []))):
        raise HandshakeError("Connection must name Upgrade")
    if b"transfer-encoding" in found or any(size != b"0" for size in found.get(b"content-length", [])):
        raise HandshakeError("A request for a WebSocket has no body")


def _key(keys: list[bytes]) -> bytes:
    try:
        (key,) = keys
        if len(binascii.a2b_base64(key, strict_mode=True)) == _KEY_BYTES:
            return key
    except ValueError:  # not one, or no base64
        pass
    raise HandshakeError(f"Sec-WebSocket-Key must be {_KEY_BYTES} bytes in base64")


def _tokens(values: Iterable[bytes]) -> tuple[str, ...]:
    parts = (part.strip() for value in values for part in value.decode("latin-1").split(","))
    return tuple(part for part in parts if part)
