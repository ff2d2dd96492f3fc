"""Sources: handlers that produce by themselves, under backpressure.

A source is run in a task beside its node's own. What it has read it gives to its node, a batch at a time, and
waits until that has left: so a full graph stops its reading, and at most one batch of it waits. The node gives a
batch out as it gives out what a delay holds, so a pause, a checkpoint, a recording and a drain find a source as
they find a delay.

``run`` may be cancelled at any moment: for a reload, a draining stop, or the end. It is called again, of the same
handler or of one that has its position, and goes on behind what has been given (``reached``).
"""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

import msgspec
import trio
from msgspec import structs

from engine.contracts.groups import AcknowledgedOutcome, Receipt
from engine.contracts.handler import Emission, Handler, HandlerError, Kept, LogLine, Message, Outcome
from engine.contracts.lanes import CANONICAL

IDLE_SECONDS = 0.1
"""The time after which a source is asked again that has emitted nothing, and has not said when: none is asked
without a pause."""

LONGEST_WAIT_SECONDS = 86_400.0
"""The longest time that a source may ask to be left alone: a day. A longer one is taken for that."""


class Produced(msgspec.Struct, frozen=True):
    """A batch that a source has read or made.

    Attributes:
        emissions: in order.
        logs: in order.
        error: in place of all emissions.
        position: the place that the source has reached with this batch, of what ``Kept.rest`` is made of; None
            where it has none.
        again_seconds: how long to wait before it is asked again.
        is_end: whether nothing comes behind it.
        receipts: of each emission, where they are to be acknowledged; empty where none is. The source's component
            says that there are any (``Builtin.acknowledges``).
    """

    emissions: Sequence[Emission] = ()
    logs: Sequence[LogLine] = ()
    error: HandlerError | None = None
    position: Any = None
    again_seconds: float = 0.0
    is_end: bool = False
    receipts: Sequence[Receipt | None] = ()


class Outlet(Protocol):
    """The node of a source, as that sees it while it runs."""

    def wake(self) -> None:
        """Let the node give out what is ready."""

    def at_work(self) -> AbstractAsyncContextManager[None]:
        """Count as a running handler in the block: a pause waits for its end, and it waits for that of a pause."""


class SourceHandler(Handler):
    """A handler that produces. ``fetch`` must be written, or ``run`` where a batch at a time does not do.

    Attributes:
        position: reached with all that has left; None at the beginning.
        has_ended: whether it has said that nothing more comes.
        computes: whether ``fetch`` computes and does not wait, so that a pause must wait for its end.
    """

    is_source = True
    computes = False

    def __init__(self) -> None:
        self.position: Any = None
        self.has_ended = False
        self._ready: Produced | None = None
        self._ready_seconds = 0.0
        self._turn = trio.Lock()
        self._left = trio.Event()
        self._is_out = True  # of what was taken last: whether it has left
        self._receipts: Sequence[Receipt | None] = ()  # of that

    async def fetch(self) -> Produced:
        """Read or make the next batch, from ``reached`` on. It may wait; cancelled, it has lost nothing."""
        raise NotImplementedError

    async def run(self, outlet: Outlet) -> None:
        """Produce until nothing more comes. Called again where it was cancelled, or has raised something."""
        while True:
            if self.computes:
                async with outlet.at_work():
                    produced = await self.fetch()
            else:
                produced = await self.fetch()
            if produced.emissions or produced.logs or produced.error is not None:
                await self.give(produced, outlet)
                wait_seconds = produced.again_seconds
            else:
                self._reach(produced)
                wait_seconds = produced.again_seconds or IDLE_SECONDS
            if produced.is_end:
                return
            if wait_seconds:
                await trio.sleep(min(wait_seconds, LONGEST_WAIT_SECONDS))

    async def give(self, produced: Produced, outlet: Outlet) -> None:
        """Let a batch leave; return when it has. Where that is cancelled it leaves all the same, or is kept."""
        async with self._turn:
            await self.wait_left()
            self._ready, self._ready_seconds = produced, trio.current_time()
            self._left = trio.Event()
            outlet.wake()
            await self.wait_left()

    async def wait_left(self) -> None:
        """Return when all that was given has left the node."""
        if self._ready is not None or not self._is_out:
            await self._left.wait()

    def note_left(self) -> None:
        """Take note that what ``release`` has given out has left."""
        self._is_out = True
        self._receipts = ()
        if self._ready is None:
            self._left.set()

    @property
    def reached(self) -> Any:
        """The position behind all that has been given, whether it has left or not."""
        ready = self._ready
        return self.position if ready is None or ready.position is None else ready.position

    def _reach(self, produced: Produced) -> None:
        if produced.position is not None:
            self.position = produced.position

    async def process(self, batch: Sequence[Message]) -> Sequence[Outcome]:
        return [Outcome(((0, message.value),)) for message in batch]

    def due(self) -> float | None:
        return None if self._ready is None else self._ready_seconds

    def release(self, now: float) -> Outcome:
        del now
        return self._take()

    def flush(self) -> Outcome:
        outcome = self._take()  # what was read derives from no message, whatever has come in
        return structs.replace(outcome, lanes=(CANONICAL,) * len(outcome.emissions))

    def _take(self) -> Outcome:
        ready, self._ready = self._ready, None
        if ready is None:
            return Outcome()
        self._is_out = False
        self._reach(ready)
        if ready.receipts:
            self._receipts = ready.receipts
            return AcknowledgedOutcome(ready.emissions, ready.logs, ready.error, receipts=ready.receipts)
        return Outcome(ready.emissions, ready.logs, ready.error)

    def refuse(self, error: HandlerError) -> None:
        """Take note that what was taken last may not leave."""
        receipts, self._receipts = self._receipts, ()
        for receipt in receipts:
            if receipt is not None:
                receipt.settle(error)

    def snapshot(self, now: float) -> Kept | None:
        del now
        return None if self.position is None else Kept(rest=self.position)

    async def inherit(self, former: Handler, from_version: str) -> HandlerError | None:
        refusal = await super().inherit(former, from_version)
        before = source_of(former)
        if refusal is None and before is not None and self.position is None:
            self._ready = before._ready  # noqa: SLF001 - of the same class; nothing else knows of it
        return refusal

    def restore(self, kept: Kept, now: float) -> None:
        del now
        self.position = kept.rest


def source_of(handler: Handler) -> SourceHandler | None:
    """Return the source that a handler is or stands before; None where it is none."""
    innermost = handler.innermost()
    return innermost if isinstance(innermost, SourceHandler) else None
