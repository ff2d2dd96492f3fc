"""Graphs that are published in the catalog: what is read of them, and what is to be done about them. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeGuard

import msgspec

from service.catalog.client import segment
from service.catalog.manifests import Wanted
from service.catalog.resource import Resource

AUTOMATIC_ROLES = frozenset({"pipeline", "service"})
"""Roles of graphs that are executed without anybody asking."""

DEFAULT_NODE, DEFAULT_PORT = "entry", "in"
"""The place where an ingress enters that does not say so, by the platform's rule."""

AUTHORIZATION = "A member of the organization that owns the graph; with a capability, whoever holds it"


class PublishedGraph(msgspec.Struct, frozen=True, kw_only=True):
    """A graph as the catalog has it.

    Attributes:
        resource_id: the catalog's own id of it.
        key: such as ``graphs/order-margin``.
        org_id: the organisation that it belongs to; empty where it is nobody's.
        revision: differs when it was changed.
        definition: a document as ``POST /api/graphs`` takes it.
        is_automatic: whether its role asks for it to be executed.
        app: the app that it belongs to; empty where it belongs to none.
        access_policy: who may do what with it.
    """

    resource_id: str
    key: str
    org_id: str
    revision: str
    definition: dict[str, Any]
    is_automatic: bool
    access_policy: dict[str, Any]
    app: str = ""

    def components(self) -> set[str]:
        """Return the ids of the components that its nodes name, as far as they can be read."""
        found = set()
        left: list[Any] = [self.definition]
        while left:
            nodes = left.pop().get("nodes")
            for node in nodes if isinstance(nodes, list) else ():
                if isinstance(node, dict) and isinstance(node.get("component"), str):
                    found.add(node["component"])
                if isinstance(node, dict) and isinstance(node.get("graph"), dict):
                    left.append(node["graph"])
        return found


def published_graph(resource: Resource) -> PublishedGraph:
    """Return the graph of a resource; an empty one, which is refused, where its nodes are in no usual place."""
    metadata = resource.metadata
    places = (metadata.get("definition"), metadata.get("graph"), metadata)
    found: dict[str, Any] = next((place for place in places if _is_graph(place)), {})
    inner = found.get("metadata")
    inner = inner if isinstance(inner, dict) else {}
    role, app = (_first_text(metadata.get(name), inner.get(name)) for name in ("role", "app"))
    definition = {"symbia": "1.0", "name": resource.name or resource.key, **found}
    if role:
        definition["metadata"] = {**inner, "role": role}  # the engine goes by it: such a graph lives on
    return PublishedGraph(
        resource_id=resource.id,
        key=resource.key,
        org_id=resource.org_id,
        revision=resource.revision,
        definition=definition,
        is_automatic=role in AUTOMATIC_ROLES,
        access_policy=resource.access_policy,
        app=app,
    )


def _first_text(*values: Any) -> str:
    return next((value for value in values if isinstance(value, str) and value), "")


def _is_graph(value: Any) -> TypeGuard[dict[str, Any]]:
    return (
        isinstance(value, dict) and isinstance(value.get("nodes"), list) and isinstance(value.get("edges"), list)
    )


class Plan(msgspec.Struct, frozen=True):
    """The steps that make what is loaded the same as what is published.

    Attributes:
        load: graphs that are new, or another than what was loaded.
        unload: ids of resources whose graphs are published no more.
    """

    load: tuple[PublishedGraph, ...]
    unload: tuple[str, ...]


def plan(published: Sequence[PublishedGraph], held: Mapping[str, str], *, is_complete: bool) -> Plan:
    """Compare what is published with what is held.

    Args:
        published: each resource once.
        held: revisions by the ids of resources, the refused ones included.
        is_complete: whether all of the catalog's list could be read; what is missing of half a list is not gone.
    """
    there = {graph.resource_id for graph in published}
    return Plan(
        load=tuple(graph for graph in published if held.get(graph.resource_id) != graph.revision),
        unload=tuple(resource_id for resource_id in held if resource_id not in there) if is_complete else (),
    )


def wanted_ingress(graph: PublishedGraph) -> Wanted | None:
    """Return the resource by which others find a graph's ingress; None where it declares none."""
    inner = graph.definition.get("metadata")
    declared = inner.get("ingress") if isinstance(inner, dict) else None
    if not isinstance(declared, dict):
        return None
    name = str(graph.definition["name"])
    metadata = {
        "kind": "runtime.ingress",
        **({"app": graph.app} if graph.app else {}),
        "graph": name,
        "graphKey": graph.key,
        "endpoint": f"/api/ingress/{segment(name)}",
        "method": "POST",
        "node": declared.get("node") or DEFAULT_NODE,
        "port": declared.get("port") or DEFAULT_PORT,
        "capability": declared.get("capability"),
        "authorization": AUTHORIZATION,
    }
    body: dict[str, Any] = {
        "key": f"ingress/{name}",
        "name": name,
        "description": str(declared.get("description") or f"Messages for the graph {name}"),
        "type": "integration",
        "status": "published",
        "tags": ["runtime", "ingress", name],
        "metadata": metadata,
    }
    if graph.org_id:
        body["orgId"] = graph.org_id
    if graph.access_policy:
        body["accessPolicy"] = graph.access_policy  # whoever may read the graph may know its entrance
    compared = tuple(name for name in metadata if name != "authorization")  # words for people, others' as good
    return Wanted(body["key"], body, compared, origin="graphKey")
