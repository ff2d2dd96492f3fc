"""The seam between the engine and what handlers do.

A handler takes a batch of messages and returns one outcome for each, in order. It neither routes, counts, times
nor reports: ``engine.execution.observed`` alone does, so built-in, JavaScript and WASM components behave alike. An
outcome is all that an invocation did. If it carries an error its emissions are ignored: an invocation is a
transaction.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Literal

import msgspec
import trio

from engine.documents.mask import Mask
from engine.limits import EngineLimits
from engine.memory.ledger import Account
from engine.wall_clock import WallClock

Emission = tuple[int, bytes]
"""The index of an output port, and a value as JSON text."""

Writes = Sequence[tuple[str, bytes | None]]
"""Keys of a state that one invocation has set, each with its value as JSON text; None where it was taken away."""

NO_EDGE = -1
"""The stand-in for an edge's index, where there is none. As an index it is that of the last of the counters of
edges, which is a spare one and shown to nobody (``engine.execution.shared``): so nobody need ask before
counting."""


class Message(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """One value on its way to one node. Encoded, it is an array: checkpoints have many.

    Attributes:
        port: index of the input port.
        value: JSON text.
        sequence: strictly increasing within the execution; 0 until the execution has accepted it.
        edge: index of the edge that it travels along; ``NO_EDGE`` for an injected message.
        lane: 0 for canonical, 1 for apocryphal (``engine.contracts.lanes``).
    """

    port: int
    value: bytes
    sequence: int = 0
    edge: int = NO_EDGE
    lane: int = 0


class SyntheticMessage(Message, frozen=True, gc=False):
    """A message that no node has emitted and nobody has injected: somebody has put it on an edge."""


class LogLine(msgspec.Struct, frozen=True, gc=False):
    """One line that a handler logged.

    Attributes:
        level: ``debug``, ``info``, ``warn`` or ``error``.
        message: for people.
        meta: JSON text, or nothing.
    """

    level: str
    message: str
    meta: bytes | None = None


class HandlerError(msgspec.Struct, frozen=True, gc=False):
    """The reason why an invocation failed.

    Attributes:
        name: the kind of error, such as ``TypeError`` or ``CpuLimitExceeded``.
        message: one sentence for people.
        stack: the author's stack trace, or empty.
        details: further fields of the error value as the JSON text of an object, or nothing.
        is_permanent: whether the same message would fail again, so that ``onError: retry`` does not try.
        retry_after_seconds: how long to wait at least before it is tried again; 0 where nobody has said.
    """

    name: str
    message: str
    stack: str = ""
    details: bytes | None = None
    is_permanent: bool = False
    retry_after_seconds: float = 0.0


class Outcome(msgspec.Struct, frozen=True, gc=False):
    """All that one invocation did: emissions in order, log lines in order, or an error.

    ``lanes`` is empty where everything emitted derives from the message alone. Whoever keeps values, and emits
    what derives from several, says the lane of each emission: the tightest of what it was made of.

    ``made_from`` is empty where everything emitted was made of the message alone, or of none. Whoever holds
    messages says of each emission how many went into it: these are not finished before it has left. ``origins``
    are those messages, of one emission after another, for whoever asks what came of which; empty where they are
    not at hand.
    """

    emissions: Sequence[Emission] = ()
    logs: Sequence[LogLine] = ()
    error: HandlerError | None = None
    lanes: Sequence[int] = ()
    made_from: Sequence[int] = ()
    origins: Sequence[Message] = ()


class Kept(msgspec.Struct, frozen=True, gc=False):
    """All that a handler keeps between two invocations, as a value that nothing changes any more.

    Attributes:
        messages: that it keeps. One with a place in a group (``engine.contracts.groups``) is not done with; the
            value of one that is done with is in ``rest``.
        groups: of which it keeps something.
        rest: all else, made of None, numbers, texts, bytes, tuples, lists and dicts with texts for keys. It calls
            messages and groups by their places above; times are seconds since the moment of the snapshot.
    """

    messages: Sequence[Message] = ()
    groups: Sequence[Any] = ()
    rest: Any = None


Snapshot = Kept | Callable[[], Kept]
"""All that a handler keeps; or a function that makes it of a copy, and that is called a little later."""


MADE_BYTES = 1024 * 1024
"""Values made of one batch after which a handler returns: what it makes of the rest comes when these have left."""

NOTHING = Outcome()
"""The outcome of an invocation that did nothing."""


class InstanceContext(msgspec.Struct, frozen=True):
    """The place of a handler: its node, its instance, its execution.

    Attributes:
        execution_id: the execution it lives in.
        node_id: its node in the graph.
        instance_id: unique among all instances.
        config: the node's configuration, with the component's defaults filled in.
        inputs: names of the input ports; messages carry indices into it.
        outputs: names of the output ports; emissions carry indices into it.
        seed: where its randomness comes from, so that a run can be repeated.
        on_slice_end: awaited by handlers that run for long, between two slices; it waits while the
            execution is paused.
        owner: whose graph it is; "" where nobody asks.
        timestamp: the present time of day, ISO 8601 in UTC.
        value_bytes: the most that an emitted value may have; who makes a larger one gets an error in its place.
        account: charged with what the execution keeps in memory; nothing is when absent.
        param: the parameters of its graph as its author's programs see them, JSON text.
        mask: of the secrets that its execution uses, for what a handler itself hands to somebody outside.
        call_key: returns the key by which a server outside knows the call for a message again; None where nobody
            gives any (``engine.contracts.call_keys``).
    """

    execution_id: str
    node_id: str
    instance_id: str
    config: Mapping[str, Any]
    inputs: Sequence[str]
    outputs: Sequence[str]
    seed: int
    on_slice_end: Callable[[], Awaitable[None]]
    owner: str = ""
    timestamp: Callable[[], str] = WallClock().timestamp
    value_bytes: int = EngineLimits().value_bytes
    account: Account | None = None
    param: bytes = b"{}"
    mask: Mask | None = None
    call_key: Callable[[Message], Awaitable[str]] | None = None


class Handler:
    """One instance of a component. Only ``process`` must be written.

    A handler that keeps messages back (delay, accumulator, merge) says so through ``due``, ``release``,
    ``flush`` and ``is_full``; it starts no task and no timer of its own.

    Attributes:
        batch_messages: the most messages to hand over at once, where the engine's own bound is too many:
            outcomes leave only when the whole batch is done.
        counts_as_in_flight: whether what waits for ``due`` is still on its way (a delay), so that the execution is
            not quiescent before it has come out. What merely waits for more (an accumulator) is not: it comes
            out at the end of input by ``flush``.
        keeps: what it keeps between messages, if anything, and tells the size of by ``held_bytes``: ``messages``
            are at most as large as what it was handed; a ``state`` may become larger by itself.
        is_source: whether ``due`` and ``release`` make new values of nothing; they are not asked any more once no
            further input is coming, so that the execution can end.
        is_pure: whether it does nothing but to return outcomes and to keep a state of its own, so that two of them
            may be given the same message.
    """

    batch_messages: int | None = None
    counts_as_in_flight: bool = False
    keeps: Literal["", "messages", "state"] = ""
    is_source: bool = False
    is_pure: bool = False

    async def initialize(self) -> Outcome:
        """Begin: called once, before any message. An error fails the execution; emissions leave when it runs."""
        return NOTHING

    async def process(self, batch: Sequence[Message]) -> Sequence[Outcome]:
        """Handle the messages in order; return exactly one outcome for each.

        Or for the first ones only, one at least, where more would make too much at once (``MADE_BYTES``): the
        others are handed over again when these outcomes have left.
        """
        raise NotImplementedError

    async def cleanup(self) -> Outcome:
        """Clean up: called once at the end, whatever the end; emissions are ignored."""
        return NOTHING

    def due(self) -> float | None:
        """Return when to call ``release``, in seconds of Trio's clock; None when nothing waits for time."""
        return None

    def release(self, now: float) -> Outcome:
        """Give out what is due at ``now`` (seconds of Trio's clock)."""
        del now
        return NOTHING

    def flush(self) -> Outcome:
        """Give out all that is held, because no further message will come."""
        return NOTHING

    async def conclude(self) -> Outcome:
        """Say the last word, because no further message will come; what ``flush`` gives out, and more where that
        takes time.
        """
        return await self.vet(self.flush())

    async def vet(self, outcome: Outcome) -> Outcome:
        """Look at what ``release`` or ``flush`` has given out before it leaves: does it fit its ports?"""
        return outcome

    def state(self) -> Mapping[str, bytes]:
        """Return the state between invocations, as JSON texts by key (specification, ``setState``)."""
        return {}

    def note_writes(self) -> None:
        """Take note from now on of each write to the state, until ``noted_writes`` asks for them."""

    def noted_writes(self) -> Sequence[Writes]:
        """Return what each invocation since then has set in the state, in their order; note no more."""
        return ()

    def take_over(self, former: "Handler") -> None:
        """Go on with the state of a handler that did this node's work in an earlier revision of the graph.

        Called before any message; the former one may go on for a while, and what it adds is added here, too. A
        handler that keeps no state across revisions does nothing.
        """
        del former

    def snapshot(self, now: float) -> Snapshot | None:
        """Return all that is kept between invocations, at the cost of a copy; None where that is nothing.

        It may be asked for in the midst of ``process``: then it knows of the messages of ``made_so_far``, and no
        other of that batch. A handler that keeps anything writes this and ``restore``.

        Args:
            now: this moment, in seconds of Trio's clock; times in it are relative to that.
        """
        del now
        return None

    def restore(self, kept: Kept, now: float) -> None:
        """Go on with what a handler of the same component has kept. Called before ``initialize``.

        Args:
            kept: from ``snapshot``, or read from somewhere: what cannot have been kept is refused.
            now: the moment of that snapshot on Trio's present clock, which may be long ago.

        Raises:
            ValueError: this cannot be. So do TypeError, LookupError and their like.
        """
        del kept, now
        raise ValueError("this component keeps nothing")

    def made_so_far(self) -> Sequence[Outcome]:
        """Return the outcomes of the first messages of the batch under way that ``snapshot`` knows of already.

        Asked only while ``process`` is waiting for something. They have not been vetted.
        """
        return ()

    async def inherit(self, former: "Handler", from_version: str) -> HandlerError | None:
        """Go on with what a handler keeps that has done this node's work until now; return why that cannot be.

        Called before ``initialize``, while the former one does nothing. Nothing of it may change: it goes on where
        this one cannot.

        Args:
            former: the other one, of the same component in whatever version.
            from_version: of its component, as the author calls it.
        """
        del from_version
        now = trio.current_time()
        kept = former.snapshot(now)
        if callable(kept):
            kept = kept()
        if kept is not None:
            try:
                self.restore(kept, now)
            except (ValueError, TypeError, LookupError, ArithmeticError) as error:
                return HandlerError("StateError", f"what it keeps does not fit: {error}"[:500])
        return None

    def innermost(self) -> "Handler":
        """Return the handler that does the work, where this one only stands before it."""
        return self

    def cpu_seconds(self) -> float | None:
        """Return how long it has computed so far, of the time in its calls; None where nobody knows."""
        return None

    def held_messages(self) -> int:
        """Return how many messages it was handed and has neither given out nor done with; a state is none.

        Asked of those that keep ``messages``. What is held is not finished, and is ``unprocessed`` at the end.
        """
        return 0

    def held_bytes(self) -> int:
        """Return the size of all that is kept between messages, in bytes, with what Python needs around it."""
        return 0

    def is_full(self) -> bool:
        """Return whether so much is held that no further message should be handed over before a release."""
        return False


def made_of(batch: Sequence[Message], take: Callable[[Message], Outcome]) -> Sequence[Outcome]:
    """Return the outcomes of the messages, one after another, until they have made ``MADE_BYTES``."""
    outcomes = []
    made = 0
    for message in batch:
        outcome = take(message)
        outcomes.append(outcome)
        made += sum([len(value) for _, value in outcome.emissions])
        if made > MADE_BYTES:
            break
    return outcomes
