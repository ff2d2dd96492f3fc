"""JSON in and out: the one place where bytes become values and values become bytes.

Inside the engine a value is JSON text (``bytes``): it is checked once, where it enters, and decoded only by
code that looks inside. So numbers beyond 2**53, key order and spelling survive every node that does not.
"""

from typing import Any, TypeVar

import msgspec

from proto.half_pairs import UnmaskableError, encode_with_halves, masked, may_hold_halves
from proto.json_text import MAX_DEPTH, Weight, is_too_deep, weigh
from proto.problem import Problem
from proto.shapes import choices_for

T = TypeVar("T")

DECODED_ELEMENTS = 50_000
"""Elements of a JSON text that is decoded in one go, where nothing else is said: 3 to 12 ms, and some 4 MB."""

RESCUED_BYTES = 1024 * 1024
"""Bytes of a text with halves of surrogate pairs that is decoded in one go: 15 ms beside the decoding."""

SHAPE_CHARACTERS = 300
"""Characters kept of a complaint about a shape; what it would take comes after that."""

_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)

_encoder = msgspec.json.Encoder()
_any_decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder()
_text_decoder = msgspec.json.Decoder(str)


class MalformedJsonError(ValueError):
    """The bytes are not a JSON document that this service accepts; the message says why, and where."""


class TooManyElementsError(MalformedJsonError):
    """The JSON would become more objects than may be made of it in one go; the message names both numbers."""

    def __init__(self, elements: int, max_elements: int) -> None:
        super().__init__(
            f"This JSON has {elements} elements (values in lists and objects); {max_elements} are allowed here"
        )


class TooManyItemsError(MalformedJsonError):
    """The JSON lists more values than are taken at once; the message names both numbers."""

    def __init__(self, items: int, max_items: int) -> None:
        super().__init__(f"This list has {items} values; {max_items} are allowed here")


def encode(value: object) -> bytes:
    """Return the JSON text of structs, builtins and ``msgspec.Raw``; half of a surrogate pair is an escape."""
    try:
        return _encoder.encode(value)
    except UnicodeEncodeError:
        return encode_with_halves(_encoder.encode, value)


def decode(text: bytes, max_elements: int = DECODED_ELEMENTS) -> Any:
    """Decode a JSON text to builtins.

    Raises:
        TooManyElementsError: it holds more elements than ``max_elements``.
        MalformedJsonError: it is no JSON, or nested deeper than ``MAX_DEPTH``.
    """
    check_elements(text, max_elements)
    return decode_checked(text)


def decode_strictly(text: bytes) -> Any:
    """Decode as ``decode`` does, but for halves of surrogate pairs: of what says who somebody is.

    Raises:
        MalformedJsonError: it is no JSON, has such a half, or weighs too much.
    """
    check_elements(text, DECODED_ELEMENTS)
    try:
        return _any_decoder.decode(text)
    except _UNREADABLE as error:
        raise _not_json(error) from error


def decode_checked(text: bytes) -> Any:
    """Decode as ``decode`` does, but a text whose weight has been checked before.

    Raises:
        MalformedJsonError: it is no JSON.
    """
    try:
        return decoded_by(_any_decoder, text)
    except _UNREADABLE as error:
        raise _not_json(error) from error


def decode_as(text: bytes, shape: type[T], max_elements: int = DECODED_ELEMENTS) -> T:
    """Decode a JSON text to a struct.

    Raises:
        TooManyElementsError: it holds more elements than ``max_elements``.
        MalformedJsonError: it is no JSON, or nested deeper than ``MAX_DEPTH``.
        msgspec.ValidationError: it is JSON of another shape.
    """
    check_elements(text, max_elements)
    return decode_raw_values(text, shape)


def decode_raw_values(text: bytes, shape: type[T]) -> T:
    """Decode as ``decode_as`` does, but a text whose weight has been checked, or that is large only in
    ``msgspec.Raw``.

    Such values are skipped at a gigabyte a second. Whoever takes them checks their depth.

    Raises:
        MalformedJsonError: it is no JSON, or nested far too deeply.
        msgspec.ValidationError: it is JSON of another shape.
    """
    try:
        return msgspec.json.decode(text, type=shape)
    except msgspec.ValidationError:
        raise
    except _UNREADABLE as error:
        try:
            return _with_halves(msgspec.json.Decoder(shape), text, error)
        except _UNREADABLE as reason:
            raise _not_json(reason) from error


