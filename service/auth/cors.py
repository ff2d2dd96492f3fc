"""The web pages that may read the answers (Fetch standard, "CORS protocol"), as the platform's pages expect it.

A page is told yes by its own name and with credentials allowed, so that it may send tokens; whether its cookies
count is another question, which ``service.auth.authenticator`` answers. A page that is not admitted gets its
preflight refused with 403, and otherwise an answer that its browser keeps from it.
"""

import re
from collections.abc import Callable

from quart import Request, Response

from service.addresses.ip import is_loopback
from service.addresses.origins import Origins, host_of
from service.problems import ForeignCallerError

METHODS = "GET, POST, PUT, PATCH, DELETE, OPTIONS"
HEADERS = (
    "Content-Type, Authorization, X-API-Key, X-Org-Id, X-Service-Id, X-Env, X-Environment, X-Data-Class, "
    "X-Policy-Ref, If-Match, If-None-Match"
)
READABLE_HEADERS = "ETag, Retry-After, WWW-Authenticate, x-trace-id"
MAX_AGE_SECONDS = 86_400

_DOCUMENTS = re.compile(r"/(api/)?(docs(/.*)?|(open|async)api\.json)|/llms?(-full)?\.txt")
"""Paths whose answers say nothing of anybody, and may be read by every page."""


class Cors:
    """The rules for web pages.

    Args:
        origins: the pages that the operator admits.
        loopback_only: whether only this machine is served; then its own pages are admitted, and those by name.
    """

    def __init__(self, origins: Origins, *, loopback_only: bool) -> None:
        self._names = origins.names
        self._admits: Callable[[str], bool] = origins.admit
        self._anyone = origins.anyone and not loopback_only
        if loopback_only:
            self._admits = lambda origin: origins.names(origin) or is_loopback(host_of(origin))

    def preflight(self, request: Request) -> Response | None:
        """Return the answer to a page's question whether it may ask; None when this is none.

        Raises:
            ForeignCallerError: it may not.
        """
        origin = request.headers.get("Origin")
        if request.method != "OPTIONS" or origin is None:
            return None
        if not (self._admits(origin) or _DOCUMENTS.fullmatch(request.path)):
            raise ForeignCallerError(
                f"Pages of {origin[:100]!r} are not served; CORS_ALLOWED_ORIGINS lists those that are"
            )
        return Response("OK", content_type="text/plain")

    def mark(self, request: Request, response: Response) -> Response:
        """Say on an answer which page may read it."""
        vary, *others = self.marks(request.headers.get("Origin"), request.path, request.method)
        response.headers.add(*vary)
        for name, value in others:
            response.headers[name] = value
        return response

    def marks(self, origin: str | None, path: str, method: str) -> list[tuple[str, str]]:
        """Return the headers that say which page may read an answer: ``Vary``, and others where one may.

        Args:
            origin: the page that asks; None where none does.
            path: of the request.
            method: likewise.
        """
        marks = [("Vary", "Origin")]
        if _DOCUMENTS.fullmatch(path) or (origin is None and self._anyone):
            marks.append(("Access-Control-Allow-Origin", "*"))
        elif origin is not None and self._admits(origin):
            marks.append(("Access-Control-Allow-Origin", origin))
            marks.append(("Access-Control-Allow-Credentials", "true"))
        else:
            return marks
        marks.append(("Access-Control-Expose-Headers", READABLE_HEADERS))
        if method == "OPTIONS":
            marks.append(("Access-Control-Allow-Methods", METHODS))
            marks.append(("Access-Control-Allow-Headers", HEADERS))
            marks.append(("Access-Control-Max-Age", str(MAX_AGE_SECONDS)))
        return marks
