"""HTTP with something in it: large values one at a time, beside a bare Express, and lines as fast as they go."""

import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack
from functools import partial

import trio

from benchmarks.bench import Bench, Measured
from benchmarks.families.http import EXPRESS, MAP, NODES, PASSTHROUGH, execution_path, percentiles, wait_processed
from benchmarks.peer import PeerMissingError, serve_express
from benchmarks.plain_http import Connection
from benchmarks.results import Result
from benchmarks.serving import Served, serve
from benchmarks.workloads import chain, document_of

SIZES = {"1 kB": 1_000, "100 kB": 100_000, "1 MB": 1_000_000}
OWN = "symbia-runtime"
LINES = "lines of 1 kB"
LINE_BYTES = 1_000
CHUNK_LINES = 250
STREAM_BYTES = 40_000_000


def inject(size: str) -> str:
    """Return the workload of a row, as tables look it up."""
    return f"inject one message of {size}"


async def measure(bench: Bench) -> AsyncIterator[Result]:
    """All rows of the family."""
    with serve() as served:
        for row in await _large(bench, served):
            yield row
        for component, name in ((PASSTHROUGH, "pass-through"), (MAP, "JavaScript")):
            for row in await _lines(bench, served, component, f"{NODES} {name} nodes"):
                yield row


async def _large(bench: Bench, served: Served) -> list[Result]:
    """One large value a request, to this service and to a bare Express, which decodes it and drops it."""
    rows: list[Result] = []
    with ExitStack() as stack:
        path = f"{execution_path(served, chain(1, 'same'), PASSTHROUGH)}/inject"
        try:
            express = stack.enter_context(serve_express(install=not bench.scale.is_smoke))
        except PeerMissingError:
            express = 0  # which the family http has told
        for size in bench.few(list(SIZES)):
            size_bytes = SIZES[size]
            value = json.loads(document_of(size_bytes))
            body = json.dumps({"nodeId": "n0", "port": "in", "value": value}, ensure_ascii=False).encode()
            requests: dict[str, Callable[[], bytes]] = {
                OWN: partial(Connection(served.port).post, path, body),
            }
            if express:
                requests[EXPRESS] = partial(Connection(express).post, "/inject", body)
            samples = max(5, bench.scale.samples * 1_000 // max(5_000, size_bytes))
            rows += await percentiles(bench, inject(size), requests, samples)
    return rows


async def _lines(bench: Bench, served: Served, component: str, what: str) -> list[Result]:
    """Lines a second until all have passed all nodes."""
    value = document_of(LINE_BYTES).decode()
    chunk = f'{{"nodeId":"n0","port":"in","value":{value}}}\n'.encode() * CHUNK_LINES
    chunks = 1 if bench.scale.is_smoke else STREAM_BYTES // len(chunk)
    path = execution_path(served, chain(NODES, "same"), component)
    connection = Connection(served.port)
    processed = 0

    async def rate() -> float:
        nonlocal processed
        await trio.lowlevel.checkpoint()
        began = time.perf_counter()
        pieces = (chunk for _ in range(chunks))
        Connection(served.port).send_stream(f"{path}/inject", len(chunk) * chunks, pieces)
        processed += chunks * CHUNK_LINES * NODES
        wait_processed(connection, path, processed)
        return chunks * CHUNK_LINES / (time.perf_counter() - began)

    subjects: dict[str, Measured] = {LINES: rate}
    return await bench.rounds("http", what, subjects, "messages/s", "higher")
