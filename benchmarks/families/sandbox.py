"""The sandbox: what calls, openings, compiling and idle instances cost, and what spinning guests do to others."""

import gc
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import NamedTuple

import trio

from benchmarks import bare_channel
from benchmarks.bench import Bench, Measured
from benchmarks.measure import percentile
from benchmarks.results import Result
from wasm_host.host import SandboxHost, open_host
from wasm_host.limits import GuestLimits
from wasm_host.sandbox.javascript import Program
from wasm_host.sandbox.sandbox import Sandbox

NUMBER = b"21"
OBJECT = (
    b'{"id":"7f3c2a10-5b7e-4c1d-9a51-0d6f3b1c2e4f","name":"temperature","value":21.5,"unit":"celsius","tags":["a","b","c"],'
    b'"position":{"latitude":47.3769,"longitude":8.5417},"valid":true,"source":"sensor"}'
)
SHAPES = {
    "a number, value * 2": ("value * 2", NUMBER),
    "an object of 200 bytes, one field changed": ("(value.value *= 2, value)", OBJECT),
    "an object of 200 bytes, one field read": ("value.value", OBJECT),
}
BATCHES = (1, 10, 100)
HOPS = 10
HANDLER = Program("handler", "({emit}) => ({ process: (c, p, v) => emit('out', v) })")
SPINNER = Program("map", "(() => { while (true); })()")

ALONE = "a call alone, a number"
ALONE_GUEST, ALONE_HOP = "a guest", "a bare Trio channel, one hop"
"""The least that a sandbox adds, beside the least that a task adds."""

INSTANCES, SPINNING = 1_000, 40


class Beats(NamedTuple):
    """Seconds that a 1 ms sleep took, that a small guest call took, and that it took to cancel all spinners."""

    sleeps: list[float]
    calls: list[float]
    cancel: float


async def measure(bench: Bench) -> AsyncIterator[Result]:
    """All rows of the family."""
    async with open_host() as host:
        for row in await _calls(bench, host):
            yield row
        for row in await _alone(bench, host):
            yield row
        for row in await _openings(bench, host):
            yield row
        for row in await _fairness(bench, host):
            yield row
    for row in await bench.rounds("sandbox", "open the host", {"compiling the guest": compiled}, "ms"):
        yield row


async def _calls(bench: Bench, host: SandboxHost) -> list[Result]:
    rows: list[Result] = []
    for name, (expression, value) in SHAPES.items():
        sandbox = host.sandbox(Program("map", expression))
        await sandbox.open()
        subjects = {f"in batches of {size}": _call(bench, sandbox, value, size) for size in BATCHES}
        rows += await bench.rounds("sandbox", f"a call, each message: {name}", subjects, "µs")
        sandbox.discard()
    return rows


async def _alone(bench: Bench, host: SandboxHost) -> list[Result]:
    sandbox = host.sandbox(Program("map", "value * 2"))
    await sandbox.open()

    async def hop() -> float:
        return 1e6 * await bare_channel.hop_seconds(HOPS, bench.scale.samples)

    subjects = {ALONE_GUEST: _call(bench, sandbox, NUMBER, 1), ALONE_HOP: hop}
    rows = await bench.rounds("sandbox", ALONE, subjects, "µs")
    sandbox.discard()
    return rows


def _call(bench: Bench, sandbox: Sandbox, value: bytes, size: int) -> Measured:
    async def measure() -> float:
        batch, times = [(0, value)] * size, max(1, 5 * bench.scale.samples // size)
        began = time.perf_counter()
        for _ in range(times):
            await sandbox.process(batch)
        return (time.perf_counter() - began) / times / size * 1e6

    return measure


async def _openings(bench: Bench, host: SandboxHost) -> list[Result]:
    async def ten() -> float:
        began = time.perf_counter()
        sandboxes = [await _opened(host) for _ in range(10)]
        seconds = time.perf_counter() - began
        for sandbox in sandboxes:
            sandbox.discard()
        return seconds * 1e3

    async def memory() -> float:
        count = 5 if bench.scale.is_smoke else INSTANCES
        gc.collect()
        before = resident_bytes()
        sandboxes = [await _opened(host) for _ in range(count)]
        grown = resident_bytes() - before
        for sandbox in sandboxes:
            sandbox.discard()
        return max(grown, 1) / count / 1e6

    rows = await bench.rounds("sandbox", "open ten instances", {"from a warm cache": ten}, "ms")
    bench.tell("sandbox: memory of idle instances")
    # Once, and not in rounds: memory that was given back is found again, and would make the next round look cheap.
    return [*rows, Result("sandbox", "memory of an idle instance", "resident", "MB", "lower", (await memory(),))]


async def _opened(host: SandboxHost) -> Sandbox:
    sandbox = host.sandbox(HANDLER)
    await sandbox.open()
    await sandbox.process([(0, NUMBER)])
    return sandbox


def resident_bytes() -> int:
    """This process's resident set (Linux)."""
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * 4096


async def _fairness(bench: Bench, host: SandboxHost) -> list[Result]:
    taken: dict[tuple[str, str], list[float]] = {}
    for turn in range(bench.scale.rounds + 1):
        bench.tell(f"sandbox: beside spinning guests, round {turn} of {bench.scale.rounds}")
        beats = await _beside_spinners(host, 4 if bench.scale.is_smoke else SPINNING, 10 * bench.scale.seconds)
        if not turn and not bench.scale.is_smoke:
            continue
        for what, samples in (("1 ms heartbeat", beats.sleeps), ("a small guest call", beats.calls)):
            for percent in (50, 99):
                taken.setdefault((what, f"p{percent}"), []).append(percentile(samples, percent) * 1e3)
        taken.setdefault(("cancel all spinning guests", "all of them"), []).append(beats.cancel * 1e3)
    return [
        Result("spinning", what, subject, "ms", "lower", tuple(each)) for (what, subject), each in taken.items()
    ]


async def _beside_spinners(host: SandboxHost, count: int, seconds: float) -> Beats:
    sleeps: list[float] = []
    answers: list[float] = []
    quick = host.sandbox(Program("map", "value * 2"))
    await quick.open()
    async with trio.open_nursery() as nursery:
        for _ in range(count):
            spinner = host.sandbox(SPINNER, limits=GuestLimits(cpu_ms=10**6, wall_ms=10**6))
            await spinner.open()
            nursery.start_soon(spinner.process, [(0, NUMBER)])
        await trio.sleep(0.1)
        nursery.start_soon(_call_often, quick, answers)
        end = time.perf_counter() + seconds
        while time.perf_counter() < end or not answers:
            began = time.perf_counter()
            await trio.sleep(0.001)
            sleeps.append(time.perf_counter() - began)
        began = time.perf_counter()
        nursery.cancel_scope.cancel()
    cancel = time.perf_counter() - began
    quick.discard()
    return Beats(sleeps, answers, cancel)


async def _call_often(quick: Sandbox, answers: list[float]) -> None:
    while True:
        began = time.perf_counter()
        await trio.lowlevel.checkpoint()
        await quick.process([(0, NUMBER)])
        answers.append(time.perf_counter() - began)
        await trio.sleep(0.005)


async def compiled() -> float:
    """Milliseconds to open a host that finds nothing in its cache, so compiles the guest; it is done once."""
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        async with open_host(Path(folder, "cache")):
            return (time.perf_counter() - began) * 1e3
