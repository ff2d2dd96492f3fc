"""The JSON document that ``symbia.io.http-request`` makes of a response, within bounds.

The server is as foreign as any component: it may answer without end, inflate a kilobyte to a gigabyte, or lie
about its content. So the body is read raw and counted, and inflated and decoded with bounds (the client's own
decoders have none). What came of an answer before its body failed is kept: see ``head_of``.
"""

import binascii

import httpx
import msgspec
import trio

from engine.builtin.parts.charsets import is_json, json_as_utf8, text_of
from engine.builtin.parts.content_coding import codings, decoded
from engine.builtin.parts.http_refusal import HttpResponseError, invalid, too_large
from engine.builtin.parts.inflating import SLICE_BYTES
from engine.cooperative.json_checks import check_in_slices
from engine.errors import MemoryBoundError
from engine.memory.ledger import Account
from proto.codec import MalformedJsonError, decode_raw_values, encode

DATA_LIMIT_BYTES = 8 * 1024 * 1024
"""Body of a response."""

TEXT_LIMIT_BYTES = 5_000_000
"""Bytes of a response's JSON text: the emitted value carries it twice, and is as large as the engine carries
values at most."""

COPIES = 4
"""Copies of a body while it is read: as it came, inflated, as JSON text, and in the value."""

_NULL = msgspec.Raw(b"null")
_BASE64_SLICE_BYTES = SLICE_BYTES // 3 * 3


class HttpResponse(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """The emitted value: ``{status, statusText, headers, data, body, url}``, and ``encoding`` where it is needed.

    Attributes:
        status: the HTTP status code.
        status_text: the reason phrase.
        headers: names in lower case; repeated ones joined by a comma, but for ``set-cookie``, which may have
            commas within: an array, one string for each.
        data: what a JSON body says, as it stands; any other body as a string; null for no body.
        body: the same as the platform's graphs read it: what a text says that is JSON, whatever its type, and an
            empty text for no body. Of a strict node it is ``data``.
        url: where the answer came from, after redirects, without credentials.
        encoding: ``base64`` where ``data`` is a binary body in that form; otherwise absent.
        content_encoding: the codings that ``data`` is still in, where nobody here undoes them; otherwise absent.
    """

    status: int
    status_text: str
    headers: dict[str, str | list[str]]
    data: msgspec.Raw
    body: msgspec.Raw
    url: str
    encoding: str = ""
    content_encoding: str = ""


def head_of(response: httpx.Response) -> HttpResponse:
    """Show a response whose body has not been read, or cannot be: as one that has none."""
    headers: dict[str, str | list[str]] = dict(response.headers.items())
    if "set-cookie" in headers:
        headers["set-cookie"] = response.headers.get_list("set-cookie")
    return HttpResponse(
        status=response.status_code,
        status_text=response.extensions.get("reason_phrase", b"").decode(
            "latin-1"
        ),  # httpx drops what is not ASCII
        headers=headers,
        data=_NULL,
        body=_NULL,
        url=public_url(response.url),
    )


async def read_answer(
    response: httpx.Response, limit_bytes: int, account: Account | None = None, *, is_strict: bool = True
) -> HttpResponse:
    """Read a streamed response to its end.

    Args:
        response: its head has come.
        limit_bytes: of its body, before and after it is inflated.
        account: charged with what is read, and closed by the caller; nothing is when absent.
        is_strict: whether a body must be what its headers say; otherwise what claims to be JSON and is none is a
            text, and a text that is JSON is read as such.

    Raises:
        HttpResponseError: the body is larger than ``limit_bytes``, has no memory, or is not what its
            headers say.
        httpx.HTTPError: the connection failed midway.
    """
    body = bytearray()
    refusal: MemoryBoundError | None = None
    with trio.CancelScope() as scope:
        async for chunk in response.aiter_raw():
            body += chunk
            refusal = _charge(account, len(body))
            if len(body) > limit_bytes or refusal is not None:
                scope.cancel()  # leaving the loop would abandon the client's inner generators; this ends them
    if refusal is not None:
        raise HttpResponseError("MemoryBoundError", str(refusal))
    if len(body) > limit_bytes:
        raise too_large(limit_bytes)
    coding = response.headers.get("content-encoding", "")
    if codings(coding):
        refusal = _charge(account, limit_bytes)  # that much may come of it
        if refusal is not None:
            raise HttpResponseError("MemoryBoundError", str(refusal))
    plain, left_coding = await decoded(bytes(body), coding, limit_bytes)
    content_type = response.headers.get("content-type", "")
    if left_coding:
        data = body_text = await _base64_text(plain)
        encoding = "base64"
    elif is_strict:
        data, encoding = await _data_text(plain, content_type)
        body_text = data
    else:
        data, body_text, encoding = await _lenient_texts(plain, content_type)
    if max(len(data), len(body_text)) > TEXT_LIMIT_BYTES:
        text = f"it is larger than {TEXT_LIMIT_BYTES} bytes as JSON text, which the value has twice"
        raise HttpResponseError("HttpResponseTooLarge", text)
    return msgspec.structs.replace(
        head_of(response),
        data=msgspec.Raw(data),
        body=msgspec.Raw(body_text),
        encoding=encoding,
        content_encoding=left_coding,
    )


def _charge(account: Account | None, size_bytes: int) -> MemoryBoundError | None:
    """Charge a body of this size with its copies; why it could not be charged, if so."""
    if account is not None:
        try:
            account.adjust(COPIES * size_bytes, "requests")
        except MemoryBoundError as error:
            return error
    return None


def public_url(url: httpx.URL) -> str:
    """Return a URL without credentials and fragment."""
    return str(url.copy_with(userinfo=b"", fragment=None))


async def _data_text(body: bytes, content_type: str) -> tuple[bytes, str]:
    """Return the JSON text of ``data``, and its ``encoding``."""
    if not body:
        return b"null", ""
    if is_json(content_type):
        return await _json_text(body, content_type), ""
    text = await text_of(body, content_type)
    return (await _base64_text(body), "base64") if text is None else (encode(text), "")


async def _lenient_texts(body: bytes, content_type: str) -> tuple[bytes, bytes, str]:
    """Return the JSON texts of ``data`` and of ``body``, and the ``encoding``, where a node is not strict."""
    if not body:
        return b"null", b'""', ""
    try:
        data, encoding = await _data_text(body, content_type)
    except HttpResponseError:
        data, encoding = encode(await text_of(body, "text/plain")), ""
    if encoding or is_json(content_type):
        return data, data, encoding
    try:
        return data, await _json_text(body, content_type), ""
    except HttpResponseError:
        return data, data, ""


async def _json_text(body: bytes, content_type: str) -> bytes:
    """Return a JSON body, checked but not rewritten: numbers keep their digits."""
    try:
        text = await json_as_utf8(body, content_type)
        await check_in_slices(text)
        return bytes(decode_raw_values(text, msgspec.Raw))
    except (MalformedJsonError, UnicodeDecodeError) as error:
        raise invalid(f"it says it is JSON but is not: {error}") from error


async def _base64_text(body: bytes) -> bytes:
    parts = [b'"']
    for start in range(0, len(body), _BASE64_SLICE_BYTES):
        parts.append(binascii.b2a_base64(body[start : start + _BASE64_SLICE_BYTES], newline=False))
        await trio.lowlevel.checkpoint()
    return b"".join([*parts, b'"'])
