"""``--library``: components in the files of a folder, for `run`, `check` and `test`."""

import json
import re
from pathlib import Path

import click.testing
import pytest

from service.cli.check import command as check
from service.cli.run import command as run
from service.cli.test import command as run_cases

GRAPH = {
    "symbia": "1.0",
    "name": "priced",
    "nodes": [{"id": "a", "component": "custom.price"}],
    "edges": [],
}
HEAD = "/* symbia:\nid: custom.price\nname: Price\nversion: 1.0.0\nports: {inputs: [in], outputs: [out]}\n*/\n"
CODE = "export default (ctx, port, value) => ctx.emit('out', value * 3);\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with a graph, its cases, and a library beside it."""
    (tmp_path / "library").mkdir()
    (tmp_path / "library/price.js").write_text(HEAD + CODE)
    (tmp_path / "priced.json").write_text(json.dumps(GRAPH))
    case = {"name": "prices", "send": [{"a": 2}], "expect": {"a:out": [6]}}
    (tmp_path / "priced.cases.json").write_text(json.dumps({"cases": [case]}))
    return tmp_path


def invoke(command: click.Command, *arguments: str | Path) -> click.testing.Result:
    return click.testing.CliRunner().invoke(command, list(map(str, arguments)))


def test_a_graph_is_checked_and_tested_with_its_library(folder: Path) -> None:
    """With the library the graph is right, and its cases pass; without it neither."""
    graph, library = folder / "priced.json", folder / "library"
    assert invoke(check, graph, "--library", library).exit_code == 0
    assert invoke(check, graph).exit_code == 1
    tested = invoke(run_cases, folder, "--library", library)
    assert (tested.exit_code, tested.stdout) == (0, f"ok   {folder}/priced.cases.json:1: prices\n")
    assert invoke(run_cases, folder).exit_code == 1


def test_what_is_wrong_in_a_library_is_told_with_its_file(folder: Path) -> None:
    """Each verb names the file, and the place in it; cases that need none of it pass all the same."""
    library = folder / "library"
    (library / "price.js").write_text(HEAD + CODE.replace("=>", "==>"))
    checked = invoke(check, "--library", library, folder / "priced.json")
    assert checked.stdout.startswith(f"{library}/price.js:7:")
    assert "(program.invalid)" in checked.stdout
    tested = invoke(run_cases, folder, "--library", library)
    assert f"{library}/price.js: execution.source: SyntaxError" in tested.stdout
    (folder / "other.cases.json").write_text(
        '{"component": "symbia.core.map", "cases": [{"name": "x", "config": {"expression": "1"}}]}'
    )
    assert "ok   " in invoke(run_cases, folder / "other.cases.json", "--library", library).stdout
    assert invoke(run, folder / "priced.json", "--library", library).stderr == checked.stdout.splitlines(True)[0]
    (library / "price.js").write_text(HEAD.replace("name: Price", "nmae: Price") + CODE)
    misspelt = invoke(run, folder / "priced.json", "--component", library / "price.js").stderr
    assert f"{library}/price.js:3:1: error: A component has no field nmae; did you mean name?" in misspelt
    (library / "torn.yaml").write_text("id: [")
    for command in (check, run_cases, run):
        told = invoke(command, folder / "priced.json", "--library", library)
        assert (told.exit_code, f"{library}/torn.yaml" in told.output) == (2, True), told.output


def test_a_check_of_a_folder_sees_code_with_its_definition(folder: Path) -> None:
    """A definition is told with its own lines, its code with those of the code; code of others is left alone."""
    (folder / "tool.config.js").write_text("module.exports = {")
    (folder / "b.ts").write_text("const handler = {")
    (folder / "b.yaml").write_text(
        "id: custom.b\nname: B\nversion: 1.0.0\nports: {inputs: [in], outputs: [in, in]}\n"
    )
    lines = invoke(check, folder).stdout.splitlines()
    assert [line.split(" ")[0] for line in lines] == [f"{folder}/b.yaml:4:37:"]
    (folder / "b.yaml").write_text(
        "id: custom.b\nname: B\nversion: 1.0.0\nports: {inputs: [in], outputs: [out]}\n"
    )
    (line,) = invoke(check, folder / "b.yaml").stdout.splitlines()
    assert line.startswith(f"{folder}/b.ts:1:")


def test_the_documented_header_is_one(folder: Path) -> None:
    """The component of docs/writing-components.md that has its definition in a comment is right as it stands."""
    page = (Path(__file__).parents[3] / "docs/writing-components.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```javascript\n(.*?)```", page, re.DOTALL)
    (folder / "library/double.js").write_text(code)
    checked = invoke(check, folder / "library")
    assert (checked.exit_code, checked.stdout, checked.stderr) == (0, "", "2 files: no problems\n")
