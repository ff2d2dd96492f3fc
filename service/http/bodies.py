"""The bodies of HTTP: those of requests become structs or documents, structs become JSON replies."""

from codecs import BOM_UTF8
from typing import Any, TypeVar

import msgspec
import trio
from quart import Response, request

from engine.cooperative.json_checks import SLICE_BYTES, check_in_slices, check_items_in_slices, check_utf8
from engine.cooperative.slices import in_slices
from proto.codec import (
    DECODED_ELEMENTS,
    RESCUED_BYTES,
    MalformedJsonError,
    TooManyElementsError,
    TooManyItemsError,
    decode_raw_values,
    encode,
    shape_problem,
)
from proto.half_pairs import UnmaskableError, masking, may_hold_halves
from proto.problem import Finding, Problem
from service.documents.reading import MAX_YAML_BYTES, DocumentError, Format, decode_document_in_slices
from service.problems import UnreadableBodyError, UnsupportedTypeError, error_reply

T = TypeVar("T")

LISTED_MESSAGES = 25_000
"""Messages that one body lists: in 10 ms, whatever their values hold, for those stay text. For more there are
streams."""

_NOTHING = b"{}"
"""The body of a request that has none."""

_YAML_TYPES = frozenset({"application/yaml", "application/x-yaml", "text/yaml", "text/x-yaml"})


