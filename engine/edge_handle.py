"""Edges of one execution, as those outside the engine may command them: looked up once, then commanded.

One edge, or all that lead to a node, or to the nodes inside one that uses a graph, and what is injected there. The
same commands go to each of them; a message is found by its number, wherever among them it waits.
"""

from collections.abc import Callable, Collection, Sequence

import msgspec
import trio

from engine.builtin.parts.jmespath_meter import Path, PathSyntaxError
from engine.contracts.handler import NO_EDGE, Message
from engine.cooperative.slices import Breaks
from engine.errors import (
    EdgeCommandError,
    InvalidEdgeCommandError,
    WaitingNotFoundError,
)
from engine.execution.edge_commands import EdgeCommands
from engine.execution.edge_control import Queue
from engine.execution.edges import find_queue, message_tag
from engine.execution.execution import Execution
from engine.execution.injection import check_value
from engine.library import Library
from engine.schemas.misfit import misfit
from engine.schemas.port_schemas import PortSchema
from engine.versions import UNCONDITIONAL, Condition
from proto.codec import decode
from proto.edge_command import SHOWN_NUMBERS, Drop, EdgeReceipt, Edit, Insert, Move, Redirect, Step
from proto.problem import Problem

JUDGED_BYTES = 64 * 1024
"""A value that a condition is asked of: it is decoded on the event loop, in less than a millisecond."""

JUDGED_STEPS = 2_000
"""Work of a condition on one value: two to four milliseconds."""


