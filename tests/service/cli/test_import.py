"""``symbia-runtime import`` and ``export``, as commands."""

import json
from pathlib import Path

from click.testing import CliRunner, Result

from service.cli.main import cli
from service.documents.reading import decode_document
from service.documents.yaml_writing import write_yaml
from tests.interchange.red import red, tab
from tests.service.serving import run_command

FLOW = [
    tab("My flow"),
    red("press", "inject", "twice", z="My flow", props=[{"p": "payload", "v": "4", "vt": "num"}]),
    red("twice", "function", ["broken", "shown"], z="My flow", func="msg.payload *= 2;\nreturn msg;"),
    red("broken", "function", "shown", z="My flow", func="retrun msg;"),
    red("shown", "debug", z="My flow"),
]


def command_line(*arguments: str) -> Result:
    """Call the program in this process."""
    return CliRunner().invoke(cli, arguments)


def test_a_flow_is_imported_checked_and_run(tmp_path: Path) -> None:
    """What is written loads and runs; code that is no program is told, and its node refuses messages."""
    file, folder = tmp_path / "flows.json", tmp_path / "out"
    file.write_text(json.dumps(FLOW))
    result = command_line("import", str(file), "--into", str(folder), "--json", "--strict")
    report = json.loads(result.stdout)
    assert result.exit_code == 1
    assert report["summary"] == {"carried": 4, "approximated": 0, "byHand": 1, "leftOut": 0}
    (note,) = (note for note in report["notes"] if note["fate"] == "byHand")
    place = {"id": "broken", "name": "broken", "type": "function", "tab": "My flow", "node": "broken"}
    assert note["place"] == place
    assert "Its code is no program (SyntaxError: expecting ';' (line 2, column 8))" in note["message"]
    assert sorted(str(path.relative_to(folder)) for path in folder.rglob("*.yaml")) == [
        "components/nodered.debug.yaml",
        "components/nodered.inject.yaml",
        "components/nodered.my-flow.broken.yaml",
        "components/nodered.my-flow.twice.yaml",
        "my-flow.yaml",
    ]
    components = [f"--component={path}" for path in (folder / "components").iterdir()]
    done = run_command("run", str(folder / "my-flow.yaml"), *components, "--inject", "press:in={}")
    assert done.stdout.decode().splitlines() == ['{"node":"shown","port":"out","value":8}']
    checked = command_line("check", "--json", str(folder))  # ports that every component has may lead nowhere
    assert [found["code"] for found in json.loads(checked.stdout)] == ["node.errors_lost"]


def test_files_are_written_over_when_that_is_said(tmp_path: Path) -> None:
    """Otherwise nothing is written, and the first one that is there is named, with status 2."""
    file, folder = tmp_path / "net.fbp", tmp_path / "out"
    file.write_text("'x' -> IN A(core/Repeat) OUT -> IN B(core/Output)")
    assert command_line("import", str(file), "--into", str(folder)).exit_code == 0
    again = command_line("import", str(file), "--into", str(folder))
    assert (again.exit_code, "net.yaml is there already; --force writes over it" in again.stderr) == (2, True)
    assert command_line("import", str(file), "--into", str(folder), "--force").exit_code == 0
    shown = command_line("export", str(folder / "net.yaml"), "--to", "dot")
    assert shown.stdout.startswith('digraph "net" {')


def test_a_file_of_no_known_tool_is_refused(tmp_path: Path) -> None:
    """With the tools that there are, and status 2."""
    file = tmp_path / "x.json"
    file.write_text('{"a": 1}')
    result = command_line("import", str(file), "--dry-run")
    assert result.exit_code == 2
    assert "is of no tool that is known; --from says which one, of nodered, fbp, benthos" in result.stderr


def test_yaml_is_read_as_it_was_written() -> None:
    """Whatever a text looks like; lines stand as a block."""
    texts = [
        "yes",
        "1e3",
        "0o7",
        "~",
        "",
        " a ",
        "a: b",
        "# c",
        "- d",
        "x\n  y\n",
        "\t",
        "null",
        "2026-01-01",
        "é😀",
    ]
    document = {"texts": texts, "y": 1, "none": None, "deep": [[{"a": [1.5, True]}], []]}
    assert decode_document(write_yaml(document).encode(), "yaml") == document
    assert "|" in write_yaml({"source": "a\nb\n"})
