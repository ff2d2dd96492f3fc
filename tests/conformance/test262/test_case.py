"""Reading test262 cases."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conformance.test262.case import Case, CaseError, cases_in, read_case, scenarios
from tests.conformance.test262.corpora import HARNESS, write_corpus


def only(folder: Path) -> Case:
    """The one case in a folder."""
    (case,) = cases_in(folder)
    return case


def test_the_frontmatter_is_read(tmp_path: Path) -> None:
    """Flags, includes, features and how a case must fail; other keys are for people."""
    case = only(
        write_corpus(
            tmp_path,
            one="esid: sec-a\ndescription: >\n  For people\nincludes: [more.js]\nfeatures: [BigInt]\n"
            "flags: [onlyStrict, async]\nnegative:\n  phase: parse\n  type: SyntaxError|1",
        )
    )
    assert (case.name, case.flags, case.includes) == ("one.js", ("onlyStrict", "async"), ("more.js",))
    assert case.features == ("BigInt",)
    assert case.negative is not None
    assert (case.negative.phase, case.negative.type) == ("parse", "SyntaxError")


MODES = {
    "": ["one.js", "one.js (strict)"],
    "flags: [onlyStrict]": ["one.js (strict)"],
    "flags: [noStrict]": ["one.js"],
    "flags: [raw]": ["one.js"],
}


@pytest.mark.parametrize("frontmatter", MODES)
def test_a_case_runs_in_the_modes_that_its_flags_say(frontmatter: str, tmp_path: Path) -> None:
    """Both, unless it says otherwise."""
    case = only(write_corpus(tmp_path, one=f"{frontmatter}|1"))
    assert [each.name for each in scenarios(case, tmp_path / "harness")] == MODES[frontmatter]


def test_the_harness_comes_before_the_case_and_strictness_before_both(tmp_path: Path) -> None:
    """assert.js, sta.js, what async cases need, what the case includes; nothing before a raw one."""
    folder = write_corpus(tmp_path, one="includes: [more.js]\nflags: [async]|here()", two="flags: [raw]|there()")
    one, two = cases_in(folder)
    sloppy, strict = scenarios(one, tmp_path / "harness")
    places = [
        sloppy.text.index(HARNESS[each]) for each in ("assert.js", "sta.js", "doneprintHandle.js", "more.js")
    ]
    assert places == sorted(places)
    assert sloppy.text.endswith(one.text)
    assert strict.text == '"use strict";\n' + sloppy.text
    assert [each.text for each in scenarios(two, tmp_path / "harness")] == [two.text]


BEYOND = {
    "flags: [module]|export {}": "a module",
    "flags: [CanBlockIsFalse]|1": "needs agents",
    "|$262.createRealm()": "needs a second realm",
    "includes: [detachArrayBuffer.js]|1": "needs to detach buffers",
    "|new SharedArrayBuffer(1)": "shared memory",
    "|1": "",
}


@pytest.mark.parametrize("case", BEYOND)
def test_what_a_component_never_has_is_skipped_with_a_reason(case: str, tmp_path: Path) -> None:
    """A case that asks for more than there is in a guest says nothing about the guest."""
    why_not = only(write_corpus(tmp_path, one=case)).why_not
    assert BEYOND[case] in why_not
    assert bool(why_not) == bool(BEYOND[case])


def test_fixtures_are_no_cases(tmp_path: Path) -> None:
    """They are read by cases, and have no frontmatter."""
    folder = write_corpus(tmp_path, one="|1")
    (folder / "one_FIXTURE.js").write_text("1")
    assert only(folder).name == "one.js"


WRONG = {
    "1": "no test262 case",
    "/*---\nflags: onlyStrict\n---*/": "frontmatter of bad.js cannot be read",
    "/*---\nnegative: {phase: never, type: A}\n---*/": "Invalid enum value 'never'",
    "/*---\n[\n---*/": "cannot be read",
    "/*---\n- 1\n---*/": "cannot be read",
}


@pytest.mark.parametrize("text", WRONG)
def test_what_is_no_case_is_refused_by_its_name(text: str) -> None:
    """The error says which file it is, and what is wrong with it."""
    with pytest.raises(CaseError, match=r"bad\.js") as caught:
        read_case("bad.js", text)
    assert WRONG[text] in str(caught.value)


def test_a_missing_include_is_named(tmp_path: Path) -> None:
    """With the case that wants it, and where it was looked for."""
    case = only(write_corpus(tmp_path, one="includes: [nowhere.js]|1"))
    with pytest.raises(CaseError, match=r"one\.js includes nowhere\.js, which is not in the harness"):
        scenarios(case, tmp_path / "harness")


@given(st.text(alphabet="-*/ \n\rabc:[]{}'\"flagsnegativeincludes!&%@`#>|", max_size=80))
def test_any_frontmatter_is_read_or_refused(text: str) -> None:
    """A case, or the one error that is documented."""
    try:
        case = read_case("any.js", f"/*---{text}---*/")
    except CaseError:
        return
    assert case.name == "any.js"
