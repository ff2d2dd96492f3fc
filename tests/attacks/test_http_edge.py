"""Bytes that only look like HTTP/1.1, or like a second protocol, are refused before anybody sees them.

Each case goes to a real service in a process of its own, as the bytes that an attacker would send. What two
programs could read in two ways is refused with a status below 500 (or 501), a reason in JSON and the end of
the connection, so that what follows it is never taken for another request.
"""

import json
import re
import socket
from collections.abc import Iterator

import h2.config
import h2.connection
import h2.events
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service.asgi.strict_buffer import CHUNK_EXTENSION_BYTES, HEAD_BYTES, HEADER_LINES
from tests.service.serving import Process, start_process

SECRET = b"GET /docs/llms.txt HTTP/1.1\r\nHost: localhost\r\n\r\n"
"""A second request, smuggled behind a first one; its answer would be long, and of another type."""


@pytest.fixture(scope="module")
def process() -> Iterator[Process]:
    """One service for all cases; at its end, that nothing went wrong in it."""
    with start_process() as process:
        yield process
        status, log = process.end()
    assert status == 0
    assert "Traceback" not in log
    assert "ended by an error" not in log
    assert "unforeseen" not in log


def talk(process: Process, *pieces: bytes, seconds: float = 5) -> bytes:
    """Send bytes; all that comes back until the connection ends.

    Raises:
        TimeoutError: it does not end.
    """
    host, _, port = process.url.removeprefix("http://").rpartition(":")
    with socket.create_connection((host, int(port)), timeout=seconds) as connection:
        received = b""
        try:
            for piece in pieces:
                connection.sendall(piece)
            while chunk := connection.recv(65536):
                received += chunk
        except ConnectionError:
            pass
        return received


def statuses(received: bytes) -> list[int]:
    """The statuses of all replies."""
    return [int(code) for code in re.findall(rb"HTTP/1\.1 (\d{3}) ", received)]


def get(*headers: bytes, target: bytes = b"/health", method: bytes = b"GET", version: bytes = b"1.1") -> bytes:
    """A request without a body, and without headers but these."""
    return b"\r\n".join([method + b" " + target + b" HTTP/" + version, *headers, b"", b""])


