"""The search: says cases to the real service, keeps the worst of each kind, and changes those.

Each case is judged by its longest step (CPU time, from the stopwatch in the service's process) and by how much
resident memory grew for each byte that was sent. A service that grew large, fell silent or died is started anew.
"""

import contextlib
import itertools
import math
import random
import time
from collections.abc import Callable, Iterator
from typing import Any, Self

import msgspec

from tests.stalls.cases import Case, load_cases, recipes_of, with_recipe
from tests.stalls.conversation import Client
from tests.stalls.recipes import RecipeTooLargeError, changed, grown, size_of
from tests.stalls.seeds import seeds
from tests.stalls.stopwatch import LongPass, LongStep
from tests.stalls.target import Target, probing

BOUND_MS = 50.0
TURN_BOUND_MS = 100.0
"""A pass has the steps of everybody who is ready."""

GARBAGE_BOUND_MS = 250.0
"""A full collection looks at all that callers have stored: 50 ms where one organisation is at its bound of memory,
and twice or three times as much on a busy machine."""

GROWTH_BOUND = 40.0
"""Bytes of resident memory for each byte sent; a decoded JSON text takes up to thirty times its size."""

GROWTH_FROM_BYTES = 48 * 1024 * 1024
"""Less growth than this is nothing: buffers, and memory that Python has not given back yet."""

GROWN_BOUND_BYTES = 300 * 1024 * 1024
"""No case may take more, however much it sends; a service at rest takes 80 MB, and 400 MB is its promise."""

SILENT_MS = 5000.0
"""Whoever answers nobody for so long is started anew; the step that held it may not have ended."""

RENEW_BYTES = 400 * 1024 * 1024
"""A service that is larger than this is started anew."""

BY_COUNT = frozenset({"program", "module", "life"})
"""Kinds whose memory does not come of what is sent: guests and executions are bounded by their number."""

SETTLE_SECONDS = 0.05
KEPT_OF_A_KIND = 6
CONFIRMATIONS = 2
"""How often a case that seems bad is said again. What holds the loop does so each time."""

FIRST_GIVEN = 15
"""Cases before the first is changed."""

EXPONENT_FROM_MS = 15.0
"""Shorter steps are noise: how they grow is not asked."""


class Verdict(msgspec.Struct, frozen=True):
    """What a case did.

    Attributes:
        step: its longest step, if one was long enough to be seen.
        turn: its longest pass of the loop, likewise: nobody is heard before its end.
        garbage_ms: the longest pause of the garbage collector.
        health_ms: the longest answer to another process that asked how the service is.
        sent_bytes: what was sent.
        grown_bytes: by how much resident memory grew at its peak.
        died: whether the service was gone afterwards.
        by_count: whether its memory is bounded by the number of guests and executions.
    """

    step: LongStep | None
    turn: LongPass | None
    garbage_ms: float
    health_ms: float
    sent_bytes: int
    grown_bytes: int
    died: bool
    by_count: bool = False

    @property
    def step_ms(self) -> float:
        """The longest step without the collector's pauses; the silence where it has not ended."""
        ended = 0.0 if self.step is None else self.step.cpu_ms
        return max(ended, self.health_ms if self.health_ms > SILENT_MS else 0.0)

    @property
    def turn_ms(self) -> float:
        """The longest pass of the loop."""
        return 0.0 if self.turn is None else self.turn.cpu_ms

    @property
    def growth(self) -> float:
        """Bytes of memory for each byte sent; 0 where little was taken."""
        if self.by_count or self.grown_bytes <= GROWTH_FROM_BYTES:
            return 0.0
        return self.grown_bytes / max(self.sent_bytes, 4096)

    @property
    def is_bad(self) -> bool:
        """Whether a bound is broken."""
        return self.badness > 1

    @property
    def badness(self) -> float:
        """For comparing: 1 is at a bound."""
        if self.died:
            return math.inf
        return max(
            self.step_ms / BOUND_MS,
            self.turn_ms / TURN_BOUND_MS,
            self.garbage_ms / GARBAGE_BOUND_MS,
            self.growth / GROWTH_BOUND,
            self.grown_bytes / GROWN_BOUND_BYTES,
        )

    def __str__(self) -> str:
        text = f"step {self.step_ms:6.0f} ms, pass {self.turn_ms:6.0f} ms, gc {self.garbage_ms:4.0f} ms, "
        text += f"health {self.health_ms:6.0f} ms, "
        text += f"{self.grown_bytes / 1e6:6.1f} MB for {self.sent_bytes / 1e6:7.3f} MB"
        return text + (", and the service DIED" if self.died else "")


class Found(msgspec.Struct, frozen=True):
    """A case and what it did."""

    case: Case
    verdict: Verdict
    exponent: float | None = None
    """How the step grows with the case: 1 is linear, 2 quadratic; absent where that was not to be seen."""


