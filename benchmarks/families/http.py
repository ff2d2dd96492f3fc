"""HTTP: requests of one message and of many, and one long stream, each to a service in a process of its own."""

import json
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import ExitStack
from functools import partial

import trio

from benchmarks import wrk
from benchmarks.bench import Bench, Measured
from benchmarks.measure import percentile
from benchmarks.peer import PeerMissingError, serve_express
from benchmarks.plain_http import Connection
from benchmarks.results import Result
from benchmarks.serving import Served, serve, serving_fake_identity
from benchmarks.stream import Streamed, stream
from benchmarks.workloads import Workload, chain
from tests.service.tokens import SECRET, hs

NODES = 3
BATCH = 500
"""Messages in one request, as the benchmarks of the engine have it."""

STREAM_BYTES = 100 * 1024 * 1024
SINGLE = chain(1, "same")
MESSAGE = {"nodeId": "n0", "port": "in", "value": 21}
BODY = json.dumps(MESSAGE).encode()
BATCH_BODY = json.dumps({"messages": [MESSAGE] * BATCH}).encode()

INJECT = "inject one message"
AUTHENTICATED = "with authentication"
BATCHES = f"batches of {BATCH}"
EXPRESS = "Express, which does nothing with it"
PASSTHROUGH, MAP = "symbia.core.passthrough", "symbia.core.map"


async def measure(bench: Bench) -> AsyncIterator[Result]:
    """All rows of the family."""
    for row in await _single(bench):
        yield row
    for component, name in ((PASSTHROUGH, "pass-through"), (MAP, "JavaScript")):
        for row in await _batches(bench, component, f"{NODES} {name} nodes"):
            yield row
    for row in _streams(bench):
        yield row


async def _single(bench: Bench) -> list[Result]:
    """One message a request, to services that know their callers by several means, and to a bare Express."""
    with ExitStack() as stack:
        identity_url, identity_token = stack.enter_context(serving_fake_identity())
        plain = stack.enter_context(serve())
        asking = stack.enter_context(serve(IDENTITY_SERVICE_URL=identity_url))
        verifying = stack.enter_context(serve(JWT_SECRET=SECRET))
        token = hs(SECRET)
        requests: dict[str, Callable[[], bytes]] = {
            "without authentication": _injecting(plain, ""),
            AUTHENTICATED: _injecting(asking, identity_token),
            "with a token verified here": _injecting(verifying, token),
            "and wait for the output": _injecting(plain, "", "?wait=1000"),
        }
        try:
            port = stack.enter_context(serve_express(install=not bench.scale.is_smoke))
        except PeerMissingError as missing:
            bench.left_out.append(str(missing))
        else:
            requests[EXPRESS] = partial(Connection(port).post, "/inject", BODY)
        rows = await percentiles(bench, INJECT, requests)
        rows += await percentiles(
            bench, "health", {"a request": partial(Connection(plain.port).get, "/api/health")}
        )
        return rows + await _by_wrk(bench, verifying, token)


def _injecting(served: Served, token: str, query: str = "") -> Callable[[], bytes]:
    path = execution_path(served, SINGLE, PASSTHROUGH, token)
    return partial(Connection(served.port, _bearer(token)).post, f"{path}/inject{query}", BODY)


async def percentiles(
    bench: Bench,
    what: str,
    requests: Mapping[str, Callable[[], bytes]],
    count: int = 0,
    family: str = "http",
) -> list[Result]:
    """The latency of each request, in turns, over ``count`` of them a round."""
    taken: dict[str, list[float]] = {}
    for turn in range(bench.scale.rounds + 1):
        bench.tell(f"{family}: {what}, round {turn} of {bench.scale.rounds}")
        for name, request in requests.items():
            samples = [_timed(request) for _ in range(count or bench.scale.samples)]
            await trio.lowlevel.checkpoint()
            if turn or bench.scale.is_smoke:
                for percent in (50, 99):
                    taken.setdefault(f"{name}, p{percent}", []).append(percentile(samples, percent) * 1e3)
    return [Result(family, what, name, "ms", "lower", tuple(values)) for name, values in taken.items()]


