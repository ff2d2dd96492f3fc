"""Findings as a command prints them: one line each, in the form that editors and build tools know."""

from collections.abc import Sequence
from pathlib import Path

import msgspec

from engine.cooperative.slices import at_once
from proto.problem import Finding, Problem
from service.documents.locating import locating
from service.documents.reading import format_of_file


class Told(msgspec.Struct, frozen=True, omit_defaults=True):
    """One finding, as ``--json`` prints it."""

    file: str
    severity: str
    code: str
    path: str
    message: str
    line: int | None = None
    column: int | None = None


def told(file: str, severity: str, found: Finding) -> Told:
    """Return a finding with the name of its file."""
    return Told(file, severity, found.code, found.path, found.message, found.line, found.column)


def line_of(each: Told) -> str:
    """Return a finding as one line: ``file:line:column: severity: message (code)``."""
    place = "" if each.line is None else f":{each.line}:{each.column}"
    message = " ".join(each.message.split())
    return f"{each.file}{place}: {each.severity}: {message} ({each.code})"


def refusal_lines(file: str, problems: Sequence[Problem]) -> list[str]:
    """Return the problems of a file that was refused as such lines; what can be read only once has no places."""
    path = Path(file)
    text = path.read_bytes() if path.is_file() else b""
    findings = at_once(locating(text, format_of_file(path.name), problems)).findings
    return [line_of(told(file, "error", found)) for found in findings]
