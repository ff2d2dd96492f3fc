"""One durable execution over many lives of its process: killed at random moments, on a disk that may be full.

The whole runtime runs, on a clock that jumps, with graphs of built-in components. Clients inject, hands pause,
resume, hold edges and set breakpoints, and at last it is completed, stopped, or neither. Then what it gave out is
compared with what the clients were answered.
"""

import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from itertools import pairwise
from random import Random
from typing import Any

import hypothesis  # noqa: F401 - being imported, it makes Trio's scheduler draw from a source that can be seeded
import msgspec
import trio
import trio.testing
from msgspec import Raw
from trio._core import _run as scheduler

from engine.cooperative.slices import use_computing_clock
from engine.durability.durable_execution import DurableExecution
from engine.errors import EngineError, IllegalTransitionError, InputsClosedError, NotFoundError
from engine.handle import ExecutionHandle
from engine.keeping.keeper import Keeper
from engine.limits import EngineLimits
from engine.runtime import Runtime, open_runtime
from engine.wall_clock import WallClock
from proto.breakpoint import BreakpointRequest
from proto.edge_command import Step
from proto.execution import ExecuteOptions, ExecutionState
from proto.message import Injection
from tests.crash.judge import Sent
from tests.simulation.disk import Disk, DiskStore

CLIENTS = 2
PATIENCE_SECONDS = 100_000
DELAY_MS = 700
SLACK_SECONDS = 0.5

LIVING = (ExecutionState.RUNNING, ExecutionState.PAUSED)


class Lived(msgspec.Struct, frozen=True):
    """What came of the lives of one execution.

    Attributes:
        seed: replays them.
        lives: how many there were.
        end: how it ended; "" where it did not.
        outputs: values that came out.
        violations: the promises that were broken.
    """

    seed: int
    lives: int
    end: str
    outputs: int
    violations: tuple[str, ...]


def live(seed: int) -> Lived:
    """Live the lives of a seed, and check what came of them."""
    scheduler._r.seed(seed)
    clock = trio.testing.MockClock()
    return trio.run(_Lives(seed, clock).run, clock=clock)


def graph_of(random: Random) -> dict[str, Any]:
    """A graph whose only output, ``z:out``, gives each message out once, in an array or alone."""
    parts: list[dict[str, Any]] = []
    for number in range(random.randint(0, 4)):
        kind = random.choice(("passthrough", "passthrough", "delay"))
        config = {"ms": random.choice((5, 50, DELAY_MS))} if kind == "delay" else {}
        inbox = {"inbox": {"capacity": random.choice((1, 2, 100))}} if random.random() < 0.5 else {}
        parts.append({"id": f"p{number}", "component": f"symbia.core.{kind}", "config": config, **inbox})
    first = {"id": "a", "component": "symbia.core.passthrough"}
    gathers = random.random() < 0.5
    last = {"id": "z", "component": f"symbia.core.{'accumulator' if gathers else 'passthrough'}"}
    if gathers:
        last["config"] = {"count": random.choice((2, 3, 7))}  # type: ignore[assignment]
    nodes = [first, *parts, last]
    edges = [
        {"source": {"node": source["id"], "port": "out"}, "target": {"node": target["id"], "port": "in"}}
        for source, target in pairwise(nodes)
    ]
    return {"symbia": "1.0", "name": f"lives {random.random()}", "nodes": nodes, "edges": edges}


