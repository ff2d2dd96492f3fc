"""The JSON document that ``symbia.io.http-request`` makes of a response, within bounds.

The server is as foreign as any component: it may answer without end, inflate a kilobyte to a gigabyte, or lie
about its content. So the body is read raw and counted, inflated here with a bound (the client's own decoder has
none), and only common character sets are decoded (some that Python knows take quadratic time).
"""

import codecs
import zlib

import httpx
import msgspec
import trio

from engine.cooperative.json_checks import check_in_slices, check_utf8
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

ACCEPTED_ENCODING = "gzip"
"""The one compression that can be bounded with the standard library alone; all servers know it."""

_SLICE_BYTES = 128 * 1024
"""The bytes inflated, or decoded, between two checkpoints: a millisecond or two."""

_ANY_GZIP = zlib.MAX_WBITS | 16
_CHARSETS = frozenset(
    codecs.lookup(name).name
    for name in (
        *("utf-8", "utf-16", "utf-16-le", "utf-16-be", "ascii", "latin-1", "cp1252"),
        *("shift_jis", "euc_jp", "gb18030", "big5", "euc_kr", "koi8-r", "cp1251"),
    )
)


class HttpResponseError(Exception):
    """A response that cannot be used.

    Attributes:
        name: for ``HandlerError.name``.
    """

    def __init__(self, name: str, message: str) -> None:
        super().__init__(message)
        self.name = name


class HttpResponse(msgspec.Struct, frozen=True, rename="camel"):
    """The emitted value: ``{status, statusText, headers, data, body, url}``.

    Attributes:
        status: the HTTP status code.
        status_text: the reason phrase.
        headers: names in lower case; repeated ones joined by a comma.
        data: what a JSON body says, as it stands; any other body as a string; null for no body.
        body: the same as ``data``, by the name that the platform's graphs read.
        url: where the answer came from, after redirects, without credentials.
    """

    status: int
    status_text: str
    headers: dict[str, str]
    data: msgspec.Raw
    body: msgspec.Raw
    url: str


async def read_answer(response: httpx.Response, limit_bytes: int, account: Account | None = None) -> HttpResponse:
    """Read a streamed response to its end.

    Args:
        response: its head has come.
        limit_bytes: of its body, before and after it is inflated.
        account: charged with what is read, and closed by the caller; nothing is when absent.

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
        raise _too_large(limit_bytes)
    if response.headers.get("content-encoding"):
        refusal = _charge(account, limit_bytes)  # that much may come of it
        if refusal is not None:
            raise HttpResponseError("MemoryBoundError", str(refusal))
    plain = await _inflated(bytes(body), response, limit_bytes)
    data = await _data_text(plain, response.headers.get("content-type", ""))
    if len(data) > TEXT_LIMIT_BYTES:
        text = f"it is larger than {TEXT_LIMIT_BYTES} bytes as JSON text, which the value has twice"
        raise HttpResponseError("HttpResponseTooLarge", text)
    return HttpResponse(
        status=response.status_code,
        status_text=response.reason_phrase,
        headers=dict(response.headers.items()),
        data=msgspec.Raw(data),
        body=msgspec.Raw(data),
        url=public_url(response.url),
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


async def _inflated(body: bytes, response: httpx.Response, limit_bytes: int) -> bytes:
    encoding = response.headers.get("content-encoding", "identity").strip().lower()
    if not body or encoding in {"identity", ""}:
        return body
    if encoding not in {"gzip", "x-gzip"}:
        raise HttpResponseError("HttpInvalidResponse", f"it is encoded as {encoding[:50]!r}, not as gzip")
    inflater = zlib.decompressobj(_ANY_GZIP)
    plain = bytearray()
    compressed = memoryview(body)
    try:
        goes_on = True
        while goes_on and len(plain) <= limit_bytes:
            given = compressed[:_SLICE_BYTES]
            piece = inflater.decompress(given, _SLICE_BYTES)
            plain += piece
            compressed = compressed[len(given) - len(inflater.unconsumed_tail) - len(inflater.unused_data) :]
            goes_on = not inflater.eof and (bool(compressed) or len(piece) == _SLICE_BYTES)
            await trio.lowlevel.checkpoint()
    except zlib.error as error:
        raise HttpResponseError("HttpInvalidResponse", f"it says it is gzip but is not: {error}") from error
    if len(plain) > limit_bytes:
        raise _too_large(limit_bytes)
    if not inflater.eof or compressed:
        raise HttpResponseError("HttpInvalidResponse", "its gzip stream is cut off, or something follows it")
    return bytes(plain)


async def _data_text(body: bytes, content_type: str) -> bytes:
    """Return the JSON text of ``data``."""
    media_type, _, parameters = content_type.partition(";")
    media_type = media_type.strip().lower()
    if not body:
        return b"null"
    if media_type in {"application/json", "text/json"} or media_type.endswith("+json"):
        return await _json_text(body)
    return encode(await _text(body, _charset(parameters)))


async def _text(body: bytes, charset: str) -> str:
    """Return a body as text; what is none in its character set is replaced."""
    decoder = codecs.getincrementaldecoder(charset)(errors="replace")
    parts = []
    for start in range(0, len(body), _SLICE_BYTES):
        parts.append(decoder.decode(body[start : start + _SLICE_BYTES]))
        await trio.lowlevel.checkpoint()
    return "".join([*parts, decoder.decode(b"", final=True)])


async def _json_text(body: bytes) -> bytes:
    """Return a JSON body, checked but not rewritten: numbers keep their digits."""
    try:
        await check_utf8(body)  # the parser does not look inside of strings
        await check_in_slices(body)
        return bytes(decode_raw_values(body.removeprefix(codecs.BOM_UTF8), msgspec.Raw))
    except (MalformedJsonError, UnicodeDecodeError) as error:
        raise HttpResponseError("HttpInvalidResponse", f"it says it is JSON but is not: {error}") from error


def _charset(parameters: str) -> str:
    """Return the character set in a content type's parameters; UTF-8 where it names none that is decoded."""
    for parameter in parameters.split(";"):
        key, _, name = parameter.partition("=")
        if key.strip().lower() == "charset":
            try:
                known = codecs.lookup(name.strip(" \t\"'")).name
            except (LookupError, ValueError):  # unknown, or not even a name
                return "utf-8"
            return known if known in _CHARSETS else "utf-8"
    return "utf-8"


def _too_large(limit_bytes: int) -> HttpResponseError:
    return HttpResponseError("HttpResponseTooLarge", f"it is larger than {limit_bytes} bytes")