def _timed(request: Callable[[], bytes]) -> float:
    began = time.perf_counter()
    request()
    return time.perf_counter() - began


async def _by_wrk(bench: Bench, served: Served, token: str) -> list[Result]:
    if not wrk.is_installed():
        bench.left_out.append(wrk.MISSING)
        return []
    path = execution_path(served, SINGLE, PASSTHROUGH, token)

    async def p50() -> float:
        await trio.lowlevel.checkpoint()
        url = f"http://127.0.0.1:{served.port}{path}/inject"
        return wrk.post(url, BODY.decode(), 1, token).p50_seconds * 1e3

    return await bench.rounds("http", "inject one message, by wrk", {"with a token verified here, p50": p50}, "ms")


async def _batches(bench: Bench, component: str, what: str) -> list[Result]:
    """Messages a second until all have passed all nodes, and the processor time of each."""
    count = 5 if bench.scale.is_smoke else 80
    costs: list[float] = []
    with serve() as served:
        path = execution_path(served, chain(NODES), component)
        connection = Connection(served.port)
        processed = 0

        async def rate() -> float:
            nonlocal processed
            await trio.lowlevel.checkpoint()
            used, began = served.processor_seconds(), time.perf_counter()
            for _ in range(count):
                connection.post(f"{path}/inject", BATCH_BODY)
            processed += count * BATCH * NODES
            wait_processed(connection, path, processed)
            costs.append((served.processor_seconds() - used) / count / BATCH * 1e6)
            return count * BATCH / (time.perf_counter() - began)

        subjects: dict[str, Measured] = {BATCHES: rate}
        rows = await bench.rounds("http", what, subjects, "messages/s", "higher")
    name = f"{BATCHES}, processor time of the service"
    kept = costs if bench.scale.is_smoke else costs[1:]
    return [*rows, Result("http", what, name, "µs/message", "lower", tuple(kept))]


def wait_processed(connection: Connection, path: str, count: int) -> None:
    while connection.json("GET", f"{path}/metrics")["messagesProcessed"] < count:
        time.sleep(0.002)


def _streams(bench: Bench) -> Iterator[Result]:
    """One long stream of lines, with memory and health while it runs; each time into a fresh service."""
    size = 200_000 if bench.scale.is_smoke else STREAM_BYTES
    runs: list[Streamed] = []
    for turn in range(min(3, bench.scale.rounds)):
        bench.tell(f"http: a stream of {size / 1e6:.0f} MB, round {turn + 1}")
        with serve() as served:
            runs.append(stream(served, execution_path(served, chain(NODES), PASSTHROUGH), size))
    what = f"a stream of {size / 1e6:.0f} MB of lines"
    yield Result("http", what, "lines", "messages/s", "higher", tuple(run.lines_per_second for run in runs))
    for percent in (50, 99):
        values = tuple(percentile(run.health_seconds, percent) * 1e3 for run in runs)
        yield Result("http", what, f"health meanwhile, p{percent}", "ms", "lower", values)
    grown = tuple(max(run.grown_bytes, 1) / 1e6 for run in runs)
    yield Result("http", what, "memory that it adds", "MB", "lower", grown)


def _bearer(token: str) -> str:
    return f"Authorization: Bearer {token}\r\n" if token else ""


def execution_path(served: Served, workload: Workload, component: str, token: str = "") -> str:
    """Load and execute a graph; the path of its execution."""
    connection = Connection(served.port, _bearer(token))
    graph_id = connection.json("POST", "/api/graphs", workload.document(component))["id"]
    options = {"completion": "manual", "timeoutMs": 0}
    return f"/api/executions/{connection.json('POST', f'/api/graphs/{graph_id}/execute', options)['executionId']}"
