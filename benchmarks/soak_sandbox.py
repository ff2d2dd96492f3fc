"""Does the sandbox grow? `python -m benchmarks.soak_sandbox [--messages N] [--smoke]`.

Pushes messages through instances that throw, spin, eat memory, recurse, flood, are cancelled, and are replaced,
and looks at the process as it goes. Writes a Markdown table to standard output and exits with 1 when anything has
grown. Linux only: it reads /proc. README.md beside this file
holds the last figures.
"""

import argparse
import gc
import itertools
import statistics
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
import trio

from wasm_host.host import SandboxHost, open_host
from wasm_host.limits import GuestLimits
from wasm_host.sandbox.javascript import Program
from wasm_host.sandbox.sandbox import Sandbox

SOURCE = """return { async process(ctx, port, value) {
    switch (value) {
        case 'throw': throw new Error('thrown');
        case 'reject': Promise.reject(new Error('rejected')); return;
        case 'stuck': await new Promise(() => {}); return;
        case 'spin': for (;;);
        case 'eat': { const all = []; for (;;) all.push('x'.repeat(100000)); }
        case 'recurse': (function deeper() { deeper(); })(); return;
        case 'flood': for (;;) ctx.emit('out', value);
        case 'cycle': { const a = {}; a.a = a; ctx.emit('out', a); return; }
    }
    ctx.setState('n', (ctx.getState('n') ?? 0) + 1);
    ctx.log('debug', 'seen', value);
    ctx.emit('out', value * 2);
} }"""

LIMITS = GuestLimits(memory_bytes=4 * 1024 * 1024, cpu_ms=30, emissions=100)


class Kind(msgspec.Struct, frozen=True):
    """A kind of message that fails: how often it comes, and the name of the error that it must end in."""

    every: int
    error: str


KINDS = {
    "spin": Kind(1_009, "CpuLimitExceeded"),
    "eat": Kind(1_511, "MemoryLimitExceeded"),
    "recurse": Kind(701, "RangeError"),
    "flood": Kind(503, "OutputLimitExceeded"),
    "stuck": Kind(211, "TypeError"),
    "reject": Kind(199, "Error"),
    "throw": Kind(97, "Error"),
    "cycle": Kind(89, "TypeError"),
}
"""The distances are primes, so that the kinds meet in all combinations."""

INSTANCES = 8
BATCH_MESSAGES = 64
CANCEL_EVERY, REPLACE_EVERY = 211, 331
"""Batches after which one is cancelled in the middle, and the whole instance is closed and opened anew."""


class Sample(msgspec.Struct, frozen=True):
    """The process at one moment."""

    messages: int
    resident_bytes: int
    descriptors: int
    threads: int
    tasks: int