HOST = b"Host: localhost"
CHUNKED = b"Transfer-Encoding: chunked"
MALFORMED: dict[str, tuple[bytes, int]] = {
    "length beside chunks": (get(HOST, b"Content-Length: 5", CHUNKED, method=b"POST") + b"0\r\n\r\n", 400),
    "chunks beside length": (get(HOST, CHUNKED, b"Content-Length: 5", method=b"POST") + b"0\r\n\r\n", 400),
    "chunks in HTTP/1.0": (get(HOST, CHUNKED, method=b"POST", version=b"1.0") + b"0\r\n\r\n", 400),
    "two lengths": (get(HOST, b"Content-Length: 0", b"Content-Length: 5", method=b"POST") + b"aaaaa", 400),
    "the same length twice": (get(HOST, b"Content-Length: 1", b"content-LENGTH: 1", method=b"POST") + b"a", 400),
    "a list of lengths": (get(HOST, b"Content-Length: 1, 1", method=b"POST") + b"a", 400),
    "a signed length": (get(HOST, b"Content-Length: +1", method=b"POST") + b"a", 400),
    "a length in hex": (get(HOST, b"Content-Length: 0x1", method=b"POST") + b"a", 400),
    "a blank before the colon": (get(HOST, b"Content-Length : 1", method=b"POST") + b"a", 400),
    "another encoding": (get(HOST, b"Transfer-Encoding: gzip, chunked", method=b"POST") + b"0\r\n\r\n", 501),
    "chunks, hidden": (get(HOST, b"Transfer-Encoding: \x0bchunked", method=b"POST") + b"0\r\n\r\n", 400),
    "two encodings": (get(HOST, CHUNKED, CHUNKED, method=b"POST") + b"0\r\n\r\n", 501),
    "no host": (get(), 400),
    "two hosts": (get(HOST, HOST), 400),
    "an empty host": (get(b"Host:"), 400),
    "a host with a path": (get(b"Host: localhost/health"), 400),
    "a host with a user": (get(b"Host: me@localhost"), 400),
    "a host with blanks": (get(b"Host: local host"), 400),
    "half an address": (get(b"Host: [::1"), 400),
    "a port that is none": (get(b"Host: localhost:99999"), 400),
    "a port in words": (get(b"Host: localhost:http"), 400),
    "a target for another host": (get(HOST, target=b"http://example.org/health"), 400),
    "a target for another port": (get(b"Host: localhost:80", target=b"http://localhost:81/health"), 400),
    "a target with a user": (get(HOST, target=b"http://me@localhost/health"), 400),
    "a target of another scheme": (get(HOST, target=b"file://localhost/etc/passwd"), 400),
    "a target without a host": (get(HOST, target=b"http:///health"), 400),
    "a target that is no path": (get(HOST, target=b"health"), 400),
    "a target with a fragment": (get(HOST, target=b"/health#x"), 400),
    "a target that is a star": (get(HOST, target=b"*"), 400),
    "a target with a byte over 127": (get(HOST, target=b"/\xff"), 400),
    "a target with a blank": (get(HOST, target=b"/health x"), 400),
    "a tunnel": (get(HOST, target=b"localhost:22", method=b"CONNECT"), 405),
    "a lower-case method": (get(HOST, method=b"get"), 400),
    "a method with digits": (get(HOST, method=b"G3T"), 400),
    "a method without end": (get(HOST, method=b"G" * 1000), 400),
    "HTTP/0.9": (b"GET /health\r\n", 400),
    "HTTP/0.9, and a host": (b"GET /health\r\nHost: localhost\r\n\r\n", 400),
    "HTTP/1.2": (get(HOST, version=b"1.2"), 400),
    "HTTP/2.0": (get(HOST, version=b"2.0"), 400),
    "HTTP/3.0": (get(HOST, version=b"3.0"), 400),
    "HTTP in lower case": (b"GET /health http/1.1\r\nHost: localhost\r\n\r\n", 400),
    "a header that goes on": (get(HOST, b"X-One: a\r\n b"), 400),
    "a header that goes on with a tab": (get(HOST, b"X-One: a\r\n\tb"), 400),
    "the first header goes on": (get(b" Host: localhost"), 400),
    "line feeds alone": (b"GET /health HTTP/1.1\nHost: localhost\n\n", 400),
    "one line feed alone": (get(HOST, b"X-One: a\nX-Two: b"), 400),
    "one carriage return alone": (get(HOST, b"X-One: a\rX-Two: b"), 400),
    "a NUL": (get(HOST, b"X-One: a\0b"), 400),
    "an escape": (get(HOST, b"X-One: a\x1b[2Jb"), 400),
    "a header without a name": (get(HOST, b": a"), 400),
    "a header without a colon": (get(HOST, b"X-One"), 400),
    "a name with a blank": (get(HOST, b"X One: a"), 400),
    "a name with a byte over 127": (get(HOST, b"X-\xff: a"), 400),
    "an empty line first": (b"\n" + get(HOST), 400),
    "too many headers": (get(HOST, *[b"a: b"] * HEADER_LINES), 431),
    "one header too long": (get(HOST, b"a: " + b"b" * HEAD_BYTES), 431),
    "a head without end": (b"GET /" + b"a" * HEAD_BYTES * 2, 431),
    "TLS": (bytes.fromhex("16030100c4010000c00303") + b"\0" * 100, 400),
    "noise": (b"\xff\xfe\xfd" * 100 + b"\r\n\r\n", 400),
    "a chunk without a size": (get(HOST, CHUNKED, method=b"POST", target=b"/api/graphs") + b"x\r\n", 400),
    "a chunk with a sign": (get(HOST, CHUNKED, method=b"POST", target=b"/api/graphs") + b"-1\r\n", 400),
    "a chunk with a long size": (
        get(HOST, CHUNKED, method=b"POST", target=b"/api/graphs") + b"0" * 21 + b"1\r\n",
        400,
    ),
    "a chunk with another end": (
        get(HOST, CHUNKED, method=b"POST", target=b"/api/graphs") + b"1\r\na\n\n0\r\n\r\n",
        400,
    ),
    "a chunk with a hidden line": (
        get(HOST, CHUNKED, method=b"POST", target=b"/api/graphs") + b"1;\rx\r\na\r\n0\r\n\r\n",
        400,
    ),
    "an extension without end": (
        get(HOST, CHUNKED, method=b"POST", target=b"/api/graphs") + b"1;" + b"x" * CHUNK_EXTENSION_BYTES * 2,
        413,
    ),
    "many extensions": (
        get(HOST, CHUNKED, method=b"POST", target=b"/api/graphs") + (b"1;" + b"x" * 1000 + b"\r\n \r\n") * 8,
        413,
    ),
    "trailers without end": (
        get(HOST, CHUNKED, method=b"POST", target=b"/api/graphs") + b"0\r\n" + b"a: b\r\n" * HEAD_BYTES,
        431,
    ),
    "many trailers": (
        get(HOST, CHUNKED, method=b"POST", target=b"/api/graphs") + b"0\r\n" + b"a: b\r\n" * 200 + b"\r\n",
        431,
    ),
}


