"""The mutation runner: what it changes, whom it asks, and what it says."""

import ast
from pathlib import Path

import pytest

from tests.mutants.campaign import (
    Campaign,
    UnsoundTestsError,
    as_entry,
    files_under,
    read_equivalents,
    sampled,
    stale,
)
from tests.mutants.concern import ROOMS, UNDER, concerning
from tests.mutants.laboratory import open_laboratory
from tests.mutants.places import mutants_of

ROOT = Path(__file__).parents[2]


def changes(body: str, arguments: str = "a, b") -> set[str]:
    """The changes in the body of a function."""
    source = f"def f({arguments}):\n    {body}\n".encode()
    return {mutant.after for mutant in mutants_of("x.py", source)}


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("a = b < 1", {"(b <= 1)", "2"}),
        ("a = b in a", {"(b not in a)"}),
        ("a = b and not a", {"(b or not a)", "(a)"}),
        ("a = b - a", {"(b + a)"}),
        ("a = f'{b}' + 'x'", set()),
        ("a = max(a, b)", {"(min(a, b))"}),
        ("a = b if a else 0", {"(0 if a else b)", "1"}),
        ("a = f(b, final=True)", {"(f(b))", "False"}),
        ("a.b = b", {"pass"}),
        ("a += b", {"pass", "a = b", "a -= b"}),
        ("await a.b()", {"pass"}),
        ("del a[b]", {"pass"}),
        ("raise a", {"pass"}),
        ("return a", {"return None"}),
        ("return None", set()),
        ("return", set()),
        ("'text'", set()),
        ("assert a == 1", set()),
        ("a: int = b", set()),
        ("if a: f()", {"(not a)", "pass"}),
        ("while a: break", {"(not a)", "pass"}),
        ("a = [b for b in a if b]", {"(not b)"}),
    ],
)
def test_each_kind_of_change(body: str, expected: set[str]) -> None:
    """A comparison, a condition, a number, a statement, an answer: each is changed, and texts are not."""
    assert changes(body) == expected


def test_two_statements_are_exchanged() -> None:
    """Those that stand one after the other, in any block; a text is none."""
    source = b"def f(a):\n    'What it does.'\n    if a:\n        a.x()\n        a.y()\n    a.z()\n    return\n"
    swapped = [mutant for mutant in mutants_of("x.py", source) if "<>" in mutant.before]
    (only,) = swapped
    assert (only.line, only.before) == (4, "a.x() <> a.y()")
    assert only.applied_to(source).decode() == source.decode().replace(
        "a.x()\n        a.y()", "a.y()\n        a.x()"
    )


def test_bounds_protocols_and_texts_are_left_alone() -> None:
    """They are decisions, declarations and prose."""
    source = (
        b"'''Text.'''\nLIMIT = 1\nclass A:\n    'Text.'\n    size: int = 2\n"
        b"class B(Protocol):\n    def f(self) -> int: return 1\n"
        b"def g(a: int = 3) -> 'int':\n    'Text.'\n    return a\n"
    )
    assert [(mutant.scope, mutant.after) for mutant in mutants_of("x.py", source)] == [
        ("g", "4"),
        ("g", "return None"),
    ]


def test_every_mutant_of_the_project_can_be_compiled_and_is_another_program() -> None:
    """Of some files; what does not compile would be noticed by any test."""
    for mutant in sampled(ROOT, ["engine/execution/in_flight.py", "service/auth/caller.py"], seed=1):
        source = (ROOT / mutant.file).read_bytes()
        changed = mutant.applied_to(source)
        if "yield" not in mutant.before:
            assert ast.dump(ast.parse(changed)) != ast.dump(ast.parse(source)), mutant


def test_a_seed_repeats_a_sample() -> None:
    """The same places in the same order, and other seeds others."""
    one, same, other = (sampled(ROOT, ["engine/quota.py"], seed) for seed in (1, 1, 2))
    assert one == same != other
    assert set(one) == set(other)


def test_every_room_has_tests() -> None:
    """All that the table names is there, and each file that is mutated has somebody to ask."""
    for patterns in ROOMS.values():
        assert all(list(ROOT.glob(pattern)) for pattern in patterns)
    assert [file for file in files_under(ROOT, UNDER) if not concerning(ROOT, file)] == []


def test_tests_of_the_own_name_are_asked_first() -> None:
    """Then those of the room, then those of the promise; none of them twice."""
    groups = concerning(ROOT, "engine/execution/inbox.py")
    assert groups[0][:2] == [
        "tests/engine/execution/test_inbox.py",
        "tests/engine/execution/test_inbox_channel.py",
    ]
    assert "tests/engine/execution/test_injector.py" in groups[1]
    assert "tests/simulation/test_simulation.py" in groups[-1]
    asked = [test for group in groups for test in group]
    assert len(asked) == len(set(asked))


