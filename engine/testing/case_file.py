"""Tests written as data: cases of what goes in and what is to come out, of a component or of a whole graph. Pure.

    component: custom.math.square     # the id of a built-in component, or a whole definition
    cases:
      - name: squares what comes
        send: [{in: 12}]
        expect: {out: [144]}

A case that is wrong in itself is no reason not to run the others, so each is read by itself.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from engine.testing.durations import seconds_of
from engine.testing.http_stand_ins import StandIn, find_mistakes_of
from engine.testing.matching import find_mistakes, is_pattern, show
from proto.shapes import choices_for

ADVANCE = "advance"
EXPECT = "expect"

NAME_CHARACTERS = 500
"""Characters of a case's name."""


class Case(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One case. Everything that is expected may hold patterns (``engine.testing.matching``).

    Attributes:
        name: the words for what it shows.
        send: steps in order: ``{port: value}`` sends, ``{advance: 5s}`` lets time pass, ``{expect: {...}}`` looks
            at what has been emitted since the last look.
        config: of the instance; of a graph the values of its parameters.
        expect: all emissions by output port, in order; a port that is not named here must emit nothing.
        error: text that the last error's name or message must contain; without it and ``errors`` none may occur.
        errors: all errors in order; of a graph, those that no edge takes up.
        logs: all lines that were logged, in order; not looked at when absent.
        state: the whole state at the end, of a graph by node; not looked at when absent.
        requests: all HTTP requests that were made, in order; not looked at when absent.
        http: what answers HTTP requests.
        flush: whether it is told at the end that no further input comes; of a component not, when absent, and of
            a graph it is.
        snapshot: whether emissions, errors and logs are those that a snapshot holds.
    """

    name: str
    send: tuple[dict[str, Any], ...] = ()
    config: dict[str, Any] = {}
    expect: dict[str, Any] = {}
    error: str | None = None
    errors: Any = None
    logs: Any = None
    state: Any = None
    requests: Any = None
    http: tuple[StandIn, ...] = ()
    flush: bool | None = None
    snapshot: bool = False


class CaseFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A component or a graph, and its cases.

    Attributes:
        component: an id, or a definition to register.
        graph: a definition, in place of a component.
        components: definitions to register first.
        http: what answers HTTP requests of every case, after the case's own.
        env: variables of the environment that a graph may name.
        secrets: secrets that a graph may name.
        cases: each as it stands in the document.
    """

    component: str | dict[str, Any] = ""
    graph: dict[str, Any] | str = ""
    components: tuple[dict[str, Any] | str, ...] = ()
    http: tuple[StandIn, ...] = ()
    env: dict[str, str] = {}
    secrets: dict[str, str] = {}
    cases: tuple[Any, ...]


class InvalidCaseError(ValueError):
    """A case that is wrong in itself; carries everything that is."""

    def __init__(self, complaints: list[str]) -> None:
        super().__init__("; ".join(complaints))
        self.complaints = tuple(complaints)


def parse_case_file(document: Any) -> CaseFile:
    """Read a decoded document as a case file.

    Raises:
        msgspec.ValidationError: it has another shape; the message says where.
    """
    return msgspec.convert(document, CaseFile)


def name_of(case: Any, index: int) -> str:
    """Return a name for a case, whatever it is."""
    name = case.get("name") if isinstance(case, dict) else None
    return name[:NAME_CHARACTERS] if isinstance(name, str) and name.strip() else f"case {index + 1}"


def parse_case(document: Any) -> Case:
    """Read one case of a file.

    Raises:
        InvalidCaseError: it is wrong in itself.
    """
    try:
        case = msgspec.convert(document, Case)
    except msgspec.ValidationError as error:
        raise InvalidCaseError([f"{error}{choices_for(error, Case)}"]) from error
    if complaints := list(_mistakes(case)):
        raise InvalidCaseError(complaints)
    return case


def _mistakes(case: Case) -> Iterator[str]:
    if not case.name.strip():
        yield "name is empty; say what the case shows"
    if case.snapshot and (case.expect or case.errors is not None or case.logs is not None):
        yield "snapshot stands in place of expect, errors and logs; leave them out, or it"
    yield from _mistakes_of_ports(case.expect, "expect")
    for key in ("errors", "logs", "requests"):
        wanted = getattr(case, key)
        if wanted is not None and not isinstance(wanted, list) and not is_pattern(wanted):
            yield f"{key} is a list, or a pattern; got {show(wanted)}"
        yield from find_mistakes(wanted, key)
    yield from find_mistakes(case.state, "state")
    for index, step in enumerate(case.send):
        yield from _mistakes_of_step(step, f"send[{index}]")
    for index, stand_in in enumerate(case.http):
        yield from (f"http[{index}]: {mistake}" for mistake in find_mistakes_of(stand_in))


def _mistakes_of_ports(expected: Mapping[str, Any], path: str) -> Iterator[str]:
    for port, wanted in expected.items():
        if not isinstance(wanted, list) and not is_pattern(wanted):
            yield f"{path}.{port} is the list of all values, or a pattern for it: write [{show(wanted)}]"
        yield from find_mistakes(wanted, f"{path}.{port}")


def _mistakes_of_step(step: Mapping[str, Any], path: str) -> Iterator[str]:
    if not step:
        yield f"{path} is empty: a step is {{port: value}}, {{advance: 5s}} or {{expect: {{port: [values]}}}}"


def is_time_step(step: Mapping[str, Any], inputs: tuple[str, ...]) -> bool:
    """Return whether a step lets time pass: where there is no such port."""
    return set(step) == {ADVANCE} and ADVANCE not in inputs


def is_look(step: Mapping[str, Any], inputs: tuple[str, ...]) -> bool:
    """Return whether a step looks at what has come so far: where there is no such port."""
    return set(step) == {EXPECT} and EXPECT not in inputs


def seconds_of_step(step: Mapping[str, Any], index: int) -> float:
    """Return how much time a step lets pass.

    Raises:
        InvalidCaseError: it does not say so.
    """
    try:
        return seconds_of(step[ADVANCE])
    except ValueError as error:
        raise InvalidCaseError([f"send[{index}].advance: {error}"]) from error


def look_of_step(step: Mapping[str, Any], index: int) -> Mapping[str, Any]:
    """Return what a step expects.

    Raises:
        InvalidCaseError: it does not say so.
    """
    wanted = step[EXPECT]
    path = f"send[{index}].expect"
    if not isinstance(wanted, dict):
        raise InvalidCaseError([f"{path} is an object of ports and their values"])
    if mistakes := list(_mistakes_of_ports(wanted, path)):
        raise InvalidCaseError(mistakes)
    return wanted
