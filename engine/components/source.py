"""The source of a component: its document, or a URL that is fetched once, at registration.

What was fetched is pinned: the component holds the text and its SHA-256, and no later change at the URL reaches
it. Who fetches, and from where it may be fetched, is not decided here: the function comes from outside.
"""

import hashlib
import re
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

import msgspec

from engine.limits import EngineLimits
from proto.component import Code
from proto.problem import Problem

FetchSource = Callable[[str, int], Awaitable[bytes]]
"""A function that fetches what stands at a URL, of at most so many bytes, or raises SourceFetchError."""

URL_LIMIT_CHARACTERS = 2_000
"""Length of a sourceUrl. People paste them."""

_SHA256 = re.compile(r"[0-9a-fA-F]{64}")
_PLACE = "execution.sourceUrl"


class SourceFetchError(Exception):
    """A source cannot be fetched; the message says why, and what would help."""


async def no_source(url: str, limit_bytes: int) -> bytes:
    """Fetch nothing: where nobody has said how.

    Raises:
        SourceFetchError: always.
    """
    del url, limit_bytes
    raise SourceFetchError("this runtime fetches no sources; send it in the definition itself")


def check_origin(code: Code) -> list[Problem]:
    """Return what is wrong with where the source is said to come from, without going there."""
    problems = []
    if code.source and code.source_url:
        message = "A component has either a source or a sourceUrl; leave one out"
        problems.append(Problem("component.two_sources", _PLACE, message))
    if code.source_url and not _is_plain_url(code.source_url):
        message = (
            f"A sourceUrl is an https or http URL of at most {URL_LIMIT_CHARACTERS} printable characters, "
            "without credentials"
        )
        problems.append(Problem("component.invalid_source_url", _PLACE, message))
    if code.sha256 and not is_sha256(code.sha256):
        message = "sha256 is the SHA-256 of the source, as 64 hexadecimal digits"
        problems.append(Problem("component.invalid_sha256", "execution.sha256", message))
    return problems


def is_sha256(text: str) -> bool:
    """Return whether a text has the form of a SHA-256."""
    return _SHA256.fullmatch(text) is not None


def _is_plain_url(text: str) -> bool:
    if len(text) > URL_LIMIT_CHARACTERS or not text.isprintable() or " " in text:
        return False
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and bool(parts.hostname) and "@" not in parts.netloc


async def obtain_source(code: Code, fetch: FetchSource, limits: EngineLimits) -> tuple[Code, list[Problem]]:
    """Obtain the code with its source and the source's hash, and everything that is wrong with them.

    Args:
        code: one in which :func:`check_origin` found nothing.
        fetch: goes to the URL.
        limits: bound the source.
    """
    if not code.source_url:
        return _pinned(code, code.source.encode("utf-8", "surrogatepass"), "execution.sha256")
    content, problems = await fetch_content(code.source_url, fetch, limits.source_bytes)
    if problems:
        return code, problems
    try:
        source = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        message = f"What {code.source_url} gives is no text in UTF-8: {error.reason} at byte {error.start}"
        return code, [Problem("component.source_not_text", _PLACE, message)]
    if not source.strip():
        message = f"What {code.source_url} gives is empty"
        return code, [Problem("component.missing_source", _PLACE, message)]
    return _pinned(msgspec.structs.replace(code, source=source), content, _PLACE)


async def fetch_content(url: str, fetch: FetchSource, limit_bytes: int) -> tuple[bytes, list[Problem]]:
    """Return what stands at a sourceUrl, or why it cannot be had."""
    try:
        content = await fetch(url, limit_bytes)
    except SourceFetchError as error:
        message = f"The source cannot be fetched from {url}: {error}"
        return b"", [Problem("component.source_unavailable", _PLACE, message)]
    if len(content) > limit_bytes:
        message = f"A component's source has at most {limit_bytes} bytes; {url} gives more"
        return b"", [Problem("component.source_too_large", _PLACE, message)]
    return content, []


def _pinned(code: Code, content: bytes, place: str) -> tuple[Code, list[Problem]]:
    """Return the code with the hash of its content, which is what the author expects, if anything."""
    found = hashlib.sha256(content).hexdigest()
    if code.sha256 and code.sha256.lower() != found:
        message = f"The source has the SHA-256 {found}, not {code.sha256.lower()}: it is not what was expected"
        return code, [Problem("component.source_hash_mismatch", place, message)]
    return msgspec.structs.replace(code, source_hash=found, sha256=""), []
