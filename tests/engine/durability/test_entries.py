"""What an execution has accepted, as bytes and back."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.compile.compiler import compile_graph
from engine.compile.loaded_graph import LoadedGraph
from engine.contracts.handler import Message
from engine.durability.entries import (
    Accepted,
    Called,
    Injected,
    Told,
    decode_entry,
    encode_entry,
    entry_of,
    messages_in,
)
from engine.errors import CannotGoOnError
from engine.limits import EngineLimits
from engine.wall_clock import WallClock
from store.errors import StoreCorruptError
from tests.engine.executions import document
from tests.engine.handlers import Journal, components

ENTRIES: tuple[Accepted, ...] = (
    Injected(3, (("a", "in"),), ((0, 1, b"[1.10]"), (0, 0, b"null")), is_final=True),
    Injected(0, (), (), is_beginning=True),
    Told("drain"),
    Called("a", b"digest", "key"),
)


@pytest.mark.parametrize("entry", ENTRIES)
def test_an_entry_is_read_as_it_was_written(entry: Accepted) -> None:
    """Whatever its kind."""
    assert decode_entry(encode_entry(entry)) == entry


@given(
    st.binary(max_size=40)
    | st.sampled_from(ENTRIES)
    .map(encode_entry)
    .flatmap(
        lambda body: st.builds(
            lambda at, byte: body[:at] + byte + body[at + 1 :], st.integers(0, len(body)), st.binary(max_size=2)
        )
    )
)
def test_what_is_read_is_an_entry_or_damaged(body: bytes) -> None:
    """Nothing else is raised."""
    try:
        assert isinstance(decode_entry(body), Injected | Told | Called)
    except StoreCorruptError:
        return


async def test_messages_find_their_places_by_name() -> None:
    """In a graph whose nodes stand in another order; a place that is gone is named."""

    async def graph_of(*nodes: str) -> LoadedGraph:
        return await compile_graph(
            document(dict.fromkeys(nodes, "forward")),
            components(Journal()),
            EngineLimits(),
            WallClock().timestamp,
        )

    former, present, other = await graph_of("a", "b"), await graph_of("b", "a"), await graph_of("b")
    entry = entry_of(former, [(0, Message(0, b"1", 7)), (1, Message(0, b"2", 8, lane=1))])
    again = messages_in(present, entry)
    assert again == [(1, Message(0, b"1", 7)), (0, Message(0, b"2", 8, lane=1))]
    with pytest.raises(CannotGoOnError, match="port in of node a, which is gone"):
        messages_in(other, entry)
    assert msgspec.structs.asdict(entry)["first"] == 7
