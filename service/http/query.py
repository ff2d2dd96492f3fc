"""Pages of lists: ``limit``, ``offset`` and the filters of a query."""

from collections.abc import Collection, Sequence
from typing import TypeVar

from quart import request

from engine.documents.problem_report import ProblemReport, shown
from proto.execution import ExecutionState
from proto.problem import Problem
from proto.shapes import meant
from service.http.operation import Query
from service.problems import UnreadableBodyError

T = TypeVar("T")

MAX_LIMIT = 10_000
"""Entries of one page: more than any list holds by default, and few enough for one reply."""

MAX_OFFSET = 2**53 - 1
"""The largest integer that every JSON reader knows; no list is as long."""

PAGE = (
    Query(
        "limit",
        "At most so many entries; all of them when absent. No page is longer than 4 MiB: the rest is on the next.",
        {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT},
    ),
    Query(
        "offset",
        "Leave out so many entries, the oldest first.",
        {"type": "integer", "minimum": 0, "maximum": MAX_OFFSET, "default": 0},
    ),
)
LOG_PAGE = (
    PAGE[0],
    Query(
        "offset",
        "The place of the first line, counted from the first that was logged, so that it stays the same when "
        "others are dropped; the oldest line that is kept when absent.",
        {"type": "integer", "minimum": 0, "maximum": MAX_OFFSET},
    ),
)
DETAIL = Query(
    "detail",
    "`short` lists what the platform's own runtime lists; `full` all that is known of each entry.",
    {"type": "string", "enum": ["short", "full"], "default": "short"},
)
STATE = Query(
    "state",
    "Only executions in this state.",
    {"type": "string", "enum": [state.value for state in ExecutionState]},
)
RELOAD = Query(
    "reload",
    "Whether what runs goes over to the new version, without losing a message.",
    {"type": "boolean", "default": False},
)


def check_query(known: Collection[str]) -> None:
    """Refuse query parameters that a route does not know, or that come twice: nobody would look at them.

    Args:
        known: the names of the route's parameters.

    Raises:
        UnreadableBodyError: there is one; all of them are its problems.
    """
    problems = []
    for name, values in request.args.lists():
        if name not in known:
            takes = f"known are {', '.join(known)}{meant(name, known)}" if known else "this route takes none"
            problems.append(
                Problem("query.unknown", shown(name), f"Unknown query parameter {shown(name)}; {takes}")
            )
        elif len(values) > 1:
            message = f"The query parameter {name} comes {len(values)} times; send it once"
            problems.append(Problem("query.repeated", name, message))
    if problems:
        raise UnreadableBodyError(problems[0].message, ProblemReport(problems).problems())


def page_bounds(first: int = 0) -> tuple[int, int | None]:
    """Return offset and limit of the page that the request asks for; no limit where it names none.

    Args:
        first: the offset where it names none.

    Raises:
        UnreadableBodyError: ``limit`` or ``offset`` is no whole number in its bounds.
    """
    offset = whole_number("offset", least=0, most=MAX_OFFSET)
    return first if offset is None else offset, whole_number("limit", least=1, most=MAX_LIMIT)


def page_of(entries: Sequence[T], dropped: int = 0) -> Sequence[T]:
    """Return the page that the request asks for.

    Args:
        entries: all that there are.
        dropped: entries before them that are not there any more; they keep their places.

    Raises:
        UnreadableBodyError: ``limit`` or ``offset`` is no whole number in its bounds.
    """
    offset, limit = page_bounds(dropped)
    start = max(0, offset - dropped)
    end = None if limit is None else max(0, offset + limit - dropped)
    return entries[start:end]


def wanted_state() -> ExecutionState | None:
    """Return the state that the request filters by, if it does.

    Raises:
        UnreadableBodyError: there is no such state.
    """
    text = request.args.get("state")
    if text is None:
        return None
    try:
        return ExecutionState(text)
    except ValueError:
        known = ", ".join(ExecutionState)
        raise bad_query("state", f"one of {known}", text) from None


def wants_all() -> bool:
    """Return whether the request wants all that is known of each entry of a list.

    Raises:
        UnreadableBodyError: ``detail`` is neither ``short`` nor ``full``.
    """
    text = request.args.get("detail", "short")
    if text not in {"short", "full"}:
        raise bad_query("detail", "short or full", text)
    return text == "full"


def whole_number(name: str, *, least: int, most: int) -> int | None:
    """Read a query parameter that is a whole number in its bounds; None when absent.

    Raises:
        UnreadableBodyError: it is something else.
    """
    text = request.args.get(name)
    if text is None:
        return None
    is_number = text.isascii() and text.isdigit() and len(text) <= len(str(most))
    if not is_number or not least <= int(text) <= most:
        raise bad_query(name, f"a whole number from {least} to {most}", text)
    return int(text)


def switch(name: str) -> bool:
    """Read a query parameter that is true or false; false when absent.

    Raises:
        UnreadableBodyError: it is something else.
    """
    text = request.args.get(name, "false")
    if text.lower() not in {"true", "false", "1", "0"}:
        raise bad_query(name, "true or false", text)
    return text.lower() in {"true", "1"}


def bad_query(name: str, expected: str, text: str) -> UnreadableBodyError:
    """Make the refusal of a query parameter."""
    message = f"The query parameter {name} must be {expected}, got {text[:40]!r}"
    return UnreadableBodyError(message, [Problem(code="query.invalid", path=name, message=message)])
