"""Looks at what goes through the nodes of one execution, stops where a breakpoint says so, and lets go again.

    message ──> inbox ── judge ──> handler ──> depart ──> leave ──> edges
                  │ held: its edge, or                      └ failing (before the error takes its way)
                  │ all of its node
                  └ aside, until somebody lets it go

What is about to be handed to a node is held where it waits: its edge is held from it on, or all edges of its node
(``engine.execution.edge_control``). What comes of a message is held in the hand of its node.
"""

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from itertools import count

import msgspec

from engine.compile.loaded_graph import CompiledNode
from engine.contracts.groups import GroupedOutcome, made_at
from engine.contracts.handler import NO_EDGE, Emission, Handler, HandlerError, LogLine, Message, Outcome
from engine.debugging.breakpoint import CONTINUE, Breakpoint, Hold, Phase
from engine.debugging.hits import Sight, hit_of, verbs_of
from engine.debugging.shown import changes_of
from engine.errors import IllegalTransitionError
from engine.execution.edge_control import Queue
from engine.execution.execution import Execution
from engine.execution.failure import error_value
from engine.execution.watched import (
    Turn,
    unwatch_calls,
    unwatch_emissions,
    unwatch_errors,
    watch_calls,
    watch_emissions,
    watch_errors,
)
from proto.breakpoint import BreakpointHit
from proto.breakpoint_events import BreakpointEvent, BreakpointFailed, BreakpointReleased, BreakpointWasHit
from proto.codec import encode

_LEVELS = ("debug", "info", "warn", "error")

_REMEMBERED = 10_000
"""Messages that were let go, or judged, and may come by again; of more the oldest are forgotten."""

Tell = Callable[[BreakpointEvent], None]


