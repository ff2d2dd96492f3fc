"""Would a second thread for long guest calls gain more than the hand-over costs?

Run it with `python -m benchmarks.experiments.two_cores`.

Guests release Python's lock while they compute, so a second one could run on another core. Here the first slice of
a call stays on the event loop, as it does in the product, and what is left of a longer call is given to a worker
thread, which polls it to its end. Beside the throughput stands what the others feel: a heartbeat of a millisecond.
Cancellation and budgets are left out, so the threads look better here than they could be.

On a machine that does something else as well there is no second core to be had. So each round is taken only when
two busy processes got most of two cores just before it and just after, and is repeated otherwise.

What came out, on two cores: 1.25 to 1.9 times the throughput where two or more guests compute for more than
0.4 ms a batch, nothing for one guest or for shorter calls, and a heartbeat whose p99 rises from 0.3 ms to between
4 and 6.5. A hand-over and back is 48 µs. It was not adopted: small graphs would pay for heavy ones, with latency.
"""

import argparse
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import msgspec
import trio

from wasm_host.guest.metering import MeteredStore
from wasm_host.host import SandboxHost, open_host
from wasm_host.sandbox.javascript import Program
from wasm_host.sandbox.sandbox import Sandbox

MESSAGES = 64
"""Of one batch: as many as a node takes at once."""

ENOUGH_CORES = 1.7

LOOPS = (10, 100, 1_000, 10_000)
"""Turns of a loop that one message costs its guest."""

WORK = "((n) => {{ let x = value; for (let i = 0; i < n; i++) x = (x * 31 + i) % 1000003; return x }})({loops})"


class Figures(msgspec.Struct, frozen=True):
    """Messages a second of all guests, processor time of each message, and what others waited."""

    per_second: float
    processor_us: float
    beat_p50_ms: float
    beat_p99_ms: float


async def in_thread(self: Any, pending: Any, count: int, cpu_ms: int, under_way: Any = None) -> bool:
    """What is left of a call after its first slice, polled to its end by a worker thread."""
    del count, cpu_ms, under_way

    def poll() -> None:
        while not pending.poll():
            self._runtime.ticker.touch()

    await trio.to_thread.run_sync(poll, limiter=_WORKERS)
    return True


_WORKERS = trio.CapacityLimiter(1)


@contextmanager
def threads(count: int) -> Iterator[None]:
    """Long calls in so many worker threads; none is how the product is."""
    before = MeteredStore._run_in_turns  # noqa: SLF001  the very seam that is in question, here and below
    if count:
        _WORKERS.total_tokens = count
        MeteredStore._run_in_turns = in_thread  # type: ignore[method-assign] # noqa: SLF001
    try:
        yield
    finally:
        MeteredStore._run_in_turns = before  # type: ignore[method-assign] # noqa: SLF001


async def measure(host: SandboxHost, guests: int, loops: int, seconds: float) -> Figures:
    """So many guests, each given a batch as soon as it is done with the last one."""
    sandboxes = [host.sandbox(Program("map", WORK.format(loops=loops))) for _ in range(guests)]
    for sandbox in sandboxes:
        await sandbox.open()
    batch, beats, batches = [(0, b"7")] * MESSAGES, list[float](), 0

    async def work(sandbox: Sandbox) -> None:
        nonlocal batches
        while True:
            await sandbox.process(batch)
            await trio.lowlevel.checkpoint()
            batches += 1

    async def beat() -> None:
        while True:
            began = time.perf_counter()
            await trio.sleep(0.001)
            beats.append((time.perf_counter() - began - 0.001) * 1e3)

    async with trio.open_nursery() as nursery:
        for sandbox in sandboxes:
            nursery.start_soon(work, sandbox)
        nursery.start_soon(beat)
        await trio.sleep(seconds / 4)
        beats.clear()
        before, began, used = batches, time.perf_counter(), time.process_time()
        await trio.sleep(seconds)
        done, took, used = batches - before, time.perf_counter() - began, time.process_time() - used
        nursery.cancel_scope.cancel()
    for sandbox in sandboxes:
        sandbox.discard()
    beats.sort()
    messages = max(done * MESSAGES, 1)
    return Figures(messages / took, used / messages * 1e6, statistics.median(beats), beats[int(len(beats) * 0.99)])


def free_cores() -> float:
    """How many of two cores two busy processes get at the moment."""
    spin = "import time; e = time.perf_counter() + 0.15\nwhile time.perf_counter() < e: pass\n"
    spin += "print(time.process_time())"
    command = [sys.executable, "-S", "-c", spin]
    spinning = [subprocess.Popen(command, stdout=subprocess.PIPE) for _ in range(2)]
    return sum(float(each.communicate()[0]) / 0.15 for each in spinning)


async def measure_alone(host: SandboxHost, guests: int, loops: int, seconds: float, patience: int) -> Figures:
    """As ``measure``, when the machine has two cores for it; the last try counts if it never has."""
    for _ in range(patience):
        figures = None
        if free_cores() > ENOUGH_CORES:
            figures = await measure(host, guests, loops, seconds)
            if free_cores() > ENOUGH_CORES:
                return figures
        await trio.lowlevel.checkpoint()
    print("(busy)", end=" ")
    return figures or await measure(host, guests, loops, seconds)


async def handover() -> float:
    """Seconds that an empty call in a worker thread takes, there and back."""
    times = []
    for _ in range(300):
        began = time.perf_counter()
        await trio.to_thread.run_sync(lambda: None)
        times.append(time.perf_counter() - began)
    return statistics.median(times)


async def run(seconds: float, rounds: int, patience: int) -> None:
    """All of it, as a table."""
    print(f"an empty hand-over and back: {await handover() * 1e6:.0f} µs")
    print("guests  µs/batch  where        messages/s  µs processor  heartbeat p50  p99 ms")
    async with open_host() as host:
        for guests in (1, 2, 4):
            for loops in LOOPS:
                found: dict[int, list[Figures]] = {}
                for _ in range(rounds):
                    for count in (0, 1, 2):
                        with threads(count):
                            found.setdefault(count, []).append(
                                await measure_alone(host, guests, loops, seconds, patience)
                            )
                for count, figures in found.items():
                    best = max(figures, key=lambda each: each.per_second)
                    where = f"{count} threads" if count else "event loop"
                    print(
                        f"{guests:6}  {best.processor_us * MESSAGES:8.0f}  {where:11} {best.per_second:11,.0f} "
                        f"{best.processor_us:13.1f} {best.beat_p50_ms:13.2f} {best.beat_p99_ms:8.2f}"
                    )


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=0.4, help="of one measurement")
    parser.add_argument("--rounds", type=int, default=3, help="of which the fastest counts")
    parser.add_argument("--patience", type=int, default=20, help="tries to find the machine idle, each time")
    options = parser.parse_args()
    trio.run(run, options.seconds, options.rounds, options.patience)


if __name__ == "__main__":
    main()
