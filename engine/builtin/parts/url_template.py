"""URLs with ``{placeholders}`` that are filled from a message's fields.

The author of the graph chooses the server, the data only what it is asked: placeholders stand behind the host,
what fills them is percent-encoded whole, and what would name another path is refused: ``.`` and ``..`` as a
segment or inside of a value (servers resolve them, some even when their slashes are encoded), and nothing at all
(``/users/`` is not ``/users/{id}``). In a query everything may stand.
"""

import re
from collections.abc import Mapping
from urllib.parse import quote, urlencode

import httpx

from engine.builtin.parts.json_path import Document, Wanted
from engine.builtin.parts.placeholders import Way, names_of, way
from engine.documents.encodable import is_sayable
from proto.codec import decode_text

URL_LIMIT_CHARACTERS = 8_000
"""Length of a URL. Many servers refuse longer ones."""

TEMPLATE_LIMIT_CHARACTERS = 32_000
"""Length of a URL with its placeholders, whose names may be longer than what fills them."""

_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
_DOT_SEGMENT = re.compile(r"[/\\](?:\.|%2e){1,2}(?=[/\\]|$)", re.IGNORECASE)
_FRONT = re.compile(r"https?://[^/?#{}\\\s]+(?=[/?#]|$)", re.IGNORECASE)


class UrlError(ValueError):
    """The text is no URL that can be requested; the message says why."""


class UrlTemplate:
    """A URL whose placeholders are known and stand in safe places."""

    def __init__(self, text: str) -> None:
        """Split ``text`` at its placeholders: ``https://host/users/{user.id}``.

        Raises:
            UrlError: it is no absolute HTTP URL, or a placeholder is malformed or stands in the host.
        """
        if len(text) > TEMPLATE_LIMIT_CHARACTERS:
            raise UrlError(f"It has {len(text)} characters; {TEMPLATE_LIMIT_CHARACTERS} are allowed")
        front = _FRONT.match(text)
        if front is None:
            raise UrlError("It must begin with http:// or https:// and a host; placeholders stand behind the host")
        self._pieces: list[str] = []
        self._ways: list[Way] = []
        end = 0
        for match in _PLACEHOLDER.finditer(text):
            found = way(match[1]) if match[1] else None
            if found is None:
                raise UrlError(f"The placeholder {match[0]} is no dotted path, such as {{user.id}}")
            self._pieces.append(text[end : match.start()])
            self._ways.append(found)
            end = match.end()
        self._pieces.append(text[end:])
        if any(brace in piece for piece in self._pieces for brace in "{}"):
            raise UrlError("It has a brace without its partner; write %7B for { and %7D for }")
        _parsed("x".join(self._pieces))
        self._names = names_of(self._ways)
        self._wanted = Wanted(self._names)

    async def fill(self, value: bytes, query: str = "") -> httpx.URL:
        """Fill in the URL for one message, with ``query`` (of ``query_text``) behind its own, which stays.

        Raises:
            UrlError: the message lacks a field, a field fits no URL, or the URL becomes too long.
            msgspec.DecodeError: the value is no JSON.
            TooMuchToScanError: the fields are too many and too deep for so large a message.
        """
        document = Document(value, self._wanted)
        await document.reach(self._names)
        text = self._pieces[0]
        for place, piece in zip(self._ways, self._pieces[1:], strict=True):
            content = plain_text(place, place.find(document))
            if not _in_query(text) and (not content or _DOT_SEGMENT.search("/" + content)):
                shown = content[:100]
                raise UrlError(f"{_braced(place)} cannot be filled with {shown!r}: it would name another path")
            text += quote(content, safe="") + piece
            _check_length(text)
        url = _parsed(text)
        return _with_query(url, query) if query else url


def query_text(query: Mapping[str, str | list[str]]) -> str:
    """Write parameters as a form says them: ``{"a": ["1", "x y"]}`` is ``a=1&a=x+y``."""
    return urlencode(query, doseq=True)


def _with_query(url: httpx.URL, query: str) -> httpx.URL:
    """Put a query behind the URL's own. To decode and encode that anew would change it: ``%E9`` is no UTF-8."""
    try:
        return url.copy_with(query=b"&".join(filter(None, (url.query, query.encode()))))
    except httpx.InvalidURL as error:
        raise UrlError(f"It is malformed with its query: {error}") from error


def _braced(place: Way) -> str:
    return f"The placeholder {{{place}}}"


def _in_query(text: str) -> bool:
    return "?" in text or "#" in text


def plain_text(place: Way, found: bytes | None) -> str:
    """Return a string's content, or the text of a number or boolean as it stands in the message.

    Raises:
        UrlError: it is absent, null, an array or an object, or too long.
    """
    if found is None or found[:1] in (b"{", b"[", b"n"):
        kind = "nothing" if found is None else {b"{": "an object", b"[": "an array"}.get(found[:1], "null")
        raise UrlError(f"{_braced(place)} needs a string, a number or a boolean; the message has {kind} there")
    _check_length(found)
    text = decode_text(found) if found[:1] == b'"' else found.decode()
    if not is_sayable(text):
        raise UrlError(f"{_braced(place)} cannot be filled with half of a surrogate pair: no URL has such a thing")
    return text


def _check_length(text: str | bytes) -> None:
    if len(text) > URL_LIMIT_CHARACTERS:
        raise UrlError(f"It has {len(text)} characters; {URL_LIMIT_CHARACTERS} are allowed")


def _parsed(text: str) -> httpx.URL:
    _check_length(text)
    try:
        url = httpx.URL(text)
    except (httpx.InvalidURL, ValueError) as error:
        raise UrlError(f"It is malformed: {error}") from error
    if not url.host or (url.port is not None and not 0 < url.port < 65_536):
        raise UrlError("It names no host, or a port that is not between 1 and 65535")
    if _DOT_SEGMENT.search(re.split("[?#]", text.partition("://")[2])[0]):
        raise UrlError("It has a path segment . or .., which stands for another path")
    return url