class Soak:
    """The instances, what they are fed, and what was seen of them.

    Args:
        host: runs them.
        messages: how many in all.
        samples: how often the process is looked at.
    """

    def __init__(self, host: SandboxHost, messages: int, samples: int) -> None:
        self._host = host
        self._messages = messages
        self._sample_every = max(1, messages // samples)
        self._numbers = iter(range(messages))
        self.samples: list[Sample] = []
        self.outcomes: Counter[str] = Counter()
        self.done = 0
        self.restarts = 0

    async def run(self) -> None:
        """Runs every instance to the end of the messages."""
        async with trio.open_nursery() as nursery:
            for _ in range(INSTANCES):
                nursery.start_soon(self._instance)

    async def _instance(self) -> None:
        sandbox = await self._opened()
        for turn in itertools.count(1):
            kinds = [kind_of(number) for number in itertools.islice(self._numbers, BATCH_MESSAGES)]
            if not kinds:
                break
            if turn % CANCEL_EVERY == 0:
                await self._cancelled(sandbox)
            batch = [(0, value_of(kind)) for kind in kinds]
            effects = list(await sandbox.process(batch))
            while len(effects) < len(batch):  # what took long has left before the rest was begun
                effects += await sandbox.process(batch[len(effects) :])
            for kind, each in zip(kinds, effects, strict=True):
                name = each.error.name if each.error else ""
                if name != (KINDS[kind].error if kind else ""):
                    raise AssertionError(f"a message of kind '{kind}' ended in '{name}': {each}")
                self.outcomes[name or "processed"] += 1
            self._count(len(kinds))
            if turn % REPLACE_EVERY == 0:
                await self._end(sandbox)
                sandbox = await self._opened()
        await self._end(sandbox)

    async def _opened(self) -> Sandbox:
        sandbox = self._host.sandbox(Program("handler", SOURCE), limits=LIMITS)
        await sandbox.open()
        return sandbox

    async def _end(self, sandbox: Sandbox) -> None:
        self.restarts += sandbox.statistics().restarts
        await sandbox.close()

    async def _cancelled(self, sandbox: Sandbox) -> None:
        with trio.move_on_after(0.002) as scope:
            await sandbox.process([(0, b'"spin"')])
        self.outcomes["cancelled" if scope.cancelled_caught else "ended before it was cancelled"] += 1

    def _count(self, messages: int) -> None:
        before, self.done = self.done, self.done + messages
        if before // self._sample_every != self.done // self._sample_every:
            self.samples.append(sample(self.done))


def kind_of(number: int) -> str:
    """The kind of the message with this number; empty for one that is simply processed."""
    return next((kind for kind, each in KINDS.items() if number % each.every == each.every - 1), "")


def value_of(kind: str) -> bytes:
    """The message, JSON text."""
    return b'"%s"' % kind.encode() if kind else b"21"


def sample(messages: int) -> Sample:
    """Looks at the process, garbage collected first."""
    gc.collect()
    resident_pages = int(Path("/proc/self/statm").read_text().split()[1])
    return Sample(
        messages,
        resident_pages * 4096,
        _entries(Path("/proc/self/fd")),
        _entries(Path("/proc/self/task")),
        trio.lowlevel.current_statistics().tasks_living,
    )


def _entries(folder: Path) -> int:
    return sum(1 for _ in folder.iterdir())


def growth(samples: Sequence[Sample], tolerance_bytes: int) -> Iterator[str]:
    """What grew from the second quarter of the run, when everything is warm, to the last."""
    quarter = len(samples) // 4
    warm, last = samples[quarter : 2 * quarter], samples[-quarter:]
    resident = [statistics.median(each.resident_bytes for each in part) for part in (warm, last)]
    if resident[1] - resident[0] > tolerance_bytes:
        yield f"resident memory grew by {(resident[1] - resident[0]) / 1e6:.1f} MB"
    for name in ("descriptors", "threads", "tasks"):
        most = [max(getattr(each, name) for each in part) for part in (warm, last)]
        if most[1] > most[0]:
            yield f"{name} grew from {most[0]} to {most[1]}"


def table(samples: Sequence[Sample], rows: int = 10) -> str:
    """Some of the samples, evenly spaced, as Markdown."""
    lines = ["| messages | resident | descriptors | threads | tasks |", "| ---: | ---: | ---: | ---: | ---: |"]
    step = max(1, len(samples) // rows)
    for each in samples[step - 1 :: step]:
        resident = f"{each.resident_bytes / 1e6:.1f} MB"
        lines.append(f"| {each.messages:,} | {resident} | {each.descriptors} | {each.threads} | {each.tasks} |")
    return "\n".join(lines)


async def run(messages: int, samples: int, tolerance_bytes: int) -> list[str]:
    """Soaks, prints what was seen, and answers what grew."""
    began = time.perf_counter()
    async with open_host() as host:
        soak = Soak(host, messages, samples)
        await soak.run()
    print(table(soak.samples))
    outcomes = ", ".join(f"{count:,} {name}" for name, count in soak.outcomes.most_common())
    print(f"\n{soak.done:,} messages in {time.perf_counter() - began:.0f} s; {soak.restarts:,} guests replaced.")
    print(f"Outcomes: {outcomes}.")
    return list(growth(soak.samples, tolerance_bytes))


def main() -> int:
    """Reads the arguments; answers the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak_sandbox", description=__doc__)
    parser.add_argument("--messages", type=int, default=1_000_000, help="how many (default: 1,000,000)")
    parser.add_argument("--smoke", action="store_true", help="6,000 messages: show only that it runs")
    arguments = parser.parse_args()
    messages, tolerance_bytes = (6_000, 20_000_000) if arguments.smoke else (arguments.messages, 2_000_000)
    grown = trio.run(run, messages, 40, tolerance_bytes)
    for what in grown:
        print(f"GROWTH: {what}")
    return 1 if grown else 0


if __name__ == "__main__":
    sys.exit(main())
