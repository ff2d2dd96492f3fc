"""Routes of the history of components: list the versions of one, and go back to one of them."""

import msgspec
from quart import Blueprint, Response

from engine.contracts.component import Component
from engine.versions import Version
from engine.views import RuntimeView
from service.http.bodies import read_struct
from service.http.conditions import IF_MATCH, OTHER_VERSION, condition_of_request
from service.http.operation import Body, Reply, operation
from service.http.query import PAGE, page_of
from service.http.routes.components import RegisteredReply, placed_reply
from service.http.routes.graph_versions import RollBackBody
from service.http.sliced_replies import page_reply


class ComponentVersion(msgspec.Struct, frozen=True, rename="camel"):
    """One version of a component in the list of them.

    Attributes:
        number: counted from 1.
        name: as its author called it.
        version: its author's own; nodes may name it, as ``id@version``.
        size_bytes: of memory that it takes, roughly.
        sha256: of what its author wrote, its source included.
        created_at: when it was made.
        created_by: the id of who made it; null where callers are not asked.
        is_present: whether graphs that name no version use it.
    """

    number: int
    name: str
    version: str
    size_bytes: int
    sha256: str
    created_at: str
    created_by: str | None
    is_present: bool


class ComponentVersionList(msgspec.Struct, frozen=True, rename="camel"):
    """The versions of a component that are kept, oldest first; of a built-in one there are none."""

    component_id: str
    total: int
    versions: list[ComponentVersion]


def component_version_routes(runtime: RuntimeView) -> Blueprint:
    """Make the routes of versions under ``/api/components/<id>``."""
    routes = Blueprint("component_versions", __name__, url_prefix="/api/components")

    @routes.get("/<component_id>/versions")
    @operation(
        Reply(200, ComponentVersionList), tag="components", summary="List the versions of a component", query=PAGE
    )
    async def list_all(component_id: str) -> Response:
        versions = runtime.library.component_versions(component_id)
        present = versions[-1].number if versions else 0
        shown = [_listed(version, present) for version in page_of(versions)]
        return await page_reply("versions", shown, {"componentId": component_id, "total": len(versions)})

    @routes.post("/<component_id>/rollback")
    @operation(
        Reply(200, RegisteredReply, {"registered": "custom.math.square", "versionNumber": 3}),
        tag="components",
        summary="Make a new version of a component that is as an earlier one was",
        description="Graphs that name it use it from their next execution on, if all of them can.",
        body=Body((RollBackBody,), {"back to the first": {"version": 1}}),
        headers=(IF_MATCH,),
        refusals={409: "It is built in, or a loaded graph could not use it.", 412: OTHER_VERSION},
    )
    async def roll_back(component_id: str) -> Response:
        runtime.library.component(component_id)  # an unknown one is refused before anything is read
        condition = condition_of_request()
        number = (await read_struct(RollBackBody)).version
        return placed_reply(await runtime.library.roll_back_component(component_id, number, condition=condition))

    return routes


def _listed(version: Version[Component], present: int) -> ComponentVersion:
    definition = version.content.definition
    return ComponentVersion(
        number=version.number,
        name=definition.name,
        version=definition.version,
        size_bytes=version.size_bytes,
        sha256=version.sha256,
        created_at=version.made_at,
        created_by=version.made_by or None,
        is_present=version.number == present,
    )
