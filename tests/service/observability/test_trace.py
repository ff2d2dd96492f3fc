"""Trace ids: the caller's where they send one that can be used, and one of ours otherwise."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.observability.trace import trace_id_of

PARENT = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
MINTED = "trace_1700000000000_abc123"


def _id(*headers: tuple[bytes, bytes]) -> str:
    return trace_id_of(headers, 1_700_000_000_000, "abc123")


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ([], MINTED),
        ([(b"x-trace-id", b"trace_1_a")], "trace_1_a"),
        ([(b"traceparent", PARENT)], "0af7651916cd43dd8448eb211c80319c"),
        ([(b"traceparent", PARENT), (b"x-trace-id", b"mine")], "mine"),
        ([(b"x-trace-id", b"first"), (b"x-trace-id", b"second")], "first"),
        ([(b"x-trace-id", b"two words"), (b"traceparent", PARENT)], "0af7651916cd43dd8448eb211c80319c"),
        ([(b"x-trace-id", b"x" * 129)], MINTED),
        ([(b"x-trace-id", b"")], MINTED),
        ([(b"x-trace-id", b"line\nfeed")], MINTED),
        ([(b"x-trace-id", b"\xff")], MINTED),
        ([(b"traceparent", PARENT + b"-more")], MINTED),
        ([(b"traceparent", b"01" + PARENT[2:] + b"-more")], "0af7651916cd43dd8448eb211c80319c"),
        ([(b"traceparent", b"ff" + PARENT[2:])], MINTED),
        ([(b"traceparent", PARENT.upper())], MINTED),
        ([(b"traceparent", b"00-" + b"0" * 32 + b"-b7ad6b7169203331-01")], MINTED),
    ],
)
def test_the_callers_id_counts_where_it_is_one(headers: list[tuple[bytes, bytes]], expected: str) -> None:
    """``x-trace-id`` first, then W3C's ``traceparent``; what is malformed is as if it were not there."""
    assert _id(*headers) == expected


@given(own=st.none() | st.binary(max_size=200), parent=st.none() | st.binary(max_size=80))
def test_an_id_is_always_safe_to_log_and_to_send(own: bytes | None, parent: bytes | None) -> None:
    """Whatever a caller sends, the id is short and plain, so that it can forge neither a header nor a line."""
    headers = [
        (name, value) for name, value in ((b"x-trace-id", own), (b"traceparent", parent)) if value is not None
    ]
    assert re.fullmatch(r"[A-Za-z0-9_.:-]{1,128}", _id(*headers))
