"""The cheapest HTTP client that there can be: one kept connection, one write and few reads a request.

A client library takes as long for a request as the service does, and on two cores that would be measured too.
"""

import json
import socket
from collections.abc import Iterable
from typing import Any


class Connection:
    """One connection to a service on this machine.

    Args:
        port: of the service.
        headers: further ones of each request, as lines of HTTP.
    """

    def __init__(self, port: int, headers: str = "") -> None:
        self._headers = headers
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=120)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def get(self, path: str) -> bytes:
        """The body of the reply to a GET."""
        return self._exchange(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n{self._headers}\r\n".encode())

    def post(self, path: str, body: bytes, content_type: str = "application/json") -> bytes:
        """The body of the reply to a POST."""
        return self._exchange(self._head(path, len(body), content_type) + body)

    def json(self, method: str, path: str, body: object = None) -> Any:
        """The decoded reply."""
        return json.loads(self.get(path) if method == "GET" else self.post(path, json.dumps(body).encode()))

    def send_stream(self, path: str, length: int, pieces: Iterable[bytes]) -> bytes:
        """The body of the reply to a POST whose body is sent in pieces of ``length`` bytes together."""
        self._socket.sendall(self._head(path, length, "application/x-ndjson"))
        for piece in pieces:
            self._socket.sendall(piece)
        return self._read()

    def _exchange(self, request: bytes) -> bytes:
        self._socket.sendall(request)
        return self._read()

    def _read(self) -> bytes:
        data = b""
        while b"\r\n\r\n" not in data:
            data += self._receive()
        head, _, body = data.partition(b"\r\n\r\n")
        lines = head.lower().split(b"\r\n")
        if not lines[0].startswith((b"http/1.1 200", b"http/1.1 201")):
            raise RuntimeError(f"The service answered {data!r}")
        length = next(int(line.partition(b":")[2]) for line in lines if line.startswith(b"content-length"))
        while len(body) < length:
            body += self._receive()
        return body

    def _receive(self) -> bytes:
        data = self._socket.recv(65536)
        if not data:
            raise RuntimeError("The service closed the connection")
        return data

    def _head(self, path: str, length: int, content_type: str) -> bytes:
        lines = [f"POST {path} HTTP/1.1", "Host: localhost", f"Content-Type: {content_type}"]
        head = "\r\n".join([*lines, f"Content-Length: {length}", self._headers])
        return f"{head}\r\n".encode()
