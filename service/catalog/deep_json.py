"""JSON that is too deep in one part to be decoded: taken apart, so that only that part is lost. Pure.

A catalog lists what everybody has put there. Decoders go down into a value by calling themselves, and give up at
some depth, with all of the list. Here nothing is called for a bracket; it costs more time, and so it is for lists
that have been given up.
"""

import re
from collections.abc import Iterator

_TOKEN = re.compile(rb'"(?>(?:[^"\\]++|\\.)*)(?:"|\\?\Z)|[\[{]+|[\]}]+|,', re.DOTALL)
_TURN = 5_000
"""Tokens until others get their turn: about a millisecond."""


def members(text: bytes) -> Iterator[bytes | None]:
    """Yield the texts between the commas of the outermost list or object; what is behind it is not looked at.

    Now and then there is None between them, for whoever wants to let others have their turn.
    """
    depth = start = 0
    for count, token in enumerate(_TOKEN.finditer(text), 1):
        if count % _TURN == 0:
            yield None
        begins, length = token.start(), token.end() - token.start()
        kind = text[begins : begins + 1]
        if kind in {b"[", b"{"}:
            start = start if depth else begins + 1
            depth += length
        elif kind in {b"]", b"}"}:
            if length >= depth:
                yield text[start : begins + depth - 1]
                return
            depth -= length
        elif kind == b"," and depth == 1:
            yield text[start:begins]
            start = token.end()
