"""A run as Markdown: the tables of the pages, then all rows and a chart for each family."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path

from benchmarks import tables
from benchmarks.chart import bars
from benchmarks.results import Change, Result, Run
from benchmarks.tables import shown


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
    for table in (tables.headline(run), *tables.of_performance_page(run)):
        yield f"## {table.title}"
        yield ""
        yield from table.lines()
        yield ""
    if changes:
        yield "## What has changed"
        yield ""
        yield "| what | who | before | now | |"
        yield "| --- | --- | ---: | ---: | ---: |"
        yield from (_change_line(change) for change in changes)
        yield ""
    for family, rows in _families(run):
        yield f"## {family.capitalize()}"
        yield ""
        yield f"![{family}]({charts[family]})"
        yield ""
        yield "| what | who | median | spread of the rounds |"
        yield "| --- | --- | ---: | ---: |"
        for row in rows:
            figure = shown(row.median, row.unit)
            yield f"| {row.workload} | {row.subject} | {figure} | {row.spread_percent:.0f} % |"
        yield ""
    if run.left_out:
        yield "## Left out"
        yield ""
        yield from (f"- {sentence}" for sentence in run.left_out)


def _change_line(change: Change) -> str:
    row = change.row
    word = "**worse**" if change.is_worse else "better"
    figures = f"{shown(change.before, row.unit)} | {shown(row.median, row.unit)}"
    return f"| {row.workload} | {row.subject} | {figures} | {change.percent:+.0f} %, {word} |"
