"""The seam between chained instances and what runs several handlers as one.

A chain takes messages through consecutive handlers: what one of them emits on its link is the next one's message.
A call of it takes effect as a whole, or not at all; then nothing of it was ever seen by anybody, and the messages
are processed by each handler alone (docs/decisions/0070).
"""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import msgspec

from engine.contracts.handler import Emission, Handler, HandlerError, LogLine

Item = tuple[int, int, bytes]
"""The place of a handler in its chain, the index of its input port, and a value as JSON text."""

ProgramCounts = tuple[int, int, int]
"""Counts of one handler's work in a call: invocations, values passed on by its link, values emitted in all."""


class Link(msgspec.Struct, frozen=True, gc=False):
    """A handler's place in a chain.

    Attributes:
        port: the output port that leads to the next handler; None for the last.
        input_port: the input port at which the next handler takes the values.
        edge: the edge between the two; ``NO_EDGE`` for the last.
        unheard: output ports that no edge leaves: their values are told only to who asks.
    """

    port: int | None
    input_port: int
    edge: int
    unheard: tuple[int, ...]


class Step(Protocol):
    """Effects of one invocation; or of several of one handler in a row that only emitted, where nobody traces.

    Attributes:
        program: the handler's place in the chain.
        emissions: without what it passed on, where nobody traces.
        logs: in order.
        error: the reason why it failed, if it did; then it has emitted nothing.
        cause: with an error, the input port and the value of the invocation.
        sizes: how many values each of several invocations emitted, in order; None where each emitted one.
    """

    @property
    def program(self) -> int: ...
    @property
    def emissions(self) -> Sequence[Emission]: ...
    @property
    def logs(self) -> Sequence[LogLine]: ...
    @property
    def error(self) -> HandlerError | None: ...
    @property
    def cause(self) -> tuple[int, bytes] | None: ...
    @property
    def sizes(self) -> Sequence[int] | None: ...


class ChainResult(Protocol):
    """The result of a call.

    Attributes:
        steps: in the order in which things happened; where nobody traces, those with something to tell.
        begun: how many messages of the batch were begun, from the first; all that follows from them is done, but
            for what is pending.
        pending: values passed on and not taken, the last handler's first.
        size_bytes: what all of this takes, at least the bytes of its values; 0 where it is little.
        counts: what each handler did.
        has_written: whether one of them has changed what it keeps.
    """

    @property
    def steps(self) -> Sequence[Step]: ...
    @property
    def begun(self) -> int: ...
    @property
    def pending(self) -> Sequence[Item]: ...
    @property
    def size_bytes(self) -> int: ...
    @property
    def counts(self) -> Sequence[ProgramCounts]: ...
    @property
    def has_written(self) -> bool: ...


class Call(Protocol):
    """A call with one message that has begun.

    Attributes:
        result: what came of it, where it has ended and has only emitted; otherwise ``Chain.finish`` tells.
    """

    @property
    def result(self) -> ChainResult | None: ...


class Chain(Protocol):
    """Several handlers as one. One call at a time."""

    async def process(
        self, batch: Sequence[Item], *, traced: bool, hears_outputs: bool = False
    ) -> ChainResult | None:
        """Take messages through, each with all that follows from it before the next one.

        None when nothing was done and this chain is not to be used any more.

        Args:
            batch: messages for one handler, in order.
            traced: whether every invocation is to be told, and everything that it emitted.
            hears_outputs: whether values of unheard ports are to be told; so they are where it is traced.
        """

    def begin(self, item: Item, *, hears_outputs: bool) -> Call | None:
        """Begin to process a message: what of it takes a time slice, without an await.

        None when nothing was done. Otherwise ``finish`` or ``abandon`` must follow before the next call, unless
        there is a result.
        """

    async def finish(self, call: Call) -> ChainResult | None:
        """Bring a call to its end that has begun; return what ``process`` would."""

    def abandon(self, call: Call) -> None:
        """Let a call that has begun come to nothing; this chain is not to be used any more."""


@runtime_checkable
class Chainable(Protocol):
    """A component whose handlers may be joined to others' in a chain."""

    chain_domain: str
    """The domain whose components are joined with each other: they trust each other with their time. None is
    joined with ""."""

    def join(self, handlers: Sequence[Handler], links: Sequence[Link]) -> Chain:
        """One chain of handlers that chainable components of one domain have created, and that have not begun."""
