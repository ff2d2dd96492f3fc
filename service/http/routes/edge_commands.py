"""Routes of commands to an execution's edges: held, let go, stepped; and to the messages that wait on them."""

import msgspec
from quart import Blueprint, Response, request

from engine.errors import WaitingNotFoundError
from engine.views import RuntimeView
from proto.edge_command import MOST_NUMBERS, Drop, EdgeReceipt, Edit, End, Insert, Move, Redirect, Step
from proto.message import Lane
from proto.problem import Problem
from service.http.bodies import read_struct, reply
from service.http.conditions import IF_MATCH, OTHER_VERSION, condition_of_request
from service.http.operation import Body, Query, Reply, operation
from service.http.routes.executions import NoFields
from service.problems import UnreadableBodyError


class EditBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Another value for a message that waits; it keeps its number, its place and its lane."""

    value: msgspec.Raw


class InsertBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A new message for an edge, as if its source had emitted the value.

    Attributes:
        value: any JSON value.
        at: before or behind those that wait.
        lane: `apocryphal` where its sender does not vouch for the value.
    """

    value: msgspec.Raw
    at: End = "last"
    lane: Lane = "canonical"


_ID = "9d2c6f0e-5a41-4a55-8f6b-0f4a2f7d1c11"
_RECEIPT = {
    "executionId": _ID,
    "edges": [{"edge": "priced", "isHeld": True, "waiting": 2, "tag": "edge-3"}],
    "messages": 1,
    "sequences": [119],
    "undecided": 0,
}
_COMMAND = {409: "The command does not fit the state of the execution or of the edge; the message says why."}
_CONDITIONAL = {**_COMMAND, 412: OTHER_VERSION}
_NO_ROOM = "The edge has no room for it, or a bound of the owner's was met."
_NO_FIELDS = Body((NoFields,), required=False)
_STEP = Body((Step,), {"three of them": {"count": 3}}, required=False)
_CHOICE = (
    Query("where", "Only those of which this JMESPath expression over the value is true.", {"type": "string"}),
    Query("sequences", "Only those of these numbers, separated by commas.", {"type": "string"}),
)
_CHOSEN = Body((Drop,), {"those of two numbers": {"sequences": [119, 120]}}, required=False)
_ALL = Drop(all=True)
_DONE = Reply(200, EdgeReceipt, _RECEIPT)
_EDGE = "/edges/<path:edge>"
_NODE = "/nodes/<path:node_id>"


def edge_command_routes(runtime: RuntimeView) -> Blueprint:
    """Make the routes that command edges, under ``/api/executions/<id>/edges`` and ``.../nodes``."""
    routes = Blueprint("edge_commands", __name__, url_prefix="/api/executions/<execution_id>")
    _add_holding(routes, runtime)
    _add_holding_of_nodes(routes, runtime)
    _add_changes(routes, runtime)
    return routes


def _add_holding(routes: Blueprint, runtime: RuntimeView) -> None:
    @routes.post(f"{_EDGE}/pause")
    @operation(
        _DONE,
        tag="executions",
        summary="Hold an edge: what waits on it stays, and so does what comes",
        description="It blocks its source when as much waits as its target's inbox holds; other edges go on.",
        body=_NO_FIELDS,
        refusals=_COMMAND,
    )
    async def pause(execution_id: str, edge: str) -> Response:
        await read_struct(NoFields, empty=NoFields())
        return reply(await runtime.execution(execution_id).edge(edge).pause())

    @routes.post(f"{_EDGE}/resume")
    @operation(_DONE, tag="executions", summary="Hold an edge no more", body=_NO_FIELDS, refusals=_COMMAND)
    async def resume(execution_id: str, edge: str) -> Response:
        await read_struct(NoFields, empty=NoFields())
        return reply(await runtime.execution(execution_id).edge(edge).resume())

    @routes.post(f"{_EDGE}/step")
    @operation(
        _DONE,
        tag="executions",
        summary="Let the first messages through an edge that is held",
        body=_STEP,
        refusals=_COMMAND,
    )
    async def step(execution_id: str, edge: str) -> Response:
        command = await read_struct(Step, empty=Step())
        return reply(await runtime.execution(execution_id).edge(edge).step(command))


def _add_holding_of_nodes(routes: Blueprint, runtime: RuntimeView) -> None:
    @routes.post(f"{_NODE}/pause")
    @operation(
        _DONE,
        tag="executions",
        summary="Hold all edges that lead to a node, and what is injected there",
        description="Of a node that uses a graph: also the edges between the nodes inside.",
        body=_NO_FIELDS,
        refusals=_COMMAND,
    )
    async def pause_node(execution_id: str, node_id: str) -> Response:
        await read_struct(NoFields, empty=NoFields())
        return reply(await runtime.execution(execution_id).edges_of(node_id).pause())

    @routes.post(f"{_NODE}/resume")
    @operation(
        _DONE,
        tag="executions",
        summary="Hold the edges that lead to a node no more",
        body=_NO_FIELDS,
        refusals=_COMMAND,
    )
    async def resume_node(execution_id: str, node_id: str) -> Response:
        await read_struct(NoFields, empty=NoFields())
        return reply(await runtime.execution(execution_id).edges_of(node_id).resume())

    @routes.post(f"{_NODE}/step")
    @operation(
        _DONE,
        tag="executions",
        summary="Let the first messages through each held edge that leads to a node",
        body=_STEP,
        refusals=_COMMAND,
    )
    async def step_node(execution_id: str, node_id: str) -> Response:
        command = await read_struct(Step, empty=Step())
        return reply(await runtime.execution(execution_id).edges_of(node_id).step(command))

    @routes.delete(f"{_NODE}/messages")
    @operation(
        _DONE,
        tag="executions",
        summary="Drop what waits before a node: all of it, or what is chosen",
        query=_CHOICE,
        body=_CHOSEN,
        refusals=_COMMAND,
    )
    async def drop_before_node(execution_id: str, node_id: str) -> Response:
        return reply(await runtime.execution(execution_id).edges_of(node_id).drop(await _chosen()))