@pytest.mark.parametrize("name", MALFORMED)
def test_what_can_be_read_in_two_ways_is_refused_and_the_connection_ends(name: str, process: Process) -> None:
    """One reply, which says why; the request that was smuggled behind it is never answered."""
    content, status = MALFORMED[name]
    received = talk(process, content + SECRET)
    assert statuses(received) == [status], received
    head, _, body = received.partition(b"\r\n\r\n")
    assert b"connection: close" in head.lower()
    answer = json.loads(body)
    assert answer["code"].startswith("http.")
    assert len(answer["error"]) < 500


def test_a_head_request_is_refused_without_a_body(process: Process) -> None:
    """The reply to HEAD has none, a refusal neither."""
    received = talk(process, get(b"Host: a b", method=b"HEAD"))
    assert statuses(received) == [400]
    assert received.endswith(b"\r\n\r\n")


GOOD: dict[str, tuple[bytes, int]] = {
    "a path": (get(HOST), 200),
    "a host with a port": (get(b"Host: localhost:5006"), 200),
    "an address": (get(b"Host: [::1]:5006"), 200),
    "a URL": (get(HOST, target=b"http://localhost/health"), 200),
    "a URL in capitals": (get(HOST, target=b"HTTP://LOCALHOST:80/health"), 200),
    "a URL of TLS": (get(b"Host: localhost:443", target=b"https://localhost/health"), 200),
    "a URL with a query": (get(HOST, target=b"http://localhost/api/graphs?limit=x"), 400),
    "a URL without a path": (get(HOST, target=b"http://localhost"), 302),
    "a star": (get(HOST, target=b"*", method=b"OPTIONS"), 404),
    "HTTP/1.0": (get(version=b"1.0"), 200),
    "HTTP/1.0 and a URL": (get(target=b"http://localhost/health", version=b"1.0"), 200),
    "an unknown method": (get(HOST, method=b"BREW"), 405),
    "a null in the path": (get(HOST, target=b"/api/%00"), 404),
    "a slash in the path": (get(HOST, target=b"/api%2Fgraphs"), 200),
    "no UTF-8 in the path": (get(HOST, target=b"/api/%ff%c0%af"), 404),
    "many parameters": (get(HOST, target=b"/docs?" + b"&".join([b"a=b"] * 3000)), 200),
    "many parameters that nobody knows": (get(HOST, target=b"/api/graphs?" + b"&".join([b"a=b"] * 3000)), 400),
    "as many headers as may be": (get(HOST, *[b"a: b"] * (HEADER_LINES - 2)), 200),
    "many cookies": (get(HOST, b"Cookie: " + b"a=b; " * 2500, target=b"/api/graphs"), 200),
    "a quoted cookie without end": (get(HOST, b'Cookie: a="' + b"\\" * 12_000, target=b"/api/graphs"), 200),
    "many types": (get(HOST, b"Accept: " + b"a/b;q=0.1," * 1200, target=b"/api/graphs"), 200),
    "many ranges": (get(HOST, b"Range: bytes=" + b"0-1," * 3000, target=b"/docs"), 200),
    "many languages": (get(HOST, b"Accept-Language: " + b"a-b;q=0.1," * 1200, target=b"/docs"), 200),
    "trailers": (get(HOST, CHUNKED, method=b"POST", target=b"/api/graphs") + b"1\r\n{\r\n0\r\nA: b\r\n\r\n", 400),
    "an extension": (get(HOST, CHUNKED, method=b"POST", target=b"/api/graphs") + b"1;a=b\r\n{\r\n0\r\n\r\n", 400),
}


