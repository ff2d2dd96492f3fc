"""The memory of what one instance's handler keeps between messages: delayed values, half of a pair, a state.

What it is handed is charged before it gets it, so that a full ledger is met by a message that waits and not by
one that is kept already. How much it keeps afterwards, it says itself. What a sandboxed component writes into its
state is known only when it has been written; where there is no memory for it, its execution fails, which releases
all that it holds.
"""

from collections.abc import Awaitable, Callable, Sequence

import trio

from engine.contracts.handler import Handler, HandlerError, Message, Outcome
from engine.execution.inbox import Inbox
from engine.execution.shared import ExecutionShared
from engine.memory.lease import MESSAGE_BYTES
from engine.memory.starvation import LOOK_SECONDS, PATIENCE_SECONDS
from proto.execution import ExecutionError

_SLACK_BYTES = 32 * 1024
"""Bytes that may be charged and unused before they are released, so that not every message asks the ledger."""

_LIGHT_BYTES = 16 * 1024
"""Bytes that may be made of a batch uncharged."""


class KeptMemory:
    """The memory that is charged for one handler.

    Args:
        handler: keeps something.
        shared: of its execution, which has an account.
        inbox: of its node.
        node_id: for the reason of a failure.
    """

    def __init__(self, handler: Handler, shared: ExecutionShared, inbox: Inbox, node_id: str) -> None:
        assert shared.account is not None  # noqa: S101 - whoever makes it has looked
        self._handler = handler
        self._shared = shared
        self._account = shared.account
        self._inbox = inbox
        self._node_id = node_id
        self._charged_bytes = 0
        self._made_bytes = 0

    def inherit(self, former: "KeptMemory") -> None:
        """Go on with what is charged for a handler that this one stands in for."""
        self._charged_bytes, former._charged_bytes = former._charged_bytes, 0  # noqa: SLF001 - of the same class
        self.settle()

    def close(self) -> None:
        """Give back what is charged: the handler keeps nothing any more that others do not."""
        self._account.release(self._charged_bytes, "handlers")
        self._charged_bytes = 0

    async def make_room(
        self,
        batch: Sequence[Message],
        due: Callable[[], float | None],
        release: Callable[[], Awaitable[None]],
    ) -> HandlerError | None:
        """Charge what the handler might keep of a batch, or wait until it can be charged.

        Where something that it keeps is due, memory will come free here, and is waited for as long as it takes.

        Args:
            batch: what it is about to be given.
            due: when something that it keeps is.
            release: lets that leave.

        Returns:
            Why it must not be given them, if nothing came free in time.
        """
        waited_seconds = 0.0
        while not self._try_room(batch):
            due_seconds = due()
            if due_seconds is not None and due_seconds <= trio.current_time():
                await release()
            elif due_seconds is None and waited_seconds >= PATIENCE_SECONDS:
                return self._refusal(batch)
            else:
                await trio.sleep(LOOK_SECONDS)
                waited_seconds += LOOK_SECONDS if due_seconds is None and self._shared.gate.is_open else 0
        return None

    def _try_room(self, batch: Sequence[Message]) -> bool:
        if self._handler.keeps != "messages":
            return True
        size = sum([len(message.value) for message in batch])
        more = self._handler.held_bytes() + size + MESSAGE_BYTES * len(batch) - self._charged_bytes
        if more <= 0:
            return True
        if self._account.try_charge(more + _SLACK_BYTES, "handlers"):
            more += _SLACK_BYTES
        elif self._account.try_charge(more, "handlers", is_under_way=True):
            pass
        elif size <= self._inbox.credit_bytes:  # it takes the place of what the node has taken from its inbox
            self._inbox.credit_bytes -= size
            self._account.note(more, "handlers")
        else:
            return False
        self._charged_bytes += more
        return True

    def _refusal(self, batch: Sequence[Message]) -> HandlerError:
        size = sum([len(message.value) for message in batch])
        reason = self._account.refusal(size) or "there was no memory for what the node keeps"
        return HandlerError("MemoryBoundError", str(reason))

    async def take_up(self, outcomes: Sequence[Outcome]) -> tuple[Sequence[Outcome], int]:
        """Charge what the handler has made of a batch, until ``put_down``; return what may leave of it.

        With it goes the sum of its emissions' bytes, or -1 where that was not added up.

        Where there is no memory for it, one outcome may wait for some all the same, for a bounded time. Others
        become errors: nothing of them has left yet, and what a thousand nodes would wait with is not bounded.
        """
        if self._handler.keeps != "state":  # what others make is bounded by ``MADE_BYTES``
            return outcomes, -1
        size = sum([len(value) for each in outcomes for _, value in each.emissions])
        if size <= _LIGHT_BYTES:
            return outcomes, size
        if self._account.try_charge(size, "outcomes", is_under_way=True):
            self._lend_made(size)
            return outcomes, size
        return [await self._take_up_one(outcome) for outcome in outcomes], -1

    async def _take_up_one(self, outcome: Outcome) -> Outcome:
        size = sum([len(value) for _, value in outcome.emissions])
        refusal = self._account.refusal(size)
        if refusal is not None:
            if self._account.refusal(0) is not None:
                return Outcome(logs=outcome.logs, error=HandlerError("MemoryBoundError", str(refusal)))
            self._account.note(size, "outcomes")
            is_there = await self._shared.starvation.wait_within(self._account)
            self._account.release(size, "outcomes")
            if not is_there:
                return Outcome(logs=outcome.logs, error=HandlerError("MemoryBoundError", str(refusal)))
        self._account.note(size, "outcomes")
        self._lend_made(size)
        return outcome

    def _lend_made(self, size: int) -> None:
        self._made_bytes += size
        self._inbox.credit_bytes += size

    def put_down(self) -> None:
        """Release what was made: it has left the node, or is charged where it waits."""
        if self._made_bytes:
            self._account.release(self._made_bytes, "outcomes")
            self._made_bytes = 0

    def lend(self) -> None:
        """Let what the handler keeps no more leave the node in the place that it has in memory."""
        self._inbox.credit_bytes += max(0, self._charged_bytes - self._handler.held_bytes())

    def settle(self) -> None:
        """Charge or release the difference to what the handler keeps now."""
        held = self._handler.held_bytes()
        if held > self._charged_bytes:
            self._grow(held)
        elif self._charged_bytes > held + 2 * _SLACK_BYTES:
            self._account.release(self._charged_bytes - held, "handlers")
            self._charged_bytes = held

    def _grow(self, held: int) -> None:
        more = held - self._charged_bytes
        refusal = self._account.refusal(more)
        self._account.note(more, "handlers")  # also where it is too much: it is there for now
        self._charged_bytes = held
        if refusal is not None:
            self._shared.fail(ExecutionError(f"Node {self._node_id} keeps too much: {refusal}", self._node_id))
