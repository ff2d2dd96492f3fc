"""The runners of foreign suites, with small suites of our own that lie as theirs do."""

import json
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.conformance import jmespath, json_schema, json_test_suite, yaml
from tests.conformance.suite import Outcome, Report, Run, SuiteError, command, read_known, run_suite

ROOT = Path(__file__).parents[2]


async def ran(run: Run, folder: Path) -> dict[str, str]:
    """How each case of a folder ended: as wanted, skipped, or how it differs."""
    return {each.name: "skipped" if each.skipped else each.difference or "as wanted" async for each in run(folder)}


def write(folder: Path, files: dict[str, str | bytes]) -> Path:
    """A folder with files."""
    for name, text in files.items():
        place = folder / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(text if isinstance(text, bytes) else text.encode())
    return folder


async def test_json_texts_go_through_both_readers(tmp_path: Path) -> None:
    """What must be taken and is refused differs, and the other way round; where it is free, nothing does."""
    texts: dict[str, str | bytes] = {
        "y_number.json": "[1.5]",
        "y_not_json.json": "[1,]",
        "n_not_json.json": "[1,]",
        "n_list.json": "[1]",
        "i_not_utf_8.json": b'["\xff"]',
        "i_huge.json": "[1e400]",
        "i_utf_16.json": "[1]".encode("utf-16"),
    }
    folder = write(tmp_path, {f"test_parsing/{name}": text for name, text in texts.items()})
    wanted = {f"{name} ({door})": "as wanted" for name in sorted(texts) for door in ("document", "message")}
    differing = {"y_not_json.json": "refused", "n_list.json": "taken"}
    for name, difference in differing.items():
        wanted |= {f"{name} ({door})": difference for door in ("document", "message")}
    assert await ran(json_test_suite.run, folder) == {**wanted, "i_utf_16.json (message)": "skipped"}


async def test_json_schemas_are_asked_as_those_of_ports_are(tmp_path: Path) -> None:
    """By the draft of their folder: ``items`` may be a list of schemas in draft 7, and not in draft 2020-12."""
    tests = [
        {"description": "text", "data": ["a"], "valid": False},
        {"description": "one", "data": [1], "valid": True},
    ]
    group = {"description": "a list", "schema": {"items": [{"type": "integer"}]}, "tests": tests}
    remote = {"description": "remote", "schema": {"$ref": "http://localhost:1234/a.json"}, "tests": tests[:1]}
    boolean = {"description": "boolean", "schema": True, "tests": tests[:1]}
    write(
        tmp_path,
        {
            "tests/draft7/items.json": json.dumps([group, remote, boolean]),
            "tests/draft7/optional/format/date.json": json.dumps([group]),
            "tests/draft2020-12/items.json": json.dumps([{**group, "schema": {"items": {"type": "integer"}}}]),
        },
    )
    whole = await ran(json_schema.run, tmp_path)
    refused = whole.pop("draft7/items.json: remote: text")
    assert refused.startswith("the schema is refused: Resource 'http://localhost:1234/a.json'")
    draft_7 = {
        "draft7/items.json: a list: text": "as wanted",
        "draft7/items.json: a list: one": "as wanted",
        "draft7/items.json: boolean: text": "skipped",
        "draft7/optional/format/date.json: a list: text": "skipped",
        "draft7/optional/format/date.json: a list: one": "skipped",
    }
    draft_2020 = {
        "draft2020-12/items.json: a list: text": "as wanted",
        "draft2020-12/items.json: a list: one": "as wanted",
    }
    assert whole == draft_7 | draft_2020
    assert await ran(json_schema.run, tmp_path / "tests") == whole | {"draft7/items.json: remote: text": refused}
    assert await ran(json_schema.run, tmp_path / "tests" / "draft2020-12") == draft_2020


async def test_paths_find_what_the_suite_says(tmp_path: Path) -> None:
    """A value, an error at run time, or no expression; what comes instead is told."""
    cases = [
        {"expression": "foo", "result": 1},
        {"expression": "bar", "result": None},
        {"expression": "abs(@)", "error": "invalid-type"},
        {"expression": "foo[", "error": "syntax"},
        {"expression": "foo", "bench": "full"},
        {"expression": "to_array(foo)", "result": [True]},
        {"expression": "foo.bar", "error": "invalid-type"},
        {"expression": "foo]", "result": 1},
        {"expression": "abs('x')", "result": 1},
    ]
    write(tmp_path, {"tests/some.json": json.dumps([{"given": {"foo": 1}, "cases": cases}])})
    found = list((await ran(jmespath.run, tmp_path)).values())
    assert found[:7] == [
        *["as wanted"] * 4,
        "skipped",
        "finds [1]",
        "finds None instead of the error invalid-type",
    ]
    assert found[7].startswith("is no expression")
    assert found[8].startswith("PathError")


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        (True, 1, False),
        (0, False, False),
        (None, False, False),
        (None, None, True),
        (1, 1.0, True),
        ([1, [True]], [1, [True]], True),
        ([1], [1, 2], False),
        ({"a": 1}, {"a": True}, False),
        ({"a": 1}, {"b": 1}, False),
        ("1", 1, False),
    ],
)
def test_values_are_the_same_as_json(one: object, other: object, is_same: bool) -> None:
    """Numbers by their value, and a truth value is no number."""
    assert jmespath.same(one, other) is is_same
    assert jmespath.same(other, one) is is_same