@pytest.mark.parametrize("name", GOOD)
def test_what_has_one_reading_is_served(name: str, process: Process) -> None:
    """Unusual is not malformed: each of these is a request, and the connection goes on after it where it may."""
    content, status = GOOD[name]
    is_last = b" HTTP/1.0\r\n" in content
    received = talk(process, content + (b"" if is_last else get(HOST, b"Connection: close")))
    assert statuses(received) == [status] + ([] if is_last else [200]), received


def test_an_upgrade_to_http_2_is_ignored(process: Process) -> None:
    """The request is answered in HTTP/1.1, and what follows is read as HTTP/1.1."""
    upgrade = get(HOST, b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c", b"HTTP2-Settings: AAMAAABk")
    received = talk(process, upgrade + get(HOST, b"Connection: close"))
    assert statuses(received) == [200, 200]
    assert b"101" not in received.partition(b"\r\n")[0]


def test_http_2_without_asking_is_refused(process: Process) -> None:
    """A client that begins in HTTP/2 hears in HTTP/1.1 that it is not served, and no stream of it is opened."""
    client = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True))
    client.initiate_connection()
    for _ in range(100):
        stream = client.get_next_available_stream_id()
        client.send_headers(
            stream, [(":method", "GET"), (":path", "/health"), (":scheme", "http"), (":authority", "localhost")]
        )
        client.reset_stream(stream)
    received = talk(process, client.data_to_send())
    assert statuses(received) == [400]
    assert json.loads(received.partition(b"\r\n\r\n")[2])["code"] == "http.version"


PIECES = [
    *[content for content, _ in (*MALFORMED.values(), *GOOD.values()) if len(content) < 500],
    b"\r\n",
    b"\n",
    b"\0",
    b" ",
    b"0\r\n\r\n",
    b"\x81\x82\0\0\0\x0040",
]


@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.lists(st.sampled_from(PIECES) | st.binary(max_size=20), max_size=6), cut=st.integers(0, 400))
def test_no_bytes_at_all_bring_a_500_or_an_error_in_the_log(
    content: list[bytes], cut: int, process: Process
) -> None:
    """Requests good and bad, cut and joined anyhow: every reply is a refusal or an answer, and the end comes."""
    whole = b"".join(content)
    end = get(HOST, b"Connection: close")
    for status in statuses(talk_and_leave(process, whole[:cut] + whole[cut:] + end)):
        assert status < 500 or status == 501


def talk_and_leave(process: Process, content: bytes) -> bytes:
    """Send bytes, and say that no more come; all that comes back."""
    host, _, port = process.url.removeprefix("http://").rpartition(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        received = b""
        try:
            connection.sendall(content)
            connection.shutdown(socket.SHUT_WR)
            while chunk := connection.recv(65536):
                received += chunk
        except ConnectionError:
            pass
        return received
