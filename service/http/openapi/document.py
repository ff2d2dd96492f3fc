"""The OpenAPI 3.1 document, made of the application's own routes and of what their handlers say of themselves."""

from http import HTTPStatus
from typing import Any

from quart import Quart
from werkzeug.routing import Rule

from engine.cooperative.slices import Steps
from proto.codec import decode, encode
from proto.problem import ErrorBody
from service.http.message_stream import BrokenStreamBody
from service.http.openapi.names import operation_id, parameters_of, shown_path
from service.http.openapi.schemas import Schemas, schemas_of
from service.http.operation import JSON, NDJSON, YAML, Body, Operation, Reply, operation_of
from service.problems import PartlyAcceptedBody

TITLE = "Symbia Runtime API"
VERSION = "1.0.0"
"""The version of the interface, not of the program that serves it."""

PREFIX = "/api"
DESCRIPTION = (
    "Runs dataflow graphs: load a graph, start an execution of it, push JSON messages into it, watch what comes "
    "out. Every refusal has the shape of `ErrorBody`: a sentence for people, a code for programs, and every "
    "problem with its place."
)
TAGS = {
    "graphs": "What is to run: components joined by edges.",
    "routines": "Steps in plain words, which become graphs.",
    "executions": "What is running: graphs that messages are pushed through.",
    "components": "What graphs are made of, built in or registered.",
    "service": "Health, totals, and what this service is.",
    "documentation": "This document, and pages made of it.",
}
_BODY_REFUSALS = {
    400: "The body cannot be read, or what it holds is wrong; `problems` says where.",
    408: "The body did not arrive in time.",
    413: "The body is larger than this service takes.",
    415: "The content type is not taken.",
}
_METHODS = ("GET", "POST", "DELETE", "PUT", "PATCH")


def routes_of(app: Quart) -> dict[tuple[str, str], Operation]:
    """Return the operations of the application, by method and path with its parameters in braces.

    Routes without an :class:`Operation` (redirects from other names of the same thing) are left out.
    """
    found = {}
    for rule in app.url_map.iter_rules():
        said = operation_of(app.view_functions[rule.endpoint])
        for method in _methods(rule):
            if said is not None:
                found[method, shown_path(rule.rule)] = said
    return found


def _methods(rule: Rule) -> list[str]:
    return [method for method in _METHODS if method in (rule.methods or ())]


def openapi_document(app: Quart, *, authenticated: bool = False) -> Steps[dict[str, Any]]:
    """Make the OpenAPI document of an application, in steps.

    Args:
        app: whose routes are all registered.
        authenticated: whether the service asks who calls.
    """
    routes = routes_of(app)
    schemas = yield from schemas_of(_shapes(routes))
    paths: dict[str, dict[str, Any]] = {}
    places: dict[str, set[str]] = {}
    ordered = sorted(routes.items(), key=lambda item: (list(TAGS).index(item[1].tag), _order(item[0])))
    for (method, path), said in ordered:
        server = PREFIX if path.startswith(f"{PREFIX}/") else "/"
        key = path.removeprefix(PREFIX)
        places.setdefault(key, set()).add(server)
        described = _operation(said, method, path, schemas, authenticated=authenticated)
        paths.setdefault(key, {})[method.lower()] = described
        yield
    for key, servers in places.items():  # a route that is served at both places is described once
        if servers != {PREFIX}:
            paths[key]["servers"] = [{"url": url} for url in sorted(servers, reverse=True)]
    document = {
        "openapi": "3.1.0",
        "info": {"title": TITLE, "version": VERSION, "description": DESCRIPTION, "license": _LICENSE},
        "servers": [{"url": PREFIX}],
        "tags": [{"name": name, "description": text} for name, text in TAGS.items()],
        "paths": paths,
        "components": {"schemas": schemas.components, "securitySchemes": _SECURITY_SCHEMES},
    }
    made_of_json: dict[str, Any] = decode(encode(document))
    return made_of_json


_OCTETS = {"type": "string", "format": "binary"}
_LICENSE = {"name": "MIT", "identifier": "MIT"}
_SECURITY_SCHEMES = {
    "bearer": {"type": "http", "scheme": "bearer"},
    "apiKey": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
    "cookie": {"type": "apiKey", "in": "cookie", "name": "token"},
}


def _order(route: tuple[str, str]) -> tuple[int, str, int]:
    method, path = route
    return path.count("/"), path, _METHODS.index(method)


def _shapes(routes: dict[tuple[str, str], Operation]) -> list[Any]:
    """Every type that the routes read or answer, once."""
    shapes: list[Any] = [ErrorBody, PartlyAcceptedBody, BrokenStreamBody]
    for said in routes.values():
        shapes += [shape for shape in (said.body.shapes if said.body else ()) if shape not in shapes]
        if said.body and said.body.lines and said.body.lines not in shapes:
            shapes.append(said.body.lines)
        shapes += [each.shape for each in said.replies if each.shape is not None and each.shape not in shapes]
        shapes += [shape for shape in said.refusal_shapes.values() if shape not in shapes]
    return shapes