def reply(body: object, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """Make a JSON reply. ``body`` is made of structs, builtins and ``msgspec.Raw``."""
    response = json_response(encode(body), status)
    if headers:
        response.headers.update(headers)
    return response


def json_response(text: bytes, status: int = 200) -> Response:
    """Make a reply whose JSON text is there already."""
    return Response(text, status=status, content_type="application/json")


def refusal(error: BaseException) -> Response:
    """Make the JSON reply to an error."""
    answer = error_reply(error)
    return reply(answer.body, answer.status, answer.headers)


def nothing() -> Response:
    """Make the reply of a deed that has nothing to say: 204."""
    return Response(b"", status=204)


async def read_struct(
    shape: type[T], *, empty: T | None = None, max_elements: int | None = DECODED_ELEMENTS, told_as: Any = None
) -> T:
    """Read the request's JSON body as a struct.

    Args:
        shape: of the body.
        empty: what an empty body stands for, if it may be empty.
        max_elements: as of ``decoded``.
        told_as: likewise.

    Raises:
        UnsupportedTypeError: the body has another content type than JSON.
        UnreadableBodyError: it is no JSON, of another shape, or holds more than it may.
    """
    if empty is not None and not _has_body():
        return empty
    body = await read_json()
    if not body and empty is not None:
        return empty
    return await decoded(body, shape, max_elements=max_elements, told_as=told_as)


async def read_json() -> bytes:
    """Read the request's JSON body, as it came.

    Raises:
        UnsupportedTypeError: the body has another content type than JSON.
    """
    if _format() != "json":  # before anything is read: a stream would never come to its end
        raise UnsupportedTypeError(f"Content-Type {request.mimetype} is not taken here; send application/json")
    return await _body()


async def values_in(body: bytes, most: int) -> tuple[list[msgspec.Raw], bool]:
    """Return the values in a JSON body: the items of an array, or the body itself; whether it is an array.

    How deep they are nested is not looked at: the engine does.

    Args:
        body: as it came.
        most: how many values may be in it.

    Raises:
        UnreadableBodyError: it is no JSON, or has too many values.
    """
    body = body.removeprefix(BOM_UTF8) or _NOTHING
    if not body.lstrip().startswith(b"["):
        await decoded(body, msgspec.Raw, max_elements=None)
        return [msgspec.Raw(body.strip())], False
    values = await decoded(body, list[msgspec.Raw], max_items=LISTED_MESSAGES)
    if len(values) > most:
        raise UnreadableBodyError(f"The array has {len(values)} messages, and at most {most} are taken at once")
    return values, True


async def decoded(
    body: bytes,
    shape: type[T],
    *,
    max_elements: int | None = DECODED_ELEMENTS,
    max_items: int | None = None,
    place: str = "",
    told_as: Any = None,
) -> T:
    """Decode a JSON body to a struct. Others have their turn while a large one is looked at.

    An empty body is an empty object, as the platform reads it: what it lacks is said in the same words.

    Args:
        body: as it came.
        shape: of the body.
        max_elements: that it may hold; None where whatever is large in it is ``msgspec.Raw``, whose depth is
            checked by the engine.
        max_items: of a list whose values stay text, in the place of ``max_elements``: how many there may be.
        place: where it stood in the request, for the paths of problems.
        told_as: the shape whose names are told to whoever sent another, where some are taken and not recommended.

    Raises:
        UnreadableBodyError: it is no JSON, of another shape, or holds more than it may.
    """
    body = body.removeprefix(BOM_UTF8) or _NOTHING  # editors put the mark there (RFC 8259, section 8.1)
    try:
        await check_utf8(body)  # decoding skips over msgspec.Raw without a look at its encoding
        if max_items is not None:
            await check_items_in_slices(body, max_items)
        elif max_elements is not None:
            await check_in_slices(body, max_elements)
        if len(body) > SLICE_BYTES:
            await trio.lowlevel.checkpoint()
        found = await _read(body, shape)
    except msgspec.ValidationError as error:
        problem = shape_problem(error, told_as or shape, code="body.shape", path=place)
        raise UnreadableBodyError(_at(problem.message, problem.path), [problem]) from error
    except (TooManyElementsError, TooManyItemsError) as error:
        message = f"{error}; send messages as a stream of JSON lines (application/x-ndjson), or one at a time"
        raise UnreadableBodyError(message, [Problem("body.too_many_elements", place, message)]) from error
    except (MalformedJsonError, UnicodeDecodeError) as error:
        raise UnreadableBodyError(_malformed(error)) from error
    if len(body) > SLICE_BYTES:
        await trio.lowlevel.checkpoint()  # a large value has been skipped: up to 20 ms for 10 MB
    return found


async def _read(body: bytes, shape: type[T]) -> T:
    """Decode a body whose weight has been checked; a large one with halves of surrogate pairs in slices."""
    try:
        return decode_raw_values(body, shape)
    except MalformedJsonError:
        if len(body) <= RESCUED_BYTES or not may_hold_halves(body):
            raise
    try:
        mask = await in_slices(masking(body))
        return await in_slices(mask.restoring(decode_raw_values(mask.text, shape)))
    except UnmaskableError as error:
        raise MalformedJsonError(f"This is not JSON: {error}") from error


class Written(msgspec.Struct, frozen=True):
    """A document, and the text that its author wrote."""

    text: bytes
    form: Format
    document: Any


async def read_document() -> Any:
    """Read the request's body, JSON or YAML, as a value made of builtins.

    Raises:
        UnsupportedTypeError: the body has another content type.
        UnreadableBodyError: it cannot be read.
    """
    return (await read_written()).document


async def read_written() -> Written:
    """Read the request's body as ``read_document`` does, and keep its text.

    Raises:
        UnsupportedTypeError: the body has another content type.
        UnreadableBodyError: it cannot be read; where its place is known, that is its problem.
    """
    form = _format()
    body = await _body() or _NOTHING
    try:
        return Written(body, form, await decode_document_in_slices(body, form))
    except DocumentError as error:
        problems = []
        if error.position is not None:
            line, column = error.position
            problems = [Finding("document.unreadable", "", error.bare, line + 1, column + 1)]
        raise UnreadableBodyError(_malformed(error), problems) from error


def _at(message: str, path: str) -> str:
    return f"{message} at {path}" if path else message


def _malformed(error: Exception) -> str:
    return f"This is not UTF-8: {error}" if isinstance(error, UnicodeDecodeError) else str(error)


def _has_body() -> bool:
    """Return whether the request announces a body; without one its content type means nothing."""
    return bool(request.content_length) or "Transfer-Encoding" in request.headers


async def read_octets(content_type: str) -> bytes:
    """Read the request's body as bytes of a type of their own.

    Raises:
        UnsupportedTypeError: the body has another content type.
    """
    if request.mimetype not in {content_type, "application/octet-stream"}:
        told = request.mimetype or "none"
        raise UnsupportedTypeError(f"Content-Type {told} is not taken here; send {content_type}")
    return await _body()


async def _body() -> bytes:
    return await request.get_data(cache=False, as_text=False, parse_form_data=False)


def _format() -> Format:
    """Return the format that the content type names; JSON when there is none."""
    mimetype = request.mimetype
    if mimetype in {"", "application/json"} or (
        mimetype.startswith("application/") and mimetype.endswith("+json")
    ):
        return "json"
    if mimetype in _YAML_TYPES:
        return "yaml"
    raise UnsupportedTypeError(
        f"Content-Type {mimetype} is not taken; send application/json, or application/yaml for a graph "
        f"of at most {MAX_YAML_BYTES} bytes"
    )
