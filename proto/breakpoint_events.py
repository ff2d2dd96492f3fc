"""Events of breakpoints, for live clients."""

from typing import ClassVar

import msgspec

from proto.breakpoint import BreakpointAction, BreakpointHit, BreakpointScope, BreakpointSnapshot


class BreakpointSet(msgspec.Struct, frozen=True, rename="camel"):
    """Somebody has set a breakpoint."""

    name: ClassVar[str] = "breakpoint:set"

    execution_id: str
    breakpoint: BreakpointSnapshot


class BreakpointRemoved(msgspec.Struct, frozen=True, rename="camel"):
    """Somebody has removed a breakpoint; what it held goes on."""

    name: ClassVar[str] = "breakpoint:removed"

    execution_id: str
    breakpoint_id: str


class BreakpointWasHit(BreakpointHit, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """A breakpoint was hit, or a step has come to its end; the further fields say where, and on what.

    Attributes:
        execution_id: the execution.
        breakpoint_id: the breakpoint, or the one whose message was stepped.
        action: what has happened.
        scope: what stands still, where something is held.
        hold: by which what is held is named; null where nothing is.
        verbs: what may be done with it.
    """

    name: ClassVar[str] = "breakpoint:hit"

    execution_id: str
    breakpoint_id: str
    action: BreakpointAction
    scope: BreakpointScope
    hold: int | None = None
    verbs: tuple[str, ...] = ()


class BreakpointReleased(msgspec.Struct, frozen=True, rename="camel"):
    """A thing that was held goes on, or is no more: ``verb`` says how; ``edit`` lets it stay with another one."""

    name: ClassVar[str] = "breakpoint:released"

    execution_id: str
    breakpoint_id: str
    hold: int
    verb: str


class BreakpointFailed(msgspec.Struct, frozen=True, rename="camel"):
    """The condition of a breakpoint has failed for the first time; nothing stops because of it."""

    name: ClassVar[str] = "breakpoint:failed"

    execution_id: str
    breakpoint_id: str
    message: str


BreakpointEvent = BreakpointSet | BreakpointRemoved | BreakpointWasHit | BreakpointReleased | BreakpointFailed
