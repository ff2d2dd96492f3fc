"""Breakpoints: where a running execution is to stop, and what it has stopped on."""

from typing import Annotated, Literal

import msgspec

from proto.message import Lane

BreakpointOn = Literal["input", "output", "error", "log", "state"]
"""The thing to stop on: a message about to be handed to a node, a value about to leave one, an invocation that
failed, one that logged a line of a level, one that wrote the node's state."""

BreakpointScope = Literal["edge", "node", "execution"]
"""The part that stands still while a message is held: the other edges of its node go on, or the other nodes do."""

BreakpointAction = Literal["hold", "pause", "log", "snapshot"]
"""The deed at a hit: hold the message until somebody lets it go, pause the execution, write a log line, or keep a
picture of the node; after the last two everything goes on."""

BreakpointLevel = Literal["debug", "info", "warn", "error"]

MAX_CONDITION_CHARACTERS = 4_000
"""Characters of a condition: it is read by people who look for a fault, and compiled for each breakpoint."""

MAX_AFTER = 2**53 - 1


class BreakpointRequest(
    msgspec.Struct, frozen=True, rename="camel", omit_defaults=True, forbid_unknown_fields=True
):
    """The breakpoint that somebody asks for.

    Attributes:
        edge: the edge to stop at, by its id, or by its index where it has none.
        node: the node to stop at, or the path of a graph inside; all nodes for an error, a line or a write where
            it is absent. Either this or ``edge`` is given.
        port: only values of this input or output port of the node.
        on: what to stop on; messages that are about to be handed to a node when absent.
        level: of log lines, this one and all that are worse.
        key: only writes of this key of the state.
        when: an expression in JavaScript that sees ``value``; only where it holds. None for always.
        after: how often to let pass what it would stop on.
        scope: what stands still while a message is held: its edge where it comes along one, else its node.
        action: what happens at a hit.
    """

    edge: str | Annotated[int, msgspec.Meta(ge=0, le=2**53)] | None = None
    node: str | None = None
    port: str | None = None
    on: BreakpointOn | None = None
    level: BreakpointLevel | None = None
    key: str | None = None
    when: str | None = None
    after: Annotated[int, msgspec.Meta(ge=0, le=MAX_AFTER)] = 0
    scope: BreakpointScope | None = None
    action: BreakpointAction = "hold"


class NamedText(msgspec.Struct, frozen=True, rename="camel"):
    """An error's or a log line's name and text: of a line, the name is its level."""

    name: str
    message: str


class StateChange(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """A key of a node's state that was written, and what it held before and holds now; cut where it is long."""

    key: str
    before: str | None = None
    after: str | None = None


class NodePicture(msgspec.Struct, frozen=True, rename="camel"):
    """The surroundings of a hit: what the node keeps, and what waits before it.

    Attributes:
        state: JSON texts by key, cut where they are long; not all keys where there are many.
        waiting: messages before the node, by the name of the edge that they came along; ``""`` for injected ones.
    """

    state: dict[str, str]
    waiting: dict[str, int]


class BreakpointHit(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """A thing that a breakpoint has stopped on, or seen.

    Attributes:
        number: counts the hits of its breakpoint, from 1.
        on: what it was; ``step`` where it is held because a step led there.
        node: the node that was about to be handed the message, or that emitted, failed, logged or wrote.
        port: its input or output port; empty where it came by none.
        edge: the edge along which the message came; null for what was injected, and for what has not left.
        sequence: of the message, 0 where nothing was made of one.
        lane: of the value.
        value: the JSON value, or the beginning of its text where ``truncated``; secrets are masked.
        size_bytes: of the whole value.
        timestamp: milliseconds since the epoch.
        truncated: whether the value is only its beginning.
        error: the error, where it is one, or where the held outcome is one.
        line: the line that was logged.
        changes: what was written.
        emitted: values that wait to leave, where a message is held behind its node.
        picture: the surroundings, of the action ``snapshot``.
    """

    number: int
    on: Literal["input", "output", "error", "log", "state", "step"]
    node: str
    port: str
    edge: str | None
    sequence: int
    lane: Lane
    value: msgspec.Raw
    size_bytes: int
    timestamp: int
    truncated: bool = False
    error: NamedText | None = None
    line: NamedText | None = None
    changes: tuple[StateChange, ...] = ()
    emitted: int = 0
    picture: NodePicture | None = None


class HeldMessage(BreakpointHit, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """A message that a breakpoint holds.

    Attributes:
        hold: by which it is named; no two holds of one execution have the same.
        verbs: what may be done with it.
        edited: whether somebody has changed its value.
    """

    hold: int
    verbs: tuple[str, ...]
    edited: bool = False


class BreakpointSnapshot(msgspec.Struct, frozen=True, rename="camel"):
    """A breakpoint at one moment.

    Attributes:
        id: unique in its execution.
        edge: as it was asked for, and so on.
        node: likewise.
        port: likewise.
        on: what it stops on.
        level: of log lines; null for others.
        key: of the state; null for all, and for others.
        when: the condition; null for none.
        after: how often it lets pass what it would stop on.
        scope: what stands still while it holds a message.
        action: what happens at a hit.
        created_at: ISO 8601 in UTC.
        passed: how often it has let pass because of ``after``.
        hits: how often it has stopped, or seen what it was to see.
        failure: the first error of the condition, of values for which it therefore did not hold; null for none.
        failures: how many values these were.
        holding: how much it holds.
        held: what it holds, the oldest first; not all where it is much.
        recent: the last hits, the oldest first.
    """

    id: str
    edge: str | int | None
    node: str | None
    port: str | None
    on: BreakpointOn
    level: BreakpointLevel | None
    key: str | None
    when: str | None
    after: int
    scope: BreakpointScope
    action: BreakpointAction
    created_at: str
    passed: int
    hits: int
    failure: str | None
    failures: int
    holding: int
    held: tuple[HeldMessage, ...]
    recent: tuple[BreakpointHit, ...]
