"""The two engines that a scenario is run in: our guest, and the native QuickJS-ng."""

from __future__ import annotations

import importlib
import importlib.metadata
import json
import re
from typing import Any, Final

import msgspec

from tests.conformance.test262.case import Scenario
from tests.conformance.test262.verdict import EVALUATE, Verdict, judged
from wasm_host.host import SandboxHost
from wasm_host.limits import GuestLimits
from wasm_host.quickjs.build import SOURCE_REQUIREMENT
from wasm_host.sandbox.javascript import Program

__all__ = ["GuestEngine", "NativeEngine", "NativeMissing"]

_LIMITS: Final = GuestLimits(
    memory_bytes=256 * 1024 * 1024, cpu_ms=10_000, wall_ms=120_000, log_lines=10_000, log_bytes=4 * 1024 * 1024
)
_TIME_LIMIT_SECONDS: Final = 10

_IN_A_GUEST: Final = f"(ctx, port, text) => ({EVALUATE})(text, (kind, detail) => ctx.log('info', kind, detail))"
_NATIVELY: Final = f"""(() => {{
  const evaluate = {EVALUATE}, {{ stringify }} = JSON;
  let notes = '';
  const note = (kind, detail) => {{ notes += `${{notes && ','}}[${{stringify(kind)}},${{stringify(detail)}}]` }};
  return (text) => text === undefined ? `[${{notes}}]` : evaluate(text, note);
}})()"""
"""A function that evaluates a text, and without one answers its notes as JSON. They are put together as a text:
nothing that a case replaces is asked for it, no global, no method and no prototype."""


class NativeMissing(Exception):  # noqa: N818 - a state of the environment
    """The package quickjs-ng is not installed, or in another version than the guest's."""


class GuestEngine:
    """A fresh guest for each scenario, with room enough that limits decide nothing."""

    def __init__(self, host: SandboxHost) -> None:
        self._host = host

    async def run(self, scenario: Scenario) -> Verdict:
        sandbox = self._host.sandbox(Program("handler", _IN_A_GUEST), limits=_LIMITS)
        try:
            await sandbox.open()
            (effects,) = await sandbox.process([(0, msgspec.json.encode(scenario.text))])
        finally:
            sandbox.discard()
        # An error without an ending is the guest's; with one, a rejection that the case itself left unhandled.
        notes = [(line.message, _read(line.meta or b'""')) for line in effects.logs]
        if effects.error is not None and not any(kind != "printed" for kind, _ in notes):
            return Verdict(passed=False, reason=f"{effects.error.name}: {effects.error.message}")
        return judged(scenario, notes)


class NativeEngine:
    """The engine compiled for this machine, in this process; each scenario in a context of its own."""

    def __init__(self) -> None:
        """Raises NativeMissing."""
        version = re.sub(r".*==", "", SOURCE_REQUIREMENT)
        hint = f"without it nothing can be compared; run: python -m pip install quickjs-ng=={version}"
        try:
            installed = importlib.metadata.version("quickjs-ng")
            self._quickjs: Any = importlib.import_module("quickjs")
        except ImportError:
            raise NativeMissing(f"The package quickjs-ng is not installed; {hint}") from None
        if installed != version:
            raise NativeMissing(f"quickjs-ng is {installed}, and the guest {version}; {hint}")

    async def run(self, scenario: Scenario) -> Verdict:
        context = self._quickjs.Context()
        context.set_memory_limit(_LIMITS.memory_bytes)
        context.set_time_limit(_TIME_LIMIT_SECONDS)
        try:
            run = context.eval(_NATIVELY)
            run(scenario.text)
            while context.execute_pending_job():
                pass
            notes = run()
        except self._quickjs.JSException as problem:  # StackOverflow is one of them
            return Verdict(passed=False, reason=str(problem).partition("\n")[0])
        finally:
            context.set_time_limit(-1)
        return judged(scenario, _read(notes))


def _read(text: str | bytes) -> Any:
    """Read JSON, with halves of surrogate pairs, of which a case may well tell."""
    return json.loads(text)
