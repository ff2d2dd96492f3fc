"""A head that is taken has one reading: a path, a host that is one, and one way to tell where the body ends."""

import re

import h11
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.asgi.request_head import HeadFault, check_head, is_host
from service.asgi.strict_buffer import StrictBuffer


def read(content: bytes) -> h11.Request | HeadFault:
    """What comes of the bytes of a head."""
    connection = h11.Connection(h11.SERVER)
    connection._receive_buffer = StrictBuffer()
    connection.receive_data(content)
    event = connection.next_event()
    assert isinstance(event, h11.Request)
    return check_head(event)


def head(target: bytes, *headers: bytes, method: bytes = b"GET", version: bytes = b"1.1") -> bytes:
    """A head."""
    return b"\r\n".join([method + b" " + target + b" HTTP/" + version, *headers, b"", b""])


@pytest.mark.parametrize(
    ("target", "host", "path"),
    [
        (b"/a?b", b"x", b"/a?b"),
        (b"http://x/a?b", b"x", b"/a?b"),
        (b"http://x?b", b"x", b"/?b"),
        (b"http://x", b"X.", b"/"),
        (b"HTTPS://x:443//a", b"x", b"//a"),
        (b"http://[::1]:5006/a", b"[::1]:5006", b"/a"),
        (b"http://x:/a", b"x:80", b"/a"),
    ],
)
def test_a_url_that_agrees_with_its_host_is_a_path(target: bytes, host: bytes, path: bytes) -> None:
    """What comes after this sees paths only, whatever the form of the target was; and every header still."""
    found = read(head(target, b"Host: " + host, b"X-One: a"))
    assert isinstance(found, h11.Request)
    assert found.target == path
    assert list(found.headers) == [(b"host", host), (b"x-one", b"a")]


def test_the_host_of_an_old_request_is_that_of_its_url() -> None:
    """HTTP/1.0 needs no Host; where the target has one, it is found where hosts are looked for."""
    found = read(head(b"http://evil.example/a", version=b"1.0"))
    assert isinstance(found, h11.Request)
    assert (found.target, list(found.headers)) == (b"/a", [(b"host", b"evil.example")])


NAMES = st.sampled_from(
    [b"localhost", b"127.0.0.1", b"[::1]", b"a.example", b"[", b"]", b":", b"a@b", b"", b"a b"]
)
HOSTS = st.builds(b"".join, st.lists(NAMES | st.sampled_from([b":80", b":0", b":99999", b":x"]), max_size=3))


@given(HOSTS | st.binary(max_size=8))
def test_a_host_is_a_name_or_an_address_and_perhaps_a_port(text: bytes) -> None:
    """Nothing else in it: no user, no path, no blank, no control, no second colon outside of brackets."""
    if is_host(text):
        assert re.fullmatch(rb"(\[[0-9A-Fa-f:.]+\]|[^\s/?#@:\[\]\\]+)(:\d*)?", text)


TARGETS = st.sampled_from(
    [b"/", b"/a#b", b"*", b"a", b"http://", b"http://a.example/", b"ftp://localhost/", b"//a"]
)
HEADERS = st.sampled_from(
    [
        b"Host: localhost",
        b"Host: a.example",
        b"Content-Length: 3",
        b"Content-Length: 4",
        b"Transfer-Encoding: chunked",
    ]
)


@given(
    st.sampled_from([b"GET", b"get", b"CONNECT", b"OPTIONS", b"G-T"]),
    TARGETS | HOSTS.map(b"http://".__add__),
    st.sampled_from([b"1.0", b"1.1", b"1.2", b"2.0"]),
    st.lists(HEADERS, max_size=3),
)
def test_what_is_taken_has_one_reading(method: bytes, target: bytes, version: bytes, headers: list[bytes]) -> None:
    """Of all heads that h11 takes, those that are left are unambiguous; the others say what is wrong with them."""
    try:
        found = read(head(target, *headers, method=method, version=version))
    except h11.RemoteProtocolError:
        return
    if isinstance(found, HeadFault):
        assert 400 <= found.status < 500
        assert found.code.startswith("http.")
        assert found.message
        return
    names = [name for name, _ in found.headers]
    assert found.http_version in {b"1.0", b"1.1"}
    assert found.method.isupper()
    assert found.target.startswith(b"/") or (found.method, found.target) == (b"OPTIONS", b"*")
    assert b"#" not in found.target
    assert len({b"content-length", b"transfer-encoding"} & set(names)) <= 1
    assert names.count(b"host") == 1 or found.http_version == b"1.0"
