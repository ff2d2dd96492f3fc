"""The seam between chained instances and what runs several handlers as one.

A chain takes messages through handlers that feed each other: what one emits by an outlet is the message of those
behind it, which stand later in the chain. It may be a row of them, and it may branch and join.
A call of it takes effect as a whole, or not at all; then nothing of it was ever seen by anybody, and the messages
are processed by each handler alone (docs/decisions/0070).
"""

from collections.abc import Sequence
from typing import NamedTuple, Protocol, runtime_checkable

import msgspec

from engine.contracts.handler import Emission, Handler, HandlerError, LogLine, Writes

Item = tuple[int, int, bytes]
"""The place of a handler in its chain, the index of its input port, and a value as JSON text."""

Pending = tuple[int, int, bytes]
"""A value that was passed on and not taken: the index of its way, its lane, and JSON text. Ways are numbered
through all handlers, in the order of their outlets."""

ProgramCounts = tuple[int, int]
"""Counts of one handler's work in a call: invocations, and values emitted in all."""


class Way(NamedTuple):
    """One way between two handlers of a chain.

    Attributes:
        place: of the handler that it leads to.
        input_port: where it ends there.
        lane: that its values are held to at least.
        edge: of the graph.
    """

    place: int
    input_port: int
    lane: int
    edge: int


class Outlet(NamedTuple):
    """An output port whose values go to other handlers of the chain.

    Attributes:
        port: its index.
        is_told: whether they also leave the chain.
        ways: to those handlers.
    """

    port: int
    is_told: bool
    ways: tuple[Way, ...]


class Link(msgspec.Struct, frozen=True, gc=False):
    """A handler's place in a chain.

    Attributes:
        rank: of the handlers for which something waits, the one of the highest rank should be next.
        outlets: its output ports that lead to later handlers, all of a higher rank.
        unheard: output ports that no edge leaves: their values are told only to who asks.
        relayed: the output port of each input port, of a handler that hands on every value as it came and does
            nothing else (``engine.contracts.component.Builtin.relayed``); empty of others.
    """

    rank: int
    outlets: tuple[Outlet, ...]
    unheard: tuple[int, ...]
    relayed: tuple[int, ...] = ()


class Step(Protocol):
    """Effects of one invocation; or of several of one handler that only emitted, where nobody traces.

    Attributes:
        program: the handler's place in the chain.
        emissions: without what it passed on, where nobody traces.
        logs: in order.
        error: the reason why it failed, if it did; then it has emitted nothing.
        state: what it has set, or taken away, of what it keeps.
        cause: with an error, the input port and the value of the invocation.
        sizes: how many values each of several invocations emitted, in order; None where each emitted one.
        lane: of the messages of all of them.
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
    def state(self) -> Writes: ...
    @property
    def cause(self) -> tuple[int, bytes] | None: ...
    @property
    def sizes(self) -> Sequence[int] | None: ...
    @property
    def lane(self) -> int: ...


class ChainResult(Protocol):
    """The result of a call.

    Attributes:
        steps: in the order in which things happened; where nobody traces, those with something to tell, and in
            that order those of one handler only.
        begun: how many messages of the batch were begun, from the first; all that follows from them is done, but
            for what is pending.
        pending: values passed on and not taken, those for the last handler first.
        size_bytes: what all of this takes, at least the bytes of its values; 0 where it is little.
        counts: what each handler did.
        passed: how many values left by each outlet, through all handlers.
        has_written: whether one of them has changed what it keeps.
    """

    @property
    def steps(self) -> Sequence[Step]: ...
    @property
    def begun(self) -> int: ...
    @property
    def pending(self) -> Sequence[Pending]: ...
    @property
    def size_bytes(self) -> int: ...
    @property
    def counts(self) -> Sequence[ProgramCounts]: ...
    @property
    def passed(self) -> Sequence[int]: ...
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
        self, batch: Sequence[Item], *, lane: int, traced: bool, hears_outputs: bool = False
    ) -> ChainResult | None:
        """Take messages through, each with all that follows from it before the next one.

        None when nothing was done and this chain is not to be used any more.

        Args:
            batch: messages for one handler, in order.
            lane: of all of them.
            traced: whether every invocation is to be told, and everything that it emitted.
            hears_outputs: whether values of unheard ports are to be told; so they are where it is traced.
        """

    def begin(self, item: Item, *, lane: int, hears_outputs: bool) -> Call | None:
        """Begin to process a message: what of it takes a time slice, without an await.

        None when nothing was done. Otherwise ``finish`` or ``abandon`` must follow before the next call, unless
        there is a result.
        """

    async def finish(self, call: Call) -> ChainResult | None:
        """Bring a call to its end that has begun; return what ``process`` would."""

    def abandon(self, call: Call) -> None:
        """Let a call that has begun come to nothing; this chain is not to be used any more."""

    async def open_again(self) -> bool:
        """Begin with handlers that have begun elsewhere, with what they keep; return whether it could.

        Where it could not, it must be dissolved.
        """

    def dissolve(self) -> None:
        """Let each handler go on alone, with what it keeps, while no call is under way; ``form`` ends that."""

    async def form(self) -> bool:
        """Join the handlers again that ``dissolve`` or ``abandon`` has parted, each with what it keeps.

        Nothing must be under way in any of them. Return whether they are joined; otherwise each goes on alone, and
        this chain is not to be used any more.
        """


@runtime_checkable
class Chainable(Protocol):
    """A component whose handlers may be joined to others' in a chain."""

    chain_domain: str
    """The domain whose components are joined with each other: they trust each other with their time. None is
    joined with ""."""

    def join(self, handlers: Sequence[Handler], links: Sequence[Link]) -> Chain:
        """One chain of handlers that chainable components of one domain have created, and that have not begun.

        Among them may be those of others, whose links say that they only hand on.
        """