def _add_changes(routes: Blueprint, runtime: RuntimeView) -> None:
    @routes.delete(f"{_EDGE}/messages")
    @operation(
        _DONE,
        tag="executions",
        summary="Drop what waits on an edge: all of it, or what is chosen",
        query=_CHOICE,
        body=_CHOSEN,
        headers=(IF_MATCH,),
        refusals=_CONDITIONAL,
    )
    async def drop(execution_id: str, edge: str) -> Response:
        condition = condition_of_request()
        return reply(await runtime.execution(execution_id).edge(edge).drop(await _chosen(), condition))

    @routes.post(f"{_EDGE}/messages")
    @operation(
        Reply(201, EdgeReceipt, _RECEIPT),
        tag="executions",
        summary="Put a new message on an edge, marked as synthetic",
        body=Body((InsertBody,), {"before the others": {"value": {"total": 42}, "at": "first"}}),
        headers=(IF_MATCH,),
        refusals={**_CONDITIONAL, 429: _NO_ROOM},
    )
    async def insert(execution_id: str, edge: str) -> Response:
        body = await read_struct(InsertBody)
        command = Insert(body.value, body.at, body.lane)
        found = runtime.execution(execution_id).edge(edge)
        return reply(await found.insert(command, condition_of_request()), 201)

    @routes.patch(f"{_EDGE}/messages/<sequence>")
    @operation(
        _DONE,
        tag="executions",
        summary="Give a message that waits another value",
        body=Body((EditBody,), {"another value": {"value": {"total": 41}}}),
        headers=(IF_MATCH,),
        refusals={**_CONDITIONAL, 429: _NO_ROOM},
    )
    async def edit(execution_id: str, edge: str, sequence: str) -> Response:
        body = await read_struct(EditBody)
        found = runtime.execution(execution_id).edge(edge)
        command = Edit(_number(sequence), body.value)
        return reply(await found.edit(command, condition_of_request()))

    @routes.delete(f"{_EDGE}/messages/<sequence>")
    @operation(
        _DONE,
        tag="executions",
        summary="Drop one message that waits",
        headers=(IF_MATCH,),
        refusals=_CONDITIONAL,
    )
    async def drop_one(execution_id: str, edge: str, sequence: str) -> Response:
        found = runtime.execution(execution_id).edge(edge)
        command = Drop(sequences=(_number(sequence),))
        receipt = await found.drop(command, condition_of_request())
        if not receipt.messages:
            raise WaitingNotFoundError(sequence[:100])
        return reply(receipt)

    @routes.post(f"{_EDGE}/move")
    @operation(
        _DONE,
        tag="executions",
        summary="Let a message that waits be the first or the last of its edge",
        body=Body((Move,), {"the first": {"sequence": 119, "to": "first"}}),
        headers=(IF_MATCH,),
        refusals=_CONDITIONAL,
    )
    async def move(execution_id: str, edge: str) -> Response:
        command = await read_struct(Move)
        return reply(await runtime.execution(execution_id).edge(edge).move(command, condition_of_request()))

    @routes.post(f"{_EDGE}/redirect")
    @operation(
        _DONE,
        tag="executions",
        summary="Let what waits on an edge wait on another one, as much as that has room for",
        body=Body((Redirect,), {"to another edge": {"to": "rejected"}}),
        headers=(IF_MATCH,),
        refusals=_CONDITIONAL,
    )
    async def redirect(execution_id: str, edge: str) -> Response:
        command = await read_struct(Redirect)
        found = runtime.execution(execution_id).edge(edge)
        return reply(await found.redirect(command, condition_of_request()))


async def _chosen() -> Drop:
    """Return what the query or the body chooses: all, where there is neither.

    Raises:
        UnreadableBodyError: a number is none, or there are too many; or both of them choose.
    """
    command = await read_struct(Drop, empty=_ALL)
    if command is not _ALL:
        if request.args:
            raise UnreadableBodyError("Choose in the query or in the body, not in both")
        return command
    where, listed = request.args.get("where"), request.args.get("sequences")
    if where is None and listed is None:
        return Drop(all=True)
    if listed is None:
        return Drop(where=where)
    numbers = listed.split(",")
    if len(numbers) > MOST_NUMBERS or not all(map(_is_number, numbers)):
        message = f"sequences lists up to {MOST_NUMBERS} numbers of messages, separated by commas"
        raise UnreadableBodyError(message, [Problem("query.invalid", "sequences", message)])
    return Drop(sequences=tuple(map(int, numbers)), where=where)


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 16


def _number(text: str) -> int:
    """Return the number of a message; one that no message has, where it is none."""
    if not _is_number(text):
        raise WaitingNotFoundError(text[:100])
    return int(text)
