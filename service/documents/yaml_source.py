r"""Texts in YAML 1.2, made ready for a reader of YAML 1.1: libyaml. Pure.

libyaml is fast, in C, and gives events, so that nothing is built before it has been looked at; but in places it
reads what the newer standard has otherwise. Some of these would be misread, not refused. Here a text is changed
before it is read, character by character, so that lines and columns stay what they are:

- ``?`` and ``:`` before a character are no indicators but the beginning of a plain text, as in ``{ ?a: b }`` and
  ``[ :a ]``. They become characters that mean nothing in YAML and do not stand in the text.
- ``\ud83d\ude00`` is one character in a text between double quotes, as in JSON. It becomes that character behind
  another such one, because only the reader knows what is between double quotes.
- Three characters that ended lines are characters like others, and become such as well.
- A directive that is not known means nothing, nor does a minor version.

What the reader finds is changed back by ``Source.restored``. The cases of yaml-test-suite that stay different are
listed, with their reasons, in ``tests/conformance/yaml.toml`` (docs/decisions/0154-yaml-1-2-by-libyaml.md).
"""

import re
from collections.abc import Generator, Iterator
from itertools import islice

import msgspec

WINDOW_CHARACTERS = 32 * 1024
"""Characters that are looked through in one go: two milliseconds, or ten where each begins a text."""

REPLACED_AT_ONCE = 5_000
"""Characters that are replaced in one go, or pairs: five milliseconds."""

_INDICATOR = re.compile(r"(?<![^ \t\r\n\[{,:])[?:](?=[^ \t\r\n,\[\]{}])")
_PAIR = re.compile(r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}")
_HEAD = re.compile(r"(?>(?:[ \t]*+(?:#[^\r\n]*+)?(?:\r\n?|\n)|%[^\r\n]*+(?:\r\n?|\n))+)(?=---(?:[ \t\r\n]|\Z))")
_UNKNOWN_DIRECTIVE = re.compile(r"^%(?!TAG[ \t]|YAML[ \t]++(?:1\.[12]\s|(?!1\.[0-9]++\s)))", re.MULTILINE)
_HEAD_CHARACTERS = 64 * 1024
_KEY_GAP_CHARACTERS = 256
"""Space that may be between a quoted key and its colon; beyond it the text is refused, as it is over line ends."""

_PAIR_CHARACTERS = 12

_PRIVATE = re.compile("[\ue000-\uf8ff]")
_PRIVATE_CODES = range(0xE000, 0xF900)
_OLD_BREAKS = "\x85\u2028\u2029"
_MARKED = "?:\\" + _OLD_BREAKS


class Source(msgspec.Struct, frozen=True):
    """A text for libyaml.

    Attributes:
        text: what it is to read.
        marks: the characters that stand for those of ``_MARKED``, in its order; none where nothing was replaced.
    """

    text: str
    marks: str = ""

    def restored(self, scalar: str, *, is_double_quoted: bool) -> str:
        """Return a scalar that was read, as its author means it."""
        if not self.marks or not any(mark in scalar for mark in self.marks):
            return scalar
        for mark, sign in zip(self.marks, _MARKED, strict=True):
            if sign == "\\":
                scalar = _with_pairs(scalar, mark, is_double_quoted=is_double_quoted)
            else:
                scalar = scalar.replace(mark, sign)
        return scalar


def preparing(text: str) -> Generator[None, None, Source]:
    """Make a text ready, with pauses.

    Raises:
        ValueError: it uses so many of the characters that mean nothing that too few are left.
    """
    head = _HEAD.match(text, 0, _HEAD_CHARACTERS)
    if head is not None and "%" in head[0]:
        text = _UNKNOWN_DIRECTIVE.sub("#", head[0]) + text[head.end() :]
    if not text.endswith("\n") and text[text.rfind("\n") + 1 :].isspace():
        text += "\n"  # or the last line of a block is misread
    places: list[int] = []
    for start in range(0, len(text), WINDOW_CHARACTERS):
        places += _indicators(text, start)
        yield
    pairs: list[int] = []
    for count, place in enumerate(_pairs(text), 1):
        pairs.append(place)
        if count % REPLACED_AT_ONCE == 0:
            yield
    has_old_breaks = any(each in text for each in _OLD_BREAKS)
    if not places and not pairs and not has_old_breaks:
        return Source(text)
    used = set(_PRIVATE.findall(text))
    marks = "".join(islice((chr(code) for code in _PRIVATE_CODES if chr(code) not in used), len(_MARKED)))
    if len(marks) < len(_MARKED):
        raise ValueError(
            f"it uses all characters for private use, and {len(_MARKED)} of them are needed to read it"
        )
    yield
    by_sign = dict(zip(_MARKED, marks, strict=True))
    places = sorted(places + pairs)
    yield
    parts: list[str] = []
    end = 0
    for count, place in enumerate(places, 1):
        sign = text[place]
        pair = _character(text[place : place + _PAIR_CHARACTERS]) if sign == "\\" else ""
        parts += (text[end:place], by_sign[sign], pair)
        end = place + 1 + len(pair)
        if count % REPLACED_AT_ONCE == 0:
            yield
    yield
    text = "".join((*parts, text[end:]))
    yield
    for each in _OLD_BREAKS:
        text = text.replace(each, by_sign[each])
    yield
    return Source(text, marks)


def _indicators(text: str, start: int) -> Iterator[int]:
    """Yield where in a window ``?`` and ``:`` begin a plain text."""
    end = start + WINDOW_CHARACTERS
    for found in _INDICATOR.finditer(text, start, end + 1):  # one more, because the pattern looks at what follows
        place = found.start()
        if place < end and (text[place] == "?" or not _is_behind_a_key(text, place)):
            yield place


def _is_behind_a_key(text: str, place: int) -> bool:
    """Return whether a colon ends a key that is quoted or in brackets: behind one it needs no space."""
    before = text[max(0, place - _KEY_GAP_CHARACTERS) : place].rstrip(" \t\r\n")
    return before.endswith(('"', "'", "]", "}"))


def _pairs(text: str) -> Iterator[int]:
    """Yield where two escapes are one character; a backslash before them would be an escape itself."""
    end = 0  # of the pair before, which ends in a digit
    for found in _PAIR.finditer(text):
        before = text[end : found.start()]
        end = found.end()
        if (len(before) - len(before.rstrip("\\"))) % 2 == 0:
            yield found.start()


def _character(pair: str) -> str:
    """Return the character that two escapes are, and their digits, so that the length and the text are kept."""
    digits = pair.replace("\\", "")
    high, low = int(digits[1:5], 16), int(digits[6:], 16)
    return chr(0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00)) + digits


def _with_pairs(scalar: str, mark: str, *, is_double_quoted: bool) -> str:
    """Return a scalar with characters for its pairs of escapes, or with the escapes where these are none."""
    first, *others = scalar.split(mark)
    end = _PAIR_CHARACTERS - 1  # of the character and the digits
    if is_double_quoted:
        return first + "".join([part[0] + part[end:] for part in others])
    return first + "".join([f"\\{part[1:6]}\\{part[6:]}" for part in others])
