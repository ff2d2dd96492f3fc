"""Versions are kept within bounds, told apart by tags, and charged to their owner."""

from collections.abc import Collection

import pytest

from engine.errors import MemoryBoundError, PreconditionFailedError, VersionNotFoundError
from engine.limits import EngineLimits
from engine.memory.ledger import Ledger
from engine.versions import UNCONDITIONAL, Condition, Version, VersionStore


def store(ledger: Ledger | None = None, *, most: int = 3) -> VersionStore[str]:
    limits = EngineLimits(kept_versions=most, kept_version_bytes=100)
    return VersionStore("graphs", ledger or Ledger(0, 0), limits)


def version(number: int, size_bytes: int = 10) -> Version[str]:
    return Version(number, f"text {number}", "ab" * 32, size_bytes, "now")


def come(kept: VersionStore[str], fresh: Version[str], owner: str = "o", used: Collection[int] = ()) -> None:
    """Let a version come, and those go that have to."""
    kept.keep(owner, "id", fresh, kept.outgoing(owner, "id", fresh.size_bytes, used))


def numbers(kept: VersionStore[str]) -> list[int]:
    return [each.number for each in kept.history("o", "id")]


def test_the_oldest_version_goes_first() -> None:
    """Of more than are kept, the latest stay; the present one is the last."""
    kept = store()
    for number in range(1, 6):
        come(kept, version(number))
    present = kept.present("o", "id")
    assert numbers(kept) == [3, 4, 5]
    assert present is not None
    assert present.number == 5


def test_bytes_of_old_versions_are_bounded_and_the_present_one_stays() -> None:
    """What is too large for the bound is kept while it is the present one, and goes with the next."""
    kept = store()
    come(kept, version(1, 60))
    come(kept, version(2, 500))
    assert numbers(kept) == [1, 2]
    come(kept, version(3, 60))
    assert numbers(kept) == [3]


def test_a_version_in_use_stays_and_others_go_in_its_place() -> None:
    """Whatever the bounds, what runs can be looked up; when it is used no more, it goes with the next."""
    kept = store()
    for number in range(1, 6):
        come(kept, version(number), used={1})
    assert numbers(kept) == [1, 4, 5]
    come(kept, version(6))
    assert numbers(kept) == [4, 5, 6]


def test_where_all_are_in_use_nothing_goes() -> None:
    """There are more than the bound then, and nobody waits for that to change."""
    kept = store(most=1)
    for number in range(1, 4):
        come(kept, version(number), used={1, 2, 3})
    assert numbers(kept) == [1, 2, 3]


def test_versions_are_charged_until_they_go() -> None:
    """Each to its owner: those that are kept, and nothing when all are forgotten."""
    ledger = Ledger(0, 0)
    kept = store(ledger)
    for number in range(1, 6):
        come(kept, version(number))
    come(kept, version(1), owner="other")
    assert (ledger.held_by("o"), ledger.held_by("other")) == (30, 10)
    kept.forget("o", "id")
    kept.forget("o", "id")
    assert (ledger.held_by("o"), numbers(kept)) == (0, [])


def test_old_versions_make_room_where_memory_is_at_its_bound() -> None:
    """They go, the oldest first, before a new version is refused; one in use and the present one do not."""
    ledger = Ledger(0, 35)
    kept = store(ledger)
    for number in range(1, 4):
        come(kept, version(number))
    assert kept.outgoing("o", "id", 12, used={1}) == (2,)
    with pytest.raises(MemoryBoundError):
        kept.outgoing("o", "id", 30, used={1})
    assert numbers(kept) == [1, 2, 3]
    come(kept, version(4, 12), used={1})
    assert numbers(kept) == [1, 3, 4]


def test_a_version_that_is_not_kept_is_named_with_those_that_are() -> None:
    """The sentence says which there are."""
    kept = store()
    with pytest.raises(VersionNotFoundError, match="there is none"):
        kept.version("o", "id", 1)
    for number in range(1, 6):
        come(kept, version(number))
    assert kept.version("o", "id", 3).content == "text 3"
    with pytest.raises(VersionNotFoundError, match="Version 2 of id is not kept; there is 3 to 5"):
        kept.version("o", "id", 2)


@pytest.mark.parametrize(
    ("condition", "present", "holds"),
    [
        (UNCONDITIONAL, None, True),
        (UNCONDITIONAL, "1-a", True),
        (Condition(frozenset({"1-a", "2-b"})), "2-b", True),
        (Condition(frozenset({"1-a"})), "2-a", False),
        (Condition(frozenset({"1-a"})), None, False),
        (Condition(frozenset({"*"})), "9-z", True),
        (Condition(frozenset({"*"})), None, False),
        (Condition(frozenset()), "1-a", False),
        (Condition(none_of=frozenset({"*"})), None, True),
        (Condition(none_of=frozenset({"*"})), "1-a", False),
        (Condition(none_of=frozenset({"1-a"})), "2-a", True),
        (Condition(none_of=frozenset({"1-a"})), "1-a", False),
    ],
)
def test_a_condition_is_of_the_present_version(condition: Condition, present: str | None, holds: bool) -> None:
    """It holds as RFC 9110 says, also where there is nothing yet."""
    if holds:
        condition.check("id", present)
    else:
        with pytest.raises(PreconditionFailedError) as refused:
            condition.check("id", present)
        assert refused.value.tag == present
