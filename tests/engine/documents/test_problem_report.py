"""Problems are bounded in number and in length, and what they quote is cut."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from engine.documents.problem_report import (
    MAX_MESSAGE_CHARACTERS,
    MAX_PATH_CHARACTERS,
    MAX_PROBLEMS,
    SHOWN_CHARACTERS,
    ProblemReport,
    listed,
    numbered,
    shown,
)
from proto.problem import Problem


def test_the_first_problems_are_kept_and_the_others_counted() -> None:
    """One more problem says how many there are besides."""
    report = ProblemReport(Problem("c", str(number), "m") for number in range(MAX_PROBLEMS + 5))
    assert [problem.path for problem in report.problems()[:3]] == ["0", "1", "2"]
    assert len(report.problems()) == MAX_PROBLEMS + 1
    assert report.problems()[-1] == Problem(
        "problems.more", "", "There are 5 further problems; repair these first"
    )


def test_messages_and_paths_are_cut() -> None:
    """Whoever wrote them: also a decoder may quote a key of a megabyte."""
    report = ProblemReport([Problem("c", "p" * 10_000, "m" * 10_000)])
    (problem,) = report.problems()
    assert (len(problem.path), len(problem.message)) == (MAX_PATH_CHARACTERS, MAX_MESSAGE_CHARACTERS)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_any_value_is_shown_briefly(value: Any) -> None:
    """Strings, numbers of any length, lists and objects."""
    assert len(shown(value)) <= SHOWN_CHARACTERS


def test_a_number_of_thousands_of_digits_is_not_written() -> None:
    """Writing it takes the square of its length, and Python refuses to."""
    assert shown(1 << 100_000) == "a very long number"
    assert shown(1 << 200) == str(1 << 200)


def test_names_are_listed_in_part() -> None:
    """The first ones, and how many there are besides."""
    assert listed("ab") == "a, b"
    assert listed("abcde", most=3) == "a, b, c, and 2 more"
    assert listed([]) == ""


def test_problems_of_a_part_get_its_place() -> None:
    """Also where the whole part is meant."""
    problems = numbered([Problem("c", "nodes", "m"), Problem("c", "", "m"), Problem("c", "[1]", "m")], "graphs[0]")
    assert [problem.path for problem in problems] == ["graphs[0].nodes", "graphs[0]", "graphs[0][1]"]
