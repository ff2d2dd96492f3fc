"""A small HTTP server that keeps what is posted to it: the far end of the demo's graph."""

import json
import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Collector:
    """The records that arrived, by the path they were posted to, in the order of arrival.

    ``requests`` counts the batches.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._records: defaultdict[str, list[Any]] = defaultdict(list)
        self.requests = 0
        self.url = ""

    def add(self, path: str, batch: list[Any]) -> None:
        """Keep one batch."""
        with self._lock:
            self._records[path].extend(batch)
            self.requests += 1

    def records(self, path: str) -> list[Any]:
        """What has arrived at a path so far."""
        with self._lock:
            return list(self._records[path])


@contextmanager
def open_collector() -> Iterator[Collector]:
    """A collector that listens on a free port of this machine, in a thread, for as long as the block lasts."""
    collector = Collector()

    class Door(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            text = self.rfile.read(int(self.headers["Content-Length"]))
            collector.add(self.path.strip("/"), json.loads(text))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing: the demo's own output is for reading."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Door) as server:
        server.daemon_threads = True
        collector.url = f"http://127.0.0.1:{server.server_port}"
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        try:
            yield collector
        finally:
            server.shutdown()
