"""Versions in requests: ``?version=``; ``ETag``, ``If-Match``, ``If-None-Match`` (RFC 9110, 8.8.3 and 13.1)."""

import re

from quart import Response, request

from engine.versions import ANY, Condition
from proto.problem import Problem
from service.http.operation import Header, Query
from service.problems import UnreadableBodyError

IF_MATCH = Header(
    "If-Match", "Do it only if the present version has this `ETag`, or one of several; `*` for any. Otherwise 412."
)
IF_NONE_MATCH = Header("If-None-Match", "`*`: do it only if there is none yet. Otherwise 412.")
NOT_MODIFIED = Header("If-None-Match", "The `ETag` of what the caller has; 304 if it is still the same.")

OTHER_VERSION = "The present version is another than the request expects; its `ETag` is in the reply."

MAX_VERSION = 2**53 - 1
"""The largest number of a version that a request may name: no thing has as many."""

VERSION = Query(
    "version",
    "Which of its versions, by its number; the present one when absent.",
    {"type": "integer", "minimum": 1, "maximum": MAX_VERSION},
)

_TAG = r'(W/)?"([\x21\x23-\x7e\x80-\xff]*)"'
_TAGS = re.compile(rf"\s*{_TAG}\s*(,\s*{_TAG}\s*)*")


def condition_of_request() -> Condition:
    """Return what must be so of the present version for the request's change to be made.

    Raises:
        UnreadableBodyError: a header is not of its form; whoever sent it wanted to be protected, and would not be.
    """
    any_of = _tags("If-Match", takes_weak=False)
    return Condition(any_of, _tags("If-None-Match", takes_weak=True) or frozenset())


def tagged(response: Response, tag: str) -> Response:
    """Say on a reply which version it shows."""
    response.headers["ETag"] = f'"{tag}"'
    return response


def unchanged(tag: str) -> Response | None:
    """Return the reply of 304 where the caller has this version already; None where they have not."""
    known = _tags("If-None-Match", takes_weak=True)
    if known is None or known.isdisjoint({tag, ANY}):
        return None
    return tagged(Response(b"", status=304), tag)


def _tags(name: str, *, takes_weak: bool) -> frozenset[str] | None:
    """Return the tags that a header lists; None where it is not there. Weak ones equal no strong ones."""
    if name not in request.headers:
        return None
    text = ", ".join(request.headers.getlist(name))
    if text.strip() == ANY:
        return frozenset({ANY})
    if not _TAGS.fullmatch(text):
        message = f'{name} must be * or a list of tags in quotation marks, such as "1-0f3a", got {text[:60]!r}'
        raise UnreadableBodyError(message, [Problem("header.invalid", name, message)])
    return frozenset(tag for weak, tag in re.findall(_TAG, text) if takes_weak or not weak)
