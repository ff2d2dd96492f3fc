"""Commands to the edges of a running execution, and what comes of them: one vocabulary for every way in."""

from typing import Annotated, Literal

import msgspec

from proto.message import Lane

End = Literal["first", "last"]
"""The end of the messages that wait on an edge."""

EdgeVerb = Literal["paused", "resumed", "stepped", "dropped", "edited", "moved", "inserted"]
"""The deeds that can be done to one edge alone, as events name them."""

MOST_NUMBERS = 10_000
"""Messages that one command names."""

SHOWN_NUMBERS = 1_000
"""Messages and edges that a reply or an event names; it counts all of them."""

Sequence = Annotated[int, msgspec.Meta(ge=1, le=2**53)]
Sequences = Annotated[tuple[Sequence, ...], msgspec.Meta(min_length=1, max_length=MOST_NUMBERS)]


class Step(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """Let the first messages that wait on a held edge through; on several edges, so many of each.

    Attributes:
        count: how many, at most.
    """

    count: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] = 1


class Drop(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """Drop messages that wait; exactly one field is given.

    Attributes:
        all: whether all of them.
        sequences: the numbers of those that are.
        where: a JMESPath expression over the value; those of which it is true are.
    """

    all: bool = False
    sequences: Sequences | None = None
    where: str | None = None


class Edit(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """Give a message that waits another value; it keeps its number, its place and its lane."""

    sequence: Sequence
    value: msgspec.Raw


class Move(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """Let a message that waits be the first or the last of its edge."""

    sequence: Sequence
    to: End


class Insert(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """Let a new message wait on an edge, as if its source had emitted the value; it is marked as synthetic.

    Attributes:
        value: any JSON value.
        at: before or behind those that wait.
        lane: whether its sender vouches for the value; it is never of a wider lane than the source's port.
    """

    value: msgspec.Raw
    at: End = "last"
    lane: Lane = "canonical"


class Redirect(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """Let messages that wait on an edge wait on another one, behind those that do.

    Attributes:
        to: the other edge, by its id or its index.
        sequences: which of them; all when absent.
    """

    to: Annotated[str, msgspec.Meta(max_length=1_000)]
    sequences: Sequences | None = None


class EdgeState(msgspec.Struct, frozen=True, rename="camel"):
    """An edge after a command.

    Attributes:
        edge: its name; ``input:`` and a node's id for what is injected there.
        is_held: whether somebody holds it.
        waiting: messages that wait on it.
        tag: changes with each command to the edge: what ``If-Match`` is held against.
    """

    edge: str
    is_held: bool
    waiting: int
    tag: str


class EdgeReceipt(msgspec.Struct, frozen=True, rename="camel"):
    """The result of a command.

    Attributes:
        execution_id: the execution.
        edges: the edges that it was given to, the first ``SHOWN_NUMBERS`` of them.
        messages: how many messages it concerned: let through, dropped, changed, moved, made or led elsewhere.
        sequences: the numbers of the first ``SHOWN_NUMBERS`` of those.
        undecided: messages that stay where they are because a ``where`` could not be asked of them: they are too
            large, or it fails on them.
    """

    execution_id: str
    edges: tuple[EdgeState, ...]
    messages: int
    sequences: tuple[int, ...]
    undecided: int = 0
