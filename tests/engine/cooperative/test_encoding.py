"""Pages and structs that are encoded in slices: what they say, and where a page ends."""

import json
from collections.abc import Iterator

import msgspec
import pytest

from engine.cooperative.encoding import PAGE_BYTES, encoded_in_slices, encoded_page
from proto.codec import encode


class Thing(msgspec.Struct, omit_defaults=True, rename="camel"):
    """Something with a long list."""

    some_things: list[int]
    few_things: tuple[int, ...] = ()
    name: str = "nobody"


class Whole(msgspec.Struct):
    """Something that says its defaults."""

    things: list[int] = []
    name: str = "nobody"


def texts(*sizes: int) -> list[str]:
    """Texts that are so long as JSON."""
    return ["x" * (size - 2) for size in sizes]


@pytest.mark.parametrize(
    ("sizes", "shown"),
    [
        ((), 0),
        ((10, 10), 2),
        ((PAGE_BYTES,), 1),
        ((PAGE_BYTES - 10, 10), 2),
        ((PAGE_BYTES - 10, 11), 1),
        ((PAGE_BYTES + 1,), 1),
        ((PAGE_BYTES + 1, 2), 1),
        ((2, PAGE_BYTES), 1),
        ((PAGE_BYTES // 2,) * 3, 2),
    ],
)
async def test_a_page_ends_where_the_next_entry_has_no_room(sizes: tuple[int, ...], shown: int) -> None:
    """A first entry is shown in any case; what is counted is what is shown."""
    page = json.loads(await encoded_page("things", texts(*sizes), {"total": 7}, count_as="count"))
    assert [len(text) + 2 for text in page["things"]] == list(sizes[:shown])
    assert (page["total"], page["count"]) == (7, shown)


async def test_no_further_entry_is_made_than_is_looked_at() -> None:
    """Those beyond a page cost nothing."""
    made = []

    def entries() -> Iterator[str]:
        for text in texts(PAGE_BYTES, 2, 2):
            made.append(len(text) + 2)
            yield text

    assert set(json.loads(await encoded_page("things", entries(), {}))) == {"things"}
    assert made == [PAGE_BYTES, 2]


@pytest.mark.parametrize("length", [0, 1, 49, 50, 51, 100, 101, 250])
async def test_a_struct_is_what_it_is_when_it_is_encoded_at_once(length: int) -> None:
    """Whatever the length of its lists; defaults are left out where its type leaves them out."""
    numbers = list(range(length))
    for thing in (Thing(numbers), Thing(numbers, few_things=tuple(numbers), name="x"), Whole(numbers), Whole()):
        assert json.loads(await encoded_in_slices(thing)) == json.loads(encode(thing))
