"""How fast messages travel: `python -m benchmarks.bench_routing [--smoke]`.

Writes a Markdown table to standard output. README.md beside this file says what the rows mean, what they leave
out, and how the figures are taken.
"""

import argparse
import platform
import sys
import time
from typing import Any

import msgspec
import trio

from benchmarks import bare_channel
from benchmarks.chain import DOUBLE, PASSTHROUGH, chain, latencies, message_seconds
from benchmarks.measure import Figure, figure, percentile, repeat
from engine.runtime import Runtime, open_runtime

SHORT, LONG = 10, 30
"""Lengths of the pass-through chains; the difference is what their hops cost, without the way in and out."""


class Scale(msgspec.Struct, frozen=True):
    """How much is measured.

    Attributes:
        loaded: messages of one run under load.
        single: messages of one run that sends one at a time.
        repeats: runs after the warm-up; the median is shown.
    """

    loaded: int
    single: int
    repeats: int


FULL = Scale(loaded=50_000, single=2_000, repeats=7)
SMOKE = Scale(loaded=500, single=20, repeats=1)


class Results(msgspec.Struct, frozen=True):
    """The figures of one run of the benchmark, in seconds.

    Attributes:
        bare_hop: one relay over a Trio memory channel, one message at a time.
        single_hop: one pass-through node, one message at a time.
        loaded_hop: one pass-through node under load.
        chains: by number of JavaScript nodes: a message under load, and p50 and p99 of one message alone.
    """

    bare_hop: Figure
    single_hop: Figure
    loaded_hop: Figure
    chains: dict[int, tuple[Figure, Figure, Figure]]


async def measure(runtime: Runtime, scale: Scale) -> Results:
    """Take every figure, one after the other, in one process."""
    bare = await repeat(lambda: bare_channel.hop_seconds(SHORT, scale.single), scale.repeats)
    return Results(
        bare_hop=bare,
        single_hop=await _single_hop(runtime, scale),
        loaded_hop=await _loaded_hop(runtime, scale),
        chains={length: await _javascript_chain(runtime, length, scale) for length in (3, 10)},
    )


async def _single_hop(runtime: Runtime, scale: Scale) -> Figure:
    short, long = [(await runtime.load_graph(chain(*PASSTHROUGH, length))).id for length in (SHORT, LONG)]

    async def run() -> float:
        short_p50 = percentile(await latencies(runtime, short, scale.single), 50)
        return (percentile(await latencies(runtime, long, scale.single), 50) - short_p50) / (LONG - SHORT)

    return await repeat(run, scale.repeats)


async def _loaded_hop(runtime: Runtime, scale: Scale) -> Figure:
    graph = await runtime.load_graph(chain(*PASSTHROUGH, SHORT))

    async def run() -> float:
        return await message_seconds(runtime, graph.id, scale.loaded, SHORT) / SHORT

    return await repeat(run, scale.repeats)


async def _javascript_chain(runtime: Runtime, length: int, scale: Scale) -> tuple[Figure, Figure, Figure]:
    graph = await runtime.load_graph(chain(*DOUBLE, length))
    loaded = await repeat(lambda: message_seconds(runtime, graph.id, scale.loaded, length), scale.repeats)
    await latencies(runtime, graph.id, scale.single)  # warm-up
    samples = [await latencies(runtime, graph.id, scale.single) for _ in range(scale.repeats)]
    p50, p99 = (figure([percentile(each, percent) for each in samples]) for percent in (50, 99))
    return loaded, p50, p99


def table(results: Results) -> str:
    """The figures as a Markdown table."""
    bare = results.bare_hop
    rows: list[tuple[Any, ...]] = [
        ("bare Trio channel hop, one message at a time", _microseconds(bare), "1.00", _spread(bare)),
        _hop_row("pass-through hop, one message at a time", results.single_hop, bare),
        _hop_row("pass-through hop under load", results.loaded_hop, bare),
    ]
    for length, (loaded, p50, p99) in results.chains.items():
        per_second = f"{1 / loaded.median:,.0f} messages/s"
        ratio = f"{loaded.median / length / bare.median:.2f} a node"
        rows += [
            (f"{length} JavaScript nodes under load", per_second, ratio, _spread(loaded)),
            (f"{length} JavaScript nodes, one message, p50", _microseconds(p50), _ratio(p50, bare), _spread(p50)),
            (f"{length} JavaScript nodes, one message, p99", _microseconds(p99), _ratio(p99, bare), _spread(p99)),
        ]
    header = ("what", "median", "beside a bare hop", "spread of the repeats")
    lines = [header, ("---", "---:", "---:", "---:"), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _hop_row(name: str, hop: Figure, bare: Figure) -> tuple[str, str, str, str]:
    return name, _microseconds(hop), _ratio(hop, bare), _spread(hop)


def _microseconds(seconds: Figure) -> str:
    return f"{seconds.median * 1e6:.1f} µs"


def _ratio(seconds: Figure, bare: Figure) -> str:
    return f"{seconds.median / bare.median:.2f}"


def _spread(seconds: Figure) -> str:
    return f"{seconds.spread_percent:.0f} %"


async def _main(scale: Scale) -> None:
    async with open_runtime() as runtime:
        results = await measure(runtime, scale)
    sys.stdout.write(f"{table(results)}\n")


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bench_routing", description=__doc__)
    parser.add_argument("--smoke", action="store_true", help="a second's worth: shows that it runs, not how fast")
    scale = SMOKE if parser.parse_args().smoke else FULL
    started = time.perf_counter()
    sys.stdout.write(f"Python {platform.python_version()}, {platform.machine()}, median of {scale.repeats}\n\n")
    trio.run(_main, scale)
    sys.stderr.write(f"Took {time.perf_counter() - started:.1f} s.\n")


if __name__ == "__main__":
    main()
