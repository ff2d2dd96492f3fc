"""Routing: messages a second through graphs of several shapes, and through several executions at once."""

from collections.abc import AsyncIterator

import trio

from benchmarks import bare_channel
from benchmarks.bench import Bench
from benchmarks.results import Result
from benchmarks.workloads import chain, diamond, fan_in, fan_out, wide

SHAPES = (chain(3), chain(10), fan_out(10), fan_in(10), diamond(), wide(10))
EXECUTIONS = (10, 100)
CHANNEL_HOP = "a bare Trio channel, a hop"
CALL = "a bare function call"


def in_executions(count: int) -> str:
    """Return the workload of a row, as tables look it up."""
    return f"chain of 3, {count} executions"


async def measure(bench: Bench) -> AsyncIterator[Result]:
    """All rows of the family."""
    for workload in SHAPES:
        for row in await bench.throughput("routing", workload, workload.name, forwarding=False):
            yield row
    for executions in bench.few(EXECUTIONS):
        workload = chain(3, executions=executions)
        name = in_executions(executions)
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
