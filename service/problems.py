"""Refusals of the service, the HTTP status of every error, and the JSON that a refused caller gets.

A refusal of the service says its status itself. The engine knows no HTTP, so its errors have a table here. What
has no status is our own mistake: 500, without internals for the caller and with the stack in the log.
"""

from collections.abc import Sequence
from http import HTTPStatus
from typing import ClassVar, TypeVar

import msgspec
import structlog
from werkzeug.exceptions import HTTPException

from engine import errors
from engine.documents.problem_report import MAX_MESSAGE_CHARACTERS, bounded, shown
from proto.problem import ErrorBody, Problem

log = structlog.get_logger("service")

Body = TypeVar("Body", bound=ErrorBody)


class RefusalError(Exception):
    """A request that is refused before the engine sees it.

    Attributes:
        code: a stable name for programs.
        status: what the caller gets; each kind says it.
    """

    code: ClassVar[str] = "request.refused"
    status: ClassVar[HTTPStatus | None] = None

    def __init__(self, message: str, problems: Sequence[Problem] = ()) -> None:
        super().__init__(message)
        self.problems = tuple(problems)


class UnreadableBodyError(RefusalError):
    """The body is not what the route takes."""

    code = "body.unreadable"
    status = HTTPStatus.BAD_REQUEST


class UnsupportedTypeError(RefusalError):
    """The body has a content type that is not taken."""

    code = "body.unsupported_type"
    status = HTTPStatus.UNSUPPORTED_MEDIA_TYPE


class UnsupportedEncodingError(RefusalError):
    """The body is compressed in a way that is not taken."""

    code = "body.unsupported_encoding"
    status = HTTPStatus.UNSUPPORTED_MEDIA_TYPE


class AuthenticationError(RefusalError):
    """The route wants to know who calls, and nobody was recognised."""

    code = "auth.required"
    status = HTTPStatus.UNAUTHORIZED


class IdentityUnavailableError(RefusalError):
    """Identity does not answer, or not sensibly; whether the credential is good is not known."""

    code = "identity.unavailable"
    status = HTTPStatus.SERVICE_UNAVAILABLE


class OrganizationRequiredError(RefusalError):
    """The caller belongs to no organisation and named none."""

    code = "org.required"
    status = HTTPStatus.BAD_REQUEST


class ForeignOrganizationError(RefusalError):
    """The caller named an organisation that they are no member of."""

    code = "org.forbidden"
    status = HTTPStatus.FORBIDDEN


class ReadOnlyCallerError(RefusalError):
    """The caller may look at what belongs to others, and nothing else."""

    code = "org.read_only"
    status = HTTPStatus.FORBIDDEN


class ForeignCallerError(RefusalError):
    """A web page of another origin, or a host name that does not mean this machine."""

    code = "caller.foreign"
    status = HTTPStatus.FORBIDDEN


class MetricsDisabledError(RefusalError):
    """The operator switched metrics off."""

    code = "metrics.disabled"
    status = HTTPStatus.NOT_FOUND


class InvalidSubscriptionError(RefusalError):
    """A subscription to live events names nodes, edges or events that do not exist."""

    code = "subscription.invalid"
    status = HTTPStatus.BAD_REQUEST


class UnknownEventError(RefusalError):
    """A live client sent an event that the service does not take."""

    code = "event.unknown"
    status = HTTPStatus.BAD_REQUEST


class SubscriptionLimitError(RefusalError):
    """A live client watches as many executions as it may, or an execution is watched in as many ways."""

    code = "subscription.limit"
    status = HTTPStatus.TOO_MANY_REQUESTS


class TooManyClientsError(RefusalError):
    """The live clients that are connected are as many as there may be."""

    code = "client.limit"
    status = HTTPStatus.SERVICE_UNAVAILABLE


class IngressNotFoundError(RefusalError):
    """No graph that the caller could deliver to has this name."""

    code = "ingress.not_found"
    status = HTTPStatus.NOT_FOUND


class IngressIdleError(RefusalError):
    """The graph is loaded, and nothing runs that a message could be delivered to."""

    code = "ingress.no_execution"
    status = HTTPStatus.CONFLICT


class IngressRefusedError(RefusalError):
    """The caller may not deliver to the graph; ``capability`` is what its ingress asks for, if it does."""

    code = "ingress.refused"
    status = HTTPStatus.FORBIDDEN

    def __init__(self, message: str, *, graph: str = "", capability: str | None = None) -> None:
        super().__init__(message)
        self.graph = graph
        self.capability = capability


class SlowRequestError(RefusalError):
    """The reply was not ready in time; what the request began may still be going on."""

    code = "request.timeout"
    status = HTTPStatus.SERVICE_UNAVAILABLE


class StoppingError(RefusalError):
    """The service is coming to its end and takes nothing in."""

    code = "service.stopping"
    status = HTTPStatus.SERVICE_UNAVAILABLE


ENGINE_STATUSES: tuple[tuple[type[errors.EngineError], HTTPStatus], ...] = (
    (errors.TooManyExecutionsError, HTTPStatus.CONFLICT),  # the specification's limit; a wait may not free a place
    (errors.NotFoundError, HTTPStatus.NOT_FOUND),
    (errors.InvalidError, HTTPStatus.BAD_REQUEST),
    (errors.InvalidRoutineError, HTTPStatus.BAD_REQUEST),
    (errors.ConflictError, HTTPStatus.CONFLICT),
    (errors.PreconditionFailedError, HTTPStatus.PRECONDITION_FAILED),
    (errors.NotKeptError, HTTPStatus.SERVICE_UNAVAILABLE),
    (errors.ResidentMemoryError, HTTPStatus.SERVICE_UNAVAILABLE),
    (errors.ProcessMemoryError, HTTPStatus.SERVICE_UNAVAILABLE),  # the caller may have nothing to do with it
    (errors.OverloadedError, HTTPStatus.TOO_MANY_REQUESTS),
)
"""The first row that fits counts."""


