"""A component tried on sample messages and on its cases: each call with all that came of it, within bounds."""

import re
import time as real_time
from collections.abc import Awaitable, Callable
from typing import Any

from engine.errors import EngineError, InvalidError, InvalidGraphError
from engine.testing.case_file import CaseFile, InvalidCaseError, is_time_step, name_of, seconds_of_step
from engine.testing.http_stand_ins import StandIns
from engine.testing.run_cases import Options, UnusableSubjectError, run_cases
from engine.testing.simulated_time import SAME_SECONDS, SimulatedTime, StuckError
from engine.testing.verdict import Verdict
from engine.testing.workbench import InitializationError, Reply, Unit, open_workbench
from proto import codec
from proto.component import ExecutionLimits
from proto.problem import Finding, Problem
from proto.trial import (
    TrialEmission,
    TrialError,
    TrialLine,
    TrialMoment,
    TrialReply,
    TrialRequest,
    TrialStep,
    TrialVerdict,
)

TRIAL_STEPS = 1_000
"""Steps of one trial: nobody reads more of them."""

TRIAL_CASES = 200
"""Cases of one trial: an author's whole table."""

REPLY_BYTES = 2 * 1024 * 1024
"""Values, lines and errors in one reply; what is beyond is left out, and said to be."""

ROOM_BYTES = 32 * 1024 * 1024
"""Bytes that one instance may emit and log in all: they are in memory at once."""

COMPLAINTS = 20
"""Complaints of one case that are told."""

_ENTRY_BYTES = 64
_RELEASES = 10_000
_AT = re.compile(r":(\d{1,7}):(\d{1,7})\)?\s*$", re.MULTILINE)
_SAID_AT = re.compile(r"\(line (\d{1,7}), column (\d{1,7})\)")
_SOURCE = "execution.source"


async def try_component(
    request: TrialRequest, time: SimulatedTime, maximum: ExecutionLimits | None = None
) -> TrialReply:
    """Try a component. The clock of the program must be ``time.clock``; no request leaves this process.

    Args:
        request: the component, and what it is tried on.
        time: of the trial.
        maximum: what a component may ask for.
    """
    if problems := list(_too_many(request)):
        return TrialReply(valid=False, problems=tuple(problems))
    stand_ins = StandIns(None)
    trial = _Trial(request, time)
    time.go()
    try:
        async with open_workbench(
            open_http_client=stand_ins.open_client,
            clock=time.wall,
            maximum_guest_limits=maximum,
            room_bytes=ROOM_BYTES,
        ) as workbench:
            time.is_busy = workbench.is_busy
            component_id = request.component
            if not isinstance(component_id, str):
                component_id = await workbench.register(component_id)
            time.stop()
            try:
                async with workbench.open(component_id, request.config) as unit:
                    trial.note("initialize", unit)
                    await trial.go_through(unit)
                trial.note("cleanup", unit)
            finally:
                time.go()
    except InitializationError as error:
        trial.add("initialize", error.reply)
    except InvalidGraphError as error:
        return _refused(Problem(each.code, f"config.{each.path}", each.message) for each in error.problems)
    except InvalidError as error:
        return _refused(error.problems)
    except EngineError as error:
        return _refused([Problem(error.code, "component", str(error))])
    except InvalidCaseError as error:
        return _refused(Problem("trial.step", "send", complaint) for complaint in error.complaints)
    finally:
        await stand_ins.aclose()
    return trial.reply(await _verdicts(request, time, maximum))


