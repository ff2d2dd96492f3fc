"""What is read at a glance is what h11 reads, to the letter and to its end; everything else is left to h11."""

import h11
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.asgi.plain_request import PlainRequest, read_plain
from service.asgi.request_head import HeadFault, check_head
from service.asgi.strict_buffer import HEAD_BYTES, HEADER_LINES, StrictBuffer

LINES = st.sampled_from(
    [
        *(
            b"Content-Length: 3",
            b"Content-Length: 03",
            b"content-length:3 ",
            b"Content-Length: 3, 3",
            b"X: ",
            b"X:y",
        ),
        *(b"Content-Length: +3", b"Content-Length: 0", b"Content-Length: 3" + b"0" * 30, b"Content-Length:"),
        *(b"Transfer-Encoding: chunked", b"Connection: close", b"Connection: Keep-Alive", b"Connection: x, y"),
        *(b"Host: y", b"Host: a b", b"Expect: 100-continue", b"Upgrade: websocket", b"Name : value", b" folded"),
        *(
            b"\xc3\xa9: x",
            b"X: \xc3\xa9",
            b"X: a\tb  c \t",
            b"X: a\x00b",
            b"X: a\rb",
            b"X: a\nb",
            b"X: \x7f",
            b": x",
        ),
        *(b"Authorization: Bearer abc.def", b"X-Trace-Id: a", b"x-trace-id: b", b"Content-Type: application/json"),
    ]
)
FIRST = st.sampled_from(
    [
        *(b"POST /x HTTP/1.1", b"GET /x?a=b HTTP/1.1", b"GET / HTTP/1.0", b"GET  / HTTP/1.1", b"get / HTTP/1.1"),
        *(b"GET http://x/ HTTP/1.1", b"GET /# HTTP/1.1", b"GET /a%20\x7e HTTP/1.1", b"PUT / HTTP/1.1", b"GET /"),
        *(b"POST /\xc3 HTTP/1.1", b"POST / HTTP/1.1 ", b"OPTIONS * HTTP/1.1", b"GET / HTTP/2.0"),
    ]
)
ENDS = st.sampled_from([b"\r\n"] * 8 + [b"\n"])
REQUESTS = st.builds(
    lambda first, host, lines, end, body: end.join([first, *host, *lines, b"", b""]) + body,
    FIRST,
    st.sampled_from([[b"Host: x"]] * 6 + [[], [b"Host: localhost:80"]]),
    st.lists(LINES, max_size=4),
    ENDS,
    st.sampled_from(
        [b"", b"abc", b"abcd", b"abcGET / HTTP/1.1\r\nHost: x\r\n\r\n", b"\r\n", b"3\r\nabc\r\n0\r\n\r\n"]
    ),
)
PLAIN = b"POST /x?y HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\nAccept:  */* \r\n\r\nabc"


def read_by_h11(data: bytes) -> PlainRequest | None:
    """Return the request as h11 reads it where it is one and whole, and the next may follow on the connection."""
    connection = h11.Connection(h11.SERVER, max_incomplete_event_size=HEAD_BYTES + 1)
    connection._receive_buffer = StrictBuffer()
    connection.receive_data(data)
    body = b""
    try:
        request = connection.next_event()
        if not isinstance(request, h11.Request) or isinstance(check_head(request), HeadFault):
            return None
        while isinstance(event := connection.next_event(), h11.Data):
            body += bytes(event.data)
    except h11.RemoteProtocolError:
        return None
    if not isinstance(event, h11.EndOfMessage) or connection.trailing_data[0]:
        return None
    connection.send(h11.Response(status_code=200, headers=[("Content-Length", "0")]))
    connection.send(h11.EndOfMessage())
    connection.start_next_cycle()
    return PlainRequest(request.method, request.target, list(request.headers), body)


@given(REQUESTS)
def test_what_is_read_h11_reads_too(data: bytes) -> None:
    """Method, target, headers and body are h11's, nothing is left over, and the connection may go on."""
    found = read_plain(data)
    assert found is None or found == read_by_h11(data)


@given(st.integers(0, len(PLAIN) - 1), st.binary(max_size=2), st.integers(0, 2))
def test_a_request_with_other_bytes_in_it_is_read_as_h11_reads_it(at: int, other: bytes, cut: int) -> None:
    """Wherever some bytes are others, fewer or more."""
    data = PLAIN[:at] + other + PLAIN[at + cut :]
    found = read_plain(data)
    assert found is None or found == read_by_h11(data)


@given(st.integers(-2, 2))
def test_bounds_are_those_of_the_buffer(more: int) -> None:
    """As many bytes and lines as h11 is given are read, and not one more."""
    start, end = b"GET / HTTP/1.1\r\nHost: x\r\na: ", b"\r\n\r\n"
    long = start + b"x" * (HEAD_BYTES - len(start) - len(end) + more) + end
    many = b"GET / HTTP/1.1\r\nHost: x\r\n" + b"a: b\r\n" * (HEADER_LINES - 1 + more) + b"\r\n"
    for data in (long, many):
        assert (read_plain(data) is not None) == (more <= 0)
        assert read_plain(data) == read_by_h11(data)


def test_a_plain_request_is_read() -> None:
    """Names in lower case, values without the blanks around them, and the body."""
    headers = [(b"host", b"localhost"), (b"content-length", b"3"), (b"accept", b"*/*")]
    assert read_plain(PLAIN) == PlainRequest(b"POST", b"/x?y", headers, b"abc")
    assert read_plain(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: keep-alive\r\n\r\n") is not None


@pytest.mark.parametrize(
    "line",
    [
        *("Transfer-Encoding: chunked", "Connection: close", "Upgrade: websocket", "Expect: 100-continue"),
        *("Content-Length: 3", "Host: localhost", "Connection: keep-alive, upgrade", "TE: trailers"),
    ],
)
def test_whatever_is_to_be_weighed_is_left_to_h11(line: str) -> None:
    """Also where h11 would take it: what follows from such a head is decided in one place."""
    assert read_plain(PLAIN.replace(b"\r\nAccept", f"\r\n{line}\r\nAccept".encode())) is None


@pytest.mark.parametrize("data", [PLAIN[:-1], PLAIN + b"G", PLAIN + PLAIN, PLAIN[:20], b"", b"\r\n" + PLAIN])
def test_only_one_request_that_has_come_whole_is_read(data: bytes) -> None:
    """Half a request, and more than one, are h11's."""
    assert read_plain(data) is None


@pytest.mark.parametrize("filling", [b" ", b"\t", b"a ", b" a", b":", b"a:\r\n", b"x", b"/"])
def test_a_hostile_head_is_looked_at_once(filling: bytes) -> None:
    """No head makes the pattern go back: sixteen times as many bytes take some sixteen times as long."""
    long = b"GET / HTTP/1.1\r\nHost: x\r\na: " + filling * (15_000 // len(filling))
    assert read_plain(long + b"\x00\r\n\r\n") is None
