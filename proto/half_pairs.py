r"""Halves of surrogate pairs in JSON: ``"\ud83d"``, what JavaScript makes of half an emoji. Pure.

JSON allows such an escape (RFC 8259, section 8.2), and ``JSON.parse`` and ``JSON.stringify`` carry it from one
side to the other. msgspec refuses it, even in what it only skips, and Python has no UTF-8 for it. So what msgspec
has refused is looked at here: the beginning of every escape that may be half of a pair (``\ud``) becomes a mask,
a character that the text does not hold, of the same length; the masked text is decoded, and what comes of it is
unmasked. A value that stays text is then the same, byte for byte, and decoded text holds the half, as JavaScript's
does. Writing goes the other way round.

Nothing of this is done to a text that msgspec reads by itself.
"""

import re
from collections.abc import Callable, Generator
from typing import Any, TypeVar

import msgspec

T = TypeVar("T")

MAX_HALVES = 10_000
"""Escapes of this kind, whole pairs among them, in what is decoded of one text: each is a step of ours, of a
microsecond or two. Values that stay text may hold any number."""

CHUNK_BYTES = 64 * 1024
"""Bytes that are masked in one go: under two milliseconds."""

_HALF = re.compile("[\ud800-\udfff]")

_ITEMS_BETWEEN_PAUSES = 500
"""About a millisecond."""

_WITHOUT_TEXT = frozenset({int, float, bool, type(None)})

_LOWER, _UPPER = "\ufdd0", "\ufdd1"
_BACKSLASHES = "\x81"
_MASKS = tuple(mask.encode() for mask in (_LOWER, _UPPER, _BACKSLASHES))
"""Masks of ``\\ud``, ``\\uD`` and two backslashes: characters without a meaning (Unicode: noncharacters, C1)."""

_ESCAPED_MASK = re.compile(rb"\\u[fF][dD][dD]")
_UNFINISHED = re.compile(rb"\\u[dD](?![0-9a-fA-F]{3})")
_BEGUN = re.compile(rb"[\\\xc0-\xff]")
"""Places behind which a chunk may not be cut: an escape or a character begins there, and may not be whole."""

_ESCAPE_BYTES = len(rb"\ud83d")
_DIGITS = 3
"""Digits of an escape behind what its mask stands for."""


class UnmaskableError(ValueError):
    """A text that holds half of a surrogate pair where it cannot be kept; the message says why."""


class Masked:
    """A text whose halves are masked.

    Attributes:
        text: as long as the original, and JSON where that is but for its halves.
    """

    def __init__(self, text: bytes) -> None:
        self.text = text
        self._halves = 0

    def restored(self, value: T) -> T:
        """Return what has been decoded of the text with its halves, in one go; :meth:`restoring` says more."""
        return _at_once(self.restoring(value))

    def restoring(self, value: T) -> Generator[None, None, T]:
        """Put the halves into what has been decoded of the text; structs are changed in place.

        Pauses now and then where that is a list.

        Raises:
            UnmaskableError: more than ``MAX_HALVES`` have been decoded.
        """
        if not isinstance(value, list | tuple):
            restored: T = self._restored(value)
            return restored
        items = []
        for count, item in enumerate(value, 1):
            items.append(self._restored(item))
            if not count % _ITEMS_BETWEEN_PAUSES:
                yield
        return type(value)(items)

    def _restored(self, value: Any) -> Any:
        kind = type(value)
        if kind is str:
            return value if value.isascii() else self._text(value)
        if kind is msgspec.Raw:
            text = bytes(value)
            return msgspec.Raw(_original(text)) if _MASKS[0] in text or _MASKS[1] in text else value
        if kind in _WITHOUT_TEXT:
            return value
        if kind is list or kind is tuple:
            return kind([self._restored(item) for item in value])
        if kind is dict:
            return {self._restored(key): self._restored(item) for key, item in value.items()}
        if isinstance(value, msgspec.Struct):
            for name in value.__struct_fields__:
                item = getattr(value, name)
                if type(item) is not str or not item.isascii():  # else as most are
                    msgspec.structs.force_setattr(value, name, self._restored(item))
        return value

    def _text(self, text: str) -> str:
        first, *rest = text.replace(_UPPER, _LOWER).split(_LOWER)
        if not rest:
            return text
        self._halves += len(rest)
        if self._halves > MAX_HALVES:
            raise UnmaskableError(f"It holds half of a surrogate pair among more than {MAX_HALVES} such escapes")
        halves = [chr(int("d" + part[:_DIGITS], 16)) + part[_DIGITS:] for part in rest]
        return f"{first}{halves[0]}" if len(halves) == 1 else _paired(first + "".join(halves))


