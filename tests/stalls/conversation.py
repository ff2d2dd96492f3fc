"""Says a case to a service, over real sockets, as a client that follows no rule would."""

import base64
import contextlib
import http.client
import json
import os
import re
import socket
import struct
import time
from urllib.parse import urlsplit

import msgspec

from tests.stalls.cases import Case, Http, Raw, WebSocket
from tests.stalls.recipes import render

ANSWER_SECONDS = 10.0
"""How long an answer is waited for."""

SILENCE_SECONDS = 0.3
"""How long a silent connection is listened to."""

KEPT_BYTES = 64 * 1024
_SAVED = re.compile(rb"\{\{(\w+)\}\}")


class Played(msgspec.Struct):
    """What came of a conversation: bytes that were sent and received, and the statuses of the answers."""

    sent_bytes: int = 0
    received_bytes: int = 0
    statuses: list[int] = []


class Client:
    """One client of one service; `token` says who it is, where that matters."""

    def __init__(self, url: str, token: str = "") -> None:
        self._who = f"Authorization: Bearer {token}\r\n" if token else ""
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or "", parts.port or 80
        self._saved: dict[str, str] = {}
        self._open: list[socket.socket] = []

    def play(self, case: Case) -> Played:
        """Say all of a case; whatever the service does about it."""
        played = Played()
        for said in case.says:
            for _ in range(1 if isinstance(said, WebSocket) else said.times):
                with contextlib.suppress(OSError, http.client.HTTPException):
                    if isinstance(said, Http):
                        self._request(said, played)
                    elif isinstance(said, Raw):
                        self._raw(render(said.sent), played)
                    else:
                        self._websocket(said, played)
        for each in self._open:
            each.close()
        self._open.clear()
        return played

    def _request(self, said: Http, played: Played) -> None:
        body = _SAVED.sub(lambda found: self._saved.get(found[1].decode(), "none").encode(), render(said.body))
        path = re.sub(r"\{(\w+)\}", lambda found: self._saved.get(found[1], "none"), said.path)
        head = f"{said.method} {path} HTTP/1.1\r\nHost: {self._host}:{self._port}\r\n"
        head += f"Content-Type: {said.type}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n{self._who}\r\n"
        connection = self._connect()
        played.sent_bytes += self._send(connection, head.encode() + body)
        if not said.wait:
            self._open.append(connection)
            return
        with connection:
            answer = http.client.HTTPResponse(connection, method=said.method)
            answer.begin()
            played.statuses.append(answer.status)
            kept = b""
            while piece := answer.read(1 << 16):
                played.received_bytes += len(piece)
                if len(kept) < KEPT_BYTES:
                    kept += piece
        if said.save:
            with contextlib.suppress(ValueError, AttributeError):
                found = json.loads(kept)
                self._saved[said.save] = str(found.get("executionId") or found.get("id"))

    def _raw(self, data: bytes, played: Played) -> None:
        with self._connect() as connection:
            played.sent_bytes += self._send(connection, data)
            self._listen(connection, played)

    def _websocket(self, said: WebSocket, played: Played) -> None:
        key = base64.b64encode(os.urandom(16)).decode()
        head = f"GET {said.path} HTTP/1.1\r\nHost: {self._host}:{self._port}\r\nUpgrade: websocket\r\n"
        head += f"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n{self._who}\r\n"
        with self._connect() as connection:
            self._send(connection, head.encode())
            answer = connection.recv(1 << 16)
            played.statuses.append(int(answer[9:12] or 0))
            for recipe in said.messages:
                text = _SAVED.sub(
                    lambda found: self._saved.get(found[1].decode(), "none").encode(), render(recipe)
                )
                played.sent_bytes += self._send(connection, frame(text))
            if said.raw:
                played.sent_bytes += self._send(connection, render(said.raw))
            self._listen(connection, played)

    def _connect(self) -> socket.socket:
        return socket.create_connection((self._host, self._port), timeout=ANSWER_SECONDS)

    def _send(self, connection: socket.socket, data: bytes) -> int:
        """Send as far as it is taken; an answer that comes before the end is left for later."""
        sent = 0
        with contextlib.suppress(OSError):
            while sent < len(data):
                sent += connection.send(data[sent : sent + (1 << 18)])
        return sent

    def _listen(self, connection: socket.socket, played: Played) -> None:
        until = time.monotonic() + ANSWER_SECONDS
        connection.settimeout(SILENCE_SECONDS)
        with contextlib.suppress(OSError):
            while time.monotonic() < until and (piece := connection.recv(1 << 16)):
                played.received_bytes += len(piece)


def frame(text: bytes, first_byte: int = 0x81) -> bytes:
    """A masked WebSocket frame; the mask is nothing, which the protocol allows."""
    if len(text) < 126:
        head = struct.pack("!BB", first_byte, 0x80 | len(text))
    elif len(text) < 1 << 16:
        head = struct.pack("!BBH", first_byte, 0x80 | 126, len(text))
    else:
        head = struct.pack("!BBQ", first_byte, 0x80 | 127, len(text))
    return head + b"\0\0\0\0" + text
