"""Findings as a command prints them: one line each, in the form that editors and build tools know."""

import re
from collections.abc import Sequence
from pathlib import Path

import msgspec

from engine.cooperative.slices import at_once
from proto.problem import Finding, Problem
from service.documents.component_files import is_code, read_component_file
from service.documents.files import read_file
from service.documents.locating import locating
from service.documents.printable import printable
from service.documents.reading import Format, format_of_file

CODE = "execution.source"
"""The path of problems of code; where that is in a file of its own, they have their places there."""

_WITHIN = re.compile(r" \(line (\d{1,9}), column (\d{1,9})\)\Z")


class Told(msgspec.Struct, frozen=True, omit_defaults=True):
    """One finding, as ``--json`` prints it."""

    file: str
    severity: str
    code: str
    path: str
    message: str
    line: int | None = None
    column: int | None = None


LIBRARY_HINT = "register it first, by --library DIR or --component FILE"
"""The remedy on the command line where a component is not known and no other is called nearly so."""


def told(file: str, severity: str, found: Finding, *, hint: str = LIBRARY_HINT) -> Told:
    """Return a finding with the name of its file; of a component that nobody knows with the way to register it."""
    message = found.message
    if found.code == "node.unknown_component" and "did you mean" not in message:
        message += f"; {hint}"
    return Told(file, severity, found.code, found.path, message, found.line, found.column)


def line_of(each: Told) -> str:
    """Return a finding as one line: ``file:line:column: severity: message (code)``."""
    place = "" if each.line is None else f":{each.line}:{each.column}"
    message = " ".join(each.message.split())
    return printable(f"{each.file}{place}: {each.severity}: {message} ({each.code})")


def refusal_lines(file: str, problems: Sequence[Problem]) -> list[str]:
    """Return the problems of a file that was refused as such lines; what can be read only once has no places."""
    path = Path(file)
    if is_code(path):
        return _refusal_lines_of_code(path, problems)
    text = read_file(path) if path.is_file() else b""
    return _lines(file, text, format_of_file(path.name), problems)


def told_of_code(path: Path, problem: Problem) -> Told:
    """Return a problem of the code in a file of its own, with its place there."""
    within = _WITHIN.search(problem.message)
    if within is None:
        return Told(str(path), "error", problem.code, problem.path, problem.message)
    place = int(within[1]), int(within[2])
    return Told(str(path), "error", problem.code, problem.path, problem.message[: within.start()], *place)


def _refusal_lines_of_code(path: Path, problems: Sequence[Problem]) -> list[str]:
    found = read_component_file(path)
    definition = found.sources[-1]
    text = found.header or read_file(definition)
    form: Format = "yaml" if found.header else format_of_file(definition.name)
    others = [problem for problem in problems if problem.path != CODE]
    of_code = [line_of(told_of_code(path, problem)) for problem in problems if problem.path == CODE]
    return [*_lines(str(definition), text, form, others), *of_code]


def _lines(file: str, text: bytes, form: Format, problems: Sequence[Problem]) -> list[str]:
    findings = at_once(locating(text, form, problems)).findings
    return [line_of(told(file, "error", found)) for found in findings]
