"""The places of values in a JSON text that has been decoded, and keys that come twice. Pure."""

import re
from collections.abc import Generator

from proto.codec import decode
from service.documents.place_tracker import PlaceTracker, Spot

TOKENS_AT_ONCE = 2_000
"""Tokens that are looked at in one go: three milliseconds."""

MAX_REPEATED = 20
"""Keys that come twice which are told."""

_TOKEN = re.compile(r'[{}\[\],:]|"(?>(?:[^"\\]++|\\.)*)"|[^\s{}\[\],:"]++', re.DOTALL)


class Repeated:
    """The keys of the objects that are open, and those that came twice, with their places."""

    def __init__(self) -> None:
        self._open: list[set[str]] = []
        self.found: list[tuple[str, int, int]] = []

    def begin(self) -> None:
        """Begin an object or a list."""
        self._open.append(set())

    def end(self) -> None:
        """End the one that began last."""
        self._open.pop()

    def key(self, name: str, line: int, column: int) -> None:
        """Take a key of the object that began last."""
        if name in self._open[-1] and len(self.found) < MAX_REPEATED:
            self.found.append((name, line, column))
        self._open[-1].add(name)


def tracking_json(text: str, tracker: PlaceTracker) -> Generator[None, None, list[tuple[str, int, int]]]:
    """Tell a tracker of each value in a JSON text, with pauses; return the keys that come twice.

    What is no JSON ends it early and breaks nothing: who reads the text for its values refuses that.
    """
    line, line_start, seen = 0, 0, 0
    repeated = Repeated()
    depth = 0
    for count, token in enumerate(_TOKEN.finditer(text), 1):
        if count % TOKENS_AT_ONCE == 0:
            yield
        at = token.start()
        breaks = text.count("\n", seen, at)
        if breaks:
            line, line_start = line + breaks, text.rindex("\n", seen, at) + 1
        seen = at
        word = token[0]
        column = at - line_start
        if word in "{[":
            tracker.begin(Spot(line, column), is_list=word == "[")
            repeated.begin()
            depth += 1
        elif word in "}]":
            if not depth:
                break
            tracker.end()
            repeated.end()
            depth -= 1
        elif word not in ",:":
            if tracker.expects_key:
                name = _text_of(word)
                repeated.key(name, line, column)
                tracker.key(name, line, column)
            else:
                is_wanted = tracker.next_is_wanted()
                tracker.scalar(
                    Spot(line, column, "double" if word[0] == '"' else "plain", word if is_wanted else "")
                )
    return repeated.found


def _text_of(word: str) -> str:
    if "\\" not in word:
        return word.strip('"')
    try:
        return str(decode(word.encode("utf-8", "surrogatepass")))
    except ValueError:
        return word.strip('"')
