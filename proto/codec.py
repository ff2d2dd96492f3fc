"""JSON in and out: the one place where bytes become values and values become bytes.

Inside the engine a value is JSON text (``bytes``): it is checked once, where it enters, and decoded only by
code that looks inside. So numbers beyond 2**53, key order and spelling survive every node that does not.
"""

import re
from typing import Any, TypeVar

import msgspec

from proto.problem import Problem

T = TypeVar("T")

MAX_DEPTH = 200
"""Nesting levels of a JSON document. Deeper ones serve only to exhaust the stacks of those who parse them."""

_encoder = msgspec.json.Encoder()
_any_decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder()


class MalformedJsonError(ValueError):
    """The bytes are not a JSON document that this service accepts; the message says why, and where."""


def encode(value: object) -> bytes:
    """JSON text of any value made of structs, builtins and ``msgspec.Raw``."""
    return _encoder.encode(value)


def decode(text: bytes) -> Any:
    """The value of a JSON text, made of builtins.

    Raises:
        MalformedJsonError: it is no JSON, or nested deeper than ``MAX_DEPTH``.
    """
    check_depth(text)
    try:
        return _any_decoder.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise MalformedJsonError(f"This is not JSON: {error}") from error


def decode_as(text: bytes, shape: type[T]) -> T:
    """A JSON text as a struct.

    Raises:
        MalformedJsonError: it is no JSON, or nested deeper than ``MAX_DEPTH``.
        msgspec.ValidationError: it is JSON of another shape.
    """
    check_depth(text)
    try:
        return msgspec.json.decode(text, type=shape)
    except msgspec.ValidationError:
        raise
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise MalformedJsonError(f"This is not JSON: {error}") from error


def decode_raw_values(text: bytes, shape: type[T]) -> T:
    """As ``decode_as``, for a shape that is deep only in ``msgspec.Raw``, whose depth is checked by who takes it.

    Looking through a long list of small values as one text costs as much as decoding it.

    Raises:
        MalformedJsonError: it is no JSON, or nested far too deeply.
        msgspec.ValidationError: it is JSON of another shape.
    """
    try:
        return msgspec.json.decode(text, type=shape)
    except msgspec.ValidationError:
        raise
    except RecursionError as error:
        raise MalformedJsonError(f"This JSON is nested deeper than {MAX_DEPTH} levels") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise MalformedJsonError(f"This is not JSON: {error}") from error


def shape_problem(error: msgspec.ValidationError, *, code: str, path: str = "") -> Problem:
    """A msgspec complaint (``Expected `str`, got `int` - at `$.nodes[0].id```) as a problem with its path."""
    message, _, place = str(error).partition(" - at `$")
    inner = place.removesuffix("`").removeprefix(".")
    joint = "." if path and inner and not inner.startswith("[") else ""
    return Problem(code=code, path=f"{path}{joint}{inner}", message=message)


def check_depth(text: bytes) -> None:
    """Refuse a JSON text that is nested deeper than ``MAX_DEPTH``, without building anything.

    Raises:
        MalformedJsonError: it is.
    """
    if text.count(b"[") + text.count(b"{") > MAX_DEPTH and _depth(text) > MAX_DEPTH:
        raise MalformedJsonError(f"This JSON is nested deeper than {MAX_DEPTH} levels")


_STRING = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
_ONLY_BRACKETS = bytes(byte for byte in range(256) if byte not in b"[]{}")
_AS_SQUARE = bytes.maketrans(b"{}", b"[]")
_RUN = re.compile(rb"\[+|\]+")
_OPENING = ord("[")
_PASSES = 8


def _depth(text: bytes) -> int:
    """The nesting depth of a JSON text; anything above ``MAX_DEPTH`` where it is deeper.

    Brackets are kept, the rest dropped. A few passes remove the innermost pairs, one level each: what is wide
    and flat is gone after them. What is left is narrow, so that its runs of brackets are few enough to count.
    """
    brackets = _STRING.sub(b"", text).translate(_AS_SQUARE, _ONLY_BRACKETS)
    for passes in range(_PASSES):
        if not brackets:
            return passes
        brackets = brackets.replace(b"[]", b"")
    depth = deepest = 0
    for run in _RUN.finditer(brackets):
        length = run.end() - run.start()
        depth += length if brackets[run.start()] == _OPENING else -length
        deepest = max(deepest, depth)
        if deepest > MAX_DEPTH:
            break
    return deepest + _PASSES
