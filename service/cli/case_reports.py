"""Reports of cases: lines for people, lines of JSON for programs, and JUnit's XML for build servers."""

import re
from collections.abc import Sequence
from pathlib import Path
from xml.sax.saxutils import escape, quoteattr

import click
import msgspec

from proto import codec

_NOT_IN_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class CaseResult(msgspec.Struct, frozen=True, omit_defaults=True):
    """The result of a case.

    Attributes:
        file: of the case.
        name: of the case.
        passed: whether all was as expected.
        line: where the case begins; absent where that is not known.
        complaints: what was not as expected.
        seconds: how long it took.
    """

    file: str
    name: str
    passed: bool
    line: int | None = None
    complaints: tuple[str, ...] = ()
    seconds: float = 0.0


def show_line(result: CaseResult) -> None:
    """Show a result to a person."""
    place = result.file if result.line is None else f"{result.file}:{result.line}"
    click.echo(f"{'ok  ' if result.passed else 'FAIL'} {place}: {result.name}")
    for complaint in result.complaints:
        click.echo(f"       {complaint}")


def show_json(result: CaseResult) -> None:
    """Show a result to a program: one line of JSON."""
    click.echo(codec.encode(msgspec.structs.replace(result, seconds=round(result.seconds, 6))))


def write_junit(path: Path, results: Sequence[CaseResult]) -> None:
    """Write all results as JUnit's XML, a suite for each file."""
    lines = ['<?xml version="1.0" encoding="UTF-8"?>', f"<testsuites {_sums(results)}>"]
    for file in dict.fromkeys(result.file for result in results):
        suite = [result for result in results if result.file == file]
        lines.append(f"  <testsuite name={_quoted(file)} {_sums(suite)}>")
        for result in suite:
            line = "" if result.line is None else f' line="{result.line}"'
            place = f"classname={_quoted(file)} file={_quoted(file)}{line}"
            head = f'    <testcase name={_quoted(result.name)} {place} time="{result.seconds:.6f}"'
            if result.passed:
                lines.append(f"{head}/>")
                continue
            text = escape(_clean("\n".join(result.complaints)))
            first = _quoted(result.complaints[0] if result.complaints else "")
            lines += [f"{head}>", f"      <failure message={first}>{text}</failure>", "    </testcase>"]
        lines.append("  </testsuite>")
    path.write_text("\n".join([*lines, "</testsuites>", ""]), encoding="utf-8")


def _sums(results: Sequence[CaseResult]) -> str:
    failures = sum(not result.passed for result in results)
    seconds = sum(result.seconds for result in results)
    return f'tests="{len(results)}" failures="{failures}" errors="0" skipped="0" time="{seconds:.6f}"'


def _quoted(text: str) -> str:
    return quoteattr(_clean(text), {"\n": "&#10;", "\r": "&#13;", "\t": "&#9;"})


def _clean(text: str) -> str:
    """Return a text without the characters that XML cannot say."""
    return _NOT_IN_XML.sub("�", text)
