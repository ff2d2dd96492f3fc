"""The tables of README.md and docs/performance.md, made of a run so that they can be pasted.

``tests/benchmarks/test_tables.py`` holds the pages to them: the same heads, and the same rows in the same order.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from benchmarks.families import bodies, http, latency, values
from benchmarks.families.routing import EXECUTIONS, SHAPES, in_executions
from benchmarks.families.values import SIZES, SMALLEST, name_of
from benchmarks.promises import JAVASCRIPT, PASSTHROUGH, Verdict, verdicts
from benchmarks.results import Result, Run
from benchmarks.works import WORKS, WorkName

OWN = "symbia-runtime, in the sandbox"
PEERS = ("Node-RED", "NoFlo", "Streamz")
SUBJECTS = (JAVASCRIPT, *PEERS)
MISSING = "not measured"

Row = tuple[str, ...]


class Table(NamedTuple):
    """A table of a page.

    Attributes:
        title: the text above it in the report.
        head: its first row; the columns after the first are of figures where they have a name.
        rows: the others.
    """

    title: str
    head: Row
    rows: list[Row]

    def lines(self) -> Iterator[str]:
        """The table as Markdown."""
        yield _line(self.head)
        yield _line(["---", *(("---:" if name else "---") for name in self.head[1:])])
        yield from map(_line, self.rows)


class Figures:
    """The medians of a run, by workload and subject."""

    def __init__(self, run: Run) -> None:
        self._rows: dict[tuple[str, str], Result] = {(row.workload, row.subject): row for row in run.rows}

    def cell(self, workload: str, subject: str, *, digits: int | None = None) -> str:
        """Return a figure without its unit, which the row says."""
        row = self._rows.get((workload, subject))
        return MISSING if row is None or not row.rounds else number(row.median, digits)

    def pair(self, workloads: Sequence[str], subject: str) -> str:
        """Return several figures in one cell."""
        return " / ".join(self.cell(each, subject) for each in workloads)


def number(value: float, digits: int | None = None) -> str:
    """Return a figure in as many digits as mean something."""
    if digits is None:
        digits = 0 if value >= 100 else 1 if value >= 10 else 2
    return f"{value:,.{digits}f}"


def shown(value: float, unit: str) -> str:
    """Return a figure with its unit."""
    return f"{number(value)} {unit}".strip()


def headline(run: Run) -> Table:
    """The README's: sizes and shapes, with the peers in each row, also where they are faster."""
    figures = Figures(run)
    chain, ten, *shapes = (shape.name for shape in SHAPES)
    named = {"3 nodes, a number doubled": chain, "10 nodes, a number doubled": ten}
    for work, size in _HEADLINE:
        named[f"3 nodes, {size}, {WORKS[work].label}"] = name_of(work, size)
    named |= {f"{shape}, a number doubled": shape for shape in shapes}
    rows = [(label, *(figures.cell(name, each) for each in SUBJECTS)) for label, name in named.items()]
    alone = f"chain of 3, {latency.ALONE}, p50"
    rows.append(("one message alone, 3 nodes, p50 in µs", *(figures.cell(alone, each) for each in SUBJECTS)))
    return Table("README.md: messages a second", ("messages a second", OWN, *PEERS), rows)


_HEADLINE: tuple[tuple[WorkName, str], ...] = (
    ("same", "1 kB"),
    ("read", "1 kB"),
    ("change", "1 kB"),
    ("items", "1 kB"),
    ("same", "10 kB"),
    ("read", "10 kB"),
    ("same", "100 kB"),
    ("read", "100 kB"),
)


def promised(run: Run) -> Table:
    """All that must hold, and whether it does."""
    rows = [_verdict_row(verdict) for verdict in verdicts(run)]
    return Table("What must hold", ("what", "found", "bound", ""), rows)


