"""Latency: how long one message is on its way, alone, and at fixed rates at which queues may grow."""

from collections.abc import AsyncIterator, Awaitable, Callable

import trio

from benchmarks import bare_channel
from benchmarks.bench import Bench
from benchmarks.measure import percentile
from benchmarks.own import Own
from benchmarks.results import Result
from benchmarks.workloads import Workload, chain

PERCENTILES = (50, 99, 99.9, 100)
RATES = (1_000, 5_000, 10_000)
"""Messages a second; the fastest is more than the slowest of the peers carries one by one."""

OPEN_SECONDS = 0.5
SHORT, LONG = 10, 30
"""Lengths of pass-through chains; the difference is what their hops cost, without the way in and out."""

ALONE = "one message at a time"
HOP_BARE = "a bare Trio channel"
HOP_ALONE = "a pass-through node, one message at a time"
HOP_LOADED = "a pass-through node under load"

Sampled = Callable[[], Awaitable[list[float]]]


def at_rate(rate: int) -> str:
    """Return the end of a workload's name, as tables look it up."""
    return f"{rate:,} messages a second"


async def measure(bench: Bench) -> AsyncIterator[Result]:
    """All rows of the family."""
    for length in (3, 10):
        workload = chain(length)
        subjects = {own.name: _closed(own, workload, bench.scale.samples) for own in (bench.javascript,)}
        subjects |= {peer.name: _peer_closed(bench, index, workload) for index, peer in enumerate(bench.peers)}
        for row in await _percentiles(bench, f"{workload.name}, {ALONE}", subjects):
            yield row
    for rate in RATES:
        workload = chain(3)
        count = int(rate * (0.02 if bench.scale.is_smoke else OPEN_SECONDS))
        subjects = {bench.javascript.name: _open(bench.javascript, workload, count, rate)}
        subjects |= {peer.name: _peer_open(bench, i, workload, count, rate) for i, peer in enumerate(bench.peers)}
        for row in await _percentiles(bench, f"{workload.name}, {at_rate(rate)}", subjects):
            yield row
    for row in await _hops(bench):
        yield row


async def _percentiles(bench: Bench, label: str, subjects: dict[str, Sampled]) -> list[Result]:
    """The percentiles of each subject, in microseconds, over rounds in turns."""
    rows: dict[tuple[str, float], list[float]] = {}
    for turn in range(bench.scale.rounds + 1):
        bench.tell(f"latency: {label}, round {turn} of {bench.scale.rounds}")
        for name, sample in subjects.items():
            samples = await sample()
            if turn or bench.scale.is_smoke:
                for percent in PERCENTILES:
                    rows.setdefault((name, percent), []).append(percentile(samples, percent) * 1e6)
    return [
        Result("latency", f"{label}, {_percent_name(percent)}", name, "µs", "lower", tuple(values))
        for (name, percent), values in sorted(rows.items(), key=lambda item: item[0][1])
    ]


def _percent_name(percent: float) -> str:
    return "max" if percent == 100 else f"p{percent:g}"


def _closed(own: Own, workload: Workload, count: int) -> Sampled:
    return lambda: own.closed_loop(workload, count)


def _open(own: Own, workload: Workload, count: int, rate: float) -> Sampled:
    return lambda: own.open_loop(workload, count, rate)


def _peer_closed(bench: Bench, index: int, workload: Workload) -> Sampled:
    async def sample() -> list[float]:
        await trio.lowlevel.checkpoint()
        return bench.peers[index].closed_loop(workload, bench.scale.samples)

    return sample


def _peer_open(bench: Bench, index: int, workload: Workload, count: int, rate: float) -> Sampled:
    async def sample() -> list[float]:
        await trio.lowlevel.checkpoint()
        return bench.peers[index].open_loop(workload, count, rate)

    return sample


async def _hops(bench: Bench) -> list[Result]:
    """What one pass-through node adds, alone and under load, beside a bare Trio channel."""
    own, count = bench.passthrough, bench.scale.samples
    short, long = chain(SHORT, "same"), chain(LONG, "same")

    async def bare() -> float:
        return 1e6 * await bare_channel.hop_seconds(SHORT, count)

    async def alone() -> float:
        medians = [percentile(await own.closed_loop(each, count), 50) for each in (short, long)]
        return 1e6 * (medians[1] - medians[0]) / (LONG - SHORT)

    async def loaded() -> float:
        return 1e6 * await own.throughput(short, max(20, 20 * count)) / SHORT

    subjects = {HOP_BARE: bare, HOP_ALONE: alone, HOP_LOADED: loaded}
    return await bench.rounds("hop", "one hop", subjects, "µs")
