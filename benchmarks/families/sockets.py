"""Live events: a thousand clients, a hundred of whom watch one execution, beside socket.io's own server."""

from collections.abc import AsyncIterator

import msgspec
import trio

from benchmarks.bench import Bench
from benchmarks.bench_sockets import Load, Row, measure_own, measure_peer
from benchmarks.results import Better, Result

LOAD = Load(rate=1_000, seconds=5.0, clients=1_000, watchers=100)
SMOKE = Load(rate=200, seconds=0.5, clients=20, watchers=5)

ALONE = "no clients"
WATCHED = "1,000 clients, 100 of whom watch"
WORKLOAD = "an execution that emits 1,000 messages a second"


async def measure(bench: Bench) -> AsyncIterator[Result]:
    """All rows of the family; each is taken once, and long enough to be its own average."""
    load = SMOKE if bench.scale.is_smoke else LOAD
    idle = msgspec.structs.replace(load, watchers=0)
    for name, each in (
        (ALONE, msgspec.structs.replace(idle, clients=0)),
        ("1,000 clients, nobody watches", idle),
        (WATCHED, load),
    ):
        bench.tell(f"sockets: {name}")
        await trio.lowlevel.checkpoint()
        for result in _results(measure_own(each, name)):
            yield result
    bench.tell("sockets: socket.io on Node.js")
    peer = measure_peer(load, install=not bench.scale.is_smoke)
    if isinstance(peer, str):
        bench.left_out.append(peer)
    else:
        for result in _results(peer):
            yield result


def _results(row: Row) -> list[Result]:
    figures: list[tuple[str, float, str, Better]] = [
        (WORKLOAD, row.messages_per_second, "messages/s", "higher"),
        ("processor time of the server, of one core", 100 * row.busy_share, "%", "lower"),
    ]
    if row.ends:
        figures += [
            ("events that each watcher hears", row.events_per_second, "events/s", "higher"),
            ("events that each watcher is told to have missed", 100 * row.skipped_share, "%", "lower"),
            ("age of an event when it arrives, p50", row.age_p50_ms, "ms", "lower"),
            ("age of an event when it arrives, p99", row.age_p99_ms, "ms", "lower"),
        ]
    return [Result("sockets", what, row.what, unit, better, (value,)) for what, value, unit, better in figures]