def may_hold_halves(text: bytes) -> bool:
    """Return whether a text has an escape that may be half of a pair."""
    return rb"\ud" in text or rb"\uD" in text


def masked(text: bytes) -> Masked:
    """Mask the halves of a text in one go; :func:`masking` says more."""
    return _at_once(masking(text))


def masking(text: bytes) -> Generator[None, None, Masked]:
    """Mask the halves of a text, and the pairs that are escaped; pauses after every ``CHUNK_BYTES``.

    Raises:
        UnmaskableError: it holds a mask, or an escape without its digits.
    """
    done = []
    rest = b""
    for start in range(0, len(text), CHUNK_BYTES):
        chunk = _checked(rest + text[start : start + CHUNK_BYTES])
        rest = b""
        if start + CHUNK_BYTES < len(text):
            begun = _BEGUN.search(chunk[1 - _ESCAPE_BYTES :])
            rest = chunk[1 - _ESCAPE_BYTES :][begun.start() :] if begun is not None else b""
            chunk = chunk[: len(chunk) - len(rest)]
            rest = rest.replace(_MASKS[2], rb"\\")
        done.append(_masked(chunk))
        yield
    return Masked(b"".join(done))


def _at_once(steps: Generator[None, None, T]) -> T:
    while True:
        try:
            next(steps)
        except StopIteration as end:
            result: T = end.value
            return result


def _checked(chunk: bytes) -> bytes:
    """Put a mask in the place of every two backslashes, so that what is left of them begins an escape."""
    if any(mask in chunk for mask in _MASKS) or _ESCAPED_MASK.search(chunk):
        raise UnmaskableError("It holds half of a surrogate pair beside characters that Unicode reserves")
    return chunk.replace(rb"\\", _MASKS[2])  # a run of them pairs up from its left


def _masked(chunk: bytes) -> bytes:
    if _UNFINISHED.search(chunk):
        raise UnmaskableError("It holds an escape that has no four digits")
    lower, upper, backslashes = _MASKS
    return chunk.replace(rb"\ud", lower).replace(rb"\uD", upper).replace(backslashes, rb"\\")


def _original(text: bytes) -> bytes:
    lower, upper, _ = _MASKS
    return text.replace(lower, rb"\ud").replace(upper, rb"\uD")


def _paired(text: str) -> str:
    """Make one character of two halves that stand side by side."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")


def encode_with_halves(encode: Callable[[object], bytes], value: object) -> bytes:
    """Return the JSON text of a value in whose texts there are halves, as escapes.

    Args:
        encode: makes the JSON text of a value without any.
        value: made of structs, builtins and ``msgspec.Raw``; it is left as it is.
    """
    text = encode(_without_halves(value)).replace(_LOWER.encode(), rb"\ud")
    for character, digit in _KEPT.items():
        text = text.replace(f"{_UPPER}{digit}".encode(), character.encode())
    return text


_KEPT = {_LOWER: "0", _BACKSLASHES: "1", _UPPER: "2"}
"""Digits behind ``_UPPER`` for the masks that a text itself holds, while it is written."""


def _without_halves(value: Any) -> Any:
    if isinstance(value, str):
        return value if value.isascii() else _masked_text(value)
    if isinstance(value, msgspec.Raw):
        return msgspec.Raw(bytes(value).replace(_MASKS[0], rb"\ufdd0").replace(_MASKS[1], rb"\ufdd1"))
    if isinstance(value, list | tuple):
        return type(value)([_without_halves(item) for item in value])
    if isinstance(value, dict):
        return {_without_halves(key): _without_halves(item) for key, item in value.items()}
    if isinstance(value, msgspec.Struct):
        return msgspec.structs.replace(
            value, **{name: _without_halves(getattr(value, name)) for name in value.__struct_fields__}
        )
    return value


def _masked_text(text: str) -> str:
    text = text.replace(_UPPER, f"{_UPPER}2").replace(_LOWER, f"{_UPPER}0").replace(_BACKSLASHES, f"{_UPPER}1")
    text = text.replace("\\", _BACKSLASHES).encode("utf-8", "backslashreplace").decode()
    return text.replace(r"\ud", _LOWER).replace(_BACKSLASHES, "\\")


def mended(value: Any) -> Any:
    """Return a decoded value with U+FFFD in the place of each half: for readers that know UTF-8 only."""
    if isinstance(value, str):
        return value if value.isascii() else _HALF.sub("\ufffd", value)
    if isinstance(value, list):
        return [mended(item) for item in value]
    if isinstance(value, dict):
        return {mended(key): mended(item) for key, item in value.items()}
    return value
