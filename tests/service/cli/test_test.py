"""``symbia-runtime test`` as a component's author runs it."""

import json
import re
import signal
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import click.testing
import pytest

from engine.testing.case_file import Case
from service.cli.test import command
from tests.processes import ended

ROOT = Path(__file__).parents[3]
KEYS = ", ".join(Case.__struct_fields__)


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "service", "test", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=50)


def invoke(*arguments: str | Path) -> click.testing.Result:
    return click.testing.CliRunner().invoke(command, list(map(str, arguments)))


def documented(language: str) -> list[str]:
    text = (ROOT / "docs/testing-components.md").read_text(encoding="utf-8")
    return [str(block) for block in re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)]


def test_the_documented_cases_pass(tmp_path: Path) -> None:
    """The examples of docs/testing-components.md pass as they stand there, and so do the cases of the examples."""
    for number, block in enumerate(documented("yaml")):
        (tmp_path / f"{number}.cases.yaml").write_text(block, encoding="utf-8")
    done = run(tmp_path, "examples")
    assert (done.returncode, done.stderr) == (0, "14 passed, 0 failed\n"), done.stdout


def test_a_failing_case_says_what_was_expected(tmp_path: Path) -> None:
    """A case that is not met is named with what was expected and what came; the exit status is 1."""
    file = tmp_path / "counter.yaml"
    file.write_text(documented("yaml")[0].replace("[1, 2]", "[1, 3]"), encoding="utf-8")
    done = invoke(file)
    assert done.exit_code == 1
    assert f"FAIL {file}:16: counts what comes" in done.stdout
    assert "port out: expected [1,3], got [1,2]" in done.stdout


def test_a_misspelt_key_and_a_bad_config_fail_their_cases(tmp_path: Path) -> None:
    """A case that is wrong in itself fails alone, with what is wrong and what was meant; the others are run."""
    path = tmp_path / "wrong.yaml"
    path.write_text(
        "component: symbia.core.map\ncases:\n- {name: a, sned: []}\n"
        "- {name: b, config: {expresion: value}}\n- {name: c, config: {expression: value}, send: [{on: 1}]}\n"
        "- {name: d, config: {expression: value}, send: [{in: 1}], expect: {out: [1]}}\n"
        "- {name: d, config: {expression: value}}\n- 7\n"
    )
    done = invoke(path)
    assert done.exit_code == 1
    assert (
        done.stdout
        == f"""\
FAIL {path}:3: a
       Object contains unknown field `sned`; known are {KEYS}; did you mean send?
FAIL {path}:4: b
       config.expresion: Config key expresion is not known; did you mean expression? [config.unknown_key]
FAIL {path}:5: c
       send[0]: No input port on; there are in
ok   {path}:6: d
FAIL {path}:7: d
       another case of this file has the same name
FAIL {path}:8: case 6
       Expected `object`, got `int`; an object has the fields {KEYS}
"""
    )


async def test_the_documented_code_runs() -> None:
    """The Python example of docs/testing-components.md runs as it stands there."""
    lines = documented("python")[0].splitlines()
    body = "\n".join(f"    {line}" for line in lines)
    scope: dict[str, object] = {}
    exec(f"async def example():\n{body}\n", scope)
    example = scope["example"]
    assert callable(example)
    await example()


@pytest.mark.parametrize(
    ("document", "complaint"),
    [
        ([1], "env, secrets, cases; a file of cases is an object with component or graph, and cases"),
        ({"component": "symbia.core.map"}, "missing required field `cases`; a file of cases is an object"),
    ],
)
def test_a_file_that_is_none_of_cases_is_refused(tmp_path: Path, document: Any, complaint: str) -> None:
    """What is no file of cases is told with what such a file looks like, and keeps no other from being run."""
    path = tmp_path / "cases.json"
    path.write_text(json.dumps(document))
    result = invoke(path, "examples/square.cases.yaml")
    assert (result.exit_code, complaint in result.stderr) == (2, True), result.stderr
    assert "2 passed, 0 failed" in result.stderr


def test_no_cases_at_all_is_a_status_of_its_own(tmp_path: Path) -> None:
    """Where nothing was tested the status is 5: in an empty list, an empty folder, and behind a filter."""
    path = tmp_path / "empty.cases.json"
    assert (invoke(tmp_path).exit_code, invoke(tmp_path).stderr) == (
        5,
        "0 passed, 0 failed\nThere were no cases\n",
    )
    path.write_text('{"component": "symbia.core.map", "cases": []}')
    assert invoke(path).exit_code == 5
    nothing = invoke("examples/square.cases.yaml", "--filter", "nonsense")
    assert (nothing.exit_code, "no cases with 'nonsense' in their names" in nothing.stderr) == (5, True)


