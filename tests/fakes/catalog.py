"""A small catalog: a real HTTP server on a real port, which keeps resources as the platform's does, or misbehaves.

    async with serving_catalog() as catalog:
        catalog.add_graph("graphs/squares", {...})
        ...                                   # a service with CATALOG_SERVICE_URL=catalog.url
        catalog.behaviour = "status 500"      # from now on

The same catalog answers without a socket through ``catalog.transport``, for tests whose clock is not the real one.
"""

import hashlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Literal, get_args
from urllib.parse import parse_qs, unquote, urlsplit

import httpx
import trio

from tests.fakes.app_rules import app_problems, unmet
from tests.fakes.catalog_rules import WriteWindow, is_public, problems, stripped
from tests.fakes.small_http import Answer, Direct, HangUpError, as_json, serving

Behaviour = Literal[
    "well",
    "silent",
    "hangs up",
    "half an answer",
    "garbage",
    "wrong shape",
    "wrong items",
    "endless",
    "redirects",
    "status 401",
    "status 404",
    "status 429",
    "status 500",
    "status 503",
]

MISBEHAVIOURS: tuple[Behaviour, ...] = tuple(each for each in get_args(Behaviour) if each != "well")
"""Everything after which nobody knows what the catalog has."""

PUBLIC = {"visibility": "public", "actions": {"read": {"anyOf": ["public"]}}}


