"""``symbia-runtime test`` as a component's author runs it."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.service.serving import run_command

ROOT = Path(__file__).parents[3]


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "service", "test", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=50)


def documented(language: str) -> str:
    text = (ROOT / "docs/testing-components.md").read_text(encoding="utf-8")
    (block,) = re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)
    return str(block)


def test_the_documented_cases_pass(tmp_path: Path) -> None:
    """The example of docs/testing-components.md passes as it stands there."""
    file = tmp_path / "counter.yaml"
    file.write_text(documented("yaml"), encoding="utf-8")
    done = run(file, "examples/square.cases.yaml")
    assert (done.returncode, done.stderr) == (0, "4 passed, 0 failed\n"), done.stdout


def test_a_failing_case_says_what_was_expected(tmp_path: Path) -> None:
    """A case that is not met is named with what was expected and what came; the exit status is 1."""
    file = tmp_path / "counter.yaml"
    file.write_text(documented("yaml").replace("[1, 2]", "[1, 3]"), encoding="utf-8")
    done = run(file)
    assert done.returncode == 1
    assert "FAIL" in done.stdout
    assert "port out: expected [1,3], got [1,2]" in done.stdout


def test_a_misspelt_key_and_a_bad_config_are_told(tmp_path: Path) -> None:
    """A file of another shape is refused with its place (2); a wrong configuration is a failure (1)."""
    file = tmp_path / "wrong.yaml"
    file.write_text("component: symbia.core.filter\ncases: [{name: a, sned: []}]\n", encoding="utf-8")
    done = run(file)
    assert done.returncode == 2
    assert "sned" in done.stderr
    file.write_text("component: symbia.core.filter\ncases: [{name: a, send: [{in: 1}]}]\n", encoding="utf-8")
    done = run(file)
    assert done.returncode == 1
    assert "predicate" in done.stdout


async def test_the_documented_code_runs() -> None:
    """The Python example of docs/testing-components.md runs as it stands there."""
    lines = documented("python").splitlines()
    body = "\n".join(f"    {line}" for line in lines)
    scope: dict[str, object] = {}
    exec(f"async def example():\n{body}\n", scope)
    example = scope["example"]
    assert callable(example)
    await example()


@pytest.mark.parametrize(
    ("document", "complaint"),
    [
        ({"component": "symbia.core.map", "cases": []}, "There are no cases in it; a file of cases is an object"),
        ([1], "Expected `object`, got `array`; a file of cases is an object with component and cases"),
        ({"component": "symbia.core.map"}, "missing required field `cases`; a file of cases is an object"),
    ],
)
def test_a_file_without_cases_is_refused(tmp_path: Path, document: Any, complaint: str) -> None:
    """A file in which nothing could be tested does not pass: status 2, and what such a file looks like."""
    path = tmp_path / "cases.json"
    path.write_text(json.dumps(document))
    result = run_command("test", str(path))
    assert (result.returncode, complaint in result.stderr.decode()) == (2, True), result.stderr


def test_a_component_that_is_nowhere_is_told_with_where_it_was_looked_for(tmp_path: Path) -> None:
    """A mistyped file name is taken for an id, so both are said."""
    path = tmp_path / "cases.json"
    path.write_text(json.dumps({"component": "squar.json", "cases": [{"name": "x", "expect": {}}]}))
    result = run_command("test", str(path))
    assert f"Component not found: squar.json, and {tmp_path} has no such file" in result.stdout.decode()
    assert result.returncode == 1


def test_a_wrong_configuration_is_told_of_its_case(tmp_path: Path) -> None:
    """The case that cannot be run is named, with what is wrong; those before it count."""
    case = {"send": [{"in": 1}], "expect": {"out": [2]}}
    good = {"name": "doubles", "config": {"expression": "value * 2"}, **case}
    path = tmp_path / "cases.json"
    path.write_text(json.dumps({"component": "symbia.core.map", "cases": [good, {"name": "nothing", **case}]}))
    result = run_command("test", str(path))
    assert f"ok   {path}: doubles\nFAIL {path}: nothing\n       expression: exactly one" in result.stdout.decode()
    assert result.stderr == b"1 passed, 1 failed\n"