class Laboratory:
    """The service in which cases are tried."""

    def __init__(self) -> None:
        self._stack = contextlib.ExitStack()
        self._target: Target | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def target(self) -> Target:
        """A service that is alive and not too large."""
        target = self._target
        if target is not None and target.is_alive and target.resident_bytes() < RENEW_BYTES:
            return target
        self._stack.close()
        self._target = self._stack.enter_context(Target())
        self._target.steps()
        return self._target

    def confirm(self, case: Case) -> Verdict:
        """Say a case, and again where it seems bad: the mildest verdict, since a busy machine makes others."""
        verdict = self.try_case(case)
        for _ in range(CONFIRMATIONS):
            if not verdict.is_bad:
                break
            verdict = min(verdict, self.try_case(case), key=lambda each: each.badness)
        return verdict

    def try_case(self, case: Case) -> Verdict:
        """Say a case, and judge it."""
        target = self.target()
        target.clean()
        time.sleep(SETTLE_SECONDS)
        target.steps()
        target.forget_peak()
        before = target.resident_bytes()
        with probing(target) as measured:
            played = Client(target.url).play(case)
            time.sleep(SETTLE_SECONDS)
        steps, turns = target.noted()
        verdict = Verdict(
            step=max(steps, key=lambda step: step.cpu_ms, default=None),
            turn=max(turns, key=lambda turn: turn.cpu_ms, default=None),
            garbage_ms=max((turn.garbage_ms for turn in turns), default=0.0),
            health_ms=measured.get("health", {}).get("longest_ms", math.inf),
            sent_bytes=played.sent_bytes,
            grown_bytes=target.peak_bytes() - before,
            died=not target.is_alive,
            by_count=case.kind in BY_COUNT,
        )
        if verdict.health_ms > SILENT_MS:
            target.process.kill()
            target.process.wait()
        return verdict


class Search:
    """Keeps the worst cases of each kind.

    Args:
        laboratory: where cases are tried.
        seed: repeats a search, as far as the machine does.
        tell: is called with each line of progress.
    """

    def __init__(self, laboratory: Laboratory, seed: int, tell: Callable[[str], Any]) -> None:
        self._laboratory = laboratory
        self._draw = random.Random(seed)
        self._tell = tell
        self.kept: dict[str, list[Found]] = {}
        self.tried = 0

    def run(self, seconds: float) -> None:
        """Search for so long; among the changed cases come all seeds and all that are known, as time allows."""
        until = time.monotonic() + seconds
        for case in self._cases():
            if time.monotonic() > until:
                return
            self._try(case)

    def bad(self) -> list[Found]:
        """Every kept case that breaks a bound, the worst first."""
        found = [each for group in self.kept.values() for each in group if each.verdict.is_bad]
        return sorted(found, key=lambda each: -each.verdict.badness)

    def _cases(self) -> Iterator[Case]:
        given = [*load_cases().values(), *seeds()]
        self._draw.shuffle(given)
        for number in itertools.count():
            if given and (number < FIRST_GIVEN or number % 3 == 0):
                yield given.pop()
            else:
                yield self._change()

    def _change(self) -> Case:
        """A kept case with one of its texts changed, and sometimes two."""
        group = self.kept[self._draw.choice(list(self.kept))]
        case = self._draw.choice(group[: self._draw.choice([1, 3, len(group)])]).case
        pool = [recipe for each in group for _, _, recipe in recipes_of(each.case)]
        for _ in range(self._draw.choice([1, 1, 2])):
            texts = [text for text in recipes_of(case) if text[2]]
            if texts:
                position, number, recipe = self._draw.choice(texts)
                case = with_recipe(case, position, number, changed(recipe, self._draw, pool))
        return case

    def _try(self, case: Case) -> None:
        try:
            verdict = self._laboratory.confirm(case)
        except RecipeTooLargeError:
            return
        self.tried += 1
        group = self.kept.setdefault(case.kind, [])
        is_worst = not group or verdict.badness > group[0].verdict.badness
        if verdict.is_bad and is_worst:
            found = Found(case, verdict, self._exponent(case, verdict))
            self._tell(f"[{self.tried}] {case.kind}, {case.note}: {verdict}{_shown(found.exponent)}")
            if verdict.step is not None:
                self._tell("\n".join(f"      {frame}" for frame in verdict.step.stack[:6]))
            if verdict.turn is not None:
                self._tell(f"      {verdict.turn}")
        else:
            found = Found(case, verdict)
            if self.tried % 25 == 0:
                self._tell(f"[{self.tried}] {case.kind}, {case.note}: {verdict}")
        group.append(found)
        group.sort(key=lambda each: -each.verdict.badness)
        del group[KEPT_OF_A_KIND:]

    def _exponent(self, case: Case, verdict: Verdict) -> float | None:
        """How the step grows, from a case half as large."""
        if verdict.step_ms < EXPONENT_FROM_MS or not any(recipe for _, _, recipe in recipes_of(case)):
            return None
        position, number, recipe = max(recipes_of(case), key=lambda each: size_of(each[2]))
        smaller = grown(recipe, 0.5)
        before, after = size_of(recipe), size_of(smaller)
        half = self._laboratory.try_case(with_recipe(case, position, number, smaller))
        if after > 0.8 * before or half.step_ms < EXPONENT_FROM_MS / 2:
            return None
        return math.log(verdict.step_ms / half.step_ms) / math.log(before / after)


def _shown(exponent: float | None) -> str:
    if exponent is None:
        return ""
    return f", grows as the power of {exponent:.1f}{' (MORE THAN LINEAR)' if exponent > 1.4 else ''}"