class EdgeHandle:
    """Edges to be commanded together. Made by :meth:`engine.handle.ExecutionHandle.edge` and ``edges_of``.

    Every command raises IllegalTransitionError where the execution is neither running nor paused, or is ending.
    Where a ``condition`` is given, it raises PreconditionFailedError if that does not hold: of ``edit`` and of
    a ``drop`` of one message by its number it is held against the message's tag, otherwise against the edge's.

    Args:
        execution: whose edges they are.
        queues: the edges.
        library: has the bounds and quotas that a new value is held to.
    """

    __slots__ = ("_commands", "_execution", "_library", "_queues", "_rewirings")

    def __init__(self, execution: Execution, queues: Sequence[Queue], library: Library) -> None:
        self._execution = execution
        self._commands: EdgeCommands = execution.edge_commands
        self._queues = queues
        self._library = library
        self._rewirings = execution.edge_control.rewirings

    def _require_same(self) -> None:
        """Refuse what was meant for edges that have other indices now, or are no more.

        Raises:
            EdgeCommandError: the graph has been changed meanwhile.
        """
        if self._execution.edge_control.rewirings != self._rewirings:
            raise EdgeCommandError(
                "The graph of the execution has been changed meanwhile; look at its edges again"
            )

    async def pause(self) -> EdgeReceipt:
        """Hold the edges: what waits on them stays, and what comes; within the bounds of an inbox each.

        Raises:
            HeldEdgesError: too many of the execution are held already.
        """
        return await self._on_each(self._commands.pause)

    async def resume(self) -> EdgeReceipt:
        """Hold the edges no more: what waits on them goes on."""
        return await self._on_each(self._commands.resume)

    async def step(self, command: Step) -> EdgeReceipt:
        """Let the first messages through, of each of the edges that is held.

        Raises:
            EdgeCommandError: none of them is.
        """
        self._require_same()
        held = [queue for queue in self._queues if self._execution.edge_control.is_held(queue)]
        gone: list[Message] = []
        breaks = Breaks()
        for queue in held or self._queues[:1]:
            self._require_same()
            gone += self._commands.step(queue, command.count)
            await breaks.offer()
        return await self._done(self._receipt(gone))

    async def drop(self, command: Drop, condition: Condition = UNCONDITIONAL) -> EdgeReceipt:
        """Drop messages that wait: all, or those of some numbers, or those of which a condition is true.

        Raises:
            InvalidEdgeCommandError: the command does not say which, or in several ways, or no condition.
        """
        if (command.all, command.sequences is not None, command.where is not None).count(True) != 1:
            raise _invalid("", "Give exactly one of all: true, sequences and where")
        undecided = 0
        is_dropped: Callable[[Message], bool]
        if command.where is not None:
            wanted, undecided = await self._meant(command.where)
            is_dropped = _among(wanted)
        else:
            is_dropped = _among(command.sequences) if command.sequences is not None else _every
        self._check(condition, command.sequences)
        dropped: list[Message] = []
        breaks = Breaks()
        for queue in self._queues:
            self._require_same()
            dropped += self._commands.drop(queue, is_dropped)
            await breaks.offer()
        return await self._done(msgspec.structs.replace(self._receipt(dropped), undecided=undecided))

    async def edit(self, command: Edit, condition: Condition = UNCONDITIONAL) -> EdgeReceipt:
        """Give a message that waits another value.

        Raises:
            InvalidEdgeCommandError: the value may not travel along the edge, or does not fit its ends.
            WaitingNotFoundError: the message does not wait there.
            OverloadedError: the value is larger, and a bound was met.
        """
        value = bytes(command.value)
        queue = self._find(command.sequence)
        (message,) = [each for each in self._commands.waiting(queue) if each.sequence == command.sequence]
        await self._check_value(queue, message.port, value)
        self._library.quotas.spend(self._execution.owner, [max(0, len(value) - len(message.value))])
        queue = self._find(command.sequence)  # it may have gone while the value was looked at
        self._check(condition, (command.sequence,))
        return await self._done(self._receipt([self._commands.edit(queue, command.sequence, value)]))

    async def move(self, command: Move, condition: Condition = UNCONDITIONAL) -> EdgeReceipt:
        """Let a message that waits be the first or the last of its edge.

        Raises:
            WaitingNotFoundError: the message does not wait there.
        """
        queue = self._find(command.sequence)
        self._check(condition)
        return await self._done(self._receipt([self._commands.move(queue, command)]))

    async def insert(self, command: Insert, condition: Condition = UNCONDITIONAL) -> EdgeReceipt:
        """Let a new message wait on the edge.

        Raises:
            InvalidEdgeCommandError: the value may not travel along it, or does not fit its ends.
            EdgeCommandError: nothing is inserted there.
            InputsClosedError: the execution is about to end.
            OverloadedError: a bound was met.
        """
        value = bytes(command.value)
        queue = self._only()
        if queue.edge != NO_EDGE:  # which ``insert`` refuses
            port = self._execution.graph.edges[queue.edge].target.port
            into = self._execution.graph.nodes[queue.node].input_of[port]
            await self._check_value(queue, into, value)
        self._library.quotas.spend(self._execution.owner, [len(value)])
        self._check(condition)
        return await self._done(self._receipt([self._commands.insert(queue, command)]))

    async def redirect(self, command: Redirect, condition: Condition = UNCONDITIONAL) -> EdgeReceipt:
        """Let messages that wait on the edge wait on another one, as many as it has room for.

        Raises:
            EdgeNotFoundError: there is no such other edge.
            EdgeCommandError: nothing is led from the one to the other.
            InputsClosedError: the execution is about to end.
        """
        queue = self._only()
        to = find_queue(self._execution.graph, command.to)
        self._check(condition)
        is_led = _every if command.sequences is None else _among(command.sequences)
        return await self._done(self._receipt(self._commands.redirect(queue, to, is_led), [queue, to]))

    def _only(self) -> Queue:
        self._require_same()
        if len(self._queues) != 1:
            raise EdgeCommandError("This is done to one edge, not to all that lead to a node")
        return self._queues[0]

    async def _on_each(self, command: Callable[[Queue], None]) -> EdgeReceipt:
        breaks = Breaks()
        for queue in self._queues:
            self._require_same()
            command(queue)
            await breaks.offer()
        return await self._done(self._receipt(()))

    async def _done(self, receipt: EdgeReceipt) -> EdgeReceipt:
        """Return a receipt, when what it says outlives the process, where the execution does."""
        await self._execution.remember()
        return receipt

    def _receipt(self, messages: Sequence[Message], queues: Sequence[Queue] | None = None) -> EdgeReceipt:
        shown = (self._queues if queues is None else queues)[:SHOWN_NUMBERS]
        return EdgeReceipt(
            self._execution.id,
            tuple(map(self._commands.state_of, shown)),
            len(messages),
            tuple([message.sequence for message in messages[:SHOWN_NUMBERS]]),
        )

    def _find(self, sequence: int) -> Queue:
        self._require_same()
        for queue in self._queues:
            if any(message.sequence == sequence for message in self._commands.waiting(queue)):
                return queue
        raise WaitingNotFoundError(str(sequence))

    def _check(self, condition: Condition, sequences: Sequence[int] | None = None) -> None:
        """Hold a condition against the message that is meant, or else against the edge."""
        self._require_same()
        if condition == UNCONDITIONAL:
            return
        if sequences is not None and len(sequences) == 1:
            queue = self._find(sequences[0])
            (message,) = [each for each in self._commands.waiting(queue) if each.sequence == sequences[0]]
            condition.check(f"Message {message.sequence}", message_tag(message))
        else:
            queue = self._only()
            condition.check(f"Edge {self._commands.name(queue)}", self._execution.edge_control.tag(queue))

    async def _check_value(self, queue: Queue, into: int, value: bytes) -> None:
        """Refuse a value that may not travel along an edge, or does not fit the schema of one of its ports."""
        problem = await check_value(value, self._library.limits)
        self._require_same()
        if problem is not None:
            raise InvalidEdgeCommandError([problem])
        graph = self._execution.graph
        target = graph.nodes[queue.node]
        ends: list[tuple[PortSchema | None, str]] = []
        if queue.edge != NO_EDGE:
            end = graph.edges[queue.edge].source
            source = graph.nodes[graph.index_of[end.node]]
            if source.schemas is not None:
                ends.append((source.schemas.outputs[source.outputs.index(end.port)], str(end)))
        if target.schemas is not None:
            ends.append((target.schemas.inputs[into], f"{target.id}:{target.inputs[into]}"))
        schemas = [(schema, name) for schema, name in ends if schema is not None]
        error = await misfit(schemas, value, self._execution.workers, self._execution.owner)
        if error is not None:
            raise _invalid("value", error.message)

    async def _meant(self, where: str) -> tuple[frozenset[int], int]:
        """Return the numbers of the messages of which a condition is true, and of how many it cannot be said."""
        try:
            path = Path(where)
        except PathSyntaxError as error:
            raise _invalid("where", f"This is not a JMESPath expression. {error}") from error
        meant, undecided = set(), 0
        for queue in self._queues:
            self._require_same()
            for message in self._commands.waiting(queue):
                verdict = _judge(path, message.value)
                undecided += verdict is None
                if verdict:
                    meant.add(message.sequence)
                await trio.lowlevel.checkpoint()
        return frozenset(meant), undecided


def _judge(path: Path, value: bytes) -> bool | None:
    """Return whether a condition is true of a value; None where it cannot be said."""
    if len(value) > JUDGED_BYTES:
        return None
    try:
        found = path.search(decode(value), steps=JUDGED_STEPS)
    except Exception:  # noqa: BLE001 - an untrusted expression meets a library that does not expect one
        return None
    return found not in (None, False, "", [], {})


def _every(message: Message) -> bool:
    del message
    return True


def _among(sequences: Collection[int]) -> Callable[[Message], bool]:
    wanted = frozenset(sequences)
    return lambda message: message.sequence in wanted


def _invalid(path: str, message: str) -> InvalidEdgeCommandError:
    return InvalidEdgeCommandError([Problem(InvalidEdgeCommandError.code, path, message)])
