"""The tables of the pages are those that a run prints: the same heads, the same rows in the same order."""

import re
from pathlib import Path

import pytest

from benchmarks.paste import pasted
from benchmarks.promises import PROMISES, verdicts
from benchmarks.results import Result, Run
from benchmarks.tables import MISSING, Figures, Table, headline, of_performance_page, promised

ROOT = Path(__file__).resolve().parents[2]
NOTHING = Run(machine={}, rows=())

VERDICT = re.compile(
    r"^\| .+? \| ([\d,.]+) \S+ \| at (most|least) ([\d,.]+) .*?\| (\*\*does not hold\*\*|holds) \|$", re.MULTILINE
)

Shape = tuple[tuple[str, ...], list[str]]
"""The head of a table, and the first cell of each row."""


def shapes_of(markdown: str) -> list[Shape]:
    """Return the shape of each table of a page."""
    found = []
    for block in re.findall(r"(?:^\|.*\n?)+", markdown, re.MULTILINE):
        head, _, *rows = [tuple(cell.strip() for cell in line[1:-1].split("|")) for line in block.splitlines()]
        found.append((head, [row[0] for row in rows]))
    return found


def shape_of(table: Table) -> Shape:
    """Return the shape of one that a run prints."""
    (shape,) = shapes_of("\n".join(table.lines()))
    return shape


@pytest.mark.parametrize("table", of_performance_page(NOTHING), ids=lambda table: table.title)
def test_the_performance_page_has_the_tables_of_a_run(table: Table) -> None:
    """A row or a peer that is new in the benchmark is missing in the page until it is written there."""
    page = (ROOT / "docs" / "performance.md").read_text(encoding="utf-8")
    assert shape_of(table) in shapes_of(page)


def test_the_readme_has_the_headline_of_a_run() -> None:
    """The README shows sizes and shapes with the peers in each row, and not only where they are slower."""
    assert shape_of(headline(NOTHING)) in shapes_of((ROOT / "README.md").read_text(encoding="utf-8"))


def test_a_page_says_of_each_promise_whether_it_holds() -> None:
    """What stands in the page as the verdict is what its figures say: nobody wrote "holds" beside a lesser one."""
    page = (ROOT / "docs" / "performance.md").read_text(encoding="utf-8")
    rows = VERDICT.findall(page)
    assert len(rows) == len(PROMISES)
    for found, direction, bound, verdict in rows:
        one, other = (float(each.replace(",", "")) for each in (found, bound))
        assert (verdict == "holds") == (one <= other if direction == "most" else one >= other), (found, bound)


def test_a_figure_has_the_digits_that_mean_something() -> None:
    """Three of them, and thousands are parted; what was not measured says so."""
    row = Result("routing", "chain of 3", "Node-RED", "messages/s", "higher", (42_027.4, 1.0, 99_999.0))
    figures = Figures(Run(machine={}, rows=(row,)))
    assert figures.cell("chain of 3", "Node-RED") == "42,027"
    assert figures.cell("chain of 3", "NoFlo") == MISSING


def test_a_promise_says_found_bound_and_verdict() -> None:
    """A ratio is in times of whom it is beside, a bound in as few digits as it has."""
    rows = tuple(
        Result("routing", "chain of 3", subject, "messages/s", "higher", (value,))
        for subject, value in (("symbia-runtime, JavaScript", 100.0), ("Node-RED", 30.0))
    )
    first = promised(Run(machine={}, rows=rows)).rows[0]
    assert first == ("chain of 3, numbers", "3.33 times", "at least 5 times Node-RED", "**does not hold**")
    assert verdicts(NOTHING)[0].found is None
    assert promised(NOTHING).rows[0][1:] == (MISSING, "at least 5 times Node-RED", "")


def test_a_run_is_pasted_into_a_page() -> None:
    """A table with the same head gives way, whatever its rows were; everything else stays as it is."""
    table = headline(NOTHING)
    head, rule, *_ = table.lines()
    other = "| a | b |\n| --- | --- |\n| 1 | 2 |\n"
    page = f"# Title\n\nBefore.\n\n{head}\n{rule}\n| an old row | 1 | 2 | 3 | 4 |\n\nBetween.\n\n{other}"
    lines = "\n".join(table.lines())
    assert pasted(page, [table]) == f"# Title\n\nBefore.\n\n{lines}\n\nBetween.\n\n{other}"
