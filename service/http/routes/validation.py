"""The route that says what is wrong with a graph, with lines and columns, for editors and for builds."""

from collections.abc import Sequence
from typing import Any

import msgspec
from quart import Blueprint, Response

from engine.cooperative.slices import in_slices
from engine.routine.loading import judge
from engine.routine.validation import is_routine
from engine.views import RuntimeView
from proto.problem import Finding, Problem
from service.documents.locating import Located, locating
from service.http.bodies import Written, read_written, reply
from service.http.operation import Body, Reply, operation
from service.http.routes.graphs import QUICK_REFERENCE
from service.http.routes.routines import GREETING

LOCATED_BYTES = 512 * 1024
"""A text of more bytes has its findings without lines: nobody wrote it by hand. One string in it of nothing but
escapes is looked at in one step, of some 20 ms."""


class LocatedVerdict(msgspec.Struct, frozen=True):
    """The verdict on a graph or a routine definition: all that is to be said against it, with its places.

    Attributes:
        valid: whether it can be loaded.
        errors: the reasons why not.
        warnings: parts that can be loaded and may not be meant so.
    """

    valid: bool
    errors: tuple[Finding, ...] = ()
    warnings: tuple[Finding, ...] = ()


_JUDGED = {
    "valid": False,
    "errors": [
        {
            "code": "node.unknown_field",
            "path": "nodes[0].onErorr",
            "message": "A node has no field onErorr; did you mean onError?",
            "line": 6,
            "column": 5,
        }
    ],
    "warnings": [],
}


def validation_routes(runtime: RuntimeView) -> Blueprint:
    """Make the route ``/api/graphs/validate``."""
    routes = Blueprint("validation", __name__, url_prefix="/api/graphs")

    @routes.post("/validate")
    @operation(
        Reply(200, LocatedVerdict, _JUDGED),
        tag="graphs",
        summary="Say what is wrong with a graph, with lines and columns",
        description="The answer is 200 whatever the document holds; what is valid can be loaded. Nothing is "
        "stored. A routine definition is taken, too. What is no JSON or YAML at all is refused, with its place.",
        body=Body(
            (Any,),
            {"the Quick Reference": QUICK_REFERENCE, "a routine": GREETING},
            yaml=True,
            required=False,  # nothing is read as {}, and all that it lacks is said
        ),
        refusals={400: "It is no document: it cannot be read, or lies too deep."},
    )
    async def validate() -> Response:
        written = await read_written()
        library = runtime.library
        if is_routine(written.document):
            routine = await judge(library, written.document)
            return reply(await _verdict(written, routine.errors, routine.warnings))
        graph = await library.judge_graph(written.document)
        return reply(await _verdict(written, graph.errors, graph.warnings))

    return routes


async def _verdict(written: Written, errors: Sequence[Problem], warnings: Sequence[Problem]) -> LocatedVerdict:
    problems = [*errors, *warnings]
    if len(written.text) > LOCATED_BYTES:
        located = Located(tuple(Finding(each.code, each.path, each.message) for each in problems))
    else:
        located = await in_slices(locating(written.text, written.form, problems))
    found = located.findings
    return LocatedVerdict(not errors, found[: len(errors)], (*found[len(errors) :], *located.repeated))
