"""The spelling of numbers that leave JavaScript: the language's, and the same as QuickJS's own ``String``."""

import json
import math
import random
import struct
from collections.abc import Iterator

from tests.wasm_host.sandboxes import opened, process_all

SPELT_TWICE = "value.map(number => [number, String(number)])"
RANDOM = 3_000


def from_bits(bits: int) -> float:
    """Return the double that these 64 bits are."""
    (number,) = struct.unpack("<d", struct.pack("<Q", bits))
    return float(number)


def finite(numbers: Iterator[float]) -> list[float]:
    """Return those that JSON can say."""
    return [number for number in numbers if math.isfinite(number)]


def around(number: float) -> list[float]:
    """Return a number and its neighbours."""
    return [math.nextafter(number, -math.inf), number, math.nextafter(number, math.inf)]


def digits_of(spelt: str) -> str:
    """Return the digits that say something."""
    return spelt.lower().split("e")[0].replace(".", "").strip("0")


async def differing(numbers: list[float]) -> list[list[str]]:
    """Return what our writer and QuickJS spell differently."""
    async with opened(SPELT_TWICE, mode="map") as sandbox:
        (effects,) = await process_all(sandbox, [(0, json.dumps(numbers).encode())])
    ((_, text),) = effects.emissions
    pairs = json.loads(text, parse_float=str, parse_int=str)
    assert len(pairs) == len(numbers)
    return [pair for pair in pairs if pair[0] != pair[1]]


async def test_numbers_of_any_bits_are_spelt_as_quickjs_spells_them() -> None:
    """Random doubles, small and large, negative, subnormal."""
    draw = random.Random(11)
    assert await differing(finite(from_bits(draw.getrandbits(64)) for _ in range(RANDOM))) == []


async def test_numbers_that_were_computed_are_spelt_as_quickjs_spells_them() -> None:
    """Quotients and products of what people write: 15, 16 or 17 digits, of every size that is not scientific."""
    draw = random.Random(12)
    numbers = [
        draw.randrange(1, 10**6) / draw.randrange(1, 10**4) * 10.0 ** draw.randrange(-12, 22) for _ in range(2_000)
    ]
    assert await differing(numbers) == []


async def test_the_ends_of_every_interval_are_spelt_as_quickjs_spells_them() -> None:
    """Powers of two, whose neighbours are not equally far, powers of ten, and the neighbours of both."""
    numbers = [each for power in range(-1074, 1024, 7) for each in around(2.0**power)]
    numbers += [each for power in range(-323, 309, 5) for each in around(float(f"1e{power}"))]
    numbers += [
        2.0**-24,
        2.0**89,
        5e-324,
        2.2250738585072014e-308,
        1.7976931348623157e308,
        9007199254740992.0,
        1e21,
        1e-7,
    ]
    assert await differing([number for number in numbers if number]) == []


async def test_digits_are_as_few_as_tell_a_number_from_its_neighbours() -> None:
    """As many as Python spells, of numbers that are no powers of two."""
    draw = random.Random(13)
    numbers = finite(from_bits(draw.getrandbits(63)) for _ in range(500))
    async with opened("[...value]", mode="map") as sandbox:
        (effects,) = await process_all(sandbox, [(0, json.dumps(numbers).encode())])
    ((_, text),) = effects.emissions
    spelt = json.loads(text, parse_float=str, parse_int=str)
    assert [digits_of(each) for each in spelt] == [digits_of(repr(number)) for number in numbers]


async def test_written_numbers_are_read_as_the_nearest_double() -> None:
    """Up to 20 digits, any exponent, and texts that lie halfway between two doubles, or a digit beside."""
    draw = random.Random(14)
    texts = [f"{draw.randrange(10 ** draw.randrange(1, 21))}e{draw.randrange(-345, 300)}" for _ in range(RANDOM)]
    for _ in range(200):
        middle = 2 * draw.randrange(2**52, 2**53) + 1
        texts += [f"{middle}", f"{middle}e0", f"{middle * 10 + 1}e-1", f"{middle * 10 - 1}e-1", f"-{middle}e17"]
    async with opened("[...value]", mode="map") as sandbox:
        (effects,) = await process_all(sandbox, [(0, f"[{','.join(texts)}]".encode())])
    ((_, read),) = effects.emissions
    found = [math.inf if number is None else float(number) for number in json.loads(read)]
    assert [text for text, number in zip(texts, found, strict=True) if number != float(text)] == []
