"""What it costs to know who calls: `python -m benchmarks.bench_authentication [--smoke]`.

Three services at once: one that asks nobody, one that asks an Identity, one that verifies tokens itself. A client
sends each of them one message a request, in turns of a hundred, so that whatever else the machine does meets all
three alike. What was found out about a token is remembered, so Identity is asked once in 30 seconds: this is the
cost of the check, not of the question.
"""

import argparse
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import trio

from benchmarks.chain import PASSTHROUGH, chain
from benchmarks.measure import percentile
from benchmarks.plain_http import Connection
from benchmarks.serving import serve
from tests.fakes.identity import serving_identity
from tests.service.minting import SECRET, hs

TURN = 100
WARM_UP_TURNS = 2
BODY = b'{"nodeId":"n0","port":"in","value":21}'


@contextmanager
def identity() -> Iterator[tuple[str, str]]:
    """An Identity in a thread of its own: its URL, and a token that it knows."""
    ready, over = threading.Event(), trio.Event()
    found: list[tuple[str, str]] = []
    token: list[trio.lowlevel.TrioToken] = []

    async def run() -> None:
        async with serving_identity() as fake:
            found.append((fake.url, fake.add_user("alice", "org-a")))
            token.append(trio.lowlevel.current_trio_token())
            ready.set()
            await over.wait()

    thread = threading.Thread(target=trio.run, args=(run,))
    thread.start()
    ready.wait()
    try:
        yield found[0]
    finally:
        token[0].run_sync_soon(over.set)
        thread.join()


def start(connection: Connection) -> str:
    """Load and execute a graph of one node; the path of its execution."""
    graph_id = connection.json("POST", "/api/graphs", chain(*PASSTHROUGH, 1))["id"]
    options = {"completion": "manual", "timeoutMs": 0}
    return f"/api/executions/{connection.json('POST', f'/api/graphs/{graph_id}/execute', options)['executionId']}"


def measure(rounds: int) -> Iterator[tuple[str, float]]:
    """Name and p50, in milliseconds, of each service."""
    with ExitStack() as stack:
        url, token = stack.enter_context(identity())
        plain = stack.enter_context(serve())
        asking = stack.enter_context(serve(IDENTITY_SERVICE_URL=url))
        verifying = stack.enter_context(serve(JWT_SECRET=SECRET))
        callers = {
            "nobody is asked": Connection(plain.port),
            "Identity is asked": Connection(asking.port, f"Authorization: Bearer {token}\r\n"),
            "tokens are verified here": Connection(verifying.port, f"Authorization: Bearer {hs(SECRET)}\r\n"),
        }
        paths = {name: start(caller) for name, caller in callers.items()}
        samples: dict[str, list[float]] = {name: [] for name in callers}
        for turn in range(rounds + WARM_UP_TURNS):
            for name, caller in callers.items():
                path = f"{paths[name]}/inject"
                for _ in range(TURN):
                    began = time.perf_counter()
                    caller.post(path, BODY)
                    if turn >= WARM_UP_TURNS:
                        samples[name].append(time.perf_counter() - began)
        for name, taken in samples.items():
            yield name, percentile(taken, 50) * 1e3


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bench_authentication", description=__doc__)
    parser.add_argument("--smoke", action="store_true", help="shows that it runs, not how fast")
    rounds = 1 if parser.parse_args().smoke else 40
    sys.stdout.write("| inject one message | p50 |\n| --- | ---: |\n")
    for name, milliseconds in measure(rounds):
        sys.stdout.write(f"| {name} | {milliseconds:.3f} ms |\n")


if __name__ == "__main__":
    main()