async def test_yaml_is_read_or_refused_as_the_suite_says(tmp_path: Path) -> None:
    """A value, or an error; what has no value in JSON, or several, is left out."""
    write(
        tmp_path,
        {
            "AAAA/in.yaml": "a: [1, no]",
            "AAAA/in.json": '{"a": [1, "no"]}',
            "BBBB/00/in.yaml": "a: [",
            "BBBB/00/error": "",
            "BBBB/01/in.yaml": "a: 1",
            "BBBB/01/error": "",
            "CCCC/in.yaml": "&a 1",
            "CCCC/in.json": "1",
            "DDDD/in.yaml": "true",
            "DDDD/in.json": "1",
            "EEEE/in.yaml": "1\n---\n2",
            "EEEE/in.json": "1\n2",
            "FFFF/in.yaml": "? [a]\n: b",
            "tags/scalar/AAAA/in.yaml": "what stands here is what stands there",
        },
    )
    assert await ran(yaml.run, tmp_path) == {
        "AAAA": "as wanted",
        "BBBB/00": "as wanted",
        "BBBB/01": "taken as {'a': 1}",
        "CCCC": "refused: Anchors and aliases are not taken at line 1, column 1; write the value out, "
        "or put a text that begins with * or & in quotes",
        "DDDD": "read as True",
        "EEEE": "skipped",
        "FFFF": "skipped",
    }


@pytest.mark.parametrize("run", [json_test_suite.run, json_schema.run, jmespath.run, yaml.run])
async def test_a_folder_that_holds_no_suite_is_refused(run: Run, tmp_path: Path) -> None:
    """A typing mistake must not look like a suite that passes."""
    with pytest.raises(SuiteError, match=r"^there is no"):
        await run_suite(tmp_path, run, {})


def reported(*outcomes: Outcome, known: dict[str, str] | None = None) -> Report:
    """The report on some outcomes."""
    report = Report(known or {})
    for outcome in outcomes:
        report.add(outcome)
    return report


def test_a_report_counts_and_names_what_is_not_as_known() -> None:
    """Known differences with their reasons; unexpected ones, and known ones that agree, by name."""
    known = {"b": "on purpose", "c": "on purpose", "never run": "of another version"}
    report = reported(
        Outcome("a"),
        Outcome("b", "refused"),
        Outcome("c"),
        Outcome("d", "taken"),
        Outcome("e", skipped="too large"),
        known=known,
    )
    assert report.lines() == [
        "4 cases: 2 agree",
        "1 differ, as is known:",
        "       1  on purpose",
        "1 skipped:",
        "       1  too large",
        "1 differ, and should not:",
        "  d: taken",
        "1 are listed as known differences, and agree:",
        "  c",
    ]
    assert not report.is_good


@pytest.mark.parametrize(
    ("outcome", "is_good"),
    [
        (Outcome("a"), True),
        (Outcome("a", "differs"), False),
        (Outcome("known", "differs"), True),
        (Outcome("known"), False),
        (Outcome("known", skipped="why"), True),
    ],
)
def test_a_suite_went_well_when_it_went_as_known(outcome: Outcome, is_good: bool) -> None:
    """An unexpected difference is none of the known ones, and a known one that is gone has to leave the list."""
    assert reported(outcome, known={"known": "why"}).is_good is is_good


def test_a_case_stands_in_the_list_once(tmp_path: Path) -> None:
    """It has one reason."""
    file = tmp_path / "known.toml"
    file.write_text('[[known]]\nreason = "x"\ncases = ["a", "b"]\n[[known]]\nreason = "y"\ncases = ["c"]\n')
    assert read_known(file) == {"a": "x", "b": "x", "c": "y"}
    file.write_text('[[known]]\nreason = "x"\ncases = ["a"]\n[[known]]\nreason = "y"\ncases = ["a"]\n')
    with pytest.raises(SuiteError, match=r"known\.toml lists a twice"):
        read_known(file)


@pytest.mark.parametrize(
    ("outcomes", "status"),
    [(["a"], 0), (["a", "known: differs"], 0), (["a: differs"], 1), (["known"], 1), ([], 2)],
)
def test_the_command_answers_with_its_status(outcomes: list[str], status: int, tmp_path: Path) -> None:
    """0 when all is as known, 1 when not, 2 when the folder holds no suite."""

    async def run(folder: Path) -> AsyncIterator[Outcome]:
        assert folder == tmp_path
        for text in outcomes:
            name, _, difference = text.partition(": ")
            yield Outcome(name, difference)

    file = tmp_path / "known.toml"
    file.write_text('[[known]]\nreason = "x"\ncases = ["known"]\n')
    done = CliRunner().invoke(command(run, file), [str(tmp_path)])
    assert (done.exit_code, bool(done.stderr)) == (status, status == 2)


def test_a_runner_is_started_by_its_name(tmp_path: Path) -> None:
    """As README.md says it."""
    write(tmp_path, {"tests/a.json": json.dumps([{"given": 1, "cases": [{"expression": "@", "result": 1}]}])})
    done = subprocess.run(
        [sys.executable, "-m", "tests.conformance.jmespath", str(tmp_path)],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, "1 cases: 1 agree\n", "")


@pytest.mark.parametrize("file", sorted(Path(__file__).parent.rglob("*.toml")), ids=lambda file: file.stem)
def test_every_list_can_be_read(file: Path) -> None:
    """Of each suite, known differences have a name and a reason."""
    assert all(name and reason for name, reason in read_known(file).items())
