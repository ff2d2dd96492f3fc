"""What the sandbox costs: calls, openings, memory, and what spinning guests do to everybody else.

Run as `python -m benchmarks.bench_sandbox`; `--smoke` takes about a second and proves only that it runs.
Each figure is the median of several rounds after a warm-up, on a machine otherwise idle. Resident memory is
the process's own, before and after, divided by the instances.
"""

import argparse
import gc
import statistics
import time
from pathlib import Path
from typing import NamedTuple

import trio

from wasm_host.host import SandboxHost, open_host
from wasm_host.javascript import Program
from wasm_host.limits import GuestLimits
from wasm_host.sandbox import Sandbox

NUMBER = b"21"
OBJECT = (
    b'{"id":"7f3c2a10-5b7e-4c1d-9a51-0d6f3b1c2e4f","name":"temperature","value":21.5,"unit":"celsius","tags":["a","b","c"],'
    b'"position":{"latitude":47.3769,"longitude":8.5417},"valid":true,"source":"sensor"}'
)
SHAPES = {
    "number, value * 2": ("value * 2", NUMBER),
    "object of 200 bytes, one field changed": ("(value.value *= 2, value)", OBJECT),
    "object of 200 bytes, one field read": ("value.value", OBJECT),
}


class Scale(NamedTuple):
    """How much work a run does."""

    rounds: int
    messages: int
    instances: int
    spinning: int
    seconds: float


FULL = Scale(rounds=7, messages=10_000, instances=1_000, spinning=40, seconds=3.0)
SMOKE = Scale(rounds=2, messages=200, instances=5, spinning=4, seconds=0.2)


def line(what: str, figure: str) -> None:
    """One row of the table."""
    print(f"{what:<58}{figure:>20}")


async def microseconds_per_call(sandbox: Sandbox, batch: list[tuple[int, bytes]], times: int) -> float:
    """One call's time, over so many calls."""
    began = time.perf_counter()
    for _ in range(times):
        await sandbox.process(batch)
    return (time.perf_counter() - began) / times * 1e6


async def calls(host: SandboxHost, scale: Scale) -> None:
    """A message's cost, alone and in batches."""
    for name, (expression, value) in SHAPES.items():
        sandbox = host.sandbox(Program("map", expression))
        await sandbox.open()
        for size in (1, 10, 100):
            batch, times = [(0, value)] * size, max(1, scale.messages // size)
            rounds = [await microseconds_per_call(sandbox, batch, times) for _ in range(scale.rounds + 1)]
            line(f"{name}, batch of {size}", f"{statistics.median(rounds[1:]) / size:.2f} µs/message")
        sandbox.discard()


async def openings(host: SandboxHost, scale: Scale) -> None:
    """What an instance costs to open and to keep."""
    sandboxes = []
    gc.collect()
    before = resident_bytes()
    began = time.perf_counter()
    for _ in range(scale.instances):
        sandbox = host.sandbox(Program("handler", "({emit}) => ({ process: (c, p, v) => emit('out', v) })"))
        await sandbox.open()
        await sandbox.process([(0, NUMBER)])
        sandboxes.append(sandbox)
    took = (time.perf_counter() - began) / scale.instances
    line("open an instance and process its first message", f"{took * 1e3:.2f} ms")
    line("open ten of them, one after the other", f"{took * 1e4:.1f} ms")
    line("resident memory of an idle instance", f"{(resident_bytes() - before) / scale.instances / 1e6:.2f} MB")
    for sandbox in sandboxes:
        sandbox.discard()


def resident_bytes() -> int:
    """This process's resident set (Linux)."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


async def fairness(host: SandboxHost, scale: Scale) -> None:
    """A heartbeat and a small component beside guests in `while (true)`."""
    beats: list[float] = []
    answers: list[float] = []
    async with trio.open_nursery() as nursery:
        for _ in range(scale.spinning):
            spinner = host.sandbox(
                Program("map", "(() => { while (true); })()"), limits=GuestLimits(cpu_ms=10**6, wall_ms=10**6)
            )
            await spinner.open()
            nursery.start_soon(spinner.process, [(0, NUMBER)])
        quick = host.sandbox(Program("map", "value * 2"))
        await quick.open()
        await trio.sleep(0.1 if scale is SMOKE else 0.5)

        @nursery.start_soon
        async def _() -> None:
            while True:
                began = time.perf_counter()
                await trio.lowlevel.checkpoint()
                await quick.process([(0, NUMBER)])
                answers.append(time.perf_counter() - began)
                await trio.sleep(0.005)

        end = time.perf_counter() + scale.seconds
        while time.perf_counter() < end:
            began = time.perf_counter()
            await trio.sleep(0.001)
            beats.append(time.perf_counter() - began)
        began = time.perf_counter()
        nursery.cancel_scope.cancel()
    stopped = time.perf_counter() - began
    for name, samples in (("1 ms heartbeat", beats), ("small call", answers)):
        samples.sort()
        p50, p99 = samples[len(samples) // 2] * 1e3, samples[int(len(samples) * 0.99)] * 1e3
        line(f"{name} beside {scale.spinning} spinning guests, p50 / p99", f"{p50:.1f} / {p99:.1f} ms")
    line(f"cancel all {scale.spinning}", f"{stopped * 1e3:.1f} ms")


async def measure(scale: Scale) -> None:
    """The whole table."""
    began = time.perf_counter()
    async with open_host() as host:
        line("open the host", f"{(time.perf_counter() - began) * 1e3:.1f} ms")
        await calls(host, scale)
        await openings(host, scale)
        await fairness(host, scale)


def main() -> None:
    """Parses the command line and measures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--smoke", action="store_true", help="a second, to see that it runs")
    trio.run(measure, SMOKE if parser.parse_args().smoke else FULL)


if __name__ == "__main__":
    main()
