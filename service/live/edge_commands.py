"""Clients' commands to the edges of an execution: the payloads of their events, and how they are obeyed."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any

import msgspec

from engine.versions import UNCONDITIONAL, Condition
from engine.views import EdgeView, RuntimeView
from proto.edge_command import Drop, EdgeReceipt, Edit, End, Insert, Move, Redirect, Sequence, Sequences, Step
from proto.events import Command
from proto.message import Lane
from proto.problem import Problem
from service.live.commands import CommandReply, OfExecution
from service.live.limits import ID_CHARACTERS
from service.problems import UnreadableBodyError

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=10 * ID_CHARACTERS)]
"""The name of an edge or a node: paths of graphs in graphs are longer than an id."""

Tag = Annotated[str, msgspec.Meta(max_length=ID_CHARACTERS)]


class OfEdge(OfExecution, frozen=True, rename="camel"):
    """A command to one edge; with ``ifMatch``, only while it, or the message that is meant, has this tag."""

    edge: Name
    if_match: Tag | None = None

    def condition(self) -> Condition:
        """Return what must be so for the command to be obeyed."""
        return UNCONDITIONAL if self.if_match is None else Condition(frozenset({self.if_match}))


class OfEdges(OfExecution, frozen=True, rename="camel", kw_only=True):
    """A command to one edge, or to all that lead to a node; exactly one of both is given."""

    edge: Name | None = None
    node_id: Name | None = None

    def find(self, runtime: RuntimeView) -> EdgeView:
        """Return the edges that are meant."""
        if (self.edge is None) == (self.node_id is None):
            message = "Give either edge or nodeId"
            raise UnreadableBodyError(message, [Problem("event.shape", "edge", message)])
        execution = runtime.execution(self.execution_id)
        return execution.edges_of(self.node_id) if self.node_id is not None else execution.edge(self.edge or "")


class StepEdges(OfEdges, frozen=True, rename="camel", kw_only=True):
    """``edge:step``."""

    count: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] = 1


class DropMessages(OfEdges, frozen=True, rename="camel", kw_only=True):
    """``edge:drop``; exactly one of ``all``, ``sequences`` and ``where`` is given."""

    all: bool = False
    sequences: Sequences | None = None
    where: str | None = None
    if_match: Tag | None = None


class EditMessage(OfEdge, frozen=True, rename="camel", kw_only=True):
    """``edge:edit``."""

    sequence: Sequence
    value: msgspec.Raw


class MoveMessage(OfEdge, frozen=True, rename="camel", kw_only=True):
    """``edge:move``."""

    sequence: Sequence
    to: End


class InsertMessage(OfEdge, frozen=True, rename="camel", kw_only=True):
    """``edge:insert``."""

    value: msgspec.Raw
    at: End = "last"
    lane: Lane = "canonical"


class RedirectMessages(OfEdge, frozen=True, rename="camel", kw_only=True):
    """``edge:redirect``."""

    to: Name
    sequences: Sequences | None = None


class EdgeCommander:
    """Obeys commands to edges.

    Args:
        runtime: as the client sees it.
    """

    def __init__(self, runtime: RuntimeView) -> None:
        self._runtime = runtime

    def commands(self) -> dict[str, tuple[type, Callable[[Any], Awaitable[CommandReply]], bool]]:
        """Return the shape of each command, who obeys it, and whether it is new work."""
        return {
            Command.PAUSE_EDGE: (OfEdges, self._pause, True),
            Command.RESUME_EDGE: (OfEdges, self._resume, False),
            Command.STEP_EDGE: (StepEdges, self._step, False),
            Command.DROP: (DropMessages, self._drop, False),
            Command.EDIT: (EditMessage, self._edit, True),
            Command.MOVE: (MoveMessage, self._move, True),
            Command.INSERT: (InsertMessage, self._insert, True),
            Command.REDIRECT: (RedirectMessages, self._redirect, True),
        }

    async def _pause(self, command: OfEdges) -> CommandReply:
        return _told(await command.find(self._runtime).pause())

    async def _resume(self, command: OfEdges) -> CommandReply:
        return _told(await command.find(self._runtime).resume())

    async def _step(self, command: StepEdges) -> CommandReply:
        return _told(await command.find(self._runtime).step(Step(command.count)))

    async def _drop(self, command: DropMessages) -> CommandReply:
        condition = UNCONDITIONAL if command.if_match is None else Condition(frozenset({command.if_match}))
        choice = Drop(command.all, command.sequences, command.where)
        return _told(await command.find(self._runtime).drop(choice, condition))

    async def _edit(self, command: EditMessage) -> CommandReply:
        edit = Edit(command.sequence, command.value)
        return _told(await self._edge(command).edit(edit, command.condition()))

    async def _move(self, command: MoveMessage) -> CommandReply:
        move = Move(command.sequence, command.to)
        return _told(await self._edge(command).move(move, command.condition()))

    async def _insert(self, command: InsertMessage) -> CommandReply:
        insert = Insert(command.value, command.at, command.lane)
        return _told(await self._edge(command).insert(insert, command.condition()))

    async def _redirect(self, command: RedirectMessages) -> CommandReply:
        redirect = Redirect(command.to, command.sequences)
        return _told(await self._edge(command).redirect(redirect, command.condition()))

    def _edge(self, command: OfEdge) -> EdgeView:
        return self._runtime.execution(command.execution_id).edge(command.edge)


def _told(receipt: EdgeReceipt) -> CommandReply:
    return CommandReply(
        receipt.execution_id,
        edges=receipt.edges,
        messages=receipt.messages,
        sequences=receipt.sequences,
        undecided=receipt.undecided,
    )
