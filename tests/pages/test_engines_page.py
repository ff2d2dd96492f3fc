"""docs/limits.md names every engine that untrusted callers can feed, and each bound is the code's."""

import importlib
import re
from functools import reduce
from pathlib import Path
from typing import Any

import pytest

from service.settings.table import TABLE

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/limits.md").read_text(encoding="utf-8")
SECTION = PAGE.partition("## What untrusted callers can feed\n")[2].partition("\n## ")[0]
ROWS = [
    [cell.strip() for cell in line.strip("|").split(" | ")]
    for line in SECTION.splitlines()
    if line.startswith("| ") and not line.startswith("| Engine")
]
BOUNDS = re.findall(r"`([\w/]+)\.py:([\w.]+)` = (\d[\d,.]*)", PAGE)
ENGINES = (
    *(
        "HTTP",
        "WebSocket",
        "Socket.IO",
        "JSON reader",
        "YAML",
        "JWT",
        "Graph",
        "Routines",
        "JSON Schema",
        "Patterns",
    ),
    *("JMESPath", "Fields", "Arithmetic", "Templates", "JavaScript", "WebAssembly", "compiler", "TypeScript"),
    *("http-request", "Names of hosts", "NDJSON", "Lists", "Live events", "Network", "catalog"),
)


@pytest.mark.parametrize(("module", "name", "value"), BOUNDS, ids=str)
def test_each_bound_is_the_codes(module: str, name: str, value: str) -> None:
    """The constant, or the default of the field, that the page names exists and has the value that it says."""
    found: Any = importlib.import_module(module.replace("/", "."))
    parts = name.split(".")
    if len(parts) == 2:
        found = getattr(found, parts[0])()
        parts = parts[1:]
    assert reduce(getattr, parts, found) == float(value.replace(",", ""))


@pytest.mark.parametrize("engine", ENGINES)
def test_each_engine_has_its_row(engine: str) -> None:
    """Nothing that reads, checks or runs what comes from outside is forgotten."""
    assert any(engine in row[0] for row in ROWS)


def test_each_row_says_by_what_and_where_it_ends() -> None:
    """Every row has all its cells, and at least one bound that is held against the code."""
    assert len(ROWS) >= len(ENGINES)
    for row in ROWS:
        assert len(row) == 5
        assert all(row)
        assert re.search(r"`[\w/]+\.py:[\w.]+` = \d", row[4]), row[0]


def test_each_setting_that_is_named_exists() -> None:
    """Whoever wants another bound finds the variable."""
    variables = {variable for row in TABLE for variable in row.variables}
    assert set(re.findall(r"`([A-Z]+(?:_[A-Z]+)+)`", SECTION)) <= variables
