"""Feeds: one log for many readers, in bounded memory."""

import pytest
import trio
import trio.testing
from hypothesis import given
from hypothesis import strategies as st

from service.live.feed import Chunk, Feed, FeedMemory, Reader
from service.live.hub import TRIM_SECONDS
from tests.service.live.live_runtime import chain, open_live_runtime

PLENTY = 10**9


def flow(*names: str, lost: int = 0) -> Chunk:
    """A chunk of events, before which so many were lost already."""
    chunk = Chunk([(name, b"0123456789") for name in names])
    chunk.lost = lost
    return chunk


def lifecycle(name: str) -> Chunk:
    return Chunk([(name, b"{}")], is_lifecycle=True)


def opened(feed: Feed) -> Reader:
    """A reader that has begun."""
    reader = feed.open_reader()
    feed.begin(reader)
    return reader


def read_all(feed: Feed, reader: Reader) -> tuple[list[str], int]:
    """The names that a reader gets, and how many it lost."""
    names: list[str] = []
    lost = 0
    while chunks := feed.read(reader, 1):
        for chunk in chunks:
            names += [name for name, _ in chunk.events]
            lost += chunk.lost
    return names, lost


def test_every_reader_gets_everything_from_its_beginning_on() -> None:
    """A reader gets, in order, what was appended since it was opened, and nothing else."""
    feed = Feed(FeedMemory(PLENTY))
    first = opened(feed)
    feed.append(flow("a", "b"))
    second = opened(feed)
    feed.append(flow("c"))
    assert read_all(feed, first) == (["a", "b", "c"], 0)
    assert read_all(feed, second) == (["c"], 0)


def test_a_feed_gives_up_its_oldest_flow_and_no_lifecycle_event() -> None:
    """Beyond its bound the oldest flow is only counted; lifecycle events stay where they were."""
    feed = Feed(FeedMemory(PLENTY), max_events=2)
    reader = opened(feed)
    for chunk in (flow("a"), lifecycle("paused"), flow("b", "c"), flow("d")):
        feed.append(chunk)
    assert read_all(feed, reader) == (["paused", "d"], 3)


def test_what_is_given_up_is_counted_beside_what_was_lost_before_it_came() -> None:
    """A chunk that tells of losses and is given up afterwards tells of both."""
    feed = Feed(FeedMemory(PLENTY), max_events=1)
    reader = opened(feed)
    for chunk in (flow("a", "b", lost=5), flow("c", lost=7)):
        feed.append(chunk)
    assert read_all(feed, reader) == (["c"], 14)


def test_where_all_feeds_keep_too_much_the_largest_gives_up() -> None:
    """Whoever reads nothing of much loses it; the feed that is read, and comes last, loses nothing."""
    memory = FeedMemory(80)
    unread = [Feed(memory) for _ in range(2)]
    unread_readers = [opened(feed) for feed in unread]
    for feed in unread:
        for name in ("a", "b", "c", "d"):
            feed.append(flow(name))
    feed = Feed(memory)
    reader = opened(feed)
    for name in ("x", "y", "z"):
        feed.append(flow(name))
        assert memory.used_bytes <= memory.limit_bytes
        assert read_all(feed, reader) == ([name], 0)
    for feed, slow in zip(unread, unread_readers, strict=True):
        names, lost = read_all(feed, slow)
        assert len(names) + lost == 4
        feed.let_go()
    assert memory.used_bytes == 10  # of z, which has been read
    assert len(memory.feeds) == 1


@pytest.mark.parametrize(("max_events", "max_bytes"), [(4, PLENTY), (PLENTY, 40)])
def test_a_feed_is_crowded_when_more_than_half_of_it_waits(max_events: int, max_bytes: int) -> None:
    """Half is not yet too much, and what all have read does not wait."""
    feed = Feed(FeedMemory(PLENTY), max_events=max_events, max_bytes=max_bytes)
    reader = opened(feed)
    crowded = []
    for name in "abc":
        feed.append(flow(name))
        crowded.append(feed.is_crowded)
    read_all(feed, reader)
    assert [*crowded, feed.is_crowded] == [False, False, True, False]


