"""The emissions that a node has in hand while one of them waits for room."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Concatenate, ParamSpec

import trio

from engine.contracts.handler import Emission, Message
from engine.errors import MemoryBoundError
from engine.execution.failure import EdgeFullError, UnsentError
from engine.execution.hand import HAND, Sending
from engine.execution.inbox import Inbox
from engine.execution.unprocessed import CutOff
from engine.memory.ledger import Account
from engine.memory.starvation import Starvation

P = ParamSpec("P")

EMISSION_BYTES = 100
"""Bytes of an emission beside its value: 97 were measured."""

LIGHT_BYTES = 4 * 1024
"""Bytes that a node may have in hand uncharged; part of what an execution is charged for each of its nodes."""


class PendingEmissions(Sending):
    """Emissions of one node, charged for as long as one of them waits.

    Args:
        account: the execution's; nothing is charged when absent.
        starvation: looks after who waits for memory.
        own: the node's own inbox, which is charged with what the node has taken and works on.
        emissions: all that leave together, those that have left among them.
        sent: how many have left.
        cut_off: told how many had left, where the end cuts the sending off.

    Attributes:
        is_charged: whether nothing more is to be charged.
    """

    __slots__ = (
        "_account",
        "_charged_bytes",
        "_cut_off",
        "_own",
        "_starvation",
        "is_charged",
    )

    def __init__(
        self,
        account: Account | None,
        starvation: Starvation,
        own: Inbox,
        emissions: Sequence[Emission],
        sent: int,
        cut_off: CutOff,
    ) -> None:
        super().__init__(emissions, sent)
        self._account = account
        self._starvation = starvation
        self._own = own
        self._charged_bytes = 0
        self.is_charged = account is None
        self._cut_off = cut_off

    async def carry(
        self,
        send: Callable[Concatenate["PendingEmissions", P], Awaitable[None]],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> None:
        """Call ``send``, which has them charged where it must wait; release that afterwards.

        Raises:
            UnsentError: there was no memory for an emission, or for what waits with it; or an edge rejects it.
        """
        hand = HAND.get()
        hand.sending = self
        try:
            await send(self, *args, **kwargs)
        except MemoryBoundError as error:
            raise UnsentError(self.sent, str(error)) from error
        except EdgeFullError as error:
            raise UnsentError(self.sent, str(error), "EdgeFull") from error
        except trio.Cancelled:
            self._cut_off.sent = self.sent
            raise
        finally:
            hand.sending = None
            if self._charged_bytes and self._account is not None:
                self._account.release(self._charged_bytes, "outcomes")

    async def put(self, inbox: Inbox, message: Message) -> None:
        """Put an emission into an inbox that has no room for it now, as soon as it has.

        An emission may take the place in memory of what the node has taken and will soon let go, and of what is
        charged here. So values that only pass, or become smaller, go on to their end however full the memory is:
        those behind let go what those before need.

        Raises:
            MemoryBoundError: there is no memory for it, or for what waits with it, and none came free in time.
        """
        size = len(message.value)
        has_credit = size <= self._own.credit_bytes
        if has_credit:
            self._own.credit_bytes -= size
        if not self.is_charged:
            await self._take_up(size if has_credit else 0)
        is_charged_here = not has_credit and size <= self._charged_bytes
        await inbox.put(message, is_paid=has_credit or is_charged_here)
        if is_charged_here and self._account is not None:
            self._charged_bytes -= size
            self._account.release(size, "outcomes")

    async def _take_up(self, credited_bytes: int) -> None:
        """Charge what the node has in hand, as far as it does not take the place of what it has taken."""
        self.is_charged = True
        if self._account is None:
            return
        size = sum([len(value) for _, value in self.emissions]) + EMISSION_BYTES * len(self.emissions)
        size -= credited_bytes + self._own.credit_bytes
        if size > LIGHT_BYTES:
            await self._starvation.charge(self._account, size, "outcomes")
            self._charged_bytes = size