def decode_text(text: bytes) -> str:
    """Return the text that a JSON string says, halves of surrogate pairs and all.

    Raises:
        msgspec.DecodeError, UnicodeDecodeError: it says none.
    """
    return decoded_by(_text_decoder, text)


def decoded_by(decoder: "msgspec.json.Decoder[T]", text: bytes | msgspec.Raw) -> T:
    """Decode a text, which may hold halves of surrogate pairs, with a decoder of msgspec.

    Raises:
        msgspec.DecodeError, UnicodeDecodeError, RecursionError: it cannot be read.
    """
    try:
        return decoder.decode(text)
    except msgspec.ValidationError:
        raise
    except msgspec.DecodeError as error:
        return _with_halves(decoder, bytes(text), error)


def _with_halves(decoder: "msgspec.json.Decoder[T]", text: bytes, error: Exception) -> T:
    """Decode what a decoder has refused, if only for halves of surrogate pairs; raise the error again, if not."""
    if not isinstance(error, msgspec.DecodeError) or not may_hold_halves(text):
        try:
            raise error
        finally:
            del error  # or it would hold this frame, and the text with it
    if len(text) > RESCUED_BYTES:
        bound = f"half of a surrogate pair is read in a text of at most {RESCUED_BYTES} bytes"
        raise msgspec.DecodeError(f"{error}; {bound}") from error
    try:
        mask = masked(text)
        return mask.restored(decoder.decode(mask.text))
    except UnmaskableError as reason:
        raise msgspec.DecodeError(str(reason)) from error


def _not_json(error: Exception) -> MalformedJsonError:
    if isinstance(error, RecursionError):
        return _too_deep()
    if isinstance(error, msgspec.ValidationError) and "out of range" in str(error):
        # JSON bounds no number; its decoder does.
        bounds = "1.8e308, or an integer of more than 4,300 digits"
        return MalformedJsonError(f"This JSON holds a number beyond {bounds}, which is not read here")
    return MalformedJsonError(f"This is not JSON: {error}")


def shape_problem(error: msgspec.ValidationError, shape: Any, *, code: str, path: str = "") -> Problem:
    """Make a msgspec complaint (``Expected `str`, got `int` - at `$.nodes[0].id```) as a problem with its path."""
    message, _, place = str(error).partition(" - at `$")
    if len(message) > SHAPE_CHARACTERS:  # it quotes a name or a word of the sender's
        message = f"{message[:SHAPE_CHARACTERS]}…"
    inner = place.removesuffix("`").removeprefix(".")[:SHAPE_CHARACTERS]
    joint = "." if path and inner and not inner.startswith("[") else ""
    return Problem(code=code, path=f"{path}{joint}{inner}", message=message + choices_for(error, shape))


def _too_deep() -> MalformedJsonError:
    return MalformedJsonError(f"This JSON is nested deeper than {MAX_DEPTH} levels")


def check_depth(text: bytes) -> None:
    """Refuse a JSON text that is nested deeper than ``MAX_DEPTH``, without building anything.

    Raises:
        MalformedJsonError: it is.
    """
    if is_too_deep(text):
        raise _too_deep()


def check_elements(text: bytes, max_elements: int) -> None:
    """Refuse a JSON text that is nested too deeply or would become too many objects, without building anything.

    A text of fewer bytes than ``max_elements`` is not looked at for them, so that small texts cost nothing.

    Args:
        text: what is to be decoded.
        max_elements: the values in lists and objects that it may hold, as ``Weight.elements`` counts them.

    Raises:
        TooManyElementsError: it holds more.
        MalformedJsonError: it is nested deeper than ``MAX_DEPTH``.
    """
    openings = text.count(b"[") + text.count(b"{")
    if openings > MAX_DEPTH or (len(text) > max_elements and openings + text.count(b",") > max_elements):
        check_weight(weigh(text), max_elements)


def check_weight(weight: Weight, max_elements: int | None = None) -> None:
    """Refuse a JSON text by its weight.

    Raises:
        TooManyElementsError: it holds more elements than ``max_elements``, where that is given.
        MalformedJsonError: it is nested deeper than ``MAX_DEPTH``.
    """
    if weight.depth > MAX_DEPTH:
        raise _too_deep()
    if max_elements is not None and weight.elements > max_elements:
        raise TooManyElementsError(weight.elements, max_elements)
