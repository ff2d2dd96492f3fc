"""One case of a component: an instance of its own, from ``initialize`` to ``cleanup``."""

from collections.abc import Sequence
from typing import Any

from engine.errors import InvalidGraphError
from engine.testing.case_file import (
    EXPECT,
    Case,
    InvalidCaseError,
    is_look,
    is_time_step,
    look_of_step,
    seconds_of_step,
)
from engine.testing.simulated_time import SAME_SECONDS, SimulatedTime, StuckError
from engine.testing.verdict import Seen, SeenError, SeenLine, compare_ports
from engine.testing.workbench import InitializationError, Reply, Unit, Workbench

RELEASES_AT_ONCE = 100_000
"""Releases in one step of time; what is due more often than that is due for ever."""


async def play_on_component(workbench: Workbench, component_id: str, case: Case, time: SimulatedTime) -> Seen:
    """Let an instance live through a case; return what was seen of it.

    Raises:
        InvalidCaseError: the case is wrong: its configuration, a port, a duration.
    """
    seen = Seen()
    unit: Unit | None = None
    try:
        async with workbench.open(component_id, case.config) as unit:
            await _Play(unit, time, seen).go_through(case)
            seen.state = unit.state()
    except InvalidGraphError as error:
        raise InvalidCaseError(
            [f"config.{each.path}: {each.message} [{each.code}]" for each in error.problems]
        ) from error
    except InitializationError as error:
        _add(seen, [error.reply])
    else:
        _add(seen, unit.replies)
    return seen


class _Play:
    """A case on its instance."""

    def __init__(self, unit: Unit, time: SimulatedTime, seen: Seen) -> None:
        self._unit = unit
        self._time = time
        self._seen = seen
        self._looked_at = 0

    async def go_through(self, case: Case) -> None:
        """Take the steps, and the end."""
        inputs, outputs = self._unit.inputs, self._unit.outputs
        looks = [step[EXPECT] for step in case.send if is_look(step, inputs) and isinstance(step[EXPECT], dict)]
        if unknown := sorted({port for each in (case.expect, *looks) for port in each} - set(outputs)):
            known = ", ".join(outputs)
            raise InvalidCaseError(
                [f"expect: There is no output port {port}; there are {known}" for port in unknown]
            )
        for index, step in enumerate(case.send):
            if is_time_step(step, inputs):
                await self._advance(seconds_of_step(step, index))
            elif is_look(step, inputs):
                self._look(look_of_step(step, index), index)
            else:
                await self._send(step, index)
        if case.flush:
            await self._finish(self._unit.flush)

    async def _send(self, step: dict[str, Any], index: int) -> None:
        for port, value in step.items():

            async def send(port: str = port, value: Any = value) -> None:
                await self._unit.send(port, value)

            if port not in self._unit.inputs:
                known = ", ".join(self._unit.inputs) or "none"
                raise InvalidCaseError([f"send[{index}]: No input port {port}; there are {known}"])
            await self._finish(send)

    async def _finish(self, function: Any) -> None:
        try:
            await self._time.finish(function)
        except StuckError as error:
            raise InvalidCaseError(["the component does not answer, however long one waits"]) from error

    async def _advance(self, seconds: float) -> None:
        """Let time pass, and what is held leave when it is due."""
        end = self._time.clock.current_time() + seconds
        for _ in range(RELEASES_AT_ONCE):
            due = self._unit.due()
            if due is None or due > end + SAME_SECONDS:
                break
            self._time.jump_to(due)
            await self._unit.release()
        else:
            raise InvalidCaseError(["the component is due again and again in the same moment"])
        self._time.jump_to(end)

    def _look(self, expected: Any, index: int) -> None:
        replies = self._unit.replies[self._looked_at :]
        self._looked_at = len(self._unit.replies)
        since = Seen()
        _add(since, replies)
        complaints = compare_ports(expected, since.emissions)
        self._seen.complaints += [f"send[{index}].expect: {complaint}" for complaint in complaints]


def _add(seen: Seen, replies: Sequence[Reply]) -> None:
    """Add what invocations have done."""
    for reply in replies:
        for port, values in reply.emissions.items():
            seen.emissions.setdefault(port, []).extend(values)
        seen.logs += [SeenLine(level, message) for level, message in reply.logs]
        if reply.error is not None:
            seen.errors.append(SeenError(reply.error.name, reply.error.message))
