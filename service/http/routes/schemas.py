"""Routes of the JSON Schemas of what people write: for editors that complete and check it."""

from collections.abc import Callable
from functools import cache
from hashlib import sha256

from quart import Blueprint, Response

from proto.codec import encode
from service.http.conditions import NOT_MODIFIED, tagged, unchanged
from service.http.openapi.document_schemas import DocumentKind, document_schema
from service.http.operation import Reply, operation

CACHE_CONTROL = "public, max-age=300"
"""Editors ask at each start; within five minutes they need not, and later they ask with the ``ETag``."""

CONTENT_TYPE = "application/schema+json"

_SUMMARIES: dict[DocumentKind, str] = {
    "graph": "The JSON Schema of graphs",
    "component": "The JSON Schema of components",
    "cases": "The JSON Schema of files of cases",
}


def schema_routes() -> Blueprint:
    """Make the routes under ``/schemas``, which are under ``/api`` as well."""
    routes = Blueprint("schemas", __name__)
    for kind, summary in _SUMMARIES.items():
        said = operation(
            Reply(200, dict, content_type=CONTENT_TYPE),
            Reply(304, description="The caller has it already."),
            tag="documentation",
            summary=summary,
            headers=(NOT_MODIFIED,),
            refusals={400: "`If-None-Match` is no tag and no list of them."},
            is_public=True,
        )
        answer = said(_answer(kind))
        for prefix in ("", "/api"):  # the platform's clients know one address for all routes
            routes.add_url_rule(f"{prefix}/schemas/{kind}.json", f"{kind}{prefix[1:]}", answer, methods=["GET"])
    return routes


def _answer(kind: DocumentKind) -> Callable[[], Response]:
    async def answer() -> Response:
        text, tag = _text(kind)
        response = unchanged(tag) or tagged(Response(text, content_type=CONTENT_TYPE), tag)
        response.headers["Cache-Control"] = CACHE_CONTROL
        return response

    return answer  # type: ignore[return-value]  # Quart takes coroutine functions, which its types do not say here


@cache
def _text(kind: DocumentKind) -> tuple[bytes, str]:
    text = encode(document_schema(kind))
    return text, sha256(text).hexdigest()[:32]
