"""Component tests written as data: cases of inputs and expected effects, in the spirit of fbp-spec.

    component: custom.math.square     # the id of a built-in component, or a whole definition
    cases:
      - name: squares what comes
        send: [{in: 12}]
        expect: {out: [144]}

Parsing and comparing are pure; ``run_cases`` runs each case on an instance of its own.
"""

from collections.abc import AsyncIterator
from typing import Any

import msgspec

from engine.testing.workbench import Reply, Unit, Workbench
from proto import codec


class Case(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One case.

    Attributes:
        name: the words for what it shows.
        send: messages in order, each as ``{port: value}``.
        config: of the instance.
        expect: all emissions by output port, in order; a port that is not named here must emit nothing.
        error: text that the last error's name or message must contain; without it no error may occur.
        logs: messages that must have been logged, all of them in order; not looked at when absent.
        state: the whole state at the end; not looked at when absent.
        flush: whether the instance is told at the end that no further message will come.
    """

    name: str
    send: tuple[dict[str, Any], ...] = ()
    config: dict[str, Any] = {}
    expect: dict[str, list[Any]] = {}
    error: str | None = None
    logs: list[str] | None = None
    state: dict[str, Any] | None = None
    flush: bool = False


class CaseFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A component and its cases. ``component`` is an id, or a definition to register."""

    component: str | dict[str, Any]
    cases: tuple[Case, ...]


class Verdict(msgspec.Struct, frozen=True):
    """The verdict on one case; ``complaints`` is empty when everything was as expected."""

    name: str
    complaints: tuple[str, ...]


def parse_case_file(document: Any) -> CaseFile:
    """Read a decoded document as a case file.

    Raises:
        msgspec.ValidationError: it has another shape; the message says where.
    """
    return msgspec.convert(document, CaseFile)


async def run_cases(workbench: Workbench, file: CaseFile) -> AsyncIterator[Verdict]:
    """Run every case, in order, and say how each went.

    Raises:
        InvalidComponentError: the component cannot be registered.
        ComponentNotFoundError: there is none with this id.
        InvalidGraphError: a case's configuration is wrong.
    """
    component_id = file.component
    if not isinstance(component_id, str):
        component_id = await workbench.register(component_id)
    for case in file.cases:
        async with workbench.open(component_id, case.config) as unit:
            replies = await _play(unit, case)
            yield Verdict(case.name, tuple(compare(case, replies, unit.state())))


async def _play(unit: Unit, case: Case) -> list[Reply]:
    replies = [await unit.send(port, value) for message in case.send for port, value in message.items()]
    if case.flush:
        replies.append(unit.flush())
    return replies


def compare(case: Case, replies: list[Reply], state: dict[str, Any]) -> list[str]:
    """Return everything that is not as the case expects it, one sentence each."""
    complaints = []
    emitted: dict[str, list[Any]] = {}
    for reply in replies:
        for port, values in reply.emissions.items():
            emitted.setdefault(port, []).extend(values)
    for port in sorted({*emitted, *case.expect}):
        wanted, got = case.expect.get(port, []), emitted.get(port, [])
        if wanted != got:
            complaints.append(f"port {port}: expected {_show(wanted)}, got {_show(got)}")
    complaints += _compare_errors(case, replies)
    logged = [message for reply in replies for _, message in reply.logs]
    if case.logs is not None and case.logs != logged:
        complaints.append(f"logs: expected {_show(case.logs)}, got {_show(logged)}")
    if case.state is not None and case.state != state:
        complaints.append(f"state: expected {_show(case.state)}, got {_show(state)}")
    return complaints


def _compare_errors(case: Case, replies: list[Reply]) -> list[str]:
    errors = [f"{reply.error.name}: {reply.error.message}" for reply in replies if reply.error is not None]
    if case.error is None:
        return [f"unexpected error: {error}" for error in errors]
    if not errors:
        return [f"expected an error with {case.error!r}, and none occurred"]
    return [] if case.error in errors[-1] else [f"expected an error with {case.error!r}, got {errors[-1]}"]


def _show(value: Any) -> str:
    return codec.encode(value).decode()
