"""The headers, query and body that a request of ``symbia.io.http-request`` sends, filled or not."""

import base64
import binascii
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from hashlib import blake2b
from typing import Any

import msgspec

from engine.builtin.parts.json_path import Document, Wanted
from engine.builtin.parts.placeholders import Template, TemplateSyntaxError, Way, names_of
from engine.builtin.parts.refusal import RefusedError
from engine.builtin.parts.url_template import UrlError, plain_text, query_text
from engine.documents.encodable import is_sayable
from proto.codec import decode_text, encode
from proto.problem import Problem

HEADERS_LIMIT = 100
"""Headers that a node's author gives a request; what servers take is about as much."""

QUERY_LIMIT_VALUES = 1_000
"""Values of a query or a form, in all its parameters."""

QUERY_LIMIT_CHARACTERS = 50_000
"""The text of a whole query; a URL has 65,536 at the most, for the HTTP client."""

PARTS_LIMIT = 100
"""Parts of a multipart body."""

FILLED_BYTES = 1024 * 1024
"""A body that placeholders fill: it is made in one go."""

SET_HERE = frozenset(
    {
        *("accept-encoding", "connection", "content-length", "host", "keep-alive"),
        *("te", "trailer", "transfer-encoding", "upgrade"),
    }
)
"""Headers that say how the message is framed and where it goes. They follow from the request; a second opinion on
them is how requests are smuggled."""

JSON = "application/json"

_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_HEADER_VALUE = re.compile(r"[\t\x20-\x7e]*")
_TYPE = re.compile(r"[!-~]+/[\t\x20-\x7e]+")
_CRLF = b"\r\n"
_BODIES = ("body", "form", "multipart")


class Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One part of a multipart body.

    Attributes:
        name: of the form's field.
        value: a text as it is, anything else as JSON.
        base64: bytes, in the place of a value.
        filename: makes it a file.
        type: its media type; that of a value follows from it when absent.
    """

    name: str
    value: Any = msgspec.UNSET
    base64: str | msgspec.UnsetType = msgspec.UNSET
    filename: str = ""
    type: str = ""


class Sent:
    """Headers, query and body of the requests of one node.

    Args:
        config: of the node, which has no problems.
        sends_value: whether the message's value is the body.

    Attributes:
        content_type: of the body; empty where there is none.
    """

    def __init__(self, config: Mapping[str, Any], *, sends_value: bool) -> None:
        self._is_filled = bool(config["fill"])
        self._sends_value = sends_value
        self._ways: list[Way] = []
        self._headers = self._known(config["headers"])
        self._query = self._known(config["query"])
        self._form = self._known(config["form"])
        self._parts = self._known(config["multipart"])
        self._body = self._known(config.get("body"))
        self._is_base64 = config["bodyEncoding"] == "base64"
        self._names = names_of(self._ways)
        self._wanted = Wanted(self._names)
        self.content_type = self._content_type()
        self._same: tuple[Mapping[str, str], str, bytes | None] | None = None
        if not self._ways:  # nothing depends on the message, but where its value is the body
            self._same = (dict(self._headers), query_of(self._query), self._made_body(Document(b"null")))

    def _known(self, value: Any) -> Any:
        """Return a part of the configuration whose texts with placeholders are templates."""
        if not self._is_filled:
            return value
        if isinstance(value, str):
            template = Template(value)
            self._ways += template.ways
            return template if template.ways else template.pieces[0]
        if isinstance(value, Mapping):
            return {name: self._known(each) for name, each in value.items()}
        return [self._known(each) for each in value] if isinstance(value, list) else value

    def _content_type(self) -> str:
        if self._parts:
            return "multipart/form-data"
        if self._form:
            return "application/x-www-form-urlencoded"
        if self._body is None and not self._sends_value:
            return ""
        if self._is_base64:
            return "application/octet-stream"
        return "text/plain; charset=utf-8" if isinstance(self._body, str | Template) else JSON

    async def fill(self, value: bytes) -> tuple[Mapping[str, str], str, bytes | None]:
        """Return the headers, the query and the body of a request for a message's value.

        Raises:
            RefusedError: the value lacks what a placeholder names, or has something there that does not fit.
            msgspec.DecodeError: it cannot be read.
            TooMuchToScanError: the placeholders are too many and too deep for so large a value.
        """
        if self._same is not None:
            headers, query, body = self._same
            return headers, query, value if self._sends_value else body
        document = Document(value, self._wanted)
        await document.reach(self._names)
        headers = {name: _header(name, self._text(each, document)) for name, each in self._headers.items()}
        try:
            query = query_of(self._made(self._query, document))
        except UrlError as error:
            raise RefusedError("HttpInvalidRequest", str(error)) from None
        if len(query) > QUERY_LIMIT_CHARACTERS:
            raise RefusedError(
                "HttpInvalidRequest", f"the query has more than {QUERY_LIMIT_CHARACTERS} characters"
            )
        body = value if self._sends_value else self._made_body(document)
        if body is not None and not self._sends_value and len(body) > FILLED_BYTES:
            raise RefusedError("HttpInvalidRequest", f"a body that is filled has at most {FILLED_BYTES} bytes")
        return headers, query, body

    @property
    def is_multipart(self) -> bool:
        """Tell whether the media type depends on the body."""
        return bool(self._parts)

    def media_type(self, body: bytes) -> str:
        """Return the media type of a multipart body, with its boundary, which is its first line."""
        return f"{self.content_type}; boundary={body[2:].partition(_CRLF)[0].decode()}"

    def _text(self, value: Any, document: Document) -> str:
        if not isinstance(value, Template):
            return str(value)
        parts = [value.pieces[0]]
        size = 0
        for place, piece in zip(value.ways, value.pieces[1:], strict=True):
            try:
                parts += plain_text(place, place.find(document)), piece
            except UrlError as error:
                raise RefusedError("HttpInvalidRequest", str(error)) from None
            size += len(parts[-2])
            if size > FILLED_BYTES:
                raise RefusedError("HttpInvalidRequest", f"a text that is filled has at most {FILLED_BYTES} bytes")
        return "".join(parts)

    def _made(self, value: Any, document: Document) -> Any:
        """Return a value whose templates are filled; a placeholder alone is what it leads to, of whatever type."""
        if isinstance(value, Template):
            if not value.is_one_placeholder:
                return self._text(value, document)
            found = value.ways[0].find(document)
            if found is None:
                raise RefusedError("HttpInvalidRequest", f"The message has nothing at {{{value.ways[0]}}}")
            return decode_text(found) if found[:1] == b'"' else msgspec.Raw(found)
        if isinstance(value, Mapping):
            return {name: self._made(each, document) for name, each in value.items()}
        return [self._made(each, document) for each in value] if isinstance(value, list) else value

    def _made_body(self, document: Document) -> bytes | None:
        if self._parts:
            return multipart(self._made(self._parts, document))
        if self._form:
            return query_of(self._made(self._form, document)).encode()
        body = self._made(self._body, document)
        if body is None:
            return None
        if isinstance(body, str):
            return _bytes_in(body) if self._is_base64 else _utf8(body)
        return encode(body)


def _header(name: str, value: str) -> str:
    if not _HEADER_VALUE.fullmatch(value):
        message = f"The header {name} cannot have what fills it: a header is a line of printable ASCII"
        raise RefusedError("HttpInvalidRequest", message)
    return value


def _utf8(text: str) -> bytes:
    if not is_sayable(text):
        raise RefusedError("HttpInvalidRequest", "the body holds half of a surrogate pair, which has no bytes")
    return text.encode()


def _bytes_in(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise RefusedError("HttpInvalidRequest", f"the bytes are no base64: {error}") from None


def query_of(query: Mapping[str, Any]) -> str:
    """Write parameters as a form says them.

    Raises:
        UrlError: one is filled with an array or an object within an array, or with nothing.
    """
    return query_text({name: _query_value(value) for name, value in query.items()})


def _query_value(value: Any) -> str | list[str]:
    if isinstance(value, list):
        return [item if isinstance(item, str) else encode(item).decode() for item in value]
    if isinstance(value, msgspec.Raw):
        text = bytes(value)
        if text[:1] != b"[":
            return plain_text(Way(()), text)
        return [plain_text(Way(()), bytes(item)) for item in msgspec.json.decode(text, type=list[msgspec.Raw])]
    return value if isinstance(value, str) else encode(value).decode()


def multipart(parts: Sequence[Mapping[str, Any]]) -> bytes:
    """Write a body of several parts (RFC 7578). Its boundary follows from what is in it, so it is the same again.

    Raises:
        RefusedError: a part's bytes are no base64, or its text is none that has bytes.
    """
    written = []
    for fields in parts:
        part = msgspec.convert(fields, Part)
        if part.base64 is not msgspec.UNSET:
            content, usual = _bytes_in(part.base64), "application/octet-stream"
        elif isinstance(part.value, str):
            content, usual = _utf8(part.value), "text/plain; charset=utf-8"
        else:
            content, usual = encode(part.value), JSON
        head = f'Content-Disposition: form-data; name="{_quoted(part.name)}"'
        if part.filename:
            head += f'; filename="{_quoted(part.filename)}"'
        kind = part.type or ("" if usual.startswith("text/plain") and not part.filename else usual)
        head += f"\r\nContent-Type: {kind}" if kind else ""
        written.append((head.encode("utf-8", "replace"), content))
    digest = blake2b(digest_size=16)
    for head_bytes, content in written:
        digest.update(b"%d %b%d %b" % (len(head_bytes), head_bytes, len(content), content))
    boundary = f"symbia-{digest.hexdigest()}".encode()
    lines = [b"--%b\r\n%b\r\n\r\n%b\r\n" % (boundary, head_bytes, content) for head_bytes, content in written]
    return b"".join([*lines, b"--%b--\r\n" % boundary])


def _quoted(text: str) -> str:
    """Return a name as it stands in quotes, as browsers write it."""
    return text.replace("\r", "%0D").replace("\n", "%0A").replace('"', "%22")


def problems_of(config: Mapping[str, Any], methods_with_body: frozenset[str]) -> Iterator[Problem]:
    """Yield what is wrong with a node's headers, query and body."""
    yield from _header_problems(config["headers"], is_filled=config["fill"])
    yield from _query_problems("query", config["query"])
    yield from _query_problems("form", config["form"])
    yield from _part_problems(config["multipart"])
    given = [name for name in _BODIES if config.get(name) or (name == "body" and "body" in config)]
    if len(given) > 1:
        yield Problem("config.invalid", given[1], f"A request has one body: give {given[0]} or {given[1]}")
    if given and given[0] != "body" and config["method"] not in methods_with_body | {"DELETE"}:
        yield Problem("config.invalid", given[0], f"A {config['method']} request sends no {given[0]}")
    if config["bodyEncoding"] == "base64" and not isinstance(config.get("body"), str):
        yield Problem("config.invalid", "bodyEncoding", "Only a body that is a text can be base64")
    elif config["bodyEncoding"] == "base64" and not config["fill"]:
        yield from _refusals("body", lambda: _bytes_in(config["body"]))
    if config["fill"]:
        for name in ("headers", "query", *_BODIES):
            yield from _template_problems(name, config.get(name))


