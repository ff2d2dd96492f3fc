"""Pages that name the test which holds a promise name one that there is."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NAMED = re.compile(r"`(tests/[\w/]+\.py)(?:::(\w+))?`")


@cache
def names_in(path: Path) -> frozenset[str]:
    """The functions of a file, and of its classes."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return frozenset(
        each.name for each in ast.walk(tree) if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef)
    )


@pytest.mark.parametrize("page", sorted(path.name for path in (ROOT / "docs").glob("*.md")))
def test_a_test_that_a_page_names_is_there(page: str) -> None:
    """In the file that the page says."""
    named = NAMED.findall((ROOT / "docs" / page).read_text(encoding="utf-8"))
    missing = [
        f"{file}::{name}"
        for file, name in named
        if not (ROOT / file).exists() or (name and name not in names_in(ROOT / file))
    ]
    assert missing == []


def test_each_promise_of_durability_names_its_test() -> None:
    """Not its file alone."""
    page = (ROOT / "docs" / "durability.md").read_text(encoding="utf-8")
    assert [file for file, name in NAMED.findall(page) if not name] == []
