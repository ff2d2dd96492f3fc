"""Looks at what goes through the nodes of one execution, stops where a breakpoint says so, and lets go again.

    message ──> inbox ── judge ──> handler ──> depart ──> leave ──> edges
                  │ held: its edge, or                      └ failing (before the error takes its way)
                  │ all of its node
                  └ aside, until somebody lets it go

What is about to be handed to a node is held where it waits: its edge is held from it on, or all edges of its node
(``engine.execution.edge_control``). What comes of a message is held in the hand of its node.
"""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from functools import partial

import msgspec

from engine.compile.loaded_graph import CompiledNode
from engine.contracts.handler import Message
from engine.debugging.behind import Behind
from engine.debugging.breakpoint import CONTINUE, Breakpoint, Hold
from engine.debugging.holding import Tell
from engine.execution.controlled_inbox import waiting_on
from engine.execution.edge_control import Queue
from engine.execution.execution import Execution
from engine.execution.watched import (
    unwatch_calls,
    unwatch_emissions,
    unwatch_errors,
    watch_calls,
    watch_emissions,
    watch_errors,
)
from proto.breakpoint import BreakpointHit
from proto.breakpoint_events import BreakpointReleased

_REMEMBERED = 10_000
"""Messages that were let go, or judged, and may come by again; of more the oldest are forgotten."""