async def test_what_all_have_read_is_let_go_also_where_nothing_follows(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """Nobody's memory is held by what a quiet execution has told, once everybody has it."""
    del autojump_clock
    async with open_live_runtime(metrics_seconds=None) as live:
        client = live.open_client()
        execution_id = await client.start(await live.load(chain("a", "b")), completion="manual")
        for value in range(3):
            await client.say("execution:inject", executionId=execution_id, nodeId="a", port="in", value=value)
        await client.wait_for("port:emit", 3)
        assert live.runtime.ledger.statistics().kinds.get("feeds", 0) > 0
        await trio.sleep(2 * TRIM_SECONDS)
        assert live.runtime.ledger.statistics().kinds.get("feeds", 0) == 0


def test_what_all_have_read_is_let_go() -> None:
    """Memory is given back when the slowest reader has read, or has gone."""
    memory = FeedMemory(PLENTY)
    feed = Feed(memory)
    fast, slow = opened(feed), opened(feed)
    feed.append(flow("a"))
    read_all(feed, fast)
    feed.let_go()
    assert memory.used_bytes == 10
    feed.close_reader(slow)
    assert memory.used_bytes == 0


def test_readers_beyond_the_bound_of_lifecycle_events_are_named() -> None:
    """Lifecycle events are bounded as well: whoever would make a feed give one up is to be disconnected."""
    feed = Feed(FeedMemory(PLENTY), max_lifecycle_events=2)
    slow, fast = opened(feed), opened(feed)
    assert feed.append(lifecycle("a")) == []
    assert feed.append(lifecycle("b")) == []
    read_all(feed, fast)
    assert feed.append(lifecycle("c")) == [slow]


@st.composite
def histories(draw: st.DrawFn) -> list[tuple[str, int]]:
    """What happens to a feed: appends of flow or lifecycle, readers that open, read and close."""
    steps = st.sampled_from(["flow", "lifecycle", "open", "read", "close"])
    return draw(st.lists(st.tuples(steps, st.integers(0, 5)), max_size=60))


@given(histories(), st.integers(0, 6), st.integers(0, 60))
def test_whatever_happens_is_read_or_counted(history: list[tuple[str, int]], events: int, size: int) -> None:
    """Each reader gets each event since its beginning, or hears of its loss; lifecycle ones it always gets."""
    memory = FeedMemory(PLENTY)
    feed = Feed(memory, max_events=events, max_bytes=size)
    readers: list[tuple[Reader, int, int, list[int]]] = []  # with the counts of both kinds at its beginning
    counts = {"flow": 0, "lifecycle": 0}
    for step, number in history:
        if step == "flow":
            lost = number // 2  # of so many events, before they came to the feed
            counts[step] += number
            feed.append(flow(*["f"] * (number - lost), lost=lost))
        elif step == "lifecycle":
            counts[step] += 1
            feed.append(lifecycle("l"))
        elif step == "open":
            readers.append((opened(feed), counts["flow"], counts["lifecycle"], [0, 0]))
        elif readers and step == "read":
            reader, _, _, got = readers[number % len(readers)]
            names, lost = read_all(feed, reader)
            got[0] += names.count("f") + lost
            got[1] += names.count("l")
        elif readers:
            feed.close_reader(readers.pop(number % len(readers))[0])
    for reader, flow_before, lifecycle_before, got in readers:
        names, lost = read_all(feed, reader)
        assert got[0] + names.count("f") + lost == counts["flow"] - flow_before
        assert got[1] + names.count("l") == counts["lifecycle"] - lifecycle_before
    feed.let_go()
    assert memory.used_bytes == 0


def test_a_reader_reads_nothing_before_it_begins() -> None:
    """What was appended between its opening and its beginning is not for it, and is not kept for it."""
    memory = FeedMemory(PLENTY)
    feed = Feed(memory)
    reader = feed.open_reader()
    feed.append(flow("a"))
    assert read_all(feed, reader) == ([], 0)
    assert memory.used_bytes == 0
    feed.begin(reader)
    feed.append(flow("b"))
    assert read_all(feed, reader) == (["b"], 0)
