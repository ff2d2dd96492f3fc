"""``/console``: the page, and the files that it is made of. What it does, it does over the API, as everybody."""

from functools import cache

from quart import Blueprint, Response, redirect, request
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response as AnyResponse

from service.console.files import StaticFile, paths_in, read_file

CONTENT_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""Styles may stand in attributes, because the canvas places its nodes by them; scripts come from files alone."""

_HEADERS = {
    "Content-Security-Policy": CONTENT_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Vary": "Accept-Encoding",
}

_paths = cache(paths_in)


@cache
def _file(name: str) -> StaticFile:
    """Read a file when somebody first asks for it: all of them at once would hold everybody else up."""
    return read_file(name, _paths()[name])


def console_routes() -> Blueprint:
    """``/console/`` and all below it. Anybody may have the page; what it shows is asked for with a credential."""
    routes = Blueprint("console", __name__)

    @routes.get("/console", strict_slashes=True)
    async def enter() -> AnyResponse:
        return redirect("console/", 308)

    @routes.get("/console/", defaults={"path": "index.html"})
    @routes.get("/console/<path:path>")
    async def show(path: str) -> Response:
        if path not in _paths():  # before the cache, which keeps what it is asked for
            raise NotFound(f"The console has no file {path[:200]!r}")
        return _reply(_file(path))

    return routes


def _reply(found: StaticFile) -> Response:
    headers = {**_HEADERS, "Cache-Control": found.cache_control, "ETag": f'"{found.tag}"'}
    if request.if_none_match.contains(found.tag):
        return Response(b"", status=304, headers=headers)
    if found.gzipped and request.accept_encodings["gzip"]:
        headers["Content-Encoding"] = "gzip"
        return Response(found.gzipped, content_type=found.content_type, headers=headers)
    return Response(found.content, content_type=found.content_type, headers=headers)
