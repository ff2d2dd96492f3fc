"""Asks a service how it is, again and again, from a process of its own: ``python -m tests.stalls.probe URL``.

It ends at the end of its standard input, and then prints what it measured as one JSON object. Where an execution
is named (``URL EXECUTION [TOKEN]``), it also sends that messages, as one who has nothing to do with it all.
"""

import json
import select
import socket
import sys
import time
from urllib.parse import urlsplit

PERIOD_SECONDS = 0.005
SLOWEST_SECONDS = 30.0


class Asker:
    """One request, asked on a connection that is kept; each answer's seconds, or how it failed."""

    def __init__(self, url: str, request: str) -> None:
        parts = urlsplit(url)
        self._address = (parts.hostname or "", parts.port or 80)
        self._request = request.format(host=f"{self._address[0]}:{self._address[1]}").encode()
        self._connection: socket.socket | None = None
        self.seconds: list[float] = []
        self.failures = 0

    def ask(self) -> None:
        """Ask once."""
        began = time.perf_counter()
        try:
            if self._connection is None:
                self._connection = socket.create_connection(self._address, timeout=SLOWEST_SECONDS)
                self._connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._connection.sendall(self._request)
            answer = self._connection.recv(1 << 16)
        except OSError:
            answer = b""
        if not answer[9:12].startswith(b"2"):
            self.failures += 1
        if not answer or b"onnection: close" in answer:
            if self._connection is not None:
                self._connection.close()
            self._connection = None
        self.seconds.append(time.perf_counter() - began)

    def measured(self) -> dict[str, float]:
        """The distribution, in milliseconds."""
        ordered = sorted(self.seconds) or [0.0]

        def share(part: float) -> float:
            return round(ordered[min(len(ordered) - 1, int(part * len(ordered)))] * 1000, 2)

        return {
            "count": len(self.seconds),
            "failures": self.failures,
            "p50_ms": share(0.5),
            "p99_ms": share(0.99),
            "longest_ms": share(1.0),
        }


def main(url: str, execution_id: str = "", token: str = "") -> None:
    """Ask until standard input ends."""
    askers = {"health": Asker(url, "GET /health/live HTTP/1.1\r\nHost: {host}\r\n\r\n")}
    if execution_id:
        body = '{{"nodeId":"only","port":"in","value":1}}'
        length = len(body.format())
        head = f"POST /api/executions/{execution_id}/inject HTTP/1.1\r\nHost: {{host}}\r\n"
        head += f"Content-Type: application/json\r\nContent-Length: {length}\r\n"
        head += f"Authorization: Bearer {token}\r\n\r\n" if token else "\r\n"
        askers["others"] = Asker(url, head + body)
    while not select.select([sys.stdin], [], [], PERIOD_SECONDS)[0]:
        for asker in askers.values():
            asker.ask()
    sys.stdout.write(json.dumps({name: asker.measured() for name, asker in askers.items()}))


if __name__ == "__main__":
    main(*sys.argv[1:])
