"""Routes of the history of graphs: list the versions of one, and go back to one of them."""

from typing import Annotated

import msgspec
from quart import Blueprint, Response

from engine.loaded_graphs import WrittenGraph
from engine.versions import Version
from engine.views import RuntimeView
from service.http.bodies import read_struct
from service.http.conditions import IF_MATCH, MAX_VERSION, OTHER_VERSION, condition_of_request
from service.http.operation import Body, Reply, operation
from service.http.query import PAGE, page_of
from service.http.routes.graphs import LOADED, LoadedReply, loaded_reply
from service.http.sliced_replies import page_reply


class ListedVersion(msgspec.Struct, frozen=True, rename="camel"):
    """One version of a graph in the list of them.

    Attributes:
        number: counted from 1.
        name: as its author called it.
        version: its author's own.
        node_count: how large it is.
        edge_count: likewise.
        size_bytes: of memory that it takes, roughly.
        sha256: of what its author wrote; equal ones were written alike.
        created_at: when it was made.
        created_by: the id of who made it; null where callers are not asked.
        is_present: whether it is the one that is executed now.
    """

    number: int
    name: str
    version: str
    node_count: int
    edge_count: int
    size_bytes: int
    sha256: str
    created_at: str
    created_by: str | None
    is_present: bool


class VersionList(msgspec.Struct, frozen=True, rename="camel"):
    """The versions of a graph that are kept, oldest first; ``total`` counts all of them, on this page or not."""

    graph_id: str
    total: int
    versions: list[ListedVersion]


class RollBackBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of a roll-back.

    Attributes:
        version: the number of the version that is to count again.
    """

    version: Annotated[int, msgspec.Meta(ge=1, le=MAX_VERSION)]


def graph_version_routes(runtime: RuntimeView) -> Blueprint:
    """Make the routes of versions under ``/api/graphs/<id>``."""
    routes = Blueprint("graph_versions", __name__, url_prefix="/api/graphs")

    @routes.get("/<graph_id>/versions")
    @operation(Reply(200, VersionList), tag="graphs", summary="List the versions of a graph", query=PAGE)
    async def list_all(graph_id: str) -> Response:
        versions = runtime.library.graph_versions(graph_id)
        present = versions[-1].number
        shown = [_listed(version, present) for version in page_of(versions)]
        counts = {"graphId": graph_id, "total": len(versions)}
        return await page_reply("versions", shown, counts)

    @routes.post("/<graph_id>/rollback")
    @operation(
        Reply(200, LoadedReply, LOADED),
        tag="graphs",
        summary="Make a new version of a graph that is as an earlier one was",
        description="The history stays as it is. The earlier one is checked anew, against the components that "
        "there are now, and runs from the next execution on.",
        body=Body((RollBackBody,), {"back to the first": {"version": 1}}),
        headers=(IF_MATCH,),
        refusals={412: OTHER_VERSION},
    )
    async def roll_back(graph_id: str) -> Response:
        runtime.library.graph(graph_id)  # an unknown one is refused before anything is read
        condition = condition_of_request()
        number = (await read_struct(RollBackBody)).version
        return loaded_reply(await runtime.library.roll_back_graph(graph_id, number, condition=condition))

    return routes


def _listed(version: Version[WrittenGraph], present: int) -> ListedVersion:
    definition = version.content.definition
    return ListedVersion(
        number=version.number,
        name=definition.name,
        version=definition.version,
        node_count=len(version.content.topology.sorted),
        edge_count=version.content.edge_count,
        size_bytes=version.size_bytes,
        sha256=version.sha256,
        created_at=version.made_at,
        created_by=version.made_by or None,
        is_present=version.number == present,
    )
