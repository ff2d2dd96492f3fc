"""The pages, filled in from a run: `python -m benchmarks.paste [results/latest.json]`.

Each table of README.md and docs/performance.md that has the head of one that a run prints is replaced by it; what
stands around them, their words included, is for people to write.
"""

import re
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.results import load
from benchmarks.tables import Table, headline, of_performance_page

ROOT = Path(__file__).resolve().parent.parent
_TABLE = re.compile(r"(?:^\|.*\n)+", re.MULTILINE)


def pasted(page: str, tables: Sequence[Table]) -> str:
    """Return a page with these tables in place of those with the same heads."""
    by_head = {lines[0]: "\n".join(lines) + "\n" for lines in (list(table.lines()) for table in tables)}
    return _TABLE.sub(lambda found: by_head.get(found[0].partition("\n")[0], found[0]), page)


def main() -> None:
    """Fill in both pages."""
    run = load(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "benchmarks" / "results" / "latest.json")
    for path, tables in (("README.md", [headline(run)]), ("docs/performance.md", of_performance_page(run))):
        page = ROOT / path
        page.write_text(pasted(page.read_text(encoding="utf-8"), tables), encoding="utf-8")


if __name__ == "__main__":
    main()
