"""How fast messages travel: `python -m benchmarks.bench_routing [--smoke]`.

Writes a Markdown table to standard output. README.md beside this file says what the rows mean, what they leave
out, and how the figures are taken.
"""

import argparse
import platform
import sys
import time

import msgspec
import trio

from benchmarks import bare_channel
from benchmarks.chain import DOUBLE, PASSTHROUGH, chain, latencies, message_seconds
from benchmarks.measure import figure, percentile
from engine.runtime import Runtime, open_runtime

SHORT, LONG = 10, 30
"""Lengths of the pass-through chains; the difference is what their hops cost, without the way in and out."""

JAVASCRIPT_LENGTHS = (3, 10)

BARE = "bare Trio channel hop, one message at a time"
SINGLE = "pass-through hop, one message at a time"
LOADED = "pass-through hop under load"


class Scale(msgspec.Struct, frozen=True):
    """How much is measured.

    Attributes:
        loaded: messages of one run under load.
        single: messages of one run that sends one at a time.
        rounds: how often everything is measured, after a round to warm up; the median is shown.
    """

    loaded: int
    single: int
    rounds: int


FULL = Scale(loaded=50_000, single=2_000, rounds=7)
SMOKE = Scale(loaded=500, single=20, rounds=1)

Round = dict[str, float]
"""Seconds by the name of the row, all taken within a few seconds of each other."""


async def measure(runtime: Runtime, scale: Scale) -> list[Round]:
    """Take every figure in turn, round after round, so that a busy moment of the machine falls on all of them."""
    passthrough = {length: await _load(runtime, chain(*PASSTHROUGH, length)) for length in (SHORT, LONG)}
    javascript = {length: await _load(runtime, chain(*DOUBLE, length)) for length in JAVASCRIPT_LENGTHS}
    rounds = []
    for _ in range(scale.rounds + 1):
        taken = {BARE: await bare_channel.hop_seconds(SHORT, scale.single)}
        p50s = [percentile(await latencies(runtime, graph, scale.single), 50) for graph in passthrough.values()]
        taken[SINGLE] = (p50s[1] - p50s[0]) / (LONG - SHORT)
        taken[LOADED] = await message_seconds(runtime, passthrough[SHORT], scale.loaded, SHORT) / SHORT
        for length, graph in javascript.items():
            loaded = await message_seconds(runtime, graph, scale.loaded, length)
            samples = await latencies(runtime, graph, scale.single)
            name = f"{length} JavaScript nodes"
            taken[f"{name} under load"] = loaded
            taken[f"{name}, one message, p50"] = percentile(samples, 50)
            taken[f"{name}, one message, p99"] = percentile(samples, 99)
        rounds.append(taken)
    return rounds[1:]


async def _load(runtime: Runtime, document: object) -> str:
    return (await runtime.load_graph(document)).id


def table(rounds: list[Round]) -> str:
    """The figures as a Markdown table; ratios are those within a round, and their median."""
    lines = [("what", "median", "beside a bare hop", "spread of the rounds"), ("---", "---:", "---:", "---:")]
    for name in rounds[0]:
        seconds = figure([taken[name] for taken in rounds])
        ratio = figure([taken[name] / taken[BARE] for taken in rounds])
        shown = f"{seconds.median * 1e6:.1f} µs"
        if "nodes under load" in name:
            shown = f"{1 / seconds.median:,.0f} messages/s"
        lines.append((name, shown, f"{ratio.median:.2f}", f"{seconds.spread_percent:.0f} %"))
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


async def _main(scale: Scale) -> None:
    async with open_runtime() as runtime:
        rounds = await measure(runtime, scale)
    sys.stdout.write(f"{table(rounds)}\n")


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bench_routing", description=__doc__)
    parser.add_argument("--smoke", action="store_true", help="a second's worth: shows that it runs, not how fast")
    scale = SMOKE if parser.parse_args().smoke else FULL
    started = time.perf_counter()
    sys.stdout.write(f"Python {platform.python_version()}, {platform.machine()}, median of {scale.rounds}\n\n")
    trio.run(_main, scale)
    sys.stderr.write(f"Took {time.perf_counter() - started:.1f} s.\n")


if __name__ == "__main__":
    main()