def _refusals(path: str, attempt: Callable[[], object]) -> Iterator[Problem]:
    try:
        attempt()
    except RefusedError as error:
        yield Problem("config.invalid", path, f"This cannot be sent: {error}")


def _template_problems(path: str, value: Any) -> Iterator[Problem]:
    if isinstance(value, str):
        try:
            Template(value)
        except TemplateSyntaxError as error:
            yield Problem("config.invalid", path, f"This is no text with placeholders. {error}")
    elif isinstance(value, Mapping):
        for name, each in value.items():
            yield from _template_problems(f"{path}.{name}", each)
    elif isinstance(value, list):
        for at, each in enumerate(value):
            yield from _template_problems(f"{path}[{at}]", each)


def _header_problems(headers: Mapping[str, Any], *, is_filled: bool) -> Iterator[Problem]:
    if len(headers) > HEADERS_LIMIT:
        yield Problem(
            "config.invalid_header", "headers", f"A request has at most {HEADERS_LIMIT} headers of its own"
        )
        return
    for name, value in headers.items():
        path = f"headers.{name}"
        if not _HEADER_NAME.fullmatch(name):
            yield Problem("config.invalid_header", path, "This is no name of an HTTP header")
        elif name.lower() in SET_HERE:
            yield Problem("config.invalid_header", path, f"The header {name} is set by the runtime; leave it out")
        elif is_filled and name.lower() == "content-type" and "{" in str(value):
            yield Problem("config.invalid_header", path, "The media type of a body is the author's to say")
        elif not isinstance(value, str) or not _HEADER_VALUE.fullmatch(value):
            yield Problem("config.invalid_header", path, "A header's value is a string of printable ASCII")


def _query_problems(key: str, query: Mapping[str, Any]) -> Iterator[Problem]:
    values = sum(len(value) if isinstance(value, list) else 1 for value in query.values())
    if values > QUERY_LIMIT_VALUES:
        yield Problem("config.invalid_query", key, f"A {key} has at most {QUERY_LIMIT_VALUES} values")
        return
    wrong = [name for name, value in query.items() if not _is_query_value(value)]
    for name in wrong:
        message = f"The value of a {key} is a string, a number, a boolean or an array of them"
        yield Problem("config.invalid_query", f"{key}.{name}", message)
    if not wrong and key == "query" and len(query_of(query)) > QUERY_LIMIT_CHARACTERS:
        message = f"A query has at most {QUERY_LIMIT_CHARACTERS} characters, percent signs included"
        yield Problem("config.invalid_query", "query", message)


def _is_query_value(value: Any) -> bool:
    items = value if isinstance(value, list) else [value]
    return all(isinstance(item, str | int | float) for item in items)


def _part_problems(parts: Sequence[Any]) -> Iterator[Problem]:
    if len(parts) > PARTS_LIMIT:
        yield Problem("config.invalid", "multipart", f"A body has at most {PARTS_LIMIT} parts")
        return
    for at, fields in enumerate(parts):
        path = f"multipart[{at}]"
        try:
            part = msgspec.convert(fields, Part)
        except msgspec.ValidationError as error:
            yield Problem("config.invalid", path, f"A part has a name, and a value or base64: {error}")
            continue
        if (part.value is msgspec.UNSET) == (part.base64 is msgspec.UNSET):
            yield Problem("config.invalid", path, "A part has a value or base64, and not both")
        if part.type and not _TYPE.fullmatch(part.type):
            yield Problem("config.invalid", f"{path}.type", "This is no media type")
