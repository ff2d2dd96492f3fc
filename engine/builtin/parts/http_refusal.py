"""The refusals around ``symbia.io.http-request``: of answers that cannot be used, and of requests."""

import httpx


class HttpResponseError(Exception):
    """A response that cannot be used.

    Attributes:
        name: for ``HandlerError.name``.
    """

    def __init__(self, name: str, message: str) -> None:
        super().__init__(message)
        self.name = name


class RequestRefusedError(httpx.TransportError):
    """A request that the client will not send, now or later."""


def too_large(limit_bytes: int) -> HttpResponseError:
    """Refuse a body beyond its limit."""
    return HttpResponseError("HttpResponseTooLarge", f"it is larger than {limit_bytes} bytes")


def invalid(message: str) -> HttpResponseError:
    """Refuse a body that is not what its headers say."""
    return HttpResponseError("HttpInvalidResponse", message)