class FakeCatalog:
    """What it holds, how it behaves, and what it was asked.

    Attributes:
        resources: by id.
        artifacts: of resources, by their id: what is listed, and the content of each by its own id.
        components: what ``GET /api/components/<id>`` gives; the platform's catalog has no such route.
        requests: method, path with query, and headers of each request, in order.
        token: what services must send.
        behaviour: of all requests.
        writes: how it behaves when something is written, where that differs.
        refused_keys: keys that may not be created.
        is_wrapped: whether lists come as an object.
        pages: whether it keeps to limit and offset, of which the real one takes no notice.
        etags: whether it says that nothing has changed.
        retry_after: the header of its 429.
        clock: what its times are; a catalog's clock may go as it will.
        window: the writes that all services of the platform have together.
        held: answers wait for this, where it is set.
    """

    def __init__(self) -> None:
        self.url = "http://catalog.test"
        self.resources: dict[str, dict[str, Any]] = {}
        self.artifacts: dict[str, list[dict[str, Any]]] = {}
        self.contents: dict[str, bytes] = {}
        self.components: dict[str, Any] = {}
        self.requests: list[tuple[str, str, dict[str, str]]] = []
        self.token = "internal"
        self.behaviour: Behaviour = "well"
        self.writes: Behaviour = "well"
        self.refused_keys: set[str] = set()
        self.is_wrapped = False
        self.pages = False
        self.etags = True
        self.retry_after = "7"
        self.clock = "2026-03-01T12:00:00.000Z"
        self.window = WriteWindow()
        self.held: trio.Event | None = None
        self._made = 0

    # What is in it

    def add(self, key: str, kind: str, metadata: dict[str, Any], **fields: Any) -> dict[str, Any]:
        """A resource that somebody has published; public, unless ``accessPolicy`` says otherwise."""
        self._made += 1
        resource = {
            "id": f"resource-{self._made}",
            "key": key,
            "name": key.rpartition("/")[2],
            "description": None,
            "type": kind,
            "status": "published",
            "isBootstrap": False,
            "tags": [],
            "orgId": None,
            "accessPolicy": PUBLIC,
            "metadata": metadata,
            "currentVersion": 1,
            "createdAt": self.clock,
            "updatedAt": self.clock,
            **fields,
        }
        self.resources[str(resource["id"])] = resource
        return resource

    def add_graph(self, key: str, definition: Any, **fields: Any) -> dict[str, Any]:
        """A published graph."""
        return self.add(key, "graph", {"definition": definition}, **fields)

    def add_component(self, component_id: str, execution: Any = None, **fields: Any) -> dict[str, Any]:
        """A published component, with its manifest and, where given, its code beside it."""
        manifest = {
            "key": component_id,
            "version": "1.0.0",
            "implementation": "expression",
            "inputs": [{"name": "in", "schema": None}],
            "outputs": [{"name": "out", "lane": "inherit"}],
        }
        metadata = {"manifest": manifest} | ({"execution": execution} if execution is not None else {})
        return self.add(f"components/{component_id}", "component", metadata, **fields)

    def add_artifact(self, resource: dict[str, Any], name: str, content: bytes, **fields: Any) -> None:
        """A file of a resource."""
        self._made += 1
        artifact = {"id": f"artifact-{self._made}", "name": name, **fields}
        self.artifacts.setdefault(resource["id"], []).append(artifact)
        self.contents[str(artifact["id"])] = content

    def change(self, resource: dict[str, Any], **fields: Any) -> None:
        """Change a resource, which gets a new version."""
        resource.update(fields, currentVersion=resource["currentVersion"] + 1)

    def by_key(self, key: str) -> dict[str, Any] | None:
        """The resource with a key."""
        return next((item for item in self.resources.values() if item["key"] == key), None)

    def asked(self, method: str, path: str) -> int:
        """How often a path, without its query, was asked."""
        return sum((method, path) == (how, target.partition("?")[0]) for how, target, _ in self.requests)

    @property
    def transport(self) -> httpx.AsyncBaseTransport:
        """The catalog without a socket."""
        return Direct(self.answer)

    # What it answers

    async def answer(self, method: str, target: str, headers: dict[str, str], body: bytes) -> Answer:
        """Answer a request, or do what stands for it."""
        self.requests.append((method, target, headers))
        if self.held is not None:
            await self.held.wait()
        behaviour = self.behaviour if method == "GET" or self.behaviour != "well" else self.writes
        if behaviour == "silent":
            await trio.sleep_forever()
        if behaviour == "hangs up":
            raise HangUpError
        if behaviour == "half an answer":
            raise HangUpError(b'HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n[{"id": "res')
        if behaviour == "endless":
            return 200, {}, b" " * (40 * 1024 * 1024)
        if behaviour == "garbage":
            return 200, {}, b"<html>surely not JSON</html>"
        if behaviour == "wrong shape":
            return as_json(200, {"resources": {"not": "a list"}})
        if behaviour == "wrong items":
            return as_json(200, [7, None, {"id": 7, "key": []}, {"id": "", "key": ""}])
        if behaviour == "redirects":
            return as_json(307, {}, {"Location": f"{self.url}/elsewhere"})
        if behaviour.startswith("status"):
            status = int(behaviour.removeprefix("status "))
            return as_json(status, {"error": "Oops"}, {"Retry-After": self.retry_after} if status == 429 else {})
        sent = headers.get("x-service-auth")
        if sent != self.token and (sent is not None or method != "GET"):
            return as_json(403, {"error": "Forbidden"})
        parts = urlsplit(target)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        return self._serve(method, unquote(parts.path), query, headers, json.loads(body) if body else None)

    def _serve(self, method: str, path: str, query: dict[str, str], headers: dict[str, str], body: Any) -> Answer:
        if method == "GET":
            return self._read(method, path, query, headers)
        is_too_much, told = self.window.take()
        if is_too_much:
            return as_json(429, {"error": "Too many write requests, please try again later"}, told)
        status, own, answer = self._written(method, path, body)
        return status, {**own, **told}, answer

    def _written(self, method: str, path: str, body: Any) -> Answer:
        match method, path.split("/")[2:]:
            case "POST", ["resources"]:
                return self._created(body)
            case "PATCH", ["resources", resource_id] if resource_id in self.resources:
                return self._changed(self.resources[resource_id], body)
        return as_json(404, {"error": "Not found"})

    def _read(self, method: str, path: str, query: dict[str, str], headers: dict[str, str]) -> Answer:
        match method, path.split("/")[2:]:
            case "GET", ["resources"]:
                return self._listed(query, headers)
            case "GET", ["resources", resource_id] if resource_id in self.resources:
                resource = self.resources[resource_id]
                if not self._may_read(resource, headers):
                    return as_json(403, {"error": "Access denied"})
                return as_json(200, resource)
            case "GET", ["resources", resource_id, "artifacts"] if resource_id in self.resources:
                return as_json(200, self.artifacts.get(resource_id, []))
            case "GET", ["artifacts", artifact_id, "download"] if artifact_id in self.contents:
                return 200, {"Content-Type": "application/octet-stream"}, self.contents[artifact_id]
            case "GET", ["components", component_id] if component_id in self.components:
                return as_json(200, self.components[component_id])
        return as_json(404, {"error": "Not found"})

    def _may_read(self, resource: dict[str, Any], headers: dict[str, str]) -> bool:
        return "x-service-auth" in headers or is_public(resource)

    def _listed(self, query: dict[str, str], headers: dict[str, str]) -> Answer:
        found = [
            item
            for item in self.resources.values()
            if item["type"] == query.get("type", item["type"])
            and item["status"] == query.get("status", item["status"])
            and self._may_read(item, headers)
        ]
        if self.pages:
            offset = int(query["offset"])
            found = found[offset : offset + int(query["limit"])]
        status, own, body = as_json(200, {"resources": found} if self.is_wrapped else found)
        etag = f'W/"{hashlib.sha256(body).hexdigest()[:20]}"'
        if not self.etags:
            return status, own, body
        known = headers.get("if-none-match", "")
        return (304, {"ETag": etag}, b"") if known == etag else (status, {**own, "ETag": etag}, body)

    def _created(self, body: Any) -> Answer:
        refusal = self._refused(body["type"], body["key"], body)
        if refusal is not None:
            return refusal
        if body["key"] in self.refused_keys:
            return as_json(400, {"error": f"Invalid {body['type']} manifest", "details": ["refused"]})
        if self.by_key(body["key"]) is not None:
            return as_json(400, {"error": "A resource with this key already exists"})
        fields = {name: value for name, value in body.items() if name not in {"key", "type", "metadata"}}
        private = {"accessPolicy": {"visibility": "private"}, "status": "draft"}
        metadata = stripped(body["metadata"]) if body["type"] == "component" else body["metadata"]
        return as_json(201, self.add(body["key"], body["type"], metadata, **{**private, **fields}))

    def _changed(self, resource: dict[str, Any], body: Any) -> Answer:
        refusal = self._refused(resource["type"], resource["key"], body)
        if refusal is not None:
            return refusal
        is_component = resource["type"] == "component" and "metadata" in body
        self.change(resource, **({**body, "metadata": stripped(body["metadata"])} if is_component else body))
        return as_json(200, resource)

    def _refused(self, kind: str, key: str, body: Any) -> Answer | None:
        """Return what is said of a manifest that is wrong, or of an app that asks for what is not there."""
        manifest = (body.get("metadata") or {}).get("manifest")
        wrong = app_problems(manifest) if kind == "app" else []
        if kind == "component":
            wrong = problems(key, body.get("metadata"))
        if wrong:
            return as_json(400, {"error": f"Invalid {kind} manifest", "details": wrong})
        missing = unmet(manifest or {}, list(self.resources.values())) if kind == "app" else []
        return (
            as_json(409, {"error": "App requirements not met by this platform", "unmet": missing})
            if missing
            else None
        )


@asynccontextmanager
async def serving_catalog(catalog: FakeCatalog | None = None, port: int = 0) -> AsyncIterator[FakeCatalog]:
    """A fake catalog on a port of the loopback interface; 0 for any free one."""
    catalog = catalog or FakeCatalog()
    async with serving(catalog.answer, port) as url:
        catalog.url = url
        yield catalog
