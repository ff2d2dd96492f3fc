"""What values cost in the guest, in instructions and memory: the same on every machine, so a change is seen."""

import json
import random

import pytest

from tests.wasm_host.quickjs.metered import MeteredGuest

SLACK = 1.1


def order(items: int) -> bytes:
    """Return an order of that many items: about 400 bytes, and 85 for each."""
    draw = random.Random(5)
    return json.dumps(
        {
            "id": f"ord-{items}", "placed": "2026-03-01T12:00:00Z", "price": 21.1234567, "qty": 3, "paid": True,
            "note": None,
            "customer": {
                "name": "Jürgen Groß", "country": "DE", "email": "j.gross@example.com", "tags": ["vip", "eu"]
            },
            "address": {
                "street": "Hauptstraße 5", "city": "Köln", "zip": "50667", "geo": {"lat": 50.9375, "lon": 6.9603}
            },
            "items": [
                {
                    "sku": f"SKU-{draw.randrange(10**5):05d}", "qty": draw.randrange(1, 9),
                    "price": round(draw.random() * 100, 2), "name": f"Item {at} of the order", "discount": 0.1,
                }
                for at in range(items)
            ],
        },
        ensure_ascii=False,
        separators=(",", ":"),
    ).encode()  # fmt: skip


VALUES = {"number": b"21.1234567", "1 kB": order(7), "10 kB": order(106), "100 kB": order(1100)}
COSTS = [
    ("map", "value", "number", 2_589),
    ("map", "value", "1 kB", 2_584),
    ("map", "value", "100 kB", 2_586),
    ("map", "(value.id, value)", "1 kB", 116_000),
    ("map", "(value.id, value)", "100 kB", 14_240_000),
    ("test", "value.customer.country === 'DE'", "1 kB", 63_171),
    ("map", "({...value, total: value.price * value.qty})", "1 kB", 136_223),
    ("map", "value.items.map(item => item.qty * 2)", "10 kB", 715_151),
    ("map", "JSON.parse(JSON.stringify(value)).id", "10 kB", 2_358_893),
]


@pytest.mark.parametrize(("mode", "source", "size", "instructions"), COSTS)
def test_a_value_costs_no_more_than_it_did(mode: str, source: str, size: str, instructions: int) -> None:
    """Nor less, by more than a tenth: then there is a new number to be held."""
    cost = MeteredGuest(mode, source).cost(VALUES[size])
    assert instructions / SLACK < cost < instructions * SLACK


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
MEMORY += [("orders", "value.at", 5), ("orders", "(value.at, value)", 10), ("text", "(value.at, value)", 8)]
MEMORY += [("empty objects", "value.at", 50), ("digits", "value.at", 30)]


@pytest.mark.parametrize(("name", "source", "times"), MEMORY)
def test_a_value_takes_no_more_memory_than_the_docs_say(name: str, source: str, times: int) -> None:
    """So many times its text, the batch that it came with included: unread, read, or read and written."""
    guest = MeteredGuest("test" if source in {"true", "value.at"} else "map", source)
    text, before = b"[" + b",".join(LISTS[name]) + b"]", guest.memory_bytes
    guest.process([text])
    assert guest.memory_bytes - before < times * len(text)
