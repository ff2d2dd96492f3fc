"""People who take the edges of a simulated execution in hand, and tell the ledger of what only they can know."""

import contextlib
from itertools import count

import msgspec

from engine.contracts.handler import NO_EDGE, Message
from engine.errors import ConflictError
from engine.execution.edge_control import Queue
from engine.execution.execution import Execution
from proto.edge_command import Insert, Move
from tests.simulation.ledger import Ledger
from tests.simulation.plan import Action

_NOTHING = "There is nothing to do it to"


class Hands:
    """All that is done to the edges of one run.

    Args:
        execution: of the run.
        ledger: told of values that were changed, and where order is nobody's any more.
    """

    def __init__(self, execution: Execution, ledger: Ledger) -> None:
        self._execution = execution
        self._commands = execution.edge_commands
        self._ledger = ledger
        self._numbers = count()

    def obey(self, name: str, action: Action) -> None:
        """Do what a person wants with an edge."""
        queue = self._queue(action)
        self._ledger.trace.append(f"{name}: {action.verb} {self._commands.name(queue)}")
        self._ledger.in_hands.add(self._target(queue))
        if action.verb == "hold":
            self._commands.pause(queue)
        elif action.verb == "let go":
            self._commands.resume(queue)
        elif action.verb == "step":
            self._step(queue, action.count)
        elif action.verb == "drop":
            self._drop(queue, action.count)
        elif action.verb == "edit":
            if not self._edit_all(queue, action.count):
                raise ConflictError(_NOTHING)
        elif action.verb == "move":
            self._move(queue, action.count)
        elif action.verb == "insert":
            self._insert(queue, action.count)
        else:
            self._redirect(queue, self._queue(msgspec.structs.replace(action, edge=action.edge + action.count)))

    def of(self, execution: Execution, ledger: Ledger) -> "Hands":
        """The same people, when the run goes on in another execution."""
        hands = Hands(execution, ledger)
        hands._numbers = self._numbers
        return hands

    def let_all_go(self) -> None:
        """Hold nothing any more, if anything can be commanded still."""
        for queue in self._execution.edge_control.held():
            with contextlib.suppress(ConflictError):
                self._commands.resume(queue)

    def _queue(self, action: Action) -> Queue:
        graph = self._execution.graph
        if action.edge < 0 or not graph.edges:
            return Queue(graph.index_of[action.node], NO_EDGE)
        edge = action.edge % len(graph.edges)
        return Queue(graph.index_of[graph.edges[edge].target.node], edge)

    def _target(self, queue: Queue) -> str:
        return self._execution.graph.nodes[queue.node].id

    def _step(self, queue: Queue, count_: int) -> None:
        before = self._commands.waiting(queue)
        gone = self._commands.step(queue, count_)
        if [each.sequence for each in gone] != [each.sequence for each in before[: len(gone)]]:
            self._ledger.violate("others stepped than those that waited first")

    def _drop(self, queue: Queue, nth: int) -> None:
        self._ledger.is_dropping = True
        try:
            dropped = self._commands.drop(queue, lambda message: message.sequence % nth == 0)
        finally:
            self._ledger.is_dropping = False
        if {each.sequence for each in dropped} & {each.sequence for each in self._commands.waiting(queue)}:
            self._ledger.violate("a dropped message waits on")

    def _edit_all(self, queue: Queue, most: int) -> list[Message]:
        """Give messages values that are like no other; not those that were injected, which are known by theirs."""
        if queue.edge == NO_EDGE:
            return []
        edited = []
        for message in self._commands.waiting(queue)[:most]:
            value = self._value()
            self._ledger.note_value(value, message.lane)
            edited.append(self._commands.edit(queue, message.sequence, value))
        return edited

    def _move(self, queue: Queue, nth: int) -> None:
        waiting = self._commands.waiting(queue)
        if not waiting:
            raise ConflictError(_NOTHING)
        self._ledger.reordered.add(self._target(queue))
        sequence = waiting[nth % len(waiting)].sequence
        self._commands.move(queue, Move(sequence, "first" if nth % 2 else "last"))
        place = 0 if nth % 2 else -1
        if self._commands.waiting(queue)[place].sequence != sequence:
            self._ledger.violate("a message was moved elsewhere")

    def _insert(self, queue: Queue, nth: int) -> None:
        if queue.edge == NO_EDGE:
            raise ConflictError(_NOTHING)
        self._ledger.reordered.add(self._target(queue))
        value = self._value()
        self._ledger.inserted.add(value)
        self._ledger.note_value(value, self._lane_of(queue))
        self._commands.insert(queue, Insert(msgspec.Raw(value), "first" if nth % 2 else "last"))

    def _redirect(self, queue: Queue, to: Queue) -> None:
        """Lead messages elsewhere, with other values: one value must not come to a node twice."""
        edited = {message.sequence for message in self._edit_all(queue, 3)}
        self._ledger.reordered.add(self._target(to))
        self._ledger.in_hands.add(self._target(to))
        for message in self._commands.redirect(queue, to, lambda message: message.sequence in edited):
            self._ledger.note_value(message.value, message.lane)

    def _lane_of(self, queue: Queue) -> int:
        graph = self._execution.graph
        source = graph.edges[queue.edge].source
        node = graph.nodes[graph.index_of[source.node]]
        return node.lanes[node.outputs.index(source.port)]

    def _value(self) -> bytes:
        return b'[ "by hand %d" ]' % next(self._numbers)
