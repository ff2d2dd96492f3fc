"""The ledger of memory: what is charged is held, what is released is gone, and no bound is ever exceeded."""

from collections.abc import Callable
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import MemoryBoundError, OverloadedError, OwnerMemoryError, ProcessMemoryError
from engine.memory.ledger import Account, Kind, Ledger

KINDS: tuple[Kind, ...] = get_args(Kind)
STEP = st.tuples(
    st.integers(min_value=0, max_value=3),
    st.sampled_from(["charge", "release", "adjust", "close"]),
    st.integers(min_value=0, max_value=60),
    st.sampled_from(KINDS[:3]),
    st.booleans(),
)


@given(st.lists(STEP, max_size=60))
def test_sums_match_whatever_is_charged_and_released(steps: list[tuple[int, str, int, Kind, bool]]) -> None:
    """By owner, by kind and in all the same bytes are held; never fewer than none, never more than a bound."""
    ledger = Ledger(process_bytes=100, owner_bytes=70, reserved_share=0.1)
    accounts = [ledger.account(owner) for owner in ("a", "a", "b", "")]
    for number, verb, size_bytes, kind, is_under_way in steps:
        account = accounts[number]
        before = account.held(kind)
        try:
            if verb == "charge":
                account.charge(size_bytes, kind, is_under_way=is_under_way)
                assert account.held(kind) == before + size_bytes
            elif verb == "adjust":
                account.adjust(size_bytes, kind, is_under_way=is_under_way)
                assert account.held(kind) == size_bytes
            elif verb == "release":
                account.release(min(size_bytes, before), kind)
            else:
                account.close()
                assert account.held_bytes == 0
        except MemoryBoundError:
            assert account.held(kind) == before
        held = ledger.statistics()
        assert held.held_bytes == sum(each.held_bytes for each in accounts) == sum(held.kinds.values()) <= 100
        assert all(size > 0 for size in held.kinds.values())
        for owner in ("a", "b", ""):
            assert ledger.held_by(owner) == sum(each.held_bytes for each in accounts if each.owner == owner) <= 70
        assert held.owners == sum(ledger.held_by(owner) > 0 for owner in ("a", "b", ""))
        assert held.peak_bytes >= held.held_bytes
    for account in accounts:
        account.close()
    assert ledger.held_bytes == ledger.statistics().owners == 0


def test_each_bound_is_refused_by_its_name() -> None:
    """The error says which bound was met, what sets it, and what to do; the next owner is not concerned."""
    ledger = Ledger(process_bytes=100, owner_bytes=60)
    one, other = ledger.account("one"), ledger.account("other")
    one.charge(60, "inboxes")
    with pytest.raises(OwnerMemoryError, match=r"60 bytes of memory \(ORG_MAX_MEMORY_BYTES\), and 1 more .* stop"):
        one.charge(1, "held")
    other.charge(40, "bodies")
    with pytest.raises(ProcessMemoryError, match=r"100 bytes of memory \(MAX_MEMORY_BYTES\), and 1 more"):
        other.charge(1, "bodies")
    assert issubclass(MemoryBoundError, OverloadedError)
    statistics = ledger.statistics()
    assert (statistics.refused_by_owner, statistics.refused_by_process) == (1, 1)
    assert statistics.kinds == {"inboxes": 60, "bodies": 40}


def charging(account: Account, size_bytes: int, *, is_under_way: bool) -> bool:
    """Whether so much more is charged."""
    try:
        account.charge(size_bytes, "bodies", is_under_way=is_under_way)
    except MemoryBoundError:
        return False
    return True


def adjusting(account: Account, size_bytes: int, *, is_under_way: bool) -> bool:
    """Whether a use may grow by so much."""
    try:
        account.adjust(account.held("bodies") + size_bytes, "bodies", is_under_way=is_under_way)
    except MemoryBoundError:
        return False
    return True


def trying(account: Account, size_bytes: int, *, is_under_way: bool) -> bool:
    """Whether so much more is charged, where nobody is refused."""
    return account.try_charge(size_bytes, "bodies", is_under_way=is_under_way)


@pytest.mark.parametrize("charged", [charging, adjusting, trying])
@pytest.mark.parametrize(("process_bytes", "owner_bytes"), [(0, 100), (100, 0), (100, 100)])
def test_a_reserve_is_kept_for_what_is_under_way(
    charged: Callable[..., bool], process_bytes: int, owner_bytes: int
) -> None:
    """What is to begin is refused before what has begun is: at either bound, whichever way it is charged."""
    ledger = Ledger(process_bytes=process_bytes, owner_bytes=owner_bytes, reserved_share=0.25)
    account = ledger.account("a")
    assert charged(account, 75, is_under_way=False)
    assert not charged(account, 1, is_under_way=False)
    assert charged(account, 25, is_under_way=True)
    assert not charged(account, 1, is_under_way=True)
    assert account.held_bytes == 100
    statistics = ledger.statistics()
    refused = statistics.refused_by_owner + statistics.refused_by_process
    assert refused == (0 if charged is trying else 2)


def test_only_who_says_so_is_under_way() -> None:
    """Whoever does not say it may not use the reserve."""
    account = Ledger(process_bytes=0, owner_bytes=100, reserved_share=0.25).account("a")
    account.note(75, "bodies")
    assert not account.try_charge(1, "bodies")
    for charge, size_bytes in ((account.charge, 1), (account.adjust, 76)):
        with pytest.raises(OwnerMemoryError):
            charge(size_bytes, "bodies")


def test_a_bound_of_0_is_none() -> None:
    """Then everything is counted, and nothing refused."""
    account = Ledger(process_bytes=0, owner_bytes=0).account("a")
    account.charge(2**50, "bodies")
    assert account.held_bytes == 2**50


def test_more_than_was_charged_is_not_released() -> None:
    """A fault of ours shows at once; another account of the same owner does not hide it."""
    ledger = Ledger(process_bytes=100, owner_bytes=100)
    ledger.account("a").charge(50, "held")
    account = ledger.account("a")
    account.charge(10, "held")
    with pytest.raises(AssertionError, match="11 bytes released of 10"):
        account.release(11, "held")
    with pytest.raises(AssertionError):
        account.release(1, "bodies")


def test_what_is_there_already_is_noted_whatever_the_bounds() -> None:
    """It is counted, so that nothing more comes in until it has been released."""
    ledger = Ledger(process_bytes=100, owner_bytes=100)
    account = ledger.account("a")
    account.note(150, "states")
    assert (account.held_bytes, ledger.held_bytes) == (150, 150)
    assert not account.try_charge(1, "inboxes", is_under_way=True)
    with pytest.raises(OwnerMemoryError):
        ledger.require("a", 1)
    account.release(60, "states")
    assert account.try_charge(10, "inboxes", is_under_way=True)
    ledger.require("a", 0)
    assert ledger.statistics().refused_by_owner == 1