class _Lives:
    def __init__(self, seed: int, clock: trio.testing.MockClock) -> None:
        self._seed = seed
        self._clock = clock
        self._random = Random(f"lives {seed}")
        self._graph = graph_of(self._random)
        self._disk = Disk()
        self._id = ""
        self._sent = {client: Sent() for client in range(CLIENTS)}
        self._last = dict.fromkeys(range(CLIENTS), 0)
        self._violations: list[str] = []
        self._lives = 0
        # What it was told last, and was answered for; None where an answer is lacking.
        self._is_paused: bool | None = False
        self._is_closed: bool | None = False
        self._stop: bool | None = False
        self._is_dead = False

    async def run(self) -> Lived:
        """Live, die, and be judged."""
        use_computing_clock(lambda: 0.0)  # real time must not decide who goes first
        end = ""
        outputs: list[bytes] = []
        with trio.move_on_after(PATIENCE_SECONDS) as patience:
            for _ in range(self._random.randint(1, 6)):
                await self._life()
            end, outputs = await self._last_life()
        if patience.cancelled_caught:
            self._violations.append("stuck")
        numbers = [number for value in outputs for number in _numbers_in(value)]
        if end == "completed":
            self._judge(numbers)
        return Lived(self._seed, self._lives, end, len(numbers), tuple(dict.fromkeys(self._violations)))

    @asynccontextmanager
    async def _process(self, refusing: float) -> AsyncIterator[tuple[Runtime, DiskStore]]:
        """A process on the disk; all that it has in memory is gone after the block, without a last word."""
        random = self._random
        store = DiskStore(self._disk, random, refusing)
        self._lives += 1
        self._is_dead = False
        limits = EngineLimits(
            kept_outputs=10_000,
            checkpoint_ms=random.choice((10, 100, 1000)),
            checkpoint_messages=random.choice((1, 5, 1000)),
        )
        keeper = Keeper(store)
        with trio.CancelScope() as process:
            async with open_runtime(limits=limits, keeper=keeper, clock=WallClock(trio.current_time)) as runtime:
                self._clock.autojump_threshold = 0  # nothing waits for a thread any more
                await runtime.restore()
                yield runtime, store
                self._is_dead = True
                self._disk = store.die()
                process.cancel()
                await trio.lowlevel.checkpoint()
        self._clock.autojump_threshold = math.inf

    async def _life(self) -> None:
        """One life, which ends by a kill."""
        random = self._random
        refusing = random.choice((0.0, 0.0, 0.3, 1.0)) if self._id else 0.0
        async with self._process(refusing) as (runtime, _):
            if not self._id:
                graph = await runtime.library.load_graph(self._graph)
                self._id = (await runtime.execute(graph.id, ExecuteOptions(completion="manual", durable=True))).id
            elif self._check_restart(runtime):
                return
            handle = runtime.execution(self._id)
            async with trio.open_nursery() as nursery:
                for client in range(CLIENTS):
                    nursery.start_soon(self._inject, handle, client)
                nursery.start_soon(self._command, handle)
                nursery.start_soon(self._take_in_hand, handle)
                await trio.sleep(random.choice((0.0, 0.01, 0.2, 1.0, 3.0)) * random.random())
                for _ in range(random.randint(0, 40)):
                    await trio.lowlevel.checkpoint()
                self._is_dead = True
                nursery.cancel_scope.cancel()

    def _check_restart(self, runtime: Runtime) -> bool:
        """Check the state after a restart; return whether it had ended before."""
        try:
            state = runtime.execution(self._id).head().state
        except NotFoundError:  # its end found no room on the disk, but for the word that it is no more
            if self._stop is False and self._is_closed is False:
                self._violations.append("nobody has stopped it, and it is gone")
            return True
        if state not in LIVING:
            if self._stop is False and not (state is ExecutionState.COMPLETED and self._is_closed is not False):
                self._violations.append(f"nobody has stopped it, and it is {state} after a restart")
            return True
        if self._stop:
            self._violations.append(f"it was stopped, and is {state} after a restart")
        if self._is_paused is not None and (state is ExecutionState.PAUSED) is not self._is_paused:
            self._violations.append(f"paused: {self._is_paused}, and it is {state} after a restart")
        return False

    async def _inject(self, handle: ExecutionHandle, client: int) -> None:
        random, sent = self._random, self._sent[client]
        while True:
            await trio.sleep(random.choice((0.0, 0.001, 0.1)))
            first = self._last[client] + 1
            numbers = list(range(first, first + random.choice((1, 1, 2, 9))))
            self._last[client] = numbers[-1]
            values = [b'{"c":%d,"n":%d}' % (client, number) for number in numbers]
            sent.unknown.update(numbers)
            is_closed = self._is_closed
            try:
                await handle.inject([Injection("a", "in", Raw(value)) for value in values])
            except EngineError as error:
                if self._is_dead:
                    return
                sent.unknown.difference_update(numbers)
                sent.refused.update(numbers)
                if isinstance(error, IllegalTransitionError | InputsClosedError | NotFoundError):
                    return
            else:
                sent.unknown.difference_update(numbers)
                sent.acknowledged.update(numbers)
                if is_closed:
                    self._violations.append("it was told that no more comes, and took more")

    async def _command(self, handle: ExecutionHandle) -> None:
        """Pause and resume; now and then complete or stop."""
        random = self._random
        while True:
            await trio.sleep(random.choice((0.01, 0.1, 1.0)) * random.random())
            verb = random.choice(
                ("pause", "resume", "pause", "resume", "complete" if self._lives > 2 else "pause")
            )
            if self._lives > 3 and random.random() < 0.1:
                verb = random.choice(("stop", "drain"))
            before = self._is_paused, self._is_closed, self._stop
            self._note(verb, None)
            try:
                await (
                    handle.stop(drain=verb == "drain") if verb in ("stop", "drain") else getattr(handle, verb)()
                )
            except EngineError as error:
                if self._is_dead:
                    return
                self._is_paused, self._is_closed, self._stop = before
                if isinstance(error, NotFoundError):
                    return
            else:
                self._note(verb, True)
            if self._stop or (self._is_closed and handle.head().state not in LIVING):
                return

    def _note(self, verb: str, is_answered: bool | None) -> None:
        if verb in ("pause", "resume"):
            self._is_paused = is_answered and verb == "pause"
        elif verb == "complete":
            self._is_closed = is_answered
        else:
            self._stop = is_answered

    async def _take_in_hand(self, handle: ExecutionHandle) -> None:
        """Hold edges, step, and set breakpoints, in some lives."""
        random = self._random
        if random.random() < 0.5:
            return
        edges = len(self._graph["edges"])
        while True:
            await trio.sleep(random.random() * 0.1)
            edge = str(random.randrange(edges))
            verb = random.choice(("hold", "let go", "step", "break"))
            try:
                if verb == "hold":
                    await handle.edge(edge).pause()
                elif verb == "let go":
                    await handle.edge(edge).resume()
                elif verb == "step":
                    await handle.edge(edge).step(Step())
                else:
                    await handle.set_breakpoint(BreakpointRequest(edge=int(edge)))
            except EngineError:
                if self._is_dead:
                    return

    async def _last_life(self) -> tuple[str, list[bytes]]:
        """Let all go on and come to its end; how it ended, and what came out."""
        async with self._process(0.0) as (runtime, _):
            restarted = trio.current_time()
            has_ended = self._check_restart(runtime)
            if self._id not in runtime.underway():
                return "before", []
            handle = runtime.execution(self._id)
            if not has_ended:
                execution = runtime._executions.underway[self._id]
                assert isinstance(execution, DurableExecution)
                with suppress(IllegalTransitionError):  # it may be about to end
                    for edge in range(len(self._graph["edges"])):
                        await handle.edge(str(edge)).resume()
                    for each in handle.breakpoints():
                        await handle.remove_breakpoint(each.id)
                    if handle.head().state is ExecutionState.PAUSED:
                        await handle.resume()
                delays = [node.get("config", {}).get("ms", 0) / 1000 for node in self._graph["nodes"]]
                await handle.wait_quiescent()
                if trio.current_time() > restarted + sum(delays) + SLACK_SECONDS:
                    self._violations.append(f"quiet {trio.current_time() - restarted} seconds after the restart")
                with suppress(IllegalTransitionError):
                    await handle.complete()
                await execution.settled.wait()
            end = str(handle.head().state)
            if end == "failed":
                self._violations.append(f"it has failed: {handle.head().error}")
            handle = runtime.execution(self._id)
            outputs = [bytes(each.value) for each in handle.outputs()]
            left = [place for place in self._disk.streams if place[0] == "accepted"]
            left += [place for place in self._disk.records if place[0] in ("checkpoint", "progress")]
            if left:
                self._violations.append(f"left behind: {left}")
            return end, outputs

    def _judge(self, numbers: list[tuple[int, int]]) -> None:
        for client, sent in self._sent.items():
            own = [number for each, number in numbers if each == client]
            there = set(own)
            wrong = {
                "acknowledged and lost": sent.acknowledged - there,
                "refused and there": there & sent.refused,
                "there twice": {number for number in there if own.count(number) > 1},
            }
            found = [f"client {client}: {what}: {sorted(which)}" for what, which in wrong.items() if which]
            if own != sorted(own):
                found.append(f"client {client}: out of order: {own}")
            self._violations += found


def _numbers_in(value: bytes) -> list[tuple[int, int]]:
    decoded = msgspec.json.decode(value)
    return [(each["c"], each["n"]) for each in (decoded if isinstance(decoded, list) else [decoded])]
