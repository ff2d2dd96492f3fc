"""One long stream of lines into a service, and what it does to everybody else."""

import json
import threading
import time

import msgspec

from benchmarks.plain_http import Connection
from benchmarks.serving import Served

CHUNK_BYTES = 256 * 1024
LINE = b'{"nodeId":"n0","port":"in","value":{"name":"%s","n":12345}}\n' % (b"x" * 150)


class Streamed(msgspec.Struct, frozen=True):
    """How a stream went: its speed, the latencies of health meanwhile, and the memory that it added at most."""

    lines_per_second: float
    health_seconds: list[float]
    grown_bytes: int


def stream(served: Served, path: str, size_bytes: int) -> Streamed:
    """Send about so many bytes of lines to an execution.

    Raises:
        RuntimeError: not every line was taken in.
    """
    chunk = LINE * (CHUNK_BYTES // len(LINE))
    count = max(1, size_bytes // len(chunk))
    before = peak = served.resident_bytes()
    health: list[float] = []
    done = threading.Event()

    def watch() -> None:
        nonlocal peak
        connection = Connection(served.port)
        while not done.is_set() or not health:
            began = time.perf_counter()
            connection.get("/api/health")
            health.append(time.perf_counter() - began)
            peak = max(peak, served.resident_bytes())
            time.sleep(0.01)

    watcher = threading.Thread(target=watch)
    watcher.start()
    began = time.perf_counter()
    try:
        pieces = (chunk for _ in range(count))
        reply = Connection(served.port).send_stream(f"{path}/inject", len(chunk) * count, pieces)
    finally:
        done.set()
        watcher.join()
    seconds = time.perf_counter() - began
    accepted, sent = json.loads(reply)["accepted"], len(chunk) * count // len(LINE)
    if accepted != sent:
        raise RuntimeError(f"{sent} lines were sent, and {accepted} taken in")
    return Streamed(accepted / seconds, health, peak - before)
