"""The one rule of which text is a number, for all components; and sums that are exact. Pure.

A text is a number where JSON reads it as one: ``"10"``, ``"-0.5"``, ``"1e3"``, with JSON's white space around it.
So ``"Infinity"``, ``"NaN"``, ``"0x10"``, ``"1_000"``, ``"١٢"``, ``"+1"``, ``"007"``, ``".5"``, ``"1."`` and ``""``
are none, although one or the other language reads them.
JMESPath alone is stricter, by its standard: its ``to_number`` takes no white space
(docs/decisions/0152-values-are-json-s-not-python-s.md).
"""

import math
import re
from collections.abc import Iterator, Sequence

from proto.codec import decode_text

NUMBER_IN_TEXT = r"[ \t\n\r]*(-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)[ \t\n\r]*"
"""The rule as a regular expression that Python and JavaScript read alike, in linear time: nothing in it can be
read in two ways."""

NUMBER_TEXT_LIMIT_CHARACTERS = 128 * 1024
"""Characters of a text that can be a number: all of them are looked at in one go, in some milliseconds."""

_NUMBER_IN_TEXT = re.compile(NUMBER_IN_TEXT)
_FIRST_BYTES = frozenset(b"-0123456789")
_QUOTE = ord('"')


def number_in(text: str) -> str | None:
    """Return the number that a text says, as it is spelt, without the space around it; None where it says none."""
    if len(text) > NUMBER_TEXT_LIMIT_CHARACTERS:
        return None
    match = _NUMBER_IN_TEXT.fullmatch(text)
    return match[1] if match else None


def number_said_by(json_text: bytes) -> str | None:
    """Return the number that a JSON value is, or that its text says; None where it is neither."""
    text = json_text.strip()
    if not text:
        return None
    if text[0] == _QUOTE:
        return number_in(decode_text(text))
    return text.decode() if text[0] in _FIRST_BYTES else None


def exact_sum(numbers: Sequence[int | float]) -> int | float:
    """Add exactly; the result is rounded once, and only where one of the numbers is no integer.

    Raises:
        OverflowError: it is larger than a 64-bit float can be, where it has to be one.
    """
    whole = sum(number for number in numbers if isinstance(number, int))
    fractions = [number for number in numbers if isinstance(number, float)]
    return math.fsum([*_exact_floats(whole), *fractions]) if fractions else whole


def _exact_floats(whole: int) -> Iterator[float]:
    """Yield floats whose sum is an integer, which one float with its 53 bits may not be able to say."""
    while whole:
        head = float(whole)
        yield head
        whole -= int(head)