def _verdict_row(verdict: Verdict) -> Row:
    promise = verdict.promise
    if verdict.found is None:
        unit = "times" if promise.beside else promise.unit
        return promise.what, MISSING, _bound(verdict, unit), ""
    word = "holds" if verdict.holds else "**does not hold**"
    return promise.what, shown(verdict.found, verdict.unit), _bound(verdict, verdict.unit), word


def _bound(verdict: Verdict, unit: str) -> str:
    promise = verdict.promise
    bound = number(promise.bound)
    bound = bound.rstrip("0").rstrip(".") if "." in bound else bound
    return f"{promise.direction} {bound} {unit} {promise.beside}".strip()


def shapes(run: Run) -> Table:
    """Messages a second through graphs of each shape."""
    figures = Figures(run)
    names = [shape.name for shape in SHAPES]
    names[2:2] = [in_executions(count) for count in EXECUTIONS]
    rows = [(name, *(figures.cell(name, each) for each in SUBJECTS)) for name in names]
    return Table("Beside the peers: graphs", ("graph", OWN, *PEERS), rows)


def sizes(run: Run) -> Table:
    """Messages a second through three nodes, by what they do and how large the value is."""
    figures = Figures(run)
    rows = []
    for work in ("same", *values.LOOKING):
        for size in SMALLEST | SIZES if work == "same" else SIZES:
            name = name_of(work, size)
            forwarded = figures.cell(name, PASSTHROUGH) if work == "same" else ""
            peers = (figures.cell(name, each) for each in PEERS)
            rows.append((f"{WORKS[work].label}, {size}", figures.cell(name, JAVASCRIPT), forwarded, *peers))
    head = ("three nodes, each value", OWN, "`symbia.core.passthrough`", *PEERS)
    return Table("Beside the peers: values", head, rows)


def latencies(run: Run) -> Table:
    """The time of one message through three nodes, p50 and p99."""
    figures = Figures(run)
    kinds = [latency.ALONE, *(latency.at_rate(rate) for rate in latency.RATES)]
    rows = []
    for kind in kinds:
        names = [f"chain of 3, {kind}, {percent}" for percent in ("p50", "p99")]
        rows.append((f"{kind}, p50 / p99", *(figures.pair(names, each) for each in SUBJECTS)))
    return Table("Beside the peers: µs through a chain of 3", ("messages", OWN, *PEERS), rows)


def requests(run: Run) -> Table:
    """Requests of one message, beside a bare Express that does nothing with them."""
    figures = Figures(run)
    rows = []
    for label, workload, subject in (
        ("inject a number, without authentication", http.INJECT, "without authentication"),
        ("with authentication by Identity", http.INJECT, http.AUTHENTICATED),
        ("with a token verified here", http.INJECT, "with a token verified here"),
        *((f"inject {size}", bodies.inject(size), bodies.OWN) for size in bodies.SIZES),
    ):
        cells = []
        for who in (subject, http.EXPRESS):
            p50, p99 = (figures.cell(workload, f"{who}, p{percent}", digits=2) for percent in (50, 99))
            cells.append(f"{p50} / {p99}")
        rows.append((label, *cells))
    return Table("HTTP: ms, p50 / p99", ("one message a request", "symbia-runtime", "a bare Express"), rows)


def streams(run: Run) -> Table:
    """Messages a second over HTTP, many in a request."""
    figures = Figures(run)
    rows = []
    for subject in (http.BATCHES, bodies.LINES):
        cells = (figures.cell(f"{http.NODES} {name} nodes", subject) for name in ("JavaScript", "pass-through"))
        rows.append((subject, *cells))
    head = ("messages a second through 3 nodes", "JavaScript", "`symbia.core.passthrough`")
    return Table("HTTP: many messages a request", head, rows)


def of_performance_page(run: Run) -> list[Table]:
    """All tables of docs/performance.md that a run fills."""
    return [each(run) for each in (promised, shapes, sizes, latencies, requests, streams)]


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
