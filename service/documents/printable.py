"""Text from elsewhere, made safe to show: a terminal obeys control characters, and lines are one entry each."""

import re

_OBEYED = re.compile(rb"\x7f|\xc2[\x80-\x9f]|\xe2\x80[\xaa-\xae]|\xe2\x81[\xa6-\xa9]")
"""Characters that may stand in JSON as they are, and that terminals obey: DEL, C1, and turns of direction."""


def printable(text: str) -> str:
    """Return a text whose control characters are visible, as ``repr`` writes them."""
    if text.isprintable():
        return text
    return "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in text)


def printable_json(text: bytes) -> bytes:
    """Return a JSON text of the same value, with escapes for what a terminal would obey."""
    return _OBEYED.sub(lambda found: b"\\u%04x" % ord(found[0].decode()), text)
