"""One breakpoint of one execution: what it looks at, what it has seen, and what it holds."""

from collections import deque
from itertools import islice
from typing import Literal

import msgspec
import trio

from engine.compile.loaded_graph import CompiledNode
from engine.contracts.handler import Emission, Message, Outcome
from engine.debugging.condition import Condition
from engine.debugging.places import Places
from proto.breakpoint import BreakpointHit, BreakpointRequest, BreakpointSnapshot, HeldMessage

RECENT_HITS = 10
"""Hits of a breakpoint that are kept to be looked at; live clients hear of each."""

SHOWN_HOLDS = 100
"""Things that a breakpoint holds which are shown of it, the oldest first; there may be one for each node."""

Phase = Literal["input", "output", "error", "behind"]
"""The place of what is held: before its node, on its way out, failed, or behind it with all that came of it."""

VERBS: dict[Phase, tuple[str, ...]] = {
    "input": ("continue", "step", "next", "edit", "drop", "skip"),
    "output": ("continue", "next", "edit", "drop"),
    "error": ("continue", "retry", "edit", "drop", "skip"),
    "behind": ("continue", "next", "drop"),
}
"""The verbs that what is held takes, by its phase."""


class Verb(msgspec.Struct, frozen=True):
    """An answer to what is held, which lets it go.

    Attributes:
        name: one of ``VERBS``, or ``continue`` where nobody has said anything.
        port: index of an output port, of ``skip``.
    """

    name: str
    port: int = 0


CONTINUE = Verb("continue")


class Hold:
    """A thing that is held, until ``answer`` is called.

    Args:
        number: no two of one execution have the same.
        breakpoint_id: whose it is.
        phase: where it is held.
        node: before, in or behind which.
        hit: what is shown of it.
        message: that is held, or of which something came; None where nothing was made of one.
        verbs: that it takes.

    Attributes:
        edited: whether its value is another than it came with.
        emission: that is held on its way out; None otherwise.
        outcome: that is held behind its node; None otherwise.
        charged_bytes: for an edited value, until it has gone.
        verb: the answer.
        is_placed: whether its edge is held, where it is held before its node; that may take a pause first.
    """

    def __init__(
        self,
        number: int,
        breakpoint_id: str,
        phase: Phase,
        node: CompiledNode,
        hit: BreakpointHit,
        message: Message | None,
        verbs: tuple[str, ...],
    ) -> None:
        self.number = number
        self.breakpoint_id = breakpoint_id
        self.phase: Phase = phase
        self.node = node
        self.hit = hit
        self.message = message
        self.verbs = verbs
        self.edited = self.is_placed = False
        self.emission: Emission | None = None
        self.outcome: Outcome | None = None
        self.charged_bytes = 0
        self.verb = CONTINUE
        self._answered = trio.Event()

    @property
    def is_answered(self) -> bool:
        """True once it goes on."""
        return self._answered.is_set()

    def answer(self, verb: Verb) -> None:
        """Let it go on."""
        self.verb = verb
        self._answered.set()

    async def wait(self) -> Verb:
        """Return the answer."""
        await self._answered.wait()
        return self.verb

    def shown(self) -> HeldMessage:
        """Return it as it is shown."""
        fields = {name: getattr(self.hit, name) for name in BreakpointHit.__struct_fields__}
        return HeldMessage(**fields, hold=self.number, verbs=self.verbs, edited=self.edited)


class Breakpoint:
    """A breakpoint.

    Args:
        identifier: unique in its execution.
        wanted: as it was asked for.
        places: where it looks.
        condition: of what it stops on; None for always.
        created_at: ISO 8601 in UTC.

    Attributes:
        passed: how often it has let pass what it would have stopped on.
        hits: how often it has not.
        holds: what it holds, by their numbers.
        has_told_failure: watchers have heard that the condition fails.
        is_removed: it stops nothing any more; what was asked of it before may come back to it still.
    """

    def __init__(
        self,
        identifier: str,
        wanted: BreakpointRequest,
        places: Places,
        condition: Condition | None,
        created_at: str,
    ) -> None:
        self.id = identifier
        self.wanted = wanted
        self.places = places
        self.condition = condition
        self.passed = self.hits = 0
        self.holds: dict[int, Hold] = {}
        self.has_told_failure = self.is_removed = False
        self._created_at = created_at
        self._recent: deque[BreakpointHit] = deque(maxlen=RECENT_HITS)

    @property
    def would_stop(self) -> bool:
        """True where nothing goes on with the next thing that it sees, for now."""
        return self.wanted.action in ("hold", "pause") and self.passed >= self.wanted.after

    def counts(self) -> bool:
        """Take note that it would stop now; return False where it lets this pass."""
        if self.is_removed:
            return False
        if self.passed < self.wanted.after:
            self.passed += 1
            return False
        self.hits += 1
        return True

    def note(self, hit: BreakpointHit) -> None:
        """Keep a hit for who looks."""
        self._recent.append(hit)

    def snapshot(self) -> BreakpointSnapshot:
        """Return a snapshot of now."""
        wanted, condition = self.wanted, self.condition
        return BreakpointSnapshot(
            id=self.id,
            edge=wanted.edge,
            node=wanted.node,
            port=wanted.port,
            on=wanted.on or "input",
            level=(wanted.level or "error") if wanted.on == "log" else None,
            key=wanted.key,
            when=wanted.when,
            after=wanted.after,
            scope=self.places.scope,
            action=wanted.action,
            created_at=self._created_at,
            passed=self.passed,
            hits=self.hits,
            failure=None if condition is None else condition.failure or None,
            failures=0 if condition is None else condition.failures,
            holding=len(self.holds),
            held=tuple(hold.shown() for hold in islice(self.holds.values(), SHOWN_HOLDS)),
            recent=tuple(self._recent),
        )
