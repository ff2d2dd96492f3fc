"""How fast messages come in over HTTP: `python -m benchmarks.bench_http [--smoke]`.

A service in a process of its own, and one client on one connection that is kept alive, with requests written out
beforehand. Writes a Markdown table to standard output; README.md beside this file says what the rows mean. Where
`wrk` is installed, it takes rows of its own: one message with a token, and batches through JavaScript nodes.
"""

import argparse
import json
import platform
import sys
import threading
import time
from collections.abc import Callable, Iterator

import msgspec

from benchmarks import wrk
from benchmarks.chain import DOUBLE, PASSTHROUGH, chain
from benchmarks.measure import percentile
from benchmarks.plain_http import Connection
from benchmarks.serving import Served, serve
from tests.service.minting import SECRET, hs

NODES = 3
BATCH = 500
"""Messages in one request, as the benchmarks of the engine have it."""

MESSAGE = {"nodeId": "n0", "port": "in", "value": 21}
CHUNK_BYTES = 256 * 1024


class Scale(msgspec.Struct, frozen=True):
    """How much is measured: single requests, messages in batches, bytes of a stream."""

    single: int
    batched: int
    stream_bytes: int
    wrk_seconds: int


FULL = Scale(single=3_000, batched=200_000, stream_bytes=100 * 1024 * 1024, wrk_seconds=5)
SMOKE = Scale(single=20, batched=2_000, stream_bytes=200_000, wrk_seconds=1)

Row = tuple[str, str]


def measure(scale: Scale) -> Iterator[Row]:
    """All rows, each as soon as it is taken."""
    with serve() as served:
        yield from single(served, scale)
    yield from with_wrk(scale)
    for name, (component, config) in {"pass-through": PASSTHROUGH, "JavaScript": DOUBLE}.items():
        with serve() as served:
            rate, processor = batched(served, chain(component, config, NODES), scale.batched)
            title = f"batches of {BATCH} through {NODES} {name} nodes"
            yield title, f"{rate:,.0f} messages/s"
            yield f"{title}, processor time of the service", f"{processor * 1e6:.1f} µs/message"
    with serve() as served:
        yield from streamed(served, scale.stream_bytes)


def bearer(token: str) -> str:
    """A token as the lines of HTTP that bring it."""
    return f"Authorization: Bearer {token}\r\n" if token else ""


def start(served: Served, graph: object, token: str = "") -> str:
    """Load and execute a graph; the path of its execution."""
    connection = Connection(served.port, bearer(token))
    graph_id = connection.json("POST", "/api/graphs", graph)["id"]
    options = {"completion": "manual", "timeoutMs": 0}
    return f"/api/executions/{connection.json('POST', f'/api/graphs/{graph_id}/execute', options)['executionId']}"


