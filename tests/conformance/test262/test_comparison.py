"""Running cases: in the guest always, beside the native engine where it is installed."""

import importlib.util
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

from tests.conformance.test262.case import CaseError, cases_in, scenarios
from tests.conformance.test262.comparison import Outcome, compared, harness_of
from tests.conformance.test262.corpora import write_corpus
from tests.conformance.test262.engines import GuestEngine, NativeEngine, NativeMissing
from tests.conformance.test262.verdict import Verdict, judged
from wasm_host.host import open_host

needs_native = pytest.mark.skipif(
    importlib.util.find_spec("quickjs") is None, reason="the optional package quickjs-ng is not installed"
)

PASSING = {
    "sloppy": "flags: [noStrict]|assert.sameValue((function () { return this })(), globalThis)",
    "strict": "flags: [onlyStrict]|assert.sameValue((function () { return this })(), undefined)",
    "included": "includes: [more.js]|assert.sameValue(included, 42)",
    "early": "negative:\n  phase: parse\n  type: SyntaxError|$DONOTEVALUATE();\nlet a; let a;",
    "returns": "negative:\n  phase: parse\n  type: SyntaxError|$DONOTEVALUATE();\nreturn {}",
    "throws": "negative:\n  phase: runtime\n  type: Test262Error|throw new Test262Error('x')",
    "raw": "flags: [raw]|'use strict'; if ((function () { return this })() !== undefined) throw 1",
    "async": "flags: [async]|Promise.resolve(1).then((n) => assert.sameValue(n, 1)).then($DONE, $DONE)",
    "unhandled": "|Promise.reject(new Error('nobody cares'))",
    "host": "|assert.sameValue($262.evalScript('1 + 1'), 2); assert.sameValue($262.global, globalThis)",
    "separators": "|assert.sameValue(eval('\"\\u2028\"').length, 1)",
}
REPLACING = {
    "print": "|globalThis.print = globalThis.$262 = globalThis.eval = globalThis.String = undefined",
    "json": "|JSON.stringify = () => '!'; JSON = 1; String.prototype.toJSON = () => 'no'",
    "arrays": "|Array.prototype.push = Array.prototype.toJSON = () => { throw 1 }; Array = undefined",
    "objects": "|Object.prototype.toJSON = () => 'no'; Object.prototype.constructor = null; Object = 0",
    "indices": "|Object.defineProperty(Array.prototype, '0', { set() { throw 1 }, configurable: true })",
    "functions": "|Function.prototype.call = Function.prototype.apply = undefined; Function = 1",
    "notes": "|globalThis.notes = 7; globalThis.stringify = globalThis.evaluate = globalThis.asText = null",
    "frozen": "|Object.freeze(globalThis); Object.freeze(Object.prototype)",
    "promises": "flags: [async]|Promise.resolve(1).then($DONE.bind(null, 0));\n"
    "Promise.prototype.then = Promise.resolve = null",
    "texts": "|Object.defineProperty(String.prototype, 'length', { get() { throw 1 } })",
}
"""Cases that replace what a runner may need: they pass, and the runner goes on."""

FAILING = {
    "wrong": ("|assert.sameValue(1, 2)", "threw Test262Error: 1 is not 2"),
    "syntax": ("|let a = ;", "threw SyntaxError"),
    "healthy": ("negative:\n  phase: runtime\n  type: TypeError|1", "returned instead of TypeError"),
    "failed": ("flags: [async]|$DONE('bad')", "Test262:AsyncTestFailure:bad"),
    "silent": ("flags: [async]|1", "printed []"),
    "halves": ("|throw new Error('\\ud83d')", "threw Error: "),
    "replaced": ("|print = JSON = Array = String = null; throw new TypeError('x')", "threw TypeError: x"),
    "twice": ("flags: [async]|$DONE(); $DONE()", "printed ["),
}


async def in_the_guest(folder: Path) -> dict[str, Verdict]:
    """The verdict on each scenario of a corpus."""
    async with open_host() as host:
        guest = GuestEngine(host)
        return {
            scenario.name: await guest.run(scenario)
            for case in cases_in(folder)
            for scenario in scenarios(case, harness_of(folder))
        }


async def test_cases_pass_in_the_guest(tmp_path: Path) -> None:
    """Sloppy and strict, included, negative, raw and asynchronous ones."""
    verdicts = await in_the_guest(write_corpus(tmp_path, **PASSING))
    assert {name: verdict.reason for name, verdict in verdicts.items() if not verdict.passed} == {}
    assert len(verdicts) == 2 * len(PASSING) - 3


async def test_a_case_may_replace_what_it_finds(tmp_path: Path) -> None:
    """Whatever that is: the notes of the run tell of it all the same."""
    verdicts = await in_the_guest(write_corpus(tmp_path, **REPLACING))
    assert {name: verdict.reason for name, verdict in verdicts.items() if not verdict.passed} == {}


@needs_native
@pytest.mark.parametrize("name", REPLACING)
async def test_a_case_may_replace_what_it_finds_natively(name: str, tmp_path: Path) -> None:
    """The same in the native engine, which has the runner's own code beside the case's."""
    native = NativeEngine()
    folder = write_corpus(tmp_path, case=REPLACING[name])
    for case in cases_in(folder):
        for scenario in scenarios(case, harness_of(folder)):
            assert (await native.run(scenario)).reason == ""


