"""The description of a route, beside its handler: the one source of the OpenAPI document and of the pages.

    @routes.post("/<graph_id>/execute")
    @operation(Reply(201, StartedReply), tag="graphs", summary="Start an execution", ...)
    async def execute(graph_id: str) -> Response: ...

What every route of its kind may answer (a body that cannot be read, an id that does not exist) is not said here:
``service.http.openapi.document`` adds it.
"""

from collections.abc import Callable
from typing import Any, Literal, TypeVar

import msgspec

Tag = Literal["graphs", "routines", "executions", "components", "service", "documentation"]
Handler = TypeVar("Handler", bound=Callable[..., Any])

JSON = "application/json"
YAML = "application/yaml"
NDJSON = "application/x-ndjson"

_ATTRIBUTE = "operation"


class Query(msgspec.Struct, frozen=True):
    """A query parameter: its name, what it does, and the JSON Schema of its value."""

    name: str
    description: str
    schema: dict[str, Any]


class Header(msgspec.Struct, frozen=True):
    """A header of a request that means something to one route.

    Attributes:
        name: of the header.
        description: what it says.
        required: whether it may not be left away.
    """

    name: str
    description: str
    required: bool = False


class Body(msgspec.Struct, frozen=True):
    """The body that a route reads.

    Attributes:
        shapes: one type, or several of which a body has exactly one.
        examples: by a title for people.
        required: whether it may not be left away.
        yaml: whether YAML is read as well as JSON.
        lines: the type of one line, where a stream of JSON lines is read as well.
        nullable: fields of the first shape for which null says the same as leaving them away.
        octets: the content types of a body that is bytes of its own kind; then there are no shapes.
    """

    shapes: tuple[Any, ...]
    examples: dict[str, Any] = {}
    required: bool = True
    yaml: bool = False
    lines: Any = None
    nullable: tuple[str, ...] = ()
    octets: tuple[str, ...] = ()


class Reply(msgspec.Struct, frozen=True):
    """The answer of a route when all went well.

    Attributes:
        status: an HTTP status below 400.
        shape: the type of its JSON body; None where there is no body, or none of JSON.
        example: a body as it really comes, or nothing.
        description: where the summary of the operation is not enough.
        content_type: of the body.
    """

    status: int
    shape: Any = None
    example: Any = None
    description: str = ""
    content_type: str = JSON


class Operation(msgspec.Struct, frozen=True):
    """One route and method.

    Attributes:
        tag: the chapter that it belongs to.
        summary: one line.
        replies: what it answers when all went well; also a 503 with a body of its own.
        description: what one line does not say.
        body: the body that it reads, if it does.
        query: its query parameters.
        headers: its headers.
        refusals: statuses of its own, with the reason; beside those of every route of its kind.
        refusal_shapes: the types of their bodies, where they say more than others of their status.
        is_public: whether nobody asks who calls.
    """

    tag: Tag
    summary: str
    replies: tuple[Reply, ...]
    description: str = ""
    body: Body | None = None
    query: tuple[Query, ...] = ()
    headers: tuple[Header, ...] = ()
    refusals: dict[int, str] = {}
    refusal_shapes: dict[int, Any] = {}
    is_public: bool = False

    @property
    def checks_query(self) -> bool:
        """True if query parameters that it does not know are refused: not where browsers and probes add some."""
        return bool(self.query) or self.tag not in {"service", "documentation"}


def operation(
    *replies: Reply,
    tag: Tag,
    summary: str,
    description: str = "",
    body: Body | None = None,
    query: tuple[Query, ...] = (),
    headers: tuple[Header, ...] = (),
    refusals: dict[int, str] | None = None,
    refusal_shapes: dict[int, Any] | None = None,
    is_public: bool = False,
) -> Callable[[Handler], Handler]:
    """Say what a handler does; see :class:`Operation`."""
    said = Operation(
        tag=tag,
        summary=summary,
        replies=replies,
        description=description,
        body=body,
        query=query,
        headers=headers,
        refusals=refusals or {},
        refusal_shapes=refusal_shapes or {},
        is_public=is_public,
    )

    def attach(handler: Handler) -> Handler:
        setattr(handler, _ATTRIBUTE, said)
        return handler

    return attach


def operation_of(handler: Callable[..., Any]) -> Operation | None:
    """Return the description that a handler bears, if it bears one."""
    said = getattr(handler, _ATTRIBUTE, None)
    return said if isinstance(said, Operation) else None
