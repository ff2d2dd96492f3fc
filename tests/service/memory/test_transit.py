"""What is under way is charged to the runtime's ledger and to a narrower one, and released as it was charged."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import MemoryBoundError, OwnerMemoryError, ProcessMemoryError
from engine.memory.ledger import Ledger
from service.memory.transit import SMALL_BYTES, Transit, TransitLoad
from service.problems import error_reply

MB = 1024 * 1024


def test_each_byte_is_in_both_ledgers_and_leaves_both() -> None:
    """What a load holds is held of its owner, until it is closed."""
    ledger = Ledger(100 * MB, 50 * MB)
    load = Transit(ledger, "bodies").load("org")
    load.hold(3 * MB)
    load.hold_more(MB)
    assert load.held_bytes == ledger.held_by("org") == 4 * MB
    assert ledger.statistics().kinds == {"bodies": 4 * MB}
    load.close()
    assert (load.held_bytes, ledger.held_bytes) == (0, 0)


@pytest.mark.parametrize(
    ("owners", "kind", "whose", "status"),
    [
        (1, "bodies", "your requests under way", 429),
        (9, "bodies", "all requests under way", 503),
        (1, "replies", "your unread replies", 429),
        (9, "replies", "all unread replies", 503),
    ],
)
def test_half_of_a_bound_is_all_that_may_be_under_way(owners: int, kind: str, whose: str, status: int) -> None:
    """The refusal has the bound's name, and says when to try again; what was held is held on."""
    ledger = Ledger(80 * MB, 20 * MB)
    transit = Transit(ledger, kind)  # type: ignore[arg-type]  # one of the two
    loads = [transit.load(f"org{number % owners}") for number in range(100)]
    with pytest.raises(MemoryBoundError) as caught:
        _hold_all(loads)
    answer = error_reply(caught.value)
    assert answer.status == status
    assert whose in answer.body.error
    assert int(answer.headers["Retry-After"]) > 0
    assert "half of" in answer.body.error
    assert ledger.held_bytes == transit.held_bytes == sum(load.held_bytes for load in loads)
    assert ledger.held_bytes <= 40 * MB


def test_what_is_small_may_use_the_reserve() -> None:
    """Where large bodies have no room any more, a small one has."""
    transit = Transit(Ledger(0, 20 * MB), "bodies")
    large = transit.load("org")
    with pytest.raises(OwnerMemoryError):
        large.hold(10 * MB)
    large.hold(8 * MB)
    transit.load("org").hold(SMALL_BYTES)
    with pytest.raises(OwnerMemoryError):
        transit.load("org").hold(SMALL_BYTES + MB)


def test_the_runtime_s_own_bound_is_met_too_and_nothing_is_left_half_charged() -> None:
    """Where graphs hold nearly all, bodies are refused by that bound, and the narrower one forgets them."""
    ledger = Ledger(20 * MB, 0)
    ledger.account("graphs").note(19 * MB, "graphs")
    transit = Transit(ledger, "bodies")
    with pytest.raises(ProcessMemoryError, match="MAX_MEMORY_BYTES"):
        transit.load("org").hold(2 * MB)
    assert transit.held_bytes == 0


@given(
    st.lists(st.tuples(st.sampled_from(["hold", "more", "own", "close"]), st.integers(0, 12 * MB)), max_size=30)
)
def test_whatever_happens_the_ledgers_agree(deeds: list[tuple[str, int]]) -> None:
    """Held, moved to another owner or refused: both ledgers know the same, and closing leaves nothing."""
    ledger = Ledger(40 * MB, 16 * MB, reserved_share=0.1)
    transit = Transit(ledger, "bodies")
    loads = [transit.load(""), transit.load("org")]
    for number, (deed, size_bytes) in enumerate(deeds):
        load = loads[number % 2]
        before = load.held_bytes
        try:
            _do(load, deed, size_bytes)
        except MemoryBoundError:
            assert load.held_bytes == before
        assert ledger.held_bytes == transit.held_bytes == sum(each.held_bytes for each in loads)
    for load in loads:
        load.close()
    assert (ledger.held_bytes, transit.held_bytes, ledger.statistics().owners) == (0, 0, 0)


def _hold_all(loads: list[TransitLoad]) -> None:
    for load in loads:
        load.hold(MB)


def _do(load: TransitLoad, deed: str, size_bytes: int) -> None:
    if deed == "hold":
        load.hold(size_bytes)
    elif deed == "more":
        load.hold_more(size_bytes)
    elif deed == "own":
        load.belong_to("" if size_bytes % 2 else "org")
    else:
        load.close()