def test_the_list_gives_a_reason_for_each_and_lists_none_twice() -> None:
    """An entry without one would hide what a test should hold."""
    entries = read_equivalents()
    assert [entry for entry in entries if not entry.reason] == []
    assert len({entry.key for entry in entries}) == len(entries)


def small_project(folder: Path, tested: str) -> Path:
    """A project of one file, and one file of tests."""
    (folder / "engine").mkdir(parents=True)
    (folder / "engine" / "__init__.py").touch()
    (folder / "engine" / "thing.py").write_text("def f(a):\n    return a < 1\n")
    (folder / "tests" / "engine").mkdir(parents=True)
    test = f"from engine.thing import f\n\n\ndef test_it():\n    {tested}\n"
    (folder / "tests" / "engine" / "test_thing.py").write_text(test)
    return folder


@pytest.mark.parametrize(
    ("tested", "survivors"),
    [
        ("assert f(0) and not f(1)", []),
        ("while not f(0): pass", ["(a <= 1)", "2"]),
    ],
)
@pytest.mark.timeout(300)  # pytest is started ten times
def test_what_no_test_notices_is_told(tested: str, survivors: list[str], tmp_path: Path) -> None:
    """With its place and its difference; the copy is as it was, and the project was never touched."""
    project = small_project(tmp_path / "project", tested)
    told: list[str] = []
    with open_laboratory(project, preloaded=("pytest", "hypothesis")) as laboratory:
        campaign = Campaign(laboratory, told.append, patience_seconds=1)
        mutants = sampled(project, ["engine"], seed=1)
        campaign.run(mutants, within_seconds=60)
        assert (laboratory.root / "engine" / "thing.py").read_text() == "def f(a):\n    return a < 1\n"
    assert sorted(mutant.after for mutant in campaign.survivors) == survivors
    assert campaign.counts["tried"] == len(mutants) == 3
    if "(a <= 1)" in survivors:
        told_of = next(text for text in told if "<= 1" in text)
        shown = "@@ -1,2 +1,2 @@\n def f(a):\n-    return a < 1\n+    return (a <= 1)\n"
        assert told_of == f"engine/thing.py:2: SURVIVED in f\n{shown}"


def test_tests_that_fail_without_a_mutant_end_the_run(tmp_path: Path) -> None:
    """Whatever they say of mutants, they would say of anything."""
    project = small_project(tmp_path / "project", "assert f(1)")
    with (
        open_laboratory(project, preloaded=("pytest", "hypothesis")) as laboratory,
        pytest.raises(UnsoundTestsError, match=r"test_thing\.py::test_it fails"),
    ):
        Campaign(laboratory, print).run(sampled(project, ["engine"], seed=1), within_seconds=60)


def test_a_test_is_named_whole(tmp_path: Path) -> None:
    """Also one whose values have spaces: otherwise nobody could ask it a second time, alone."""
    project = small_project(tmp_path / "project", "pass")
    test = (
        'import pytest\n\n\n@pytest.mark.parametrize("code", ["a > b"])\ndef test_it(code):\n    assert not code\n'
    )
    (project / "tests" / "engine" / "test_thing.py").write_text(test)
    with open_laboratory(project, preloaded=("pytest", "hypothesis")) as laboratory:
        ran = laboratory.run(["tests/engine/test_thing.py"], within_seconds=60)
        assert ran.failed == "tests/engine/test_thing.py::test_it[a > b]"
        assert laboratory.run([ran.failed], within_seconds=60).failed == ran.failed


def test_an_entry_is_known_wherever_it_stands_and_missed_when_it_is_gone(tmp_path: Path) -> None:
    """What the run prints can be put into the list as it is, with its reason."""
    project = small_project(tmp_path / "project", "f(0)")
    mutant = sampled(project, ["engine"], seed=1)[0]
    file = tmp_path / "equivalents.toml"
    file.write_text(as_entry(mutant).replace('reason = ""', 'reason = "because"'))
    (entry,) = read_equivalents(file)
    assert (entry.key, entry.reason) == (mutant.key, "because")
    assert mutant not in sampled(project, ["engine"], 1, known=[entry])
    assert stale(project, ["engine"], [entry]) == []
    source = project / "engine" / "thing.py"
    source.write_text("'''Further down.'''\n\n\n" + source.read_text())
    assert stale(project, ["engine"], [entry]) == []
    source.write_text("def g(a):\n    return a < 1\n")
    assert stale(project, ["engine"], [entry]) == [entry]