def status_of(kind: type[BaseException]) -> HTTPStatus | None:
    """Return the status of a kind of errors; None where nobody foresaw it."""
    if issubclass(kind, RefusalError):
        return kind.status
    return next((status for known, status in ENGINE_STATUSES if issubclass(kind, known)), None)


_WAITING = (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE)


class PartlyAcceptedBody(ErrorBody, frozen=True):
    """The body of a refusal in the midst of a request; ``accepted`` counts what was taken in before.

    A 429 always has it, a 409 where it is not 0: the execution ended while the messages were on their way in.
    """

    accepted: int = 0


class IngressRule(msgspec.Struct, frozen=True, rename="camel"):
    """The demands of an ingress on whoever delivers to it.

    Attributes:
        graph: the graph's name.
        requires_capability: the capability that a caller must hold besides being a member, if any.
        declared_in: the place where the graph's author says so.
    """

    graph: str
    requires_capability: str | None
    declared_in: str = "metadata.ingress"


class IngressRefusedBody(ErrorBody, frozen=True, omit_defaults=True):
    """The body of a 403; ``ingress`` is there where it was the gate that refused."""

    ingress: IngressRule | None = None


class CompilationBody(ErrorBody, frozen=True, omit_defaults=True):
    """The body of a 400 that refuses a routine definition; ``details`` are the ``problems`` by another name."""

    details: tuple[Problem, ...] = ()


class ErrorReply(msgspec.Struct, frozen=True):
    """The reply to a caller who is refused."""

    status: int
    body: ErrorBody
    headers: dict[str, str] = {}


def error_reply(error: BaseException) -> ErrorReply:
    """Make the answer to an error; log it, with its stack, when nobody foresaw it."""
    if isinstance(error, HTTPException):
        return _answer_to_http(error)
    status = status_of(type(error))
    if status is not None:
        body = within_bounds(_body_of(error))
        return ErrorReply(status=status, body=body, headers=_headers_of(error, status))
    log.error("unforeseen error", exc_info=error)
    body = ErrorBody(error="Something went wrong inside the service; its log says what", code="internal")
    return ErrorReply(status=HTTPStatus.INTERNAL_SERVER_ERROR, body=body)


def within_bounds(body: Body) -> Body:
    """Return a refusal with what it quotes cut: a name of a megabyte need not be read back to who sent it."""
    problems = tuple([bounded(problem) for problem in body.problems])
    details = {"details": problems} if isinstance(body, CompilationBody) else {}
    sentence = shown(body.error, MAX_MESSAGE_CHARACTERS)
    return msgspec.structs.replace(body, error=sentence, problems=problems, **details)


def _body_of(error: BaseException) -> ErrorBody:
    problems: tuple[Problem, ...] = getattr(error, "problems", ())
    sentence = _sentence(error, problems)
    code: str = getattr(error, "code", "refused")
    if isinstance(error, errors.OverloadedError) or (isinstance(error, errors.EngineError) and error.accepted):
        return PartlyAcceptedBody(error=sentence, code=code, problems=problems, accepted=error.accepted)
    if isinstance(error, IngressRefusedError):
        return IngressRefusedBody(error=sentence, code=code, ingress=IngressRule(error.graph, error.capability))
    if isinstance(error, errors.InvalidRoutineError):
        return CompilationBody(error=sentence, code=code, problems=problems, details=problems)
    return ErrorBody(error=sentence, code=code, problems=problems)


def _sentence(error: BaseException, problems: tuple[Problem, ...]) -> str:
    """Return the first of the engine's problems as a sentence: clients read that, and people see the list."""
    return problems[0].message if problems and isinstance(error, errors.InvalidError) else str(error)


def _headers_of(error: BaseException, status: HTTPStatus) -> dict[str, str]:
    if status in _WAITING and isinstance(error, errors.OverloadedError):
        return {"Retry-After": str(error.retry_after_seconds)}
    if status == HTTPStatus.UNAUTHORIZED:
        return {"WWW-Authenticate": 'Bearer realm="symbia"'}
    if isinstance(error, UnsupportedEncodingError):
        return {"Accept-Encoding": "gzip, deflate"}  # RFC 7694
    if isinstance(error, errors.PreconditionFailedError) and error.tag is not None:
        return {"ETag": f'"{error.tag}"'}
    return {"Retry-After": "5"} if status == HTTPStatus.SERVICE_UNAVAILABLE else {}


_HTTP_TEXTS = {
    404: ("route.not_found", "No such route; docs/http.md lists those that exist"),
    405: (
        "route.wrong_method",
        "This route does not take this method; the Allow header lists those that it takes",
    ),
    408: ("body.too_slow", "The body did not arrive in time"),
    413: ("body.too_large", "The body is larger than this service takes (MAX_BODY_BYTES)"),
}


def _answer_to_http(error: HTTPException) -> ErrorReply:
    """Make the answer to what the web framework itself refuses: unknown routes, methods, sizes."""
    status = error.code or 500
    code, text = _HTTP_TEXTS.get(status, (f"http.{status}", error.name))
    kept = {"allow", "location", "retry-after"}
    headers = {name: value for name, value in error.get_headers() if name.lower() in kept}
    return ErrorReply(status=status, body=ErrorBody(error=text, code=code), headers=headers)