@pytest.mark.parametrize("name", FAILING)
async def test_a_case_that_fails_says_how(name: str, tmp_path: Path) -> None:
    """In each of its modes."""
    text, reason = FAILING[name]
    verdicts = await in_the_guest(write_corpus(tmp_path, case=text))
    for verdict in verdicts.values():
        assert not verdict.passed
        assert reason in verdict.reason


async def test_a_limit_of_the_guest_is_told_from_a_failure(tmp_path: Path) -> None:
    """A case that takes all memory fails by the name of the limit."""
    text = "flags: [noStrict]|const all = []; while (true) all.push(new Uint8Array(1 << 24).fill(1))"
    (verdict,) = (await in_the_guest(write_corpus(tmp_path, case=text))).values()
    assert "MemoryLimitExceeded" in verdict.reason or "out of memory" in verdict.reason


@needs_native
async def test_both_engines_agree_on_our_cases(tmp_path: Path) -> None:
    """What passes in the guest passes natively, and what fails fails; module cases are skipped."""
    failing = {name: text for name, (text, _) in FAILING.items()}
    folder = write_corpus(tmp_path, module="flags: [module]|export {}", **PASSING, **failing)
    async with open_host() as host:
        outcomes = [each async for each in compared(folder, harness_of(folder), GuestEngine(host), NativeEngine())]
    assert [outcome.line() for outcome in outcomes if outcome.differs] == []
    passed = 2 * len(PASSING) - 3
    assert sum(each.guest is not None and each.guest.passed for each in outcomes) == passed
    assert sum(not each.skipped for each in outcomes) == passed + 2 * len(FAILING)
    assert sum(bool(each.skipped) for each in outcomes) == 1


def test_an_outcome_differs_when_one_engine_passes_and_the_other_does_not() -> None:
    """Both failing is no difference."""
    good, bad = Verdict(passed=True), Verdict(passed=False, reason="because")
    lines = {
        Outcome("a.js", good, good): (False, "pass a.js"),
        Outcome("b.js", bad, good): (True, "FAIL (guest only) b.js: because"),
        Outcome("c.js", good, bad): (True, "FAIL (native only) c.js: because"),
        Outcome("d.js", bad, bad): (False, "fail (both) d.js: because"),
        Outcome("e.js", skipped="a module"): (False, "skipped e.js: a module"),
    }
    assert {outcome: (outcome.differs, outcome.line()) for outcome in lines} == lines


def test_the_harness_is_found_around_the_folder_or_missed_by_name(tmp_path: Path) -> None:
    """As it lies in the corpus: beside the folder of tests, however deep one begins."""
    folder = write_corpus(tmp_path / "corpus", one="|1")
    (folder / "deep" / "deeper").mkdir(parents=True)
    assert harness_of(folder / "deep" / "deeper") == tmp_path / "corpus" / "harness"
    with pytest.raises(CaseError, match="name it with --harness"):
        harness_of(tmp_path)


def test_a_missing_native_engine_is_said_clearly(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is missing, in which version, and what to do."""

    def nothing(name: str) -> str:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "version", nothing)
    with pytest.raises(NativeMissing, match=r"quickjs-ng is not installed.*pip install quickjs-ng==\d"):
        NativeEngine()


def test_another_version_is_not_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    """A difference between versions would not be ours."""
    monkeypatch.setattr(metadata, "version", lambda name: "0.1" if name == "quickjs-ng" else "")
    monkeypatch.setattr("importlib.import_module", lambda name: name)
    with pytest.raises(NativeMissing, match=r"quickjs-ng is 0\.1, and the guest \d"):
        NativeEngine()


def test_a_run_that_ends_twice_or_never_has_failed(tmp_path: Path) -> None:
    """Exactly one ending is a run."""
    (case,) = cases_in(write_corpus(tmp_path, one="flags: [noStrict]|1"))
    (scenario,) = scenarios(case, tmp_path / "harness")
    assert judged(scenario, []).reason == "ended 0 times"
    assert judged(scenario, [("returned", ""), ("returned", "")]).reason == "ended 2 times"


def run_command(*arguments: str) -> subprocess.CompletedProcess[str]:
    """The command, as a person starts it."""
    return subprocess.run(
        [sys.executable, "-m", "tests.conformance.test262", *arguments],
        cwd=Path(__file__).parents[3],
        capture_output=True,
        text=True,
        check=False,
    )


@needs_native
def test_the_command_counts_and_answers_with_its_status(tmp_path: Path) -> None:
    """0 and a summary when both agree; 2 and a sentence when the folder holds no corpus."""
    folder = write_corpus(tmp_path / "corpus", **PASSING)
    done = run_command(str(folder), "--verbose")
    assert done.returncode == 0, done.stderr
    assert f"{2 * len(PASSING) - 3} cases: {2 * len(PASSING) - 3} agree" in done.stdout
    assert "pass strict.js (strict)" in done.stdout
    empty = run_command(str(tmp_path))
    assert empty.returncode == 2
    assert "name it with --harness" in empty.stderr


@pytest.mark.skipif(importlib.util.find_spec("quickjs") is not None, reason="quickjs-ng is installed")
def test_the_command_says_that_the_native_engine_is_missing(tmp_path: Path) -> None:
    """Status 2, and what to install."""
    done = run_command(str(write_corpus(tmp_path, **PASSING)))
    assert done.returncode == 2
    assert "quickjs-ng is not installed" in done.stderr
