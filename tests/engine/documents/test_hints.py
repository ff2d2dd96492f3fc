"""Similar names are found within a budget."""

from collections.abc import Iterator

from engine.documents.hints import MAX_HINTS, MAX_KNOWN_NAMES, MAX_NAME_CHARACTERS, Hints


def test_a_slip_of_the_finger_is_recognised() -> None:
    """At the beginning, in the middle and at the end of a name; what is like nothing gets no hint."""
    known = ["passthrough", "password", "accumulator"]
    for wrong in ("passthrugh", "oassthrough", "passthrougj"):
        assert Hints().similar(wrong, known) == "passthrough"
    assert Hints().similar("zzz", known) is None


def test_the_nearest_of_many_is_found() -> None:
    """Although few are compared letter by letter."""
    known = [f"vendor.family.component-{number}" for number in range(MAX_KNOWN_NAMES)]
    assert Hints().similar("vendor.family.komponent-777", known) == "vendor.family.component-777"


def test_the_budget_is_of_one_request() -> None:
    """After it no name gets a hint."""
    hints = Hints()
    assert [hints.similar("sise", ["size"]) for _ in range(MAX_HINTS + 1)] == ["size"] * MAX_HINTS + [None]


def test_long_names_are_not_compared() -> None:
    """Neither unknown nor known ones, and they cost nothing of the budget."""
    hints = Hints(most=1)
    assert hints.similar("a" * (MAX_NAME_CHARACTERS + 1), ["a" * MAX_NAME_CHARACTERS]) is None
    assert hints.similar("a" * 99, ["a" * (MAX_NAME_CHARACTERS + 1)]) is None


def test_no_more_known_names_are_looked_at_than_may_be() -> None:
    """However many there are."""
    asked = 0

    def known() -> Iterator[str]:
        nonlocal asked
        while True:
            asked += 1
            yield "other"

    assert Hints().similar("name", known()) is None
    assert asked == MAX_KNOWN_NAMES
