"""A run as Markdown: what must hold, and a table and a chart for each family."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path

from benchmarks.chart import bars
from benchmarks.promises import Verdict, verdicts
from benchmarks.results import Change, Result, Run


def write_report(run: Run, changes: Sequence[Change], folder: Path) -> Path:
    """Write ``latest.md`` and its charts into a folder; answer the path of the former."""
    folder.mkdir(parents=True, exist_ok=True)
    charts = {}
    for family, rows in _families(run):
        name = f"{family}.svg"
        (folder / name).write_text(bars(family, rows), encoding="utf-8")
        charts[family] = name
    path = folder / "latest.md"
    path.write_text("\n".join(_lines(run, changes, charts)) + "\n", encoding="utf-8")
    return path


def _families(run: Run) -> Iterator[tuple[str, list[Result]]]:
    for family, rows in groupby(sorted(run.rows, key=lambda row: row.family), key=lambda row: row.family):
        yield family, list(rows)


def _lines(run: Run, changes: Sequence[Change], charts: dict[str, str]) -> Iterator[str]:
    yield "# Figures"
    yield ""
    yield " · ".join(f"{name} {value}" for name, value in run.machine.items())
    yield ""
    yield "## What must hold"
    yield ""
    yield "| what | found | bound | |"
    yield "| --- | ---: | ---: | --- |"
    yield from (_verdict_line(verdict) for verdict in verdicts(run))
    if changes:
        yield ""
        yield "## What has changed"
        yield ""
        yield "| what | who | before | now | |"
        yield "| --- | --- | ---: | ---: | ---: |"
        yield from (_change_line(change) for change in changes)
    for family, rows in _families(run):
        yield ""
        yield f"## {family.capitalize()}"
        yield ""
        yield f"![{family}]({charts[family]})"
        yield ""
        yield "| what | who | median | spread of the rounds |"
        yield "| --- | --- | ---: | ---: |"
        for row in rows:
            figure = shown(row.median, row.unit)
            yield f"| {row.workload} | {row.subject} | {figure} | {row.spread_percent:.0f} % |"
    if run.left_out:
        yield ""
        yield "## Left out"
        yield ""
        yield from (f"- {sentence}" for sentence in run.left_out)


def _verdict_line(verdict: Verdict) -> str:
    promise = verdict.promise
    found = "not measured" if verdict.found is None else shown(verdict.found, verdict.unit)
    beside = f" {promise.beside}" if promise.beside else ""
    bound = f"{promise.direction} {shown(promise.bound, verdict.unit)}{beside}"
    word = "holds" if verdict.holds else "**does not hold**"
    return f"| {promise.what} | {found} | {bound} | {word if verdict.found is not None else ''} |"


def _change_line(change: Change) -> str:
    row = change.row
    word = "**worse**" if change.is_worse else "better"
    figures = f"{shown(change.before, row.unit)} | {shown(row.median, row.unit)}"
    return f"| {row.workload} | {row.subject} | {figures} | {change.percent:+.0f} %, {word} |"


def shown(value: float, unit: str) -> str:
    """A figure with its unit, in as many digits as mean something."""
    digits = 0 if value >= 100 else 1 if value >= 10 else 2
    return f"{value:,.{digits}f} {unit}".strip()
