"""A thousand clients, a hundred of whom watch one execution: what does it cost, and does anybody miss its end?

python -m benchmarks.bench_sockets [--seconds 10] [--rate 1000] [--clients 1000] [--watchers 100] [--smoke]

An execution of two pass-through nodes takes so many messages a second over HTTP; each makes three events. It is
measured without clients, with clients of whom nobody watches, and with watchers; beside it, socket.io's own server
for Node.js broadcasts the same events to the same clients. Fails where a client misses the final event.
"""

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import msgspec

from benchmarks.measure import percentile
from benchmarks.peer import PeerMissingError, node_command
from benchmarks.plain_http import Connection
from benchmarks.serving import Served, serve

TICK_SECONDS = 0.02
PATIENCE_SECONDS = 60.0

GRAPH = {
    "symbia": "1.0",
    "name": "Watched",
    "version": "1.0.0",
    "nodes": [{"id": node, "component": "symbia.core.passthrough"} for node in "ab"],
    "edges": [{"id": "e", "source": {"node": "a", "port": "out"}, "target": {"node": "b", "port": "in"}}],
}
EVENTS_PER_MESSAGE = 3


class Load(msgspec.Struct, frozen=True):
    """How much is asked for: messages a second, for how long, before how many clients."""

    rate: int
    seconds: float
    clients: int
    watchers: int


class Row(msgspec.Struct, frozen=True):
    """One measurement.

    Attributes:
        what: was measured.
        messages_per_second: that the execution processed, of those that were offered.
        events_per_second: that each watcher heard.
        skipped_share: of the events that each should have heard.
        age_p50_ms: from an event's happening to its arrival.
        age_p99_ms: likewise.
        busy_share: processor time of the server, of one core.
        ends: clients that heard of the end, of those who watched.
    """

    what: str
    messages_per_second: float
    events_per_second: float = 0.0
    skipped_share: float = 0.0
    age_p50_ms: float = 0.0
    age_p99_ms: float = 0.0
    busy_share: float = 0.0
    ends: str = ""


class Clients:
    """The clients' process."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def counts(self) -> dict[str, Any]:
        """What they have heard so far."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        found: dict[str, Any] = json.loads(self._process.stdout.readline())
        return found

    def wait(self, name: str, count: int) -> None:
        """Until so many have done something.

        Raises:
            RuntimeError: they do not.
        """
        deadline = time.monotonic() + PATIENCE_SECONDS
        while (found := self.counts())[name] < count:
            if time.monotonic() > deadline:
                raise RuntimeError(f"Only {found[name]} of {count} clients: {name}")
            time.sleep(0.05)


@contextmanager
def connect(port: int, load: Load, execution_id: str) -> Iterator[Clients]:
    """The clients, connected and subscribed."""
    numbers = [str(port), str(load.clients), str(load.watchers)]
    command = [sys.executable, "-m", "benchmarks.socket_clients", *numbers, execution_id]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        clients = Clients(process)
        try:
            clients.wait("connected", load.clients)
            clients.wait("subscribed", load.watchers)
            yield clients
        finally:
            process.kill()


class Api:
    """The service's HTTP interface, on one kept connection."""

    def __init__(self, port: int) -> None:
        self.call = Connection(port).json

    def start(self) -> str:
        """A running execution."""
        graph_id = self.call("POST", "/api/graphs", GRAPH)["id"]
        return str(self.call("POST", f"/api/graphs/{graph_id}/execute", {"completion": "manual"})["executionId"])

    def push(self, execution_id: str, load: Load) -> float:
        """Offer messages at a rate; how many were processed, a second."""
        path = f"/api/executions/{execution_id}"
        before = self.call("GET", f"{path}/metrics")["messagesProcessed"]
        began = time.perf_counter()
        sent = 0
        while (elapsed := time.perf_counter() - began) < load.seconds:
            due = int(elapsed * load.rate)
            if due > sent:
                numbers = range(sent, due)
                messages = [{"nodeId": "a", "port": "in", "value": {"n": number}} for number in numbers]
                self.call("POST", f"{path}/inject", {"messages": messages})
                sent = due
            time.sleep(TICK_SECONDS)
        processed = self.call("GET", f"{path}/metrics")["messagesProcessed"] - before
        return float(processed / len(GRAPH["nodes"]) / (time.perf_counter() - began))


