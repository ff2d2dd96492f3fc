"""The errors of ``symbia.io.http-request``: their names and words, and whether trying again may help."""

from collections.abc import Mapping
from datetime import UTC, datetime

import httpx
import msgspec

from engine.builtin.parts.connection_reason import reason_of
from engine.builtin.parts.http_refusal import HttpResponseError, RequestRefusedError
from engine.builtin.parts.http_response import HttpResponse, public_url
from engine.builtin.parts.retry_after import retry_after_seconds
from engine.contracts.handler import HandlerError
from proto.codec import decode_as, encode

_PASSING = frozenset({408, 425, 429})
"""Statuses of 4xx that say "later"; all others say that this request is wrong."""

_LASTING = frozenset({501, 505, 506, 508, 510, 511})
"""Statuses of 5xx that say what the server cannot do at all."""

_HOPELESS = (
    RequestRefusedError,
    httpx.InvalidURL,
    httpx.UnsupportedProtocol,
    httpx.LocalProtocolError,
    httpx.TooManyRedirects,
)
"""Failures that come of the request itself."""


def is_success(status: int) -> bool:
    """Tell whether an answer with this status is a result."""
    return 200 <= status < 300


def status_error(what: str, answer: HttpResponse, body_fault: str = "") -> HandlerError:
    """Make the error that an answer is by its status.

    Args:
        what: the method and the URL.
        answer: its head at least.
        body_fault: why its body is missing, if it is.
    """
    message = f"{what} was answered by {answer.status} {answer.status_text}".rstrip()
    is_passing = answer.status in _PASSING or (answer.status // 100 == 5 and answer.status not in _LASTING)
    if body_fault:
        message = f"{message}, without a body: {body_fault}"
    return HandlerError(
        "HttpStatusError",
        message,
        details=_details(message, answer),
        is_permanent=not is_passing,
        retry_after_seconds=_asked_seconds(answer.headers) if is_passing else 0.0,
    )


def failure(what: str, url: httpx.URL, error: Exception, head: HttpResponse | None) -> HandlerError:
    """Make the error that a failed exchange is.

    Args:
        what: the method and the URL.
        url: the URL as it was asked for.
        error: an HttpResponseError, or one of the connection, or a TimeoutError with its words.
        head: the answer without its body, if it came so far.
    """
    if head is not None and not is_success(head.status):
        return status_error(what, head, _said(error))
    match error:
        case HttpResponseError():
            name, message = error.name, f"The answer to {what} is refused: {error}"
        case TimeoutError():
            name, message = "HttpTimeout", f"{what} {error}"
        case _:
            name, message = "HttpRequestFailed", f"{what} failed: {reason_of(error)}"
    return HandlerError(
        name,
        message,
        details=_details(message, {"url": public_url(url)} if head is None else head),
        is_permanent=name == "HttpResponseTooLarge" or isinstance(error, _HOPELESS),
    )


def _details(message: str, answer: HttpResponse | dict[str, str]) -> bytes:
    """Return an error's fields; ``error`` says the message again, as the platform's graphs read it."""
    return encode({"error": message, **decode_as(encode(answer), dict[str, msgspec.Raw])})


def _said(error: Exception) -> str:
    match error:
        case HttpResponseError():
            return str(error)
        case TimeoutError():
            return f"it {error}"
        case _:
            return reason_of(error)


def _asked_seconds(headers: Mapping[str, str | list[str]]) -> float:
    plain = {name: value for name, value in headers.items() if isinstance(value, str)}
    return retry_after_seconds(plain, datetime.now(UTC))
