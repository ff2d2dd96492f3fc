"""Trace ids: one for each request, taken from whoever called, given back, and passed on. Pure.

``x-trace-id`` counts first, because it is what the services around this one send; then the trace part of W3C's
``traceparent`` (Trace Context, section 3.2); then one is minted as ``trace_<ms>_<6 characters>``.
"""

import re
from collections.abc import Iterable, Mapping
from contextvars import Token
from typing import Any

import structlog

HEADER = b"x-trace-id"
_PARENT_HEADER = b"traceparent"

_TRACE_ID = re.compile(rb"[A-Za-z0-9_.:-]{1,128}")
"""The trace ids that a caller may give: what can stand in a log line, a header and a URL as it is."""

_PARENT = re.compile(rb"([0-9a-f]{2})-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}(-.*)?")
_NO_TRACE = b"0" * 32


def trace_id_of(headers: Iterable[tuple[bytes, bytes]], now_ms: int, characters: str) -> str:
    """Return the trace id of a request.

    Args:
        headers: names in lower case, values as they came; the first of a name counts.
        now_ms: milliseconds since 1970, for an id that is minted.
        characters: six of them, likewise.
    """
    own = parent = None
    for name, value in headers:
        if name == HEADER and own is None:
            own = value
        elif name == _PARENT_HEADER and parent is None:
            parent = value
    if own is not None and _TRACE_ID.fullmatch(own):
        return own.decode()
    trace = "" if parent is None else _trace_of(parent)
    return trace or f"trace_{now_ms}_{characters}"


def _trace_of(parent: bytes) -> str:
    """Return the trace part of a ``traceparent``; empty where it is none. Version ``ff`` is none."""
    found = _PARENT.fullmatch(parent)
    if found is None:
        return ""
    version, trace, rest = found.groups()
    if version == b"ff" or trace == _NO_TRACE or (version == b"00" and rest is not None):
        return ""
    return str(trace, "ascii")


def bind_trace(trace_id: str) -> Mapping[str, Token[Any]]:
    """Let this task, and all that it starts, log with this trace id; what is returned ends that."""
    return structlog.contextvars.bind_contextvars(trace_id=trace_id)


def release_trace(bound: Mapping[str, Token[Any]]) -> None:
    """Let this task log as before."""
    structlog.contextvars.reset_contextvars(**bound)


def present_trace() -> str:
    """Return the trace id of the request that this task works for, or that started its execution; or empty."""
    return str(structlog.contextvars.get_contextvars().get("trace_id", ""))
