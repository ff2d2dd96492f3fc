"""Breakpoints on what comes of a message: outcomes behind their node, values that leave, errors.

What is held here is in the hand of its node: nothing of it has left, and nobody else has seen it.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from engine.compile.loaded_graph import CompiledNode
from engine.contracts.groups import GroupedOutcome, made_at
from engine.contracts.handler import Emission, Handler, HandlerError, LogLine, Message, Outcome
from engine.debugging.breakpoint import Breakpoint
from engine.debugging.hits import Sight
from engine.debugging.holding import Holding, Tell
from engine.debugging.shown import changes_of
from engine.execution.execution import Execution
from engine.execution.failure import error_value
from engine.execution.watched import (
    Turn,
)
from proto.breakpoint import BreakpointHit
from proto.codec import encode

_LEVELS = ("debug", "info", "warn", "error")


class Behind(Holding):
    """The watch behind the nodes of one execution."""

    def __init__(self, execution: Execution, tell: Tell) -> None:
        super().__init__(execution, tell)
        self._outputs: dict[int, list[Breakpoint]] = {}
        self._errors: dict[int, list[Breakpoint]] = {}
        self._behind: dict[int, list[Breakpoint]] = {}
        # Edges on which the next message is held that is younger than a number: where steps lead.
        self._steps: dict[int, tuple[Breakpoint, int]] = {}
        # By number of a message that was let go before its node: how it is followed, or where it leaves instead.
        self._followed: dict[int, tuple[int, Breakpoint, str]] = {}
        self._skips: dict[int, tuple[int, int]] = {}

    def _refresh(self) -> None:
        """Watch the instances that somebody looks at, and no others."""
        raise NotImplementedError

    def together(self, node: CompiledNode, batch: Sequence[Message]) -> int:
        """Return how many messages go to the handler in one call."""
        for index, message in enumerate(batch):
            is_skipped = self._is_of(self._skips, node, message)
            if is_skipped or self._is_of(self._followed, node, message):
                return index or int(not is_skipped)
        return len(batch)

    @staticmethod
    def _is_of(table: Mapping[int, tuple[Any, ...]], node: CompiledNode, message: Message) -> bool:
        """Return whether a table has a message at a node: somebody may have led it to another one."""
        found = table.get(message.sequence)
        return found is not None and found[0] == node.index

    def in_place(self, node: CompiledNode, message: Message) -> Outcome:
        """Return what comes of a message that goes past its node."""
        del node
        _, port = self._skips.pop(message.sequence)
        self._refresh()
        return made_at(Outcome(((port, message.value),)), message, [message])

    def looks_behind(self, node: CompiledNode, message: Message) -> bool:
        """Return whether somebody wants to see what comes of a message."""
        return node.index in self._behind or self._is_of(self._followed, node, message)

    async def depart(
        self, node: CompiledNode, message: Message, outcome: Outcome, before: Mapping[str, bytes], handler: Handler
    ) -> Outcome:
        """Look at what came of a message; return what is to come of it."""
        by, verb = None, ""
        if self._is_of(self._followed, node, message):
            _, by, verb = self._followed.pop(message.sequence)
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
            if index and any(each.would_stop for each in found):
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
