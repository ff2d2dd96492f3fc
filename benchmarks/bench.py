"""What every family of benchmarks is given: a runtime, its peers, how much to measure, and whom to tell of it."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import TypeVar

import msgspec
import trio

from benchmarks.own import Own
from benchmarks.peer import Peer, PeerError, expected_output, open_peers
from benchmarks.results import Better, Result
from benchmarks.workloads import Workload
from engine.limits import EngineLimits
from engine.runtime import Runtime, open_runtime


class Scale(msgspec.Struct, frozen=True):
    """How much is measured.

    Attributes:
        rounds: how often everything is measured; the median counts. One more goes before, to warm up.
        seconds: about how long one sample of a throughput takes.
        samples: messages of one sample of latencies.
        is_smoke: whether it is only to be seen that everything runs.
    """

    rounds: int
    seconds: float
    samples: int
    is_smoke: bool = False


FULL = Scale(rounds=5, seconds=0.25, samples=1_000)
SMOKE = Scale(rounds=1, seconds=0.002, samples=10, is_smoke=True)

_MOST_MESSAGES = 200_000
_TRIAL_MESSAGES, _SMOKE_MESSAGES = 500, 50
_TRIAL_BYTES, _SMOKE_BYTES = 5_000_000, 500_000
"""Sent once, to see how long a message takes: so many, or fewer where they are large."""

LIMITS = EngineLimits(
    max_concurrent_executions=1_000, memory_bytes=1024 * 1024 * 1024, owner_memory_bytes=1024 * 1024 * 1024
)
"""One owner has all that runs here: a hundred executions of fifty nodes hold more than one may have by default."""

_T = TypeVar("_T")

Measured = Callable[[], Awaitable[float]]


class Bench:
    """One run of the benchmarks. Made by :func:`open_bench`.

    Args:
        runtime: what is measured.
        peers: what is measured beside it.
        scale: how much.
        tell: called with a line on each thing that is begun.
    """

    def __init__(self, runtime: Runtime, peers: Sequence[Peer], scale: Scale, tell: Callable[[str], None]) -> None:
        self.runtime = runtime
        self.peers = peers
        self.scale = scale
        self.tell = tell
        self.left_out: list[str] = []
        self.javascript = Own(runtime)
        self.passthrough = Own(runtime, "symbia.core.passthrough", "pass-through")

    async def rounds(
        self, family: str, workload: str, subjects: Mapping[str, Measured], unit: str, better: Better = "lower"
    ) -> list[Result]:
        """A row for each subject, measured in turns, so that a busy moment of the machine falls on all of them."""
        taken: dict[str, list[float]] = {name: [] for name in subjects}
        for turn in range(self.scale.rounds + 1):
            self.tell(f"{family}: {workload}, round {turn} of {self.scale.rounds}")
            for name, measure in subjects.items():
                if name not in taken:
                    continue
                try:
                    value = await measure()
                except PeerError as error:
                    self.left_out.append(f"{workload}: {error}")
                    del taken[name]
                else:
                    if turn or self.scale.is_smoke:
                        taken[name].append(value)
        return [Result(family, workload, name, unit, better, tuple(values)) for name, values in taken.items()]

    async def throughput(self, family: str, workload: Workload, label: str, *, forwarding: bool) -> list[Result]:
        """Messages a second through this runtime and all peers; ``forwarding`` adds the pass-through nodes."""
        subjects: dict[str, Measured] = {}
        for own in (self.javascript, self.passthrough) if forwarding else (self.javascript,):
            subjects[own.name] = await self._own_rate(own, workload)
        for peer in self.peers:
            subjects[peer.name] = self._peer_rate(peer, workload)
        return await self.rounds(family, label, subjects, "messages/s", "higher")

    async def _own_rate(self, own: Own, workload: Workload) -> Measured:
        found, expected = await own.output(workload), expected_output(workload)
        if found != expected:
            raise RuntimeError(f"{own.name} answers {str(found)[:80]}, and not {str(expected)[:80]}")
        count = self.enough(await own.throughput(workload, self._trial(workload)), workload)

        async def measure() -> float:
            return 1 / await own.throughput(workload, count)

        return measure

    def _peer_rate(self, peer: Peer, workload: Workload) -> Measured:
        count = 0

        async def measure() -> float:
            nonlocal count
            await trio.lowlevel.checkpoint()
            if not count:
                count = self.enough(peer.throughput(workload, self._trial(workload)), workload)
            return 1 / peer.throughput(workload, count)

        return measure

    def _trial(self, workload: Workload) -> int:
        messages = _SMOKE_MESSAGES if self.scale.is_smoke else _TRIAL_MESSAGES
        size = _SMOKE_BYTES if self.scale.is_smoke else _TRIAL_BYTES
        return max(1, min(messages, size // len(workload.value)))

    def few(self, sizes: Sequence[_T]) -> Sequence[_T]:
        """The sizes to measure: all of them, or the least where it is only to be seen that everything runs."""
        return sizes[:1] if self.scale.is_smoke else sizes

    def enough(self, message_seconds: float, workload: Workload) -> int:
        """How many messages make one sample, when one of them takes about so long."""
        count = int(min(_MOST_MESSAGES, max(20.0, self.scale.seconds / message_seconds)))
        return max(1, count // workload.executions) * workload.executions


@asynccontextmanager
async def open_bench(scale: Scale, peer_names: Sequence[str], tell: Callable[[str], None]) -> AsyncIterator[Bench]:
    """A run with those of the named peers that can be had here."""
    with open_peers(peer_names) as (peers, missing):
        async with open_runtime(limits=LIMITS) as runtime:
            bench = Bench(runtime, peers, scale, tell)
            bench.left_out += missing
            yield bench
