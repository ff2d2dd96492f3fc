"""What an error of a request says: its name, and whether trying again may help."""

import httpx
import msgspec
import pytest

from engine.builtin.parts.http_failure import failure, status_error
from engine.builtin.parts.http_refusal import RequestRefusedError, invalid, too_large
from engine.builtin.parts.http_response import HttpResponse
from proto.codec import decode

PASSING = {408, 425, 429, *range(500, 600)} - {501, 505, 506, 508, 510, 511}
URL = httpx.URL("http://user:secret@host/x#y")
NULL = msgspec.Raw(b"null")


def head(status: int) -> HttpResponse:
    """An answer that asks to come back in five seconds."""
    return HttpResponse(status, "Words", {"retry-after": "5", "set-cookie": ["a=1"]}, NULL, NULL, "http://host/x")


@pytest.mark.parametrize("status", [*range(300, 600), 600, 999])
def test_each_status_is_passing_or_not(status: int) -> None:
    """Passing are those that say "later", and the server's own faults but those that say "never"."""
    error = status_error("GET http://host/x", head(status))
    assert (error.name, error.message) == ("HttpStatusError", f"GET http://host/x was answered by {status} Words")
    assert (not error.is_permanent) is (status in PASSING)
    assert error.retry_after_seconds == (5 if status in PASSING else 0)


@pytest.mark.parametrize(
    ("error", "name", "is_permanent"),
    [
        (too_large(10), "HttpResponseTooLarge", True),
        (invalid("it is odd"), "HttpInvalidResponse", False),
        (TimeoutError("took longer than 1 s"), "HttpTimeout", False),
        (httpx.ConnectError("words"), "HttpRequestFailed", False),
        (httpx.ReadError(""), "HttpRequestFailed", False),
        (RequestRefusedError("words"), "HttpRequestFailed", True),
        (httpx.TooManyRedirects("words"), "HttpRequestFailed", True),
        (httpx.UnsupportedProtocol("words"), "HttpRequestFailed", True),
        (httpx.LocalProtocolError("words"), "HttpRequestFailed", True),
        (httpx.InvalidURL("words"), "HttpRequestFailed", True),
    ],
)
def test_each_failure_is_passing_or_not(error: Exception, name: str, is_permanent: bool) -> None:
    """What comes of the request itself would come again; what the connection or the server did may not."""
    told = failure("GET http://host/x", URL, error, None)
    assert (told.name, told.is_permanent) == (name, is_permanent)
    assert decode(told.details or b"") == {"url": "http://host/x", "error": told.message}
    assert decode(failure("GET", URL, error, head(200)).details or b"")["status"] == 200
    assert failure("GET", URL, error, head(404)).name == "HttpStatusError"