def test_a_component_that_is_nowhere_is_told_with_where_it_was_looked_for(tmp_path: Path) -> None:
    """A mistyped file name is taken for an id, so both are said."""
    path = tmp_path / "cases.json"
    path.write_text(json.dumps({"component": "squar.json", "cases": [{"name": "x", "expect": {}}]}))
    result = invoke(path)
    assert f"Component not found: squar.json, and {tmp_path} has no such file" in result.stdout
    assert result.exit_code == 1


def test_a_folder_is_searched_for_cases(tmp_path: Path) -> None:
    """In a folder all files of cases are run, those in hidden folders and in node_modules excepted."""
    for place in (
        "a.cases.json",
        "b/c.cases.yaml",
        ".git/d.cases.json",
        "node_modules/e.cases.json",
        "b/other.json",
    ):
        (tmp_path / place).parent.mkdir(exist_ok=True)
        (tmp_path / place).write_text('{"component": "symbia.core.map", "cases": [7]}')
    done = invoke(tmp_path, tmp_path / "a.cases.json")
    assert done.stdout.count("FAIL") == 2, done.stdout
    assert f"FAIL {tmp_path}/a.cases.json:1: case 1\n" in done.stdout


def test_results_are_told_to_programs(tmp_path: Path) -> None:
    """JSON has a line for each case; JUnit's XML a suite for each file, whatever characters came."""
    path = tmp_path / "x.cases.json"
    cases = [
        {"name": "good", "send": [{"in": 1}], "expect": {"out": [1]}},
        {"name": 'bad "<\u0001>', "send": [{"in": "<\u0000"}]},
    ]
    path.write_text(json.dumps({"component": "symbia.core.passthrough", "cases": cases}))
    done = invoke(path, "--json", "--junit", tmp_path / "junit.xml")
    good, bad = map(json.loads, done.stdout.splitlines())
    assert (good.pop("seconds") >= 0, good) == (
        True,
        {"file": str(path), "line": 1, "name": "good", "passed": True},
    )
    assert bad["complaints"] == ['port out: expected [], got ["<\\u0000"]']
    suites = ET.parse(tmp_path / "junit.xml").getroot()
    assert (suites.get("tests"), suites.get("failures")) == ("2", "1")
    (failed,) = suites.iter("failure")
    assert failed.text == bad["complaints"][0]
    assert [case.get("name") for case in suites.iter("testcase")] == ["good", 'bad "<\ufffd>']


def test_snapshots_are_written_when_asked_and_compared_otherwise(tmp_path: Path) -> None:
    """A snapshot is what came once: missing it fails, --update writes it, a difference fails, old ones go."""
    path, kept = tmp_path / "x.cases.yaml", tmp_path / "x.cases.snapshot.json"
    text = "component: symbia.core.passthrough\ncases:\n- {name: first, send: [{in: 1}], snapshot: true}\n"
    path.write_text(text)
    missing = invoke(path)
    assert (missing.exit_code, kept.exists()) == (1, False)
    assert "there is no snapshot of it yet; --update writes it" in missing.stdout
    assert invoke(path, "--update").exit_code == 0
    assert json.loads(kept.read_bytes()) == {"first": {"expect": {"out": [1]}}}
    assert invoke(path).exit_code == 0
    path.write_text(text.replace("in: 1", "in: {$a: 2}"))
    changed = invoke(path)
    assert (changed.exit_code, 'expect: expected {"out":[1]}, got {"out":[{"$a":2}]}' in changed.stdout) == (
        1,
        True,
    )
    path.write_text(text.replace("first", "two"))
    assert invoke(path, "--update").exit_code == 0
    assert json.loads(kept.read_bytes()) == {"two": {"expect": {"out": [1]}}}


def test_watching_runs_again_when_a_file_changes(tmp_path: Path) -> None:
    """With --watch the cases are run again whenever one of their files has changed, until a signal comes."""
    component, path = tmp_path / "square.json", tmp_path / "x.cases.yaml"
    square = (ROOT / "examples/square.json").read_text()
    component.write_text(square.replace("value * value", "value"))
    path.write_text("component: square.json\ncases:\n- {name: one, send: [{in: 3}], expect: {out: [9]}}\n")
    process = subprocess.Popen(
        [sys.executable, "-m", "service", "test", str(path), "--watch"],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    with ended(process):
        assert process.stderr is not None
        lines = iter(process.stderr.readline, "")
        assert next(line for line in lines if "passed" in line) == "0 passed, 1 failed\n"
        assert "Waiting for a change of 3 files; Ctrl-C ends" in next(lines)
        component.write_text(square)
        assert next(line for line in lines if "passed" in line) == "1 passed, 0 failed\n"
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 130