def measure_own(load: Load, what: str) -> Row:
    """The runtime, with as many clients and watchers as asked for."""
    with serve(LIVE_MAX_CONNECTIONS="100000") as served:
        api = Api(served.port)
        execution_id = api.start()
        if not load.clients:
            used = served.processor_seconds()
            rate = api.push(execution_id, load)
            return Row(what, rate, busy_share=(served.processor_seconds() - used) / load.seconds)
        with connect(served.port, load, execution_id) as clients:
            return _watched(api, served, execution_id, clients, load, what)


def _watched(api: Api, served: Served, execution_id: str, clients: Clients, load: Load, what: str) -> Row:
    used = served.processor_seconds()
    rate = api.push(execution_id, load)
    busy = (served.processor_seconds() - used) / load.seconds
    api.call("POST", f"/api/executions/{execution_id}/complete", {})
    if load.watchers:
        clients.wait("completed", load.watchers)
    return _row(what, rate, clients.counts(), load, busy)


def _row(what: str, rate: float, counts: dict[str, Any], load: Load, busy: float) -> Row:
    if counts["ended"]:
        raise RuntimeError(f"{counts['ended']} clients lost their connection")
    heard = counts["flow"] / max(1, load.watchers)
    missed = counts["skipped"] / max(1, load.watchers)
    ages = counts["ages_ms"]
    return Row(
        what,
        rate,
        events_per_second=heard / load.seconds,
        skipped_share=missed / (heard + missed) if heard + missed else 0.0,
        age_p50_ms=percentile(ages, 50) if ages else 0.0,
        age_p99_ms=percentile(ages, 99) if ages else 0.0,
        busy_share=busy,
        ends=f"{counts['completed']} of {load.watchers}" if load.watchers else "",
    )


def measure_peer(load: Load, *, install: bool) -> Row | str:
    """socket.io's own server, or why it cannot be had."""
    try:
        command = node_command("socketio", install=install, program="server.js")
    except PeerMissingError as error:
        return str(error)
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdin is not None
            assert process.stdout is not None
            hello = json.loads(process.stdout.readline())
            served = Served(hello["port"], process.pid)
            with connect(served.port, load, "x") as clients:
                used = served.processor_seconds()
                process.stdin.write(f"go {load.rate} {load.seconds}\n")
                process.stdin.flush()
                done = json.loads(process.stdout.readline())
                busy = (served.processor_seconds() - used) / done["seconds"]
                clients.wait("completed", load.watchers)
                rate = done["emitted"] / done["seconds"]
                return _row(f"socket.io {hello['version']}", rate, clients.counts(), load, busy)
        finally:
            process.kill()


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bench_sockets", description=__doc__)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--rate", type=int, default=1_000)
    parser.add_argument("--clients", type=int, default=1_000)
    parser.add_argument("--watchers", type=int, default=100)
    parser.add_argument("--smoke", action="store_true", help="a second's worth: shows that it runs")
    options = parser.parse_args()
    load = Load(options.rate, options.seconds, options.clients, options.watchers)
    if options.smoke:
        load = Load(200, 0.5, 20, 5)
    idle = msgspec.structs.replace(load, watchers=0)
    alone = msgspec.structs.replace(idle, clients=0)
    rows: list[Row | str] = [
        measure_own(alone, "no clients"),
        measure_own(idle, f"{load.clients:,} clients, nobody watches"),
        measure_own(load, f"{load.clients:,} clients, {load.watchers:,} watch"),
        measure_peer(load, install=not options.smoke),
    ]
    for row in rows:
        print(row if isinstance(row, str) else _shown(row))
    return 0


def _shown(row: Row) -> str:
    told = ""
    if row.ends:
        told = (
            f", each watcher {row.events_per_second:,.0f} events/s ({row.skipped_share:.1%} skipped), "
            f"age p50 {row.age_p50_ms:.0f} ms, p99 {row.age_p99_ms:.0f} ms, end heard by {row.ends}"
        )
    return f"{row.what}: {row.messages_per_second:,.0f} messages/s, {row.busy_share:.0%} of a core{told}"


if __name__ == "__main__":
    sys.exit(main())