class _Trial:
    """One instance's life, and the room that is left in what is said of it."""

    def __init__(self, request: TrialRequest, time: SimulatedTime) -> None:
        self._request = request
        self._time = time
        self._room_bytes = REPLY_BYTES
        self._steps: list[TrialStep] = []
        self._state: dict[str, Any] = {}
        self._state_omitted_bytes = 0
        self._memory_bytes = 0
        self._cpu_seconds = 0.0
        self._truncated = False

    async def go_through(self, unit: Unit) -> None:
        """Take the steps, and the end.

        Raises:
            InvalidCaseError: a step is wrong.
        """
        for index, step in enumerate(self._request.send):
            if is_time_step(step, unit.inputs):
                await self._advance(unit, seconds_of_step(step, index), index)
                continue
            if not step:
                raise InvalidCaseError([f"send[{index}] is empty: a step is {{port: value}} or {{advance: 5s}}"])
            for port, value in step.items():
                if port not in unit.inputs:
                    known = ", ".join(unit.inputs) or "none"
                    raise InvalidCaseError([f"send[{index}]: No input port {port[:100]}; there are {known}"])

                async def send(port: str = port, value: Any = value) -> Reply:
                    return await unit.send(port, value)

                await self._call("send", unit, send, index, port)
        if self._request.flush:
            await self._call("flush", unit, unit.flush)
        state = unit.state()
        size_bytes = len(codec.encode(state))
        if self._fits(size_bytes):
            self._state = state
        else:
            self._state_omitted_bytes = size_bytes
        self._memory_bytes = unit.memory_bytes()
        self._cpu_seconds = unit.cpu_seconds()

    async def _call(
        self,
        moment: TrialMoment,
        unit: Unit,
        function: Callable[[], Awaitable[Reply]],
        index: int = -1,
        port: str = "",
    ) -> None:
        began = real_time.perf_counter()
        try:
            await self._time.finish(function)
        except StuckError as error:
            raise InvalidCaseError(["the component does not answer, however long one waits"]) from error
        self.note(moment, unit, index, port, (real_time.perf_counter() - began) * 1000)

    async def _advance(self, unit: Unit, seconds: float, index: int) -> None:
        end = self._time.clock.current_time() + seconds
        for _ in range(_RELEASES):
            due = unit.due()
            if due is None or due > end + SAME_SECONDS:
                break
            self._time.jump_to(due)
            await self._call("advance", unit, unit.release, index)
        else:
            raise InvalidCaseError(["the component is due again and again"])
        self._time.jump_to(end)

    def note(
        self, moment: TrialMoment, unit: Unit, index: int = -1, port: str = "", duration_ms: float = 0.0
    ) -> None:
        """Take what the instance has done since the last time, and let it go."""
        replies = list(unit.replies)
        unit.replies.clear()
        for reply in replies:
            self.add(moment, reply, index, port, duration_ms)

    def add(
        self, moment: TrialMoment, reply: Reply, index: int = -1, port: str = "", duration_ms: float = 0.0
    ) -> None:
        """Say what came of one call, as far as there is room for it."""
        if index < 0 and moment != "flush" and not (reply.emissions or reply.logs or reply.error):
            return
        emissions = []
        for output, values in reply.emissions.items():
            for value in values:
                if not self._fits(0):
                    break
                size_bytes = len(codec.encode(value))
                fits = self._fits(size_bytes)
                emissions.append(
                    TrialEmission(output, value) if fits else TrialEmission(output, omitted_bytes=size_bytes)
                )
        lines = [TrialLine(level, text) for level, text in reply.logs if self._fits(len(text) * 4)]
        error = _error_of(reply) if reply.error is not None else None
        if self._fits(len(port)):
            step = TrialStep(moment, index, port, tuple(emissions), tuple(lines), error, round(duration_ms, 3))
            self._steps.append(step)

    def reply(self, cases: tuple[TrialVerdict, ...]) -> TrialReply:
        """Return all of it."""
        return TrialReply(
            valid=True,
            steps=tuple(self._steps),
            state=self._state,
            state_omitted_bytes=self._state_omitted_bytes,
            memory_bytes=self._memory_bytes,
            cpu_ms=round(self._cpu_seconds * 1000, 3),
            truncated=self._truncated,
            cases=cases,
        )

    def _fits(self, size_bytes: int) -> bool:
        """Take room for an entry; what does not fit costs as much as what is said in its place."""
        fits = size_bytes + _ENTRY_BYTES <= self._room_bytes
        self._room_bytes -= _ENTRY_BYTES + (size_bytes if fits else 0)
        self._truncated = self._truncated or not fits
        return fits


def _too_many(request: TrialRequest) -> list[Finding]:
    found = []
    for key, most in (("send", TRIAL_STEPS), ("cases", TRIAL_CASES)):
        count = len(getattr(request, key))
        if count > most:
            found.append(Finding("trial.too_many", key, f"There are {count} of them; at most {most} are tried"))
    return found


async def _verdicts(
    request: TrialRequest, time: SimulatedTime, maximum: ExecutionLimits | None
) -> tuple[TrialVerdict, ...]:
    if not request.cases:
        return ()
    found: list[TrialVerdict] = []

    def hear(verdict: Verdict) -> None:
        complaints = verdict.complaints
        if request.cases[verdict.index].get("snapshot"):
            complaints = ("a snapshot is a file beside the cases: symbia-runtime test compares it", *complaints)
        told = tuple(complaint[:1000] for complaint in complaints[:COMPLAINTS])
        found.append(TrialVerdict(verdict.name, not complaints, told, round(verdict.seconds * 1000, 3)))

    file = CaseFile(component=request.component, cases=request.cases)
    try:
        await run_cases(file, time, hear, Options(maximum_guest_limits=maximum, room_bytes=ROOM_BYTES))
    except UnusableSubjectError as error:  # it could be used a moment ago: only its worker can be the cause
        complaints = tuple(error.complaints[:COMPLAINTS])
        return tuple(
            TrialVerdict(name_of(case, index), passed=False, complaints=complaints)
            for index, case in enumerate(request.cases)
        )
    return tuple(found)


def _error_of(reply: Reply) -> TrialError | None:
    error = reply.error
    if error is None:
        return None
    found = _AT.search(error.stack) or _SAID_AT.search(error.message)
    line, column = (int(found[1]), int(found[2])) if found else (None, None)
    return TrialError(error.name[:200], error.message[:4000], error.stack[:4000], line, column)


def _refused(problems: Any) -> TrialReply:
    return TrialReply(valid=False, problems=tuple(_located(problem) for problem in problems))


def _located(problem: Problem) -> Finding:
    """Return a problem, with the place in the source that its message names."""
    found = _SAID_AT.search(problem.message) if problem.path == _SOURCE else None
    line, column = (int(found[1]), int(found[2])) if found else (None, None)
    return Finding(problem.code, problem.path, problem.message, line=line, column=column)
