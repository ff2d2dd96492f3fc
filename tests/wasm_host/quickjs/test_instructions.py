"""What values cost in the guest, in instructions and memory: the same on every machine, so a change is seen."""

import json
import random
from pathlib import Path

import msgspec
import pytest

from tests.wasm_host.quickjs.instructions import Count, kept, order, write
from tests.wasm_host.quickjs.metered import MeteredGuest

SLACK = 1.1


@pytest.mark.parametrize("count", kept(), ids=lambda count: f"{count.source}, {count.value}")
def test_a_value_costs_no_more_than_it_did(count: Count) -> None:
    """Nor less, by more than a tenth: then `make instructions` writes the numbers to be held."""
    assert count.instructions / SLACK < count.anew() < count.instructions * SLACK


def test_what_is_written_is_what_is_held(tmp_path: Path) -> None:
    """A count that was written is read by the test, to the last digit and each on a line of its own."""
    counts = [msgspec.structs.replace(each, instructions=at) for at, each in enumerate(kept())]
    write(counts, tmp_path / "counts.json")
    text = (tmp_path / "counts.json").read_text()
    assert msgspec.json.decode(text, type=list[Count]) == counts
    assert len(text.splitlines()) == len(counts) + 2


def test_keys_that_never_come_again_cost_no_more_than_quickjs_takes() -> None:
    """Where the table of steps is of no use: 211 instructions for a byte, as QuickJS's own reader took."""
    guest = MeteredGuest("test", "value.key")
    draw = random.Random(7)
    texts = [json.dumps({f"k{draw.randrange(10**9)}": n for n in range(60)}).encode() for _ in range(40)]
    before = guest.instructions
    guest.process(texts)
    assert (guest.instructions - before) / sum(map(len, texts)) < 211


LISTS = {
    "orders": [order(10)] * 800,
    "empty objects": [b"{}"] * 330_000,
    "digits": [b"1"] * 500_000,
    "text": [b'"' + b"x" * 1_000_000 + b'"'],
}
MEMORY = [("orders", "true", 2), ("orders", "value", 2), ("empty objects", "true", 2), ("text", "value", 2)]
MEMORY += [("orders", "value.at", 2), ("orders", "(value.at, value)", 6), ("text", "(value.at, value)", 6)]
MEMORY += [("orders", "(JSON.stringify(value), value)", 8)]
MEMORY += [("empty objects", "value.at", 50), ("digits", "value.at", 30)]


@pytest.mark.parametrize(("name", "source", "times"), MEMORY)
def test_a_value_takes_no_more_memory_than_the_docs_say(name: str, source: str, times: int) -> None:
    """So many times its text, the batch that it came with included: unread, looked at, wholly read, or written."""
    guest = MeteredGuest("test" if source in {"true", "value.at"} else "map", source)
    text, before = b"[" + b",".join(LISTS[name]) + b"]", guest.memory_bytes
    guest.process([text])
    assert guest.memory_bytes - before < times * len(text)