class Watching(Behind):
    """The watch over one execution; see ``engine.execution.watched.Watcher``.

    Args:
        execution: it.
        tell: tells those who watch it live.
    """

    def __init__(self, execution: Execution, tell: Tell) -> None:
        super().__init__(execution, tell)
        self._inputs: dict[int, list[Breakpoint]] = {}
        self._released: OrderedDict[int, None] = OrderedDict()
        self._verdicts: OrderedDict[tuple[str, int], tuple[Message, bool]] = OrderedDict()
        self._before: dict[int, tuple[Breakpoint, Hold]] = {}  # what is held before nodes, by its number
        self._queues: dict[Queue, set[int]] = {}  # what is held, and by which holds
        self._of_hold: dict[int, list[Queue]] = {}
        self._stopped: dict[int, Hold] = {}  # nodes of which nothing goes on, by what holds them
        self._judged: set[int] = set()
        self._called: set[int] = set()
        self._emitting: set[int] = set()
        self._failing: set[int] = set()
        self._control.on_gone = self.note_gone
        self._shared.on_dropped = self._note_dropped

    def add(self, breakpoint_: Breakpoint) -> None:
        """Let a breakpoint look from now on."""
        for table, nodes in self._tables(breakpoint_):
            for node in nodes:
                table.setdefault(node, []).append(breakpoint_)
        self._refresh()

    async def remove(self, breakpoint_: Breakpoint) -> None:
        """Let it look no more; what it holds goes on."""
        breakpoint_.is_removed = True
        for table, nodes in self._tables(breakpoint_):
            for node in nodes:
                if breakpoint_ in table.get(node, ()):
                    table[node].remove(breakpoint_)
                    if not table[node]:
                        del table[node]
        self._steps = {edge: step for edge, step in self._steps.items() if step[0] is not breakpoint_}
        for number, (_, by, _) in list(self._followed.items()):
            if by is breakpoint_:
                del self._followed[number]
        for hold in list(breakpoint_.holds.values()):
            await self.let_go(breakpoint_, hold, "continue")
        self._refresh()

    def _tables(self, breakpoint_: Breakpoint) -> list[tuple[dict[int, list[Breakpoint]], list[int]]]:
        places = breakpoint_.places
        of_nodes = self._errors if places.on == "error" else self._behind
        return [
            (self._inputs, list(places.inputs)),
            (self._outputs, list(places.outputs)),
            (of_nodes, list(places.nodes)),
        ]

    def _refresh(self) -> None:
        """Watch the instances that somebody looks at, and no others."""
        instances = self._execution.instances
        targets = {self._graph.index_of[self._graph.edges[edge].target.node] for edge in self._steps}
        judged = {*self._inputs, *targets}
        for node in judged - self._judged:
            self._control.judge(node, partial(self.judge, node))
        for node in self._judged - judged:
            self._control.judge(node, None)
        called = {*self._behind, *(at for at, _, _ in self._followed.values())}
        called |= {at for at, _ in self._skips.values()}
        for node in called - self._called:
            self._control.part(node)
            watch_calls(instances[node], self)
        for node in self._called - called:
            unwatch_calls(instances[node])
            self._control.join(node)
        for node in self._outputs.keys() - self._emitting:
            self._control.part(node)
            watch_emissions(instances[node], self)
        for node in self._emitting - self._outputs.keys():
            unwatch_emissions(instances[node])
            self._control.join(node)
        for node in self._errors.keys() - self._failing:
            self._control.part(node)
            watch_errors(instances[node], self)
        for node in self._failing - self._errors.keys():
            unwatch_errors(instances[node])
            self._control.join(node)
        self._judged, self._called = judged, called
        self._emitting, self._failing = set(self._outputs), set(self._errors)

    async def judge(self, node_index: int, messages: Sequence[Message]) -> list[Sequence[int]]:
        """Return of the first messages which edges are to be held from them on; none where one goes on."""
        node = self._graph.nodes[node_index]
        met = await self._met(node_index, messages)
        verdicts: list[Sequence[int]] = []
        for index, message in enumerate(messages):
            present = self._inputs.get(node_index, ())
            found = [each for each in met if each in present and met[each][index]]
            held = await self._look(node, message, found)
            verdicts.append(held)
            if held:
                break
        return verdicts

    async def _met(self, node_index: int, messages: Sequence[Message]) -> dict[Breakpoint, list[bool]]:
        """Return of each breakpoint before a node which messages it would stop."""
        found: dict[Breakpoint, list[bool]] = {}
        for each in tuple(self._inputs.get(node_index, ())):
            rule = each.places.inputs[node_index]
            if each.condition is None:
                found[each] = [rule.covers(message) for message in messages]
                continue
            asked = [message for message in messages if rule.covers(message) and not self._known(each, message)]
            if asked:
                for message, is_met in zip(
                    asked, await self._ask(each, [message.value for message in asked]), strict=True
                ):
                    self._verdicts[each.id, message.sequence] = message, is_met
                while len(self._verdicts) > _REMEMBERED:
                    self._verdicts.popitem(last=False)
            found[each] = [
                rule.covers(message) and self._verdicts.get((each.id, message.sequence), (message, False))[1]
                for message in messages
            ]
        return found

    def _known(self, breakpoint_: Breakpoint, message: Message) -> bool:
        known = self._verdicts.get((breakpoint_.id, message.sequence))
        return known is not None and known[0] is message

    async def _look(self, node: CompiledNode, message: Message, found: Sequence[Breakpoint]) -> Sequence[int]:
        """Return the edges that are to be held from a message on that these breakpoints would stop."""
        sequence = message.sequence
        holding, stopped = self._before.get(sequence), self._stopped.get(node.index)
        is_sought = bool(found or holding or stopped) or message.edge in self._steps
        if not is_sought or not self._control.is_unjudged(node.index, message):  # somebody has it in hand now
            return ()
        for each in found:
            self._verdicts.pop((each.id, sequence), None)
        if holding is not None and not holding[1].is_placed:  # its value was changed in the same moment
            holding[1].is_placed = True
            return (message.edge,)
        if holding is not None:  # somebody has let its edge go, and it with that
            await self.let_go(*holding, "continue")
        if holding is not None or sequence in self._released:
            return ()
        if stopped is not None:  # each edge when something comes along it: a node may have ten thousand
            self._hold_queue(stopped, Queue(node.index, message.edge))
            return (message.edge,)
        step = self._steps.get(message.edge)
        if step is not None and sequence > step[1]:
            del self._steps[message.edge]
            hit = self._sight(step[0], node, "step", message)
            return await self._hold_before(step[0], node, message, hit)
        held: Sequence[int] = ()
        for each in found:
            if each.counts():
                hit = self._sight(each, node, "input", message)
                if each.wanted.action == "hold" and not held:
                    held = await self._hold_before(each, node, message, hit)
                elif each.wanted.action != "hold":
                    await self._act(each, node, hit)
        return held

    async def _hold_before(
        self, breakpoint_: Breakpoint, node: CompiledNode, message: Message, hit: BreakpointHit
    ) -> Sequence[int]:
        if self._control.is_closed or breakpoint_.is_removed:
            return ()
        hold = self._begin(breakpoint_, "input", node, hit, message)
        self._before[message.sequence] = breakpoint_, hold
        self._hold_queue(hold, Queue(node.index, message.edge))
        if breakpoint_.places.scope == "node" and hit.on != "step":
            self._stopped[node.index] = hold
        if breakpoint_.places.scope == "execution":
            await self._stand_still(hold)
        hold.is_placed = self.waiting(hold) is message
        return () if hold.is_answered else (message.edge,)

    def _hold_queue(self, hold: Hold, queue: Queue) -> None:
        self._of_hold.setdefault(hold.number, []).append(queue)
        self._queues.setdefault(queue, set()).add(hold.number)

    async def let_go(self, breakpoint_: Breakpoint, hold: Hold, verb: str, port: int = 0) -> None:
        """Let what is held go on in some way; return when it may."""
        if hold.is_answered:
            return
        self._tell(BreakpointReleased(self._execution.id, breakpoint_.id, hold.number, verb))
        hold.answer(msgspec.structs.replace(CONTINUE, name=verb, port=port))
        if hold.phase == "input" and hold.message is not None:
            self._let_in(breakpoint_, hold, hold.message.sequence)
            await self._move_on(hold)

    def _let_in(self, breakpoint_: Breakpoint, hold: Hold, sequence: int) -> None:
        """Let a message go that is held before its node, and what stands behind it."""
        self._end(breakpoint_, hold)
        self._before.pop(sequence, None)
        self._released[sequence] = None
        while len(self._released) > _REMEMBERED:
            self._released.popitem(last=False)
        verb = hold.verb
        if verb.name in ("step", "next"):
            self._followed[sequence] = hold.node.index, breakpoint_, verb.name
        elif verb.name == "skip":
            self._skips[sequence] = hold.node.index, verb.port
        if verb.name in ("step", "next", "skip"):
            self._refresh()
        if self._stopped.get(hold.node.index) is hold:
            del self._stopped[hold.node.index]
        queues = self._of_hold.pop(hold.number)
        self._control.let_through(queues, sequence)
        for queue in queues:
            holders = self._queues.get(queue, set())
            holders.discard(hold.number)
            if not holders:
                self._queues.pop(queue, None)
                self._control.release_judged(queue)

    def waiting(self, hold: Hold) -> Message | None:
        """Return the message that is held before a node, as it waits there now; None where it does not."""
        message = hold.message
        if message is None:
            return None
        if hold.is_placed and not self._control.is_held(Queue(hold.node.index, message.edge)):
            return None
        waiting = waiting_on(self._shared.inboxes[hold.node.index], message.edge)
        return next((each for each in waiting if each.sequence == message.sequence), None)

    def forget(self, breakpoint_: Breakpoint, hold: Hold) -> None:
        """Take note that somebody has taken away what was held."""
        if not hold.is_answered and hold.message is not None:
            hold.answer(CONTINUE)
            self._tell(BreakpointReleased(self._execution.id, breakpoint_.id, hold.number, "continue"))
            self._let_in(breakpoint_, hold, hold.message.sequence)
            self._shared.spawn(partial(self._move_on, hold))

    def note_gone(self, messages: Sequence[Message], is_elsewhere: bool) -> None:
        """Take note that somebody has taken messages away from their edges, or let them through, by hand."""
        for message in messages:
            held = self._before.get(message.sequence)
            if held is not None:
                self.forget(*held)
        if is_elsewhere:
            self._leave_alone([message.sequence for message in messages])

    def _note_dropped(self, messages: Sequence[Message]) -> None:
        """Take note of messages that come to nothing, by whatever.

        Somebody is in the midst of an inbox: so what follows for edges and nodes is seen to by a task.
        """
        for message in messages:
            step = self._steps.get(message.edge)
            if step is not None and message.sequence > step[1]:
                del self._steps[message.edge]
                self._shared.spawn(self._tidy)
        gone = [each.sequence for each in messages if self._concerns(each.sequence)]
        if gone:
            self._shared.spawn(partial(self._forget_dropped, gone))

    def _concerns(self, sequence: int) -> bool:
        return sequence in self._before or sequence in self._followed or sequence in self._skips

    async def _forget_dropped(self, sequences: Sequence[int]) -> None:
        for sequence in sequences:
            held = self._before.get(sequence)
            if held is not None and self.waiting(held[1]) is None:
                self.forget(*held)
        self._leave_alone(sequences)

    async def _tidy(self) -> None:
        self._refresh()

    def _leave_alone(self, sequences: Sequence[int]) -> None:
        """Wait no more for messages that were let go, and never come to their nodes."""
        left = [each for each in sequences if self._followed.pop(each, None) or self._skips.pop(each, None)]
        if left and not self._control.is_closed:
            self._refresh()

    def edit(self, hold: Hold, value: bytes) -> None:
        """Give a message that is held before its node another value.

        Raises:
            OverloadedError: it is larger, and a bound was met.
        """
        message = hold.message
        if message is not None:
            queue = Queue(hold.node.index, message.edge)
            self._control.require_room(queue, len(value) - len(message.value))
        self._replace(hold, lambda message: [msgspec.structs.replace(message, value=value)])

    def drop(self, hold: Hold) -> None:
        """Drop a message that is held before its node."""
        if hold.message is not None:
            self._before.pop(hold.message.sequence, None)  # or it would be told that somebody has taken it away
        self._replace(hold, lambda _: [])

    def _replace(self, hold: Hold, change: Callable[[Message], list[Message]]) -> None:
        assert hold.message is not None  # noqa: S101 - the caller has looked
        node, edge, sequence = hold.node.index, hold.message.edge, hold.message.sequence
        inbox = self._control.inbox(node)
        waiting = waiting_on(inbox, edge)
        left = [each for old in waiting for each in (change(old) if old.sequence == sequence else [old])]
        inbox.rearrange_on(edge, left)
        if len(left) < len(waiting):
            self._shared.note_dropped(node, [old for old in waiting if old.sequence == sequence])