def _operation(
    said: Operation, method: str, path: str, schemas: Schemas, *, authenticated: bool
) -> dict[str, Any]:
    """One operation object."""
    parameters: list[dict[str, Any]] = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
        for name in parameters_of(path)
    ]
    parameters += [
        {"name": query.name, "in": "query", "description": query.description, "schema": query.schema}
        for query in said.query
    ]
    parameters += [
        {
            "name": header.name,
            "in": "header",
            "description": header.description,
            "required": header.required,
            "schema": {"type": "string"},
        }
        for header in said.headers
    ]
    described: dict[str, Any] = {
        "operationId": operation_id(method, path.removeprefix(PREFIX)),
        "tags": [said.tag],
        "summary": said.summary,
    }
    if said.description:
        described["description"] = said.description
    if parameters:
        described["parameters"] = parameters
    if said.body is not None:
        described["requestBody"] = _request_body(said.body, schemas)
    responses: dict[str, Any] = {}
    for each in said.replies:
        answer = _reply(each, schemas)
        responses[str(each.status)] = _together(responses.get(str(each.status)), answer)
    for status, text in sorted(_refusals(said, path, authenticated=authenticated).items()):
        responses.setdefault(str(status), _refusal(status, text, said, schemas))
    described["responses"] = responses
    if authenticated and not said.is_public:
        described["security"] = [{name: []} for name in _SECURITY_SCHEMES]
    return described


def _request_body(body: Body, schemas: Schemas) -> dict[str, Any]:
    if body.octets:
        return {"required": True, "content": {each: {"schema": _OCTETS} for each in body.octets}}
    for name in body.nullable:
        schemas.admit_null(body.shapes[0], name)
    references = [schemas.reference(shape) for shape in body.shapes]
    content: dict[str, Any] = {"schema": references[0] if len(references) == 1 else {"oneOf": references}}
    if body.examples:
        content["examples"] = {name: {"value": value} for name, value in body.examples.items()}
    described = {JSON: content}
    if body.yaml:
        described[YAML] = {"schema": content["schema"]}
    if body.lines is not None:
        described[NDJSON] = {"schema": {"type": "string", "description": _LINES}, "example": _LINE_EXAMPLE}
    return {"required": body.required, "content": described}


_LINES = "One JSON object a line: `{nodeId, port, value}`, as in `Injection`."
_LINE_EXAMPLE = '{"nodeId":"input","port":"in","value":21}\n{"nodeId":"input","port":"in","value":22}\n'


def _reply(reply: Reply, schemas: Schemas) -> dict[str, Any]:
    described: dict[str, Any] = {"description": reply.description or HTTPStatus(reply.status).phrase}
    if reply.shape is not None:
        content: dict[str, Any] = {"schema": schemas.reference(reply.shape)}
        if reply.example is not None:
            content["example"] = reply.example
        described["content"] = {reply.content_type: content}
    elif reply.content_type != JSON:
        described["content"] = {reply.content_type: {"schema": {"type": "string"}}}
    return described


def _together(former: dict[str, Any] | None, answer: dict[str, Any]) -> dict[str, Any]:
    """Return two answers of one status as one: each content type of either, and of one type either shape."""
    if former is None:
        return answer
    contents = {**answer["content"], **former["content"]}
    for kind in answer["content"].keys() & former["content"].keys():
        shapes = [former["content"][kind]["schema"], answer["content"][kind]["schema"]]
        contents[kind] = {**contents[kind], "schema": {"anyOf": shapes}}
    return {**answer, "content": contents}


def _refusals(said: Operation, path: str, *, authenticated: bool) -> dict[int, str]:
    """Return the statuses of every route of its kind, and its own; the latter's words count."""
    refusals = {403: "The caller may not do this, or is not of this machine while only this machine is served."}
    if "{" in path:
        refusals[404] = "There is nothing with this id."
    if said.checks_query:
        refusals[400] = "A query parameter is wrong, or none that this route knows."
    if said.body is not None:
        refusals.update(_BODY_REFUSALS)
    refusals[503] = "The service is stopping, or cannot answer in time; `code` says which."
    if authenticated and not said.is_public:
        refusals[401] = "Nobody was recognised by the credentials that came with the request."
        refusals.setdefault(400, "The caller acts for no organisation; name one in X-Org-Id.")
    return {**refusals, **said.refusals}


def _refusal(status: int, text: str, said: Operation, schemas: Schemas) -> dict[str, Any]:
    shapes: list[Any] = [ErrorBody]
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        shapes = [PartlyAcceptedBody]
    if said.body is not None and said.body.lines is not None:
        shapes = [BrokenStreamBody]  # what a stream adds may be absent
    shapes = [said.refusal_shapes.get(status, shapes[0])]
    described: dict[str, Any] = {
        "description": text,
        "content": {JSON: {"schema": schemas.reference(shapes[0])}},
    }
    if status in {HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE}:
        described["headers"] = {
            "Retry-After": {"description": "Seconds after which to try again.", "schema": {"type": "integer"}}
        }
    return described
