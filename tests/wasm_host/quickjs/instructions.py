"""What the guest takes for values, in instructions, kept in ``instructions.json``: ``make instructions``.

The verb counts anew and writes the file, after a change that is meant; the diff then says what it brought.
"""

import json
import random
import sys
from pathlib import Path

import msgspec

from tests.wasm_host.quickjs.metered import MeteredGuest

KEPT = Path(__file__).with_suffix(".json")


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


class Count(msgspec.Struct, frozen=True):
    """The instructions that one message takes.

    Attributes:
        mode: of the program.
        source: of the program.
        value: the name of the message, of ``VALUES``.
        instructions: found when the file was written.
    """

    mode: str
    source: str
    value: str
    instructions: int

    def anew(self) -> int:
        """Return what the message takes now."""
        return MeteredGuest(self.mode, self.source).cost(VALUES[self.value])


def kept() -> list[Count]:
    """Return the counts of the file."""
    return msgspec.json.decode(KEPT.read_bytes(), type=list[Count])


def write(counts: list[Count], path: Path = KEPT) -> None:
    """Write counts, one a line, so that a diff shows which have changed."""
    lines = ",\n".join("  " + json.dumps(msgspec.to_builtins(each)) for each in counts)
    path.write_text(f"[\n{lines}\n]\n", encoding="utf-8")


def main() -> None:
    """Count all programs of the file anew, tell what has changed, and write it."""
    found = []
    for before in kept():
        now = msgspec.structs.replace(before, instructions=before.anew())
        percent = 100 * (now.instructions / before.instructions - 1)
        sys.stdout.write(f"{now.instructions:>12,}  {percent:+6.1f} %  {now.source}, {now.value}\n")
        found.append(now)
    write(found)


if __name__ == "__main__":
    main()
