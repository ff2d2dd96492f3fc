"""docs/semantics.md names a test for each promise; those tests exist."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
ROW = re.compile(r"^\| (?P<promise>[^|*]+) \| `(?P<file>[^:`]+)::(?P<test>\w+)` \|$")


def rows() -> list[re.Match[str]]:
    text = (ROOT / "docs/semantics.md").read_text(encoding="utf-8")
    table = text.partition("## The promises, and the tests that hold them")[2].partition("\n## ")[0]
    lines = [line for line in table.splitlines() if line.startswith("|") and "| |" not in line][2:]
    matches = [ROW.match(line) for line in lines]
    assert all(matches), [line for line, match in zip(lines, matches, strict=True) if match is None]
    return [match for match in matches if match is not None]


def test_every_promise_names_a_test_that_exists() -> None:
    """Each row is one promise with one test, and that test is defined in the file that the row names."""
    missing = []
    for row in rows():
        file = ROOT / row["file"]
        tree = ast.parse(file.read_text(encoding="utf-8")) if file.is_file() else ast.Module([], [])
        names = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
        if row["test"] not in names:
            missing.append(f"{row['file']}::{row['test']}")
    assert not missing


def test_the_promises_are_many_and_each_is_made_once() -> None:
    """The table has not been emptied, and no promise stands in it twice."""
    promises = [row["promise"] for row in rows()]
    assert len(promises) > 25
    assert len(set(promises)) == len(promises)
