"""The condition of a breakpoint: an expression over a value, evaluated in the sandbox as a filter's is.

It is compiled once, and asked for several values at a time. What it throws is told once and counted; the value it
threw at does not meet it. Nothing stops because a condition is wrong.
"""

from collections.abc import Sequence

import msgspec
import trio

from engine.contracts.component import Component
from engine.contracts.handler import Handler, HandlerError, InstanceContext, Message
from engine.debugging.shown import shown_error
from engine.documents.mask import Mask
from engine.documents.problem_report import numbered
from engine.errors import InvalidBreakpointError
from engine.execution.masking import masked_error
from proto.breakpoint import MAX_CONDITION_CHARACTERS
from proto.problem import Problem

_MET = 0
"""The output of the filter for values that its predicate holds for."""

_SEED = 0

JUDGED_BYTES = 256 * 1024
"""Values that are judged in one call, but one in any case: as much as a node is handed in one go."""

MOST_LIMITS_MET = 3
"""Values on which a condition may meet a limit of the sandbox before it is asked no more: each takes as long as an
invocation may take at most."""

CLOSE_SECONDS = 10.0
"""The time in which what evaluates a condition is let go; as long as an execution's handlers have for that."""

_GIVEN_UP = "; it is asked no more"


class Surroundings(msgspec.Struct, frozen=True):
    """The execution that conditions belong to.

    Attributes:
        execution_id: its id.
        owner: whose it is.
        component: ``symbia.core.filter``; evaluates.
    """

    execution_id: str
    owner: str
    component: Component


class Condition:
    """A compiled condition. Made by ``open_condition``.

    Args:
        handler: a filter's.

    Attributes:
        failures: how many values it has thrown at.
        failure: what it threw first; empty while it has not.
    """

    def __init__(self, handler: Handler) -> None:
        self.failures = 0
        self.failure = ""
        self._handler = handler
        self._limits_met = 0
        self._is_closed = False
        self._turn = trio.StrictFIFOLock()

    async def judge(self, values: Sequence[bytes], mask: Mask | None = None) -> list[bool]:
        """Return of each value whether it meets the condition; ``mask`` is that of what it may throw."""
        async with self._turn:  # several nodes may ask at once, and a guest answers one at a time
            met: list[bool] = [False] * len(values) if self._is_closed else []
            while len(met) < len(values):
                if self._limits_met >= MOST_LIMITS_MET:
                    self._note_failures(len(values) - len(met), "")
                    return met + [False] * (len(values) - len(met))
                batch = [Message(0, value) for value in _together(values[len(met) :])]
                try:
                    outcomes = await self._handler.process(batch)
                except Exception as error:  # noqa: BLE001 - whatever it raises, nothing stops because of it
                    failure = HandlerError(type(error).__name__, str(error))
                    self._note_failures(len(batch), _text(failure, mask))
                    met += [False] * len(batch)
                    continue
                for outcome in outcomes:
                    if outcome.error is not None:
                        self._limits_met += outcome.error.name.endswith("LimitExceeded")
                        self._note_failures(1, _text(outcome.error, mask))
                    met.append(outcome.error is None and any(port == _MET for port, _ in outcome.emissions))
            return met

    def _note_failures(self, count: int, text: str) -> None:
        self.failure = self.failure or text
        if self._limits_met >= MOST_LIMITS_MET and not self.failure.endswith(_GIVEN_UP):
            self.failure += _GIVEN_UP
        self.failures += count

    async def close(self) -> None:
        """Let go of what evaluates it, behind what it is being asked; nothing meets it from then on.

        Also where whoever asks for that goes meanwhile.
        """
        with trio.move_on_after(CLOSE_SECONDS, shield=True):
            async with self._turn:
                self._is_closed = True
                await self._handler.cleanup()


def _together(values: Sequence[bytes]) -> Sequence[bytes]:
    """Return the first values, as many as one call is to judge."""
    size = 0
    for index, value in enumerate(values):
        size += len(value)
        if index and size > JUDGED_BYTES:
            return values[:index]
    return values


async def open_condition(text: str, name: str, of: Surroundings) -> Condition:
    """Compile a condition.

    Args:
        text: the expression.
        name: of its breakpoint, where guests are told apart.
        of: the execution.

    Raises:
        InvalidBreakpointError: it is empty, too long or no expression, or no guest could be opened for it.
    """
    if not text.strip() or len(text) > MAX_CONDITION_CHARACTERS:
        complaint = f"A condition is an expression of 1 to {MAX_CONDITION_CHARACTERS} characters"
        raise InvalidBreakpointError([Problem("breakpoint.condition", "when", complaint)])
    config = {"predicate": text}
    problems = await of.component.check(config)
    if problems:
        raise InvalidBreakpointError(
            [Problem("breakpoint.condition", "when", problem.message) for problem in numbered(problems, "")]
        )
    context = InstanceContext(
        execution_id=of.execution_id,
        node_id=name,
        instance_id=f"{of.execution_id}/{name}",
        config=config,
        inputs=("in",),
        outputs=("out", "rejected", "error"),
        seed=_SEED,
        on_slice_end=trio.lowlevel.checkpoint,
        owner=of.owner,
    )
    handler = of.component.create(context)
    condition = Condition(handler)
    try:
        outcome = await handler.initialize()
    except BaseException:  # whoever asked has gone
        await condition.close()
        raise
    if outcome.error is not None:
        await condition.close()
        raise InvalidBreakpointError([Problem("breakpoint.condition", "when", _text(outcome.error, None))])
    return condition


def _text(error: HandlerError, mask: Mask | None) -> str:
    shown = shown_error(masked_error(mask, error))
    return f"{shown.name}: {shown.message}"
