"""What waits to be sent: bounded, in order, and counted where it is dropped."""

from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from service.network.events import Sending, SentPayload
from service.network.outbox import (
    EVENT_BYTES,
    OWNER_EVENTS,
    WAITING_BYTES,
    WAITING_EVENTS,
    WAITING_NEWS,
    NetworkOutbox,
)


def _event(data: Any = 1) -> Sending:
    return Sending(SentPayload("x", data), "runtime", "run", "intra")


def test_values_go_before_news_and_each_kind_in_its_order() -> None:
    """Values of graphs are somebody's data, the rest is news."""
    outbox = NetworkOutbox()
    outbox.put_news(_event("n"))
    for number in range(3):
        assert not outbox.put(_event(number), "")
    taken = [msgspec.json.decode(waiting.text)["payload"]["data"] for waiting in iter(outbox.take, None)]
    assert taken == [0, 1, 2, "n"]


def test_where_too_many_wait_the_next_value_is_dropped() -> None:
    """What was taken in before is not touched, so that it has no holes; the reason is told and counted."""
    outbox = NetworkOutbox()
    owners = [f"org-{number % 2}" for number in range(WAITING_EVENTS + 1)]
    reasons = [outbox.put(_event(number), owner) for number, owner in enumerate(owners)]
    assert reasons[-2:] == ["", "too many wait"]
    assert dict(outbox.dropped) == {"too many wait": 1}
    first = outbox.take()
    assert first is not None
    assert msgspec.json.decode(first.text)["payload"]["data"] == 0


def test_one_owner_leaves_room_for_the_others() -> None:
    """Half of the places at most are one organisation's."""
    outbox = NetworkOutbox()
    reasons = {outbox.put(_event(), "org-a") for _ in range(OWNER_EVENTS + 1)}
    assert reasons == {"", "too many of its owner wait"}
    assert not outbox.put(_event(), "org-b")
    while outbox.take() is not None:
        pass
    assert not outbox.put(_event(), "org-a")


def test_large_values_are_bounded_alone_and_together() -> None:
    """One event has a largest size, and so have all that wait."""
    outbox = NetworkOutbox()
    assert outbox.put(_event("x" * EVENT_BYTES), "") == "too large"
    size = 800_000
    fitting = sum(not outbox.put(_event("x" * size), "") for _ in range(40))
    assert fitting == WAITING_BYTES // (size + 100)


def test_of_news_the_newest_stay() -> None:
    """Old news is dropped first, and counted."""
    outbox = NetworkOutbox()
    for number in range(WAITING_NEWS + 7):
        outbox.put_news(_event(number))
    first = outbox.take()
    assert first is not None
    assert msgspec.json.decode(first.text)["payload"]["data"] == 7
    assert outbox.dropped_news == 7


@given(st.lists(st.one_of(st.none(), st.tuples(st.sampled_from("ab"), st.integers(1, 400_000))), max_size=60))
def test_the_books_are_kept(steps: list[tuple[str, int] | None]) -> None:
    """After any puts and takes, what is empty counts nothing."""
    outbox = NetworkOutbox()
    waiting = 0
    for step in steps:
        if step is None:
            waiting -= outbox.take() is not None
        else:
            waiting += not outbox.put(_event("x" * step[1]), step[0])
        assert len(outbox) == waiting
    while outbox.take() is not None:
        pass
    assert outbox._bytes == 0
    assert not outbox._owners