class Watching:
    """The watch over one execution; see ``engine.execution.watched.Watcher``.

    Args:
        execution: it.
        tell: tells those who watch it live.
    """

    def __init__(self, execution: Execution, tell: Tell) -> None:
        self._execution = execution
        self._shared = execution.shared
        self._graph = execution.graph
        self._control = execution.edge_control
        self._tell = tell
        self._numbers = count(1)
        self._inputs: dict[int, list[Breakpoint]] = {}
        self._outputs: dict[int, list[Breakpoint]] = {}
        self._errors: dict[int, list[Breakpoint]] = {}
        self._behind: dict[int, list[Breakpoint]] = {}
        # Edges on which the next message is held that is younger than a number: where steps lead.
        self._steps: dict[int, tuple[Breakpoint, int]] = {}
        # By number of a message that was let go before its node: how it is followed, or where it leaves instead.
        self._followed: dict[int, tuple[int, Breakpoint, str]] = {}
        self._skips: dict[int, tuple[int, int]] = {}
        self._released: OrderedDict[int, None] = OrderedDict()
        self._verdicts: OrderedDict[tuple[str, int], tuple[Message, bool]] = OrderedDict()
        self._before: dict[int, tuple[Breakpoint, Hold]] = {}  # what is held before nodes, by its number
        self._queues: dict[Queue, set[int]] = {}  # what is held, and by which holds
        self._of_hold: dict[int, tuple[Queue, ...]] = {}
        self._control.on_gone = self.note_gone
        self._judged: set[int] = set()
        self._called: set[int] = set()
        self._emitting: set[int] = set()
        self._failing: set[int] = set()

    # Who looks where

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

    # Before a node

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

    async def _ask(self, breakpoint_: Breakpoint, values: Sequence[bytes]) -> list[bool]:
        condition = breakpoint_.condition
        if condition is None:
            return [True] * len(values)
        met = await condition.judge(values)
        if condition.failures and not breakpoint_.has_told_failure:
            breakpoint_.has_told_failure = True
            self._tell(BreakpointFailed(self._execution.id, breakpoint_.id, condition.failure))
        return met

    async def _look(self, node: CompiledNode, message: Message, found: Sequence[Breakpoint]) -> Sequence[int]:
        """Return the edges that are to be held from a message on that these breakpoints would stop."""
        sequence = message.sequence
        for each in found:
            self._verdicts.pop((each.id, sequence), None)
        holding = self._before.get(sequence)
        if holding is not None:  # somebody has let its edge go, and it with that
            await self.let_go(*holding, "continue")
        if holding is not None or sequence in self._released:
            return ()
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
        edges: Sequence[int] = (message.edge,)
        if breakpoint_.places.scope == "node" and hit.on != "step":
            edges = (NO_EDGE, *node.incoming)
        hold = self._begin(breakpoint_, "input", node, hit, message)
        self._before[message.sequence] = breakpoint_, hold
        self._of_hold[hold.number] = queues = tuple(Queue(node.index, edge) for edge in edges)
        for queue in queues:
            self._queues.setdefault(queue, set()).add(hold.number)
        if breakpoint_.places.scope == "execution":
            hold.has_paused = await self._pause()
        return () if hold.is_answered else edges

    # In the hand of a node

    def together(self, node: CompiledNode, batch: Sequence[Message]) -> int:
        """Return how many messages go to the handler in one call."""
        del node
        return next(
            (
                index or int(message.sequence not in self._skips)
                for index, message in enumerate(batch)
                if message.sequence in self._skips or message.sequence in self._followed
            ),
            len(batch),
        )

    def in_place(self, node: CompiledNode, message: Message) -> Outcome:
        """Return what comes of a message that goes past its node."""
        del node
        _, port = self._skips.pop(message.sequence)
        self._refresh()
        return made_at(Outcome(((port, message.value),)), message, [message])

    def looks_behind(self, node: CompiledNode, message: Message) -> bool:
        """Return whether somebody wants to see what comes of a message."""
        return node.index in self._behind or message.sequence in self._followed

    async def depart(
        self, node: CompiledNode, message: Message, outcome: Outcome, before: Mapping[str, bytes], handler: Handler
    ) -> Outcome:
        """Look at what came of a message; return what is to come of it."""
        _, by, verb = self._followed.pop(message.sequence, (0, None, ""))
        hits: list[tuple[Breakpoint, BreakpointHit]] = []
        if by is not None and verb == "step":
            error = outcome.error
            hits.append((by, self._sight(by, node, "step", message, error=error, emitted=len(outcome.emissions))))
        for each in tuple(self._behind.get(node.index, ())):
            sight = await self._sight_behind(each, node, message, outcome, before, handler)
            if sight is not None and each.counts():
                hits.append((each, self._hit(each, sight)))
        is_held = False
        for each, hit in hits:
            if hit.on != "step" and each.wanted.action != "hold":
                await self._act(each, node, hit)
            elif not is_held:
                is_held = True
                outcome, verb = await self._hold_behind(each, node, message, outcome, hit)
                by = each
        if by is not None and verb == "next":
            self._lead(by, node, outcome.emissions if outcome.error is None else ())
        self._refresh()
        return outcome

    async def _sight_behind(
        self,
        breakpoint_: Breakpoint,
        node: CompiledNode,
        message: Message,
        outcome: Outcome,
        before: Mapping[str, bytes],
        handler: Handler,
    ) -> Sight | None:
        """Return what a breakpoint sees in an outcome; None where there is nothing that it would stop on."""
        wanted = breakpoint_.wanted
        sight = Sight(node, breakpoint_.places.on, message, value=message.value, emitted=len(outcome.emissions))
        if sight.on == "log":
            lines = [line for line in outcome.logs if _is_as_bad(line, wanted.level or "error")]
            shown = [encode({"level": line.level, "message": line.message}) for line in lines]
            met = await self._ask(breakpoint_, shown) if lines else []
            line = next((line for line, is_met in zip(lines, met, strict=True) if is_met), None)
            return None if line is None else msgspec.structs.replace(sight, line=line)
        changes = changes_of(before, handler.innermost().state(), wanted.key)
        if breakpoint_.condition is not None and changes:
            texts = [
                encode({"key": name, "before": _raw(old), "after": _raw(new), "value": _raw(message.value)})
                for name, old, new in changes
            ]
            met = await self._ask(breakpoint_, texts)
            changes = [each for each, is_met in zip(changes, met, strict=True) if is_met]
        return msgspec.structs.replace(sight, changes=changes) if changes else None

    async def _hold_behind(
        self, breakpoint_: Breakpoint, node: CompiledNode, message: Message, outcome: Outcome, hit: BreakpointHit
    ) -> tuple[Outcome, str]:
        hold = await self._stop(breakpoint_, "behind", node, hit, message)
        if hold.verb.name != "drop":
            return outcome, hold.verb.name
        nothing = msgspec.structs.replace(outcome, emissions=(), error=None, lanes=(), made_from=())
        if isinstance(nothing, GroupedOutcome):
            nothing = msgspec.structs.replace(nothing, places=())
        return nothing, "drop"

    async def leave(
        self, node: CompiledNode, emissions: Sequence[Emission], lane: int
    ) -> tuple[Sequence[Emission], int]:
        """Look at values before they leave; return what leaves now, and of how many it is all that does."""
        present = tuple(self._outputs.get(node.index, ()))
        met = {each: await self._met_leaving(each, node.index, emissions) for each in present}
        for index, emission in enumerate(emissions):
            found = [each for each in present if met[each][index]]
            if index and any(each.wanted.action != "log" for each in found):
                return emissions[:index], index  # what is before it leaves before
            holder: tuple[Breakpoint, BreakpointHit] | None = None
            for each in found:
                if each.counts():
                    port, value = emission
                    sight = Sight(node, "output", None, value=value, port=node.outputs[port], lane=lane)
                    hit = self._hit(each, sight)
                    if each.wanted.action != "hold":
                        await self._act(each, node, hit)
                    elif holder is None:
                        holder = each, hit
            if holder is not None:
                return await self._hold_leaving(*holder, node, emission), 1
        return emissions, len(emissions)

    async def _met_leaving(
        self, breakpoint_: Breakpoint, node: int, emissions: Sequence[Emission]
    ) -> Sequence[bool]:
        ports = breakpoint_.places.outputs[node]
        covered = [ports is None or port in ports for port, _ in emissions]
        if breakpoint_.condition is None or not any(covered):
            return covered
        asked = [value for (_, value), is_covered in zip(emissions, covered, strict=True) if is_covered]
        answers = iter(await self._ask(breakpoint_, asked))
        return [is_covered and next(answers) for is_covered in covered]

    async def _hold_leaving(
        self, breakpoint_: Breakpoint, hit: BreakpointHit, node: CompiledNode, emission: Emission
    ) -> Sequence[Emission]:
        hold = await self._stop(breakpoint_, "output", node, hit, None, emission)
        assert hold.emission is not None  # noqa: S101 - it was given one
        if hold.verb.name == "drop":
            return ()
        if hold.verb.name == "next":
            self._lead(breakpoint_, node, (hold.emission,))
            self._refresh()
        return (hold.emission,)

    async def failing(self, node: CompiledNode, message: Message, error: HandlerError, *, may_retry: bool) -> Turn:
        """Look at an invocation that failed."""
        goes_on = Turn(message, Outcome(error=error))
        value = b""
        holder: tuple[Breakpoint, BreakpointHit] | None = None
        for each in tuple(self._errors.get(node.index, ())):
            if each.condition is not None:
                value = value or error_value(node, message, error, self._shared.limits.value_bytes)
                if not (await self._ask(each, [value]))[0]:
                    continue
            if each.counts():
                hit = self._sight(each, node, "error", message, error=error)
                if each.wanted.action != "hold":
                    await self._act(each, node, hit)
                elif holder is None:
                    holder = each, hit
        if holder is None:
            return goes_on
        hold = await self._stop(holder[0], "error", node, holder[1], message, may_retry=may_retry)
        message = hold.message or message
        match hold.verb.name:
            case "retry":
                return Turn(message)
            case "drop":
                return Turn(message, Outcome())
            case "skip":
                return Turn(message, Outcome(((hold.verb.port, message.value),)))
            case _:
                return goes_on

    # Holding

    def _sight(
        self,
        breakpoint_: Breakpoint,
        node: CompiledNode,
        on: str,
        message: Message,
        error: HandlerError | None = None,
        emitted: int = 0,
    ) -> BreakpointHit:
        return self._hit(breakpoint_, Sight(node, on, message, value=message.value, error=error, emitted=emitted))

    def _hit(self, breakpoint_: Breakpoint, sight: Sight) -> BreakpointHit:
        instance = self._execution.instances[sight.node.index]
        return hit_of(self._graph, self._shared, breakpoint_, sight, instance)

    def _begin(
        self,
        breakpoint_: Breakpoint,
        phase: Phase,
        node: CompiledNode,
        hit: BreakpointHit,
        message: Message | None,
        *,
        may_retry: bool = True,
    ) -> Hold:
        verbs = verbs_of(phase, node, self._graph, may_retry=may_retry)
        hold = Hold(next(self._numbers), breakpoint_.id, phase, node, hit, message, verbs)
        breakpoint_.holds[hold.number] = hold
        breakpoint_.note(hit)
        self._tell_hit(breakpoint_, hit, hold)
        return hold

    async def _stop(
        self,
        breakpoint_: Breakpoint,
        phase: Phase,
        node: CompiledNode,
        hit: BreakpointHit,
        message: Message | None,
        emission: Emission | None = None,
        *,
        may_retry: bool = True,
    ) -> Hold:
        """Hold something in the hand of its node until somebody lets it go."""
        hold = self._begin(breakpoint_, phase, node, hit, message, may_retry=may_retry)
        hold.emission = emission
        try:
            if self._control.is_closed or breakpoint_.is_removed:
                return hold
            if breakpoint_.places.scope == "execution":
                hold.has_paused = await self._pause()
            await hold.wait()
        finally:
            self._end(breakpoint_, hold)
        if hold.has_paused:
            await self._resume()
        return hold

    def _end(self, breakpoint_: Breakpoint, hold: Hold) -> None:
        breakpoint_.holds.pop(hold.number, None)
        account = self._shared.account
        if account is not None and hold.charged_bytes:
            account.release(hold.charged_bytes, "held")
        hold.charged_bytes = 0

    async def _act(self, breakpoint_: Breakpoint, node: CompiledNode, hit: BreakpointHit) -> None:
        """Do what a breakpoint does that holds nothing."""
        breakpoint_.note(hit)
        self._tell_hit(breakpoint_, hit, None)
        if breakpoint_.wanted.action == "log":
            value = bytes(hit.value).decode(errors="replace")
            self._shared.log(node, LogLine("info", f"Breakpoint {breakpoint_.id}, {hit.on}: {value}"))
        elif breakpoint_.wanted.action == "pause":
            await self._pause()

    def _tell_hit(self, breakpoint_: Breakpoint, hit: BreakpointHit, hold: Hold | None) -> None:
        fields = {name: getattr(hit, name) for name in BreakpointHit.__struct_fields__}
        self._tell(
            BreakpointWasHit(
                **fields,
                execution_id=self._execution.id,
                breakpoint_id=breakpoint_.id,
                action=breakpoint_.wanted.action,
                scope=breakpoint_.places.scope,
                hold=None if hold is None else hold.number,
                verbs=() if hold is None else hold.verbs,
            )
        )

    async def _pause(self) -> bool:
        """Pause the execution, if it can be paused; return whether this has done so."""
        with suppress(IllegalTransitionError):
            await self._execution.pause()
            return True
        return False

    async def _resume(self) -> None:
        with suppress(IllegalTransitionError):
            await self._execution.resume()

    # Letting go

    async def let_go(self, breakpoint_: Breakpoint, hold: Hold, verb: str, port: int = 0) -> None:
        """Let what is held go on in some way; return when it may."""
        if hold.is_answered:
            return
        self._tell(BreakpointReleased(self._execution.id, breakpoint_.id, hold.number, verb))
        hold.answer(msgspec.structs.replace(CONTINUE, name=verb, port=port))
        if hold.phase == "input" and hold.message is not None:
            self._let_in(breakpoint_, hold, hold.message.sequence)
            if hold.has_paused:
                await self._resume()

    def _let_in(self, breakpoint_: Breakpoint, hold: Hold, sequence: int) -> None:
        """Let a message go that is held before its node, and what stands behind it."""
        self._end(breakpoint_, hold)
        del self._before[sequence]
        self._released[sequence] = None
        while len(self._released) > _REMEMBERED:
            self._released.popitem(last=False)
        verb = hold.verb
        if verb.name in ("step", "next"):
            self._followed[sequence] = hold.node.index, breakpoint_, verb.name
        elif verb.name == "skip":
            self._skips[sequence] = hold.node.index, verb.port
        self._refresh()
        queues = self._of_hold.pop(hold.number)
        self._control.let_through(queues, sequence)
        for queue in queues:
            holders = self._queues[queue]
            holders.discard(hold.number)
            if not holders:
                del self._queues[queue]
                self._control.release_judged(queue)

    def waiting(self, hold: Hold) -> Message | None:
        """Return the message that is held before a node, as it waits there now; None where it does not."""
        message = hold.message
        if message is None or not self._control.is_held(Queue(hold.node.index, message.edge)):
            return None
        waiting = self._control.inbox(hold.node.index).waiting_on(message.edge)
        return next((each for each in waiting if each.sequence == message.sequence), None)

    def forget(self, breakpoint_: Breakpoint, hold: Hold) -> None:
        """Take note that somebody has taken away what was held."""
        if not hold.is_answered and hold.message is not None:
            hold.answer(CONTINUE)
            self._tell(BreakpointReleased(self._execution.id, breakpoint_.id, hold.number, "continue"))
            self._let_in(breakpoint_, hold, hold.message.sequence)
            if hold.has_paused:
                self._shared.spawn(self._resume)

    def note_gone(self, messages: Sequence[Message]) -> None:
        """Take note that somebody has taken messages away from their edges, or let them through, by hand."""
        for message in messages:
            held = self._before.get(message.sequence)
            if held is not None:
                self.forget(*held)

    def edit(self, hold: Hold, value: bytes) -> None:
        """Give a message that is held before its node another value."""
        self._replace(hold, lambda message: [msgspec.structs.replace(message, value=value)])

    def drop(self, hold: Hold) -> None:
        """Drop a message that is held before its node."""
        self._replace(hold, lambda _: [])

    def _replace(self, hold: Hold, change: Callable[[Message], list[Message]]) -> None:
        assert hold.message is not None  # noqa: S101 - the caller has looked
        node, edge, sequence = hold.node.index, hold.message.edge, hold.message.sequence
        inbox = self._control.inbox(node)
        waiting = inbox.waiting_on(edge)
        left = [each for old in waiting for each in (change(old) if old.sequence == sequence else [old])]
        inbox.rearrange_on(edge, left)
        if len(left) < len(waiting):
            self._shared.note_dropped(node, [old for old in waiting if old.sequence == sequence])

    def _lead(self, breakpoint_: Breakpoint, node: CompiledNode, emissions: Sequence[Emission]) -> None:
        """Let what is about to leave a node be held before the next ones."""
        after = self._shared.next_sequence()
        for port in {port for port, _ in emissions}:
            for target in node.routes[port]:
                self._steps[target.edge] = breakpoint_, after


def _is_as_bad(line: LogLine, level: str) -> bool:
    return line.level not in _LEVELS or _LEVELS.index(line.level) >= _LEVELS.index(level)


def _raw(value: bytes | None) -> msgspec.Raw:
    return msgspec.Raw(b"null" if value is None else value)
