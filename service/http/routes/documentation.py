"""Routes of the documentation, all of it made of the application's own routes, and its other names."""

from collections.abc import Callable
from typing import Any, Literal

from quart import Blueprint, Quart, Response, redirect, request
from werkzeug.wrappers import Response as AnyResponse

from engine.cooperative.slices import in_slices
from proto.codec import encode
from service.http.openapi.asyncapi import asyncapi_document
from service.http.openapi.document import openapi_document
from service.http.openapi.first_commands_page import first_commands_page
from service.http.openapi.llms_txt import full_text, short_text
from service.http.openapi.reference_page import reference_page
from service.http.openapi.tools import spelled_out
from service.http.operation import Reply, operation

ALIASES = {
    "/": "/docs/llms.txt",
    "/openapi.json": "/docs/openapi.json",
    "/api/openapi.json": "/docs/openapi.json",
    "/asyncapi.json": "/docs/asyncapi.json",
    "/api/docs": "/docs/openapi.json",
    "/api/docs/openapi.json": "/docs/openapi.json",
    "/api/docs/asyncapi.json": "/docs/asyncapi.json",
    "/llms.txt": "/docs/llms.txt",
    "/llm.txt": "/docs/llms.txt",
    "/api/docs/llms.txt": "/docs/llms.txt",
    "/api/docs/first-commands": "/docs/first-commands",
    "/llms-full.txt": "/docs/llms-full.txt",
    "/api/docs/llms-full.txt": "/docs/llms-full.txt",
}
"""Paths where clients of the platform look, and the path where it is; answered with 302."""

CONSOLE = "console/"
"""The page for people who come to the root with a browser; relative, for proxies."""

MARKDOWN = "text/plain; charset=utf-8"
HTML = "text/html; charset=utf-8"

CONTENT_POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:"
"""The page fetches nothing from anywhere; its style and script stand in it."""


class Publication:
    """The documentation of one application, made when it is first asked for; by then all routes are registered."""

    def __init__(self, app: Quart, *, authenticated: bool) -> None:
        self._app = app
        self._authenticated = authenticated
        self._document: dict[str, Any] | None = None
        self._made: dict[Form, bytes] = {}
        self._asyncapi = b""

    async def form(self, form: "Form") -> bytes:
        """Return the documentation in one of its forms."""
        if form not in self._made:
            self._made[form] = _FORMS[form](await self._described())
        return self._made[form]

    async def asyncapi(self) -> bytes:
        """Return the AsyncAPI document of the live events."""
        if not self._asyncapi:
            self._asyncapi = encode(await in_slices(asyncapi_document()))
        return self._asyncapi

    def first_commands(self, scheme: str, host: str) -> str:
        """Return the page of first commands, which go to this host."""
        return first_commands_page(scheme=scheme, host=host, authenticated=self._authenticated)

    async def _described(self) -> dict[str, Any]:
        document = self._document
        if document is None:  # two who ask at once make it twice, and both are the same
            document = await in_slices(openapi_document(self._app, authenticated=self._authenticated))
            self._document = document
        return document


Form = Literal["openapi", "page", "llms", "llms_full"]
"""The document as JSON, the page for people, the short text for language models, and the full one."""

_FORMS: dict[Form, Callable[[dict[str, Any]], bytes]] = {
    "openapi": lambda document: encode(spelled_out(document)),
    "page": lambda document: reference_page(document).encode(),
    "llms": lambda document: short_text(document).encode(),
    "llms_full": lambda document: full_text(document).encode(),
}


def documentation_routes(publication: Publication) -> Blueprint:
    """``/docs`` and what lies under it, and the redirects of ``ALIASES``."""
    routes = Blueprint("documentation", __name__)

    @routes.get("/docs/openapi.json")
    @operation(
        Reply(200, dict),
        tag="documentation",
        summary="This document",
        is_public=True,
    )
    async def openapi() -> Response:
        return Response(await publication.form("openapi"), content_type="application/json")

    @routes.get("/docs/asyncapi.json")
    @operation(
        Reply(200, dict),
        tag="documentation",
        summary="The live events, as AsyncAPI 3",
        is_public=True,
    )
    async def asyncapi() -> Response:
        return Response(await publication.asyncapi(), content_type="application/json")

    @routes.get("/docs")
    @operation(
        Reply(200, content_type=HTML),
        Reply(200, dict, description="The page, or under `/api` the document."),
        tag="documentation",
        summary="The reference as a page for people",
        is_public=True,
    )
    async def page() -> Response:
        headers = {"Content-Security-Policy": CONTENT_POLICY}
        return Response(await publication.form("page"), content_type=HTML, headers=headers)

    @routes.get("/docs/llms.txt")
    @operation(
        Reply(200, content_type=MARKDOWN),
        tag="documentation",
        summary="The reference in short, for language models",
        is_public=True,
    )
    async def llms() -> Response:
        return Response(await publication.form("llms"), content_type=MARKDOWN)

    @routes.get("/docs/llms-full.txt")
    @operation(
        Reply(200, content_type=MARKDOWN),
        tag="documentation",
        summary="The whole reference, for language models",
        is_public=True,
    )
    async def llms_full() -> Response:
        return Response(await publication.form("llms_full"), content_type=MARKDOWN)

    @routes.get("/docs/first-commands")
    @operation(
        Reply(200, content_type=HTML),
        tag="documentation",
        summary="First commands for a terminal, as a page for people",
        is_public=True,
    )
    async def first_commands() -> Response:
        headers = {"Content-Security-Policy": CONTENT_POLICY}
        return Response(
            publication.first_commands(request.scheme, request.host), content_type=HTML, headers=headers
        )

    @routes.get("/")
    async def home() -> AnyResponse:
        answer = redirect(CONSOLE if _wants_html() else ALIASES["/"], 302)
        answer.headers["Vary"] = "Accept"
        return answer

    for number, (alias, target) in enumerate(ALIASES.items()):
        if alias == "/":
            continue
        routes.add_url_rule(alias, f"alias_{number}", _redirect_to(target), methods=["GET"])
    return routes


def _wants_html() -> bool:
    """Return whether the caller asks for HTML rather than for text, as browsers do and programs do not."""
    asked = request.accept_mimetypes
    return asked.best_match(["text/plain", "text/html"]) == "text/html"


def _redirect_to(target: str) -> Callable[[], AnyResponse]:
    async def answer() -> AnyResponse:
        return redirect(target, 302)

    return answer  # type: ignore[return-value]  # Quart takes coroutine functions, which its types do not say here
