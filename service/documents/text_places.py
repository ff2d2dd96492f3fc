"""The place in a document of one in its texts: of line 2 of a program, say, that stands behind ``|``. Pure."""

import re
from collections.abc import Iterator

from service.documents.place_tracker import Spot

_ESCAPE = re.compile(r"\\(?:x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|.)", re.DOTALL)
_HEADER = re.compile(r"[|>][-+0-9]*")


def place_within(spot: Spot, line: int, column: int) -> tuple[int, int]:
    """Return line and column, counted from 0, of a place in a text.

    Where the document writes the text so that the place cannot be told (folded, or plain over several lines), it
    is that of the text.

    Args:
        spot: of the text.
        line: in it, counted from 0.
        column: likewise.
    """
    if spot.style == "literal":
        return _in_block(spot, line, column) or (spot.line, spot.column)
    if "\n" in spot.raw or (line and spot.style != "double"):
        return spot.line, spot.column
    quotes = 0 if spot.style == "plain" else 1
    if spot.style == "single":
        column += spot.raw[1 : column + 1].count("''")
    elif spot.style == "double":
        offset = _in_quoted(spot.raw[1:-1], line, column)
        if offset is None:
            return spot.line, spot.column
        column = offset
    return spot.line, spot.column + quotes + column


def _in_block(spot: Spot, line: int, column: int) -> tuple[int, int] | None:
    body = spot.raw.rstrip().splitlines()[1:]
    header = _HEADER.match(spot.raw)
    if header is None or not body:
        return None
    given = re.search(r"[1-9]", header[0])
    indent = next((len(each) - len(each.lstrip(" ")) for each in body if each.strip()), 0)
    if given is not None:  # the text begins with spaces of its own, and is told from its key's
        if spot.key is None:
            return None
        indent = spot.key[1] + int(given[0])
    if line >= len(body):  # the end of the text, which is behind its last word for those who look at it
        return spot.line + len(body), len(body[-1])
    return spot.line + 1 + line, indent + column


def _in_quoted(raw: str, line: int, column: int) -> int | None:
    """Return how far in a quoted text, as it is written, a place of what it says is."""
    at_line = at_column = 0
    for offset, said in _characters(raw):
        if (at_line, at_column) == (line, column):
            return offset
        at_line, at_column = (at_line + 1, 0) if said == "\n" else (at_line, at_column + len(said))
    return len(raw) if (at_line, at_column) == (line, column) else None


def _characters(raw: str) -> Iterator[tuple[int, str]]:
    """Yield where the characters of a quoted text begin, and each: a line break, or any other as one."""
    offset = 0
    while offset < len(raw):
        escape = _ESCAPE.match(raw, offset)
        if escape is None:
            yield offset, raw[offset]
            offset += 1
        else:
            yield offset, "\n" if escape[0] in ("\\n", "\\u000a", "\\u000A") else "x"
            offset = escape.end()