def single(served: Served, scale: Scale) -> Iterator[Row]:
    """The time of one request with one message."""
    path = start(served, chain(*PASSTHROUGH, 1))
    connection = Connection(served.port)
    body = json.dumps(MESSAGE).encode()
    samples = timed(lambda: connection.post(f"{path}/inject", body), scale.single)
    for percent in (50, 99):
        yield f"inject one message, p{percent}", f"{percentile(samples, percent) * 1e3:.2f} ms"
    waiting = timed(lambda: connection.post(f"{path}/inject?wait=1000", body), scale.single // 2)
    yield "inject one message and wait for its output, p50", f"{percentile(waiting, 50) * 1e3:.2f} ms"
    health = timed(lambda: connection.get("/api/health"), scale.single)
    yield "health, p50", f"{percentile(health, 50) * 1e3:.2f} ms"


def timed(request: Callable[[], bytes], times: int) -> list[float]:
    """Seconds of each request, after some to warm up."""
    for _ in range(min(200, times)):
        request()
    samples = []
    for _ in range(times):
        began = time.perf_counter()
        request()
        samples.append(time.perf_counter() - began)
    return samples


def with_wrk(scale: Scale) -> Iterator[Row]:
    """One message a request with a token that is verified, and batches through JavaScript nodes, sent by wrk."""
    single_name = "inject one message with a token, by wrk"
    batch_name = f"batches of {BATCH} through {NODES} JavaScript nodes, by wrk"
    if not wrk.is_installed():
        yield single_name, wrk.MISSING
        yield batch_name, wrk.MISSING
        return
    token = hs(SECRET)
    with serve(JWT_SECRET=SECRET) as served:
        path = start(served, chain(*PASSTHROUGH, 1), token)
        found = wrk.post(
            f"http://127.0.0.1:{served.port}{path}/inject", json.dumps(MESSAGE), scale.wrk_seconds, token
        )
        yield f"{single_name}, p50", f"{found.p50_seconds * 1e3:.2f} ms"
        yield f"{single_name}, p99", f"{found.p99_seconds * 1e3:.2f} ms"
        path = start(served, chain(*DOUBLE, NODES), token)
        connection = Connection(served.port, bearer(token))
        body = json.dumps({"messages": [MESSAGE] * BATCH})
        began = time.perf_counter()
        found = wrk.post(f"http://127.0.0.1:{served.port}{path}/inject", body, scale.wrk_seconds, token)
        _wait_processed(connection, path, found.requests * BATCH * NODES)
        # At the end of its time wrk leaves a request that it does not count; until that is processed, too, the
        # service works for us. So what has been processed is divided by all the time that it took.
        processed = connection.json("GET", f"{path}/metrics")["messagesProcessed"] / NODES
        yield batch_name, f"{processed / (time.perf_counter() - began):,.0f} messages/s"


def batched(served: Served, graph: object, messages: int) -> tuple[float, float]:
    """Messages per second, until all have passed all nodes, and seconds of processor time for each."""
    path = start(served, graph)
    connection = Connection(served.port)
    body = json.dumps({"messages": [MESSAGE] * BATCH}).encode()
    for _ in range(20):
        connection.post(f"{path}/inject", body)
    _wait_processed(connection, path, 20 * BATCH * NODES)
    count = messages // BATCH * BATCH
    used = served.processor_seconds()
    began = time.perf_counter()
    for _ in range(messages // BATCH):
        connection.post(f"{path}/inject", body)
    _wait_processed(connection, path, (20 * BATCH + count) * NODES)
    return count / (time.perf_counter() - began), (served.processor_seconds() - used) / count


def _wait_processed(connection: Connection, path: str, count: int) -> None:
    while connection.json("GET", f"{path}/metrics")["messagesProcessed"] < count:
        time.sleep(0.002)


def streamed(served: Served, size: int) -> Iterator[Row]:
    """One long stream of lines, with memory and health while it runs."""
    path = start(served, chain(*PASSTHROUGH, NODES))
    line = b'{"nodeId":"n0","port":"in","value":{"name":"%s","n":12345}}\n' % (b"x" * 150)
    chunk = line * (CHUNK_BYTES // len(line))
    count = max(1, size // len(chunk))
    before = served.resident_bytes()
    peak = before
    health: list[float] = []
    done = threading.Event()

    def watch() -> None:
        nonlocal peak
        connection = Connection(served.port)
        while not done.is_set():
            began = time.perf_counter()
            connection.get("/api/health")
            health.append(time.perf_counter() - began)
            peak = max(peak, served.resident_bytes())
            time.sleep(0.01)

    watcher = threading.Thread(target=watch)
    watcher.start()
    began = time.perf_counter()
    try:
        stream = Connection(served.port)
        reply = stream.send_stream(f"{path}/inject", len(chunk) * count, (chunk for _ in range(count)))
    finally:
        done.set()
        watcher.join()
    seconds = time.perf_counter() - began
    accepted = json.loads(reply)["accepted"]
    name = f"stream of {len(chunk) * count / 1e6:.0f} MB of lines"
    yield f"{name} through {NODES} pass-through nodes", f"{accepted / seconds:,.0f} messages/s"
    yield f"{name}, health meanwhile, p50", f"{percentile(health, 50) * 1e3:.2f} ms"
    yield f"{name}, health meanwhile, p99", f"{percentile(health, 99) * 1e3:.2f} ms"
    yield f"{name}, memory before", f"{before / 1e6:.0f} MB"
    yield f"{name}, memory at most", f"{peak / 1e6:.0f} MB"


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bench_http", description=__doc__)
    parser.add_argument(
        "--smoke", action="store_true", help="a few seconds' worth: shows that it runs, not how fast"
    )
    scale = SMOKE if parser.parse_args().smoke else FULL
    sys.stdout.write(
        f"Python {platform.python_version()}, {platform.machine()}\n\n| what | figure |\n| --- | ---: |\n"
    )
    for name, figure in measure(scale):
        sys.stdout.write(f"| {name} | {figure} |\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
