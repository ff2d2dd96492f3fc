"""Senders that wait for memory, which may come free anywhere: here, in another execution, at another owner's.

A full inbox wakes those whom it keeps waiting. Nobody would wake those whom a full ledger keeps waiting at an
empty inbox, so a task looks after them, for as long as there are any. Each gets a bounded time: a wait for what
paused or slow executions hold may never end, and two nodes may wait for each other's memory. After it the message
is refused, which is an error of the invocation that emitted it.
"""

from collections.abc import Awaitable, Callable
from typing import Literal, Protocol

import trio

from engine.memory.ledger import Account, Kind

PATIENCE_SECONDS = 5.0
"""The time that a sender waits for memory; as long as an injection waits at a full inbox."""

LOOK_SECONDS = 0.05
"""The time between two looks: memory that has just come free is not noticed sooner."""

_LOOKS_AT_ONCE = 100
"""Inboxes that are looked at without a look at other tasks: well below a millisecond."""

Spawn = Callable[[Callable[[], Awaitable[None]]], None]


class Hungry(Protocol):
    """A part of an execution that waits for memory."""

    def feed(self) -> Literal["done", "moving", "hungry"]:
        """Try again: nobody waits for memory any more; somebody does who is being served; nobody is served."""

    def give_up(self) -> None:
        """Refuse who has waited longest."""


class Starvation:
    """The tasks of one execution that wait for memory.

    Args:
        spawn: starts a task that the execution owns.
        is_resting: whether the execution is paused: while it is, nobody's time runs out.
    """

    def __init__(self, spawn: Spawn, is_resting: Callable[[], bool]) -> None:
        self._spawn = spawn
        self._is_resting = is_resting
        self._since: dict[Hungry, float] = {}

    def look_after(self, hungry: Hungry) -> None:
        """Let it try again until it is done."""
        if not self._since:
            self._spawn(self._run)
        self._since.setdefault(hungry, trio.current_time())

    async def _run(self) -> None:
        while self._since:
            await trio.sleep(LOOK_SECONDS)
            for number, hungry in enumerate(list(self._since), 1):
                self._look_at(hungry)
                if not number % _LOOKS_AT_ONCE:
                    await trio.lowlevel.checkpoint()

    def _look_at(self, hungry: Hungry) -> None:
        progress = hungry.feed()
        now = trio.current_time()
        if progress == "done":
            del self._since[hungry]
        elif progress == "moving" or self._is_resting():
            self._since[hungry] = now
        elif now - self._since[hungry] >= PATIENCE_SECONDS:
            self._since[hungry] = now
            hungry.give_up()

    async def charge(self, account: Account, size_bytes: int, kind: Kind) -> None:
        """Charge memory that work under way needs; wait a bounded time for it. No checkpoint where it is there.

        Raises:
            MemoryBoundError: it did not come free.
        """
        waited_seconds = 0.0
        while not account.try_charge(size_bytes, kind, is_under_way=True):
            if waited_seconds >= PATIENCE_SECONDS:
                account.charge(size_bytes, kind, is_under_way=True)
                return
            await trio.sleep(LOOK_SECONDS)
            if not self._is_resting():
                waited_seconds += LOOK_SECONDS

    async def wait_within(self, account: Account) -> bool:
        """Wait a bounded time until what is charged is within the bounds again; whether it is."""
        waited_seconds = 0.0
        while account.refusal(0) is not None:
            if waited_seconds >= PATIENCE_SECONDS:
                return False
            await trio.sleep(LOOK_SECONDS)
            if not self._is_resting():
                waited_seconds += LOOK_SECONDS
        return True
