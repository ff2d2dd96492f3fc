"""Recordings on the command line, as somebody uses them who does so for the first time: wrong, too."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from service.cli.main import cli

GRAPH = (
    '{"symbia": "1.0", "name": "Row", "nodes": [{"id": "a", "component": "symbia.core.passthrough"}], "edges": []}'
)


OTHER = (
    '{"id": "own.other", "name": "Other", "version": "1.0.0", "ports": {"inputs": ["in"], "outputs": ["out"]}, '
    '"execution": {"type": "javascript", "source": "return { process() {} }"}}'
)


def invoked(*arguments: str | Path) -> Result:
    return CliRunner().invoke(cli, [str(each) for each in arguments])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a graph, its recording, and what is none."""
    folder = tmp_path_factory.mktemp("recordings")
    (folder / "row.json").write_text(GRAPH)
    ran = invoked("run", folder / "row.json", "--inject", "a:in=1", "--record", folder / "good.recording")
    assert ran.exit_code == 0, ran.output
    good = (folder / "good.recording").read_bytes()
    (folder / "empty.recording").write_bytes(b"")
    (folder / "cut.recording").write_bytes(good[:-40])
    (folder / "later.recording").write_bytes(good.replace(b"RECORDING 1", b"RECORDING 9", 1))
    return folder


@pytest.mark.parametrize("verb", ["replay", "history"])
@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("empty.recording", "it is empty"),
        ("cut.recording", "was cut"),
        ("later.recording", "has version 9; version 1 is read here"),
        ("row.json", "its first line is another one"),
    ],
)
def test_what_is_no_recording_is_refused(folder: Path, verb: str, name: str, says: str) -> None:
    """With its name, one sentence, and the status of misuse."""
    found = invoked(verb, folder / name)
    assert (found.exit_code, says in found.output, name in found.output) == (2, True, True), found.output


@pytest.mark.parametrize("verb", ["replay", "history"])
def test_a_file_that_is_not_there_is_not_looked_for_elsewhere(folder: Path, verb: str) -> None:
    """No service is asked for an execution of that name."""
    for name in ("nothing.recording", "."):
        found = invoked(verb, folder / name)
        assert found.exit_code == 2
        assert "reached" not in found.output


def test_a_place_that_takes_no_recording_is_refused_before_the_run(folder: Path) -> None:
    """What was done may not be done again; nothing is left beside."""
    for place in (folder / "nowhere" / "x.recording", folder / "row.json" / "x.recording"):
        found = invoked("run", folder / "row.json", "--inject", "a:in=1", "--record", place)
        assert (found.exit_code, '"value"' in found.output) == (2, False)
        assert "cannot be written" in found.output
    assert not list(folder.glob("*.part"))


def test_a_component_that_takes_nobodys_place_is_refused(folder: Path) -> None:
    """Nothing would have been tried, and all would have been the same."""
    (folder / "other.json").write_text(OTHER)
    found = invoked("replay", folder / "good.recording", "--component", folder / "other.json")
    assert found.exit_code == 2
    assert "all of its components are built in" in found.output
