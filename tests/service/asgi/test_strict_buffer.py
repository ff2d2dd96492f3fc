"""Lines are taken in whatever pieces they come, or refused, whatever the pieces."""

import h11
from hypothesis import given
from hypothesis import strategies as st

from service.asgi.strict_buffer import CHUNK_EXTENSION_BYTES, HEAD_BYTES, HEADER_LINES, StrictBuffer

BITS = st.sampled_from(
    [
        *(b"GET / HTTP/1.1\r\n", b"POST /x HTTP/1.1\r\n", b"Host: x\r\n", b"Transfer-Encoding: chunked\r\n"),
        *(b"Content-Length: 3\r\n", b"\r\n", b"\n", b"\r", b" ", b"\t", b"\0", b"abc", b"3\r\nabc\r\n", b"0\r\n"),
        *(b"3;x=y\r\nabc\r\n", b"X: y\r\n", b": y\r\n", b"X\r\n", b"\x7f"),
    ]
)


def events(content: bytes, pieces: list[int]) -> list[object]:
    """What a connection reads of bytes that come in pieces of these lengths; its end is the last refusal."""
    connection = h11.Connection(h11.SERVER, max_incomplete_event_size=HEAD_BYTES + 1)
    connection._receive_buffer = StrictBuffer()
    found: list[object] = []
    start = 0
    for length in [*pieces, len(content) + 1]:
        piece, start = content[start : start + length], start + length
        if piece:
            connection.receive_data(piece)
        while True:
            try:
                event = connection.next_event()
            except h11.RemoteProtocolError as error:
                return [*found, error.error_status_hint]
            if event is h11.NEED_DATA or event is h11.PAUSED or isinstance(event, h11.ConnectionClosed):
                break
            if isinstance(event, h11.Request):
                found.append((event.method, event.target, list(event.headers)))
            elif isinstance(event, h11.Data):
                found.append(bytes(event.data))
            else:
                found.append("end")
    return _joined(found)


def _joined(found: list[object]) -> list[object]:
    """The same with the pieces of a body put together."""
    joined: list[object] = []
    for each in found:
        if isinstance(each, bytes) and joined and isinstance(joined[-1], bytes):
            joined[-1] += each
        else:
            joined.append(each)
    return joined


@given(st.lists(BITS, max_size=12).map(b"".join), st.lists(st.integers(1, 20), max_size=20))
def test_pieces_make_no_difference(content: bytes, pieces: list[int]) -> None:
    """Bytes are read, or refused, as if they had come at once; a refusal may come before the body is read."""
    at_once, by_and_by = events(content, []), events(content, pieces)
    assert [each for each in at_once if isinstance(each, int)] == [
        each for each in by_and_by if isinstance(each, int)
    ]
    assert [each for each in at_once if isinstance(each, tuple)] == [
        each for each in by_and_by if isinstance(each, tuple)
    ]


@given(st.integers(-3, 3))
def test_bounds_are_exact(more: int) -> None:
    """As many bytes and lines as may be are taken, and not one more, however they come."""
    start, end = b"GET / HTTP/1.1\r\nHost: x\r\na: ", b"\r\n\r\n"
    long = start + b"b" * (HEAD_BYTES - len(start) - len(end) + more) + end
    assert (events(long, []) == [431]) == (events(long, [1000] * 17) == [431]) == (more > 0)
    many = b"GET / HTTP/1.1\r\nHost: x\r\n" + b"a: b\r\n" * (HEADER_LINES - 1 + more) + b"\r\n"
    assert (events(many, []) == [431]) == (more > 0)


def test_extensions_of_all_chunks_are_counted_together_and_anew_for_the_next_body() -> None:
    """A little in each chunk is as much as much in one; the next request has its own count."""
    first = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    chunk = b"1;" + b"x" * 96 + b"\r\na\r\n"
    within = CHUNK_EXTENSION_BYTES // 100
    assert events(first + chunk * within, [])[-1] == b"a" * within
    assert events(first + chunk * (within + 1), [])[-1] == 413
