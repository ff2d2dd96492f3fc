"""Routing: messages a second through graphs of several shapes, sizes of messages, and numbers of executions."""

from collections.abc import AsyncIterator

import trio

from benchmarks import bare_channel
from benchmarks.bench import Bench
from benchmarks.results import Result
from benchmarks.workloads import chain, diamond, document_of, fan_in, fan_out, wide

SIZES = {"10 B": 10, "1 kB": 1_000, "100 kB": 100_000}
EXECUTIONS = (10, 100)
CHANNEL_HOP = "a bare Trio channel, a hop"
CALL = "a bare function call"


async def measure(bench: Bench) -> AsyncIterator[Result]:
    """All rows of the family."""
    for workload in (chain(3), chain(10), fan_out(10), fan_in(10), diamond(), wide(10)):
        for row in await bench.throughput("routing", workload, workload.name, forwarding=False):
            yield row
    for label, size in SIZES.items():
        workload = chain(3, "same", document_of(size))
        name = f"{workload.name}, messages of {label}, handed on"
        for row in await bench.throughput("sizes", workload, name, forwarding=True):
            yield row
    for executions in bench.few(EXECUTIONS):
        workload = chain(3, executions=executions)
        name = f"{workload.name}, {executions} executions"
        for row in await bench.throughput("executions", workload, name, forwarding=False):
            yield row
    for row in await _floor(bench):
        yield row


async def _floor(bench: Bench) -> list[Result]:
    """What nothing at all costs: the same three doublings in Python, and messages over three bare channels."""
    count = bench.scale.samples * 20

    async def calls() -> float:
        await trio.lowlevel.checkpoint()
        return 1 / bare_channel.call_seconds(3, count)

    async def channels() -> float:
        return 1 / (3 * await bare_channel.hop_seconds(3, bench.scale.samples))

    subjects = {f"{CALL}, 3 in a row": calls, "bare Trio channels, 3 in a row, one message at a time": channels}
    return await bench.rounds("floor", "chain of 3", subjects, "messages/s", "higher")
