"""Clients' commands to the breakpoints of an execution: the payloads of their events, and how they are obeyed."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any

import msgspec

from engine.views import RuntimeView
from proto.breakpoint import BreakpointRequest
from proto.events import Command
from service.live.commands import CommandReply, OfExecution
from service.live.selection import Id


class SetBreakpoint(BreakpointRequest, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """``breakpoint:add``: a breakpoint, and the execution that it is for."""

    execution_id: Id

    def wanted(self) -> BreakpointRequest:
        """Return the breakpoint alone."""
        return BreakpointRequest(**{name: getattr(self, name) for name in BreakpointRequest.__struct_fields__})


class OfBreakpoint(OfExecution, frozen=True, kw_only=True, rename="camel"):
    """``breakpoint:remove``: one breakpoint of an execution."""

    breakpoint_id: Id


class Release(OfBreakpoint, frozen=True, kw_only=True, rename="camel"):
    """``breakpoint:release``: what is to become of what a breakpoint holds.

    Attributes:
        verb: such as ``continue``; what is held says which ones it takes.
        hold: the number of what is meant; that which is held longest when absent.
        value: of ``edit`` and ``retry``.
        port: of ``skip``.
    """

    verb: Annotated[str, msgspec.Meta(max_length=40)]
    hold: int | None = None
    value: msgspec.Raw = msgspec.field(default_factory=msgspec.Raw)
    port: str | None = None


class BreakpointCommander:
    """Obeys commands to breakpoints.

    Args:
        runtime: as the client sees it.
    """

    def __init__(self, runtime: RuntimeView) -> None:
        self._runtime = runtime

    def commands(self) -> dict[str, tuple[type, Callable[[Any], Awaitable[CommandReply]], bool]]:
        """Return the shape of each command, who obeys it, and whether it is new work."""
        return {
            Command.BREAKPOINT_ADD: (SetBreakpoint, self._add, True),
            Command.BREAKPOINT_LIST: (OfExecution, self._list, False),
            Command.BREAKPOINT_RELEASE: (Release, self._release, False),
            Command.BREAKPOINT_REMOVE: (OfBreakpoint, self._remove, False),
        }

    async def _add(self, command: SetBreakpoint) -> CommandReply:
        made = await self._runtime.execution(command.execution_id).set_breakpoint(command.wanted())
        return CommandReply(command.execution_id, breakpoint=made)

    async def _list(self, command: OfExecution) -> CommandReply:
        found = self._runtime.execution(command.execution_id).breakpoints()
        return CommandReply(command.execution_id, breakpoints=found)

    async def _release(self, command: Release) -> CommandReply:
        left = await self._runtime.execution(command.execution_id).release(
            command.breakpoint_id,
            command.verb,
            hold=command.hold,
            value=bytes(command.value) or None,
            port=command.port,
        )
        return CommandReply(command.execution_id, breakpoint=left)

    async def _remove(self, command: OfBreakpoint) -> CommandReply:
        await self._runtime.execution(command.execution_id).remove_breakpoint(command.breakpoint_id)
        return CommandReply(command.execution_id, breakpoint_id=command.breakpoint_id)
