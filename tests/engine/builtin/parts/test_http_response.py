import base64
import contextlib
import gzip
import zlib
from typing import Any

import httpx
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.builtin.parts.http_refusal import HttpResponseError
from engine.builtin.parts.http_response import COPIES, DATA_LIMIT_BYTES, read_answer
from engine.memory.ledger import Account, Ledger
from proto.codec import encode
from tests.attacks.steps import measured_steps
from tests.engine.builtin.harness import JSON_VALUES, run


def _in_layers(layers: int) -> bytes:
    """JSON that is compressed so many times."""
    body = b'{"a":1}'
    for _ in range(layers):
        body = gzip.compress(body, mtime=0)
    return body


async def read(body: bytes, *, limit: int = 10_000, **headers: str) -> Any:
    """The data of a response with this body."""
    return (await answer(body, limit=limit, **headers))["data"]


async def answer(body: bytes, *, limit: int = 10_000, **headers: str) -> Any:
    """The value that is made of a response with this body."""
    response = httpx.Response(
        200,
        headers={name.replace("_", "-"): value for name, value in headers.items()},
        stream=httpx.ByteStream(body),
        request=httpx.Request("GET", "http://user:secret@host/x#y"),
    )
    value = msgspec.json.decode(encode(await read_answer(response, limit)))
    assert value["url"] == "http://host/x"
    return value


@pytest.mark.parametrize(
    ("content_type", "data"),
    [
        ("application/json", {"a": 1}),
        ("APPLICATION/JSON; charset=utf-8", {"a": 1}),
        ("text/json", {"a": 1}),
        ("application/problem+json", {"a": 1}),
        ("text/plain", '{"a":1}'),
        ("application/jsonlines", '{"a":1}'),
        ("", '{"a":1}'),
    ],
)
async def test_json_types_are_parsed(content_type: str, data: Any) -> None:
    """A body is JSON where its type says so, and a string otherwise."""
    assert await read(b'{"a":1}', content_type=content_type) == data


async def test_no_body_is_null() -> None:
    """An answer without a body has null for data, whatever its type."""
    assert await read(b"", content_type="application/json", content_encoding="gzip") is None


@pytest.mark.parametrize("body", [b"{", b"\xff", b'"\xff"', b"[" * 500 + b"]" * 500, b"{} {}", b'"\\ud8"'])
async def test_false_json_is_refused(body: bytes) -> None:
    """What says it is JSON and is not, or is nested too deeply, is refused."""
    with pytest.raises(HttpResponseError, match="says it is JSON but is not") as caught:
        await read(body, content_type="application/json")
    assert caught.value.name == "HttpInvalidResponse"


async def test_byte_order_mark_is_tolerated() -> None:
    """A mark before JSON, which some servers send, is skipped."""
    assert await read(b"\xef\xbb\xbf[1]", content_type="application/json") == [1]


@pytest.mark.parametrize(
    ("charset", "body"),
    [
        ("iso-8859-1", b"\xe9"),
        ('"windows-1252"', b"\xe9"),
        ("UTF-16", "\u00e9".encode("utf-16")),
        ("gbk", b"\xa8\xa6"),
        ("gb2312", b"\xa8\xa6"),
        ("ISO-8859-2", b"\xe9"),
        ("windows-1250", b"\xe9"),
        ("windows-1257", b"\xe9"),
        ("macintosh", b"\x8e"),
        ("us-ascii", b"\xc3\xa9"),
        ("windows-1252", b"\xef\xbb\xbf\xc3\xa9"),
        ("unheard-of", b"\xc3\xa9"),
        ("punycode", b"\xc3\xa9"),
        ("\x00", b"\xc3\xa9"),
    ],
)
async def test_common_charsets_are_decoded(charset: str, body: bytes) -> None:
    """Text is decoded by its common character set, and by UTF-8 where the set is unknown or costly."""
    assert await read(body, content_type=f"text/plain; format=flowed; charset={charset}") == "\u00e9"


@pytest.mark.parametrize(
    ("charset", "body"),
    [
        ("", '{"a":"\u6a21\u00e9"}'.encode("utf-16-le")),
        ("", '{"a":"\u6a21\u00e9"}'.encode("utf-16-be")),
        ("", '{"a":"\u6a21\u00e9"}'.encode("utf-16")),
        ("", '{"a":"\u6a21\u00e9"}'.encode("utf-32-le")),
        ("", '{"a":"\u6a21\u00e9"}'.encode("utf-32-be")),
        ("utf-16", '{"a":"\u6a21\u00e9"}'.encode("utf-16-be")),
        ("gb18030", '{"a":"\u6a21\u00e9"}'.encode("gb18030")),
        ("iso-8859-1", '{"a":"\u6a21\u00e9"}'.encode()),
        ("iso-8859-1", b"\xef\xbb\xbf" + '{"a":"\u6a21\u00e9"}'.encode()),
    ],
)
async def test_json_is_read_in_its_character_set(charset: str, body: bytes) -> None:
    """By its mark or its zeros, as it is declared, or as UTF-8 where a declaration of one byte is a mistake."""
    found = await read(body, content_type=f"application/json; charset={charset}")
    assert found == {"a": "\u6a21\u00e9"}


@pytest.mark.parametrize(
    ("charset", "body", "text"),
    [
        ("windows-1250", b'"\x8aumava \xb3"', "\u0160umava \u0142"),
        ("gbk", b'"\xc4\xa3"', "\u6a21"),
        ("iso-8859-2", b'"\xb1\xe6"', "\u0105\u0107"),
    ],
)
async def test_json_is_read_as_it_is_declared(charset: str, body: bytes, text: str) -> None:
    """Also where bytes of a set of several bytes happen to be UTF-8."""
    assert await read(body, content_type=f"application/json; charset={charset}") == text


BINARY = b"\x89PNG\r\n\x1a\n\x00\xff"


@pytest.mark.parametrize(
    ("content_type", "body", "is_binary"),
    [
        ("image/png", BINARY, True),
        ("image/png", b"plain", True),
        ("application/octet-stream", BINARY, True),
        ("application/x-protobuf", b"\x00\x01", True),
        ("", BINARY, True),
        ("application/octet-stream", b"plain", False),
        ("image/svg+xml", b"<svg/>", False),
        ("", b"plain", False),
    ],
)
async def test_binary_bodies_are_base64(content_type: str, body: bytes, is_binary: bool) -> None:
    """What is no text leaves whole, in base64, and says so; what is text does not say so."""
    found = await answer(body, content_type=content_type)
    assert found["data"] == found["body"] == (base64.b64encode(body).decode() if is_binary else body.decode())
    assert found.get("encoding") == ("base64" if is_binary else None)


async def test_large_binary_bodies_are_whole() -> None:
    """They are put into base64 piece by piece, and can be read back in one."""
    body = bytes(range(256)) * 4_000
    assert base64.b64decode(await read(body, limit=2_000_000, content_type="image/png"), validate=True) == body


async def test_wrong_text_is_marked() -> None:
    """Bytes that are no text become replacement characters, where the server says that it is text."""
    for content_type in ("text/plain", "application/xml", "image/svg+xml", "application/x; charset=utf-8"):
        assert await read(b"a\xffb", content_type=content_type) == "a\ufffdb"


async def test_gzip_is_inflated() -> None:
    """A compressed body is read as if it were not."""
    body = gzip.compress(b'{"a":1}', mtime=0)
    assert await read(body, content_type="application/json", content_encoding="GZip") == {"a": 1}


@pytest.mark.parametrize(
    ("body", "encoding"),
    [
        (gzip.compress(b'{"a":', mtime=0) + gzip.compress(b"1}", mtime=0), "gzip"),
        (
            gzip.compress(b'{"a":', mtime=0)
            + gzip.compress(b"", mtime=0)
            + gzip.compress(b"1}", mtime=0)
            + bytes(512),
            "gzip",
        ),
        (_in_layers(2), "gzip, x-gzip"),
        (_in_layers(3), "gzip, gzip, gzip"),
        (gzip.compress(b'{"a":1}', mtime=0), "utf-8, GZIP"),
        (zlib.compress(b'{"a":1}'), "deflate"),
        (zlib.compress(b'{"a":1}')[2:-4], "deflate"),
        (gzip.compress(zlib.compress(b'{"a":1}'), mtime=0), "deflate, gzip"),
        (b'{"a":1}', "utf-8"),
        (b'{"a":1}', "none"),
        (b'{"a":1}', "identity"),
        (b'{"a":1}', "UTF8, binary"),
    ],
)
async def test_encodings_are_undone_where_they_are_some(body: bytes, encoding: str) -> None:
    """Several members and layers of gzip are read to their end; words that name no encoding say nothing."""
    assert await read(body, content_type="application/json", content_encoding=encoding) == {"a": 1}


async def test_inflation_is_bounded() -> None:
    """A small body that inflates beyond the limit is refused."""
    with pytest.raises(HttpResponseError, match="larger than 10000 bytes") as caught:
        await read(gzip.compress(bytes(1_000_000)), content_encoding="gzip")
    assert caught.value.name == "HttpResponseTooLarge"


@pytest.mark.parametrize(
    ("body", "encoding"),
    [
        (b"plain", "gzip"),
        (gzip.compress(b"x" * 100, mtime=0)[:-9], "gzip"),
        (gzip.compress(b"one", mtime=0) + b"two", "gzip"),
        (gzip.compress(b"one", mtime=0) + gzip.compress(b"two", mtime=0)[:-1], "gzip"),
        (bytes(10), "gzip"),
        (b"plain", "deflate"),
        (zlib.compress(b"x") + b"y", "deflate"),
        (zlib.compress(b"x" * 100)[:-5], "deflate"),
        (_in_layers(4), "gzip, gzip, gzip, gzip"),
    ],
)
async def test_other_encodings_are_refused(body: bytes, encoding: str) -> None:
    """What is not one whole gzip stream is refused rather than read in part."""
    with pytest.raises(HttpResponseError) as caught:
        await read(body, content_encoding=encoding)
    assert caught.value.name == "HttpInvalidResponse"


async def test_text_that_grows_as_json_is_bounded() -> None:
    """A body whose JSON text would be larger than the engine carries is refused."""
    with pytest.raises(HttpResponseError, match="larger than"):
        await read(b"\x01" * (DATA_LIMIT_BYTES // 5), limit=DATA_LIMIT_BYTES)


async def test_repeated_headers_are_joined() -> None:
    """Headers that come twice are one, separated by a comma."""
    response = httpx.Response(
        200,
        headers=[("X-A", "1"), ("x-a", "2")],
        stream=httpx.ByteStream(b""),
        request=httpx.Request("GET", "http://host"),
    )
    assert (await read_answer(response, 0)).headers == {"x-a": "1, 2"}


@pytest.mark.parametrize("cookies", [["a=1; Expires=Tue, 01 Dec 2026 00:00:00 GMT", "b=2"], ["a=1"]])
async def test_set_cookie_is_an_array(cookies: list[str]) -> None:
    """Cookies may have commas within: they are not joined, and a single one is no other kind of value."""
    response = httpx.Response(
        200,
        headers=[("Set-Cookie", cookie) for cookie in cookies],
        stream=httpx.ByteStream(b""),
        request=httpx.Request("GET", "http://host"),
    )
    assert (await read_answer(response, 0)).headers == {"set-cookie": cookies}


@given(st.binary(max_size=200), st.sampled_from(["application/json", "text/plain; charset=shift_jis", ""]))
def test_any_body_is_read_or_refused(body: bytes, content_type: str) -> None:
    """Whatever comes, the emitted value is JSON, or the one documented error is raised."""

    async def attempt() -> bool:
        try:
            await read(body, content_type=content_type)
        except HttpResponseError:
            return content_type == "application/json"
        return True

    assert run(attempt)


@given(JSON_VALUES)
def test_json_arrives_as_sent(value: Any) -> None:
    """A JSON body is what the emitted value holds."""

    async def body() -> Any:
        return await read(encode(value), content_type="application/json")

    assert encode(run(body)) == encode(value)


async def test_what_inflates_much_is_read_in_full() -> None:
    """A body that is far larger than what came is inflated piece by piece, to its last byte."""
    plain = b"x" * 3_000_001
    assert await read(gzip.compress(plain), limit=4_000_000, content_encoding="gzip") == plain.decode()


@pytest.mark.parametrize("kind", ["brackets", "text", "gzip", "members", "padding", "wide", "picture"])
async def test_a_large_answer_keeps_nobody_waiting(kind: str) -> None:
    """Whatever a server sends, it is looked at in slices."""
    body = {
        "brackets": b"[" * 201 + b'\\"' * 6_000,
        "text": "大".encode("gb18030") * 3_000_000,
        "gzip": gzip.compress(b"[" + b"[]," * 2_000_000 + b"[]]"),
        "members": gzip.compress(b"", mtime=0) * 100_000,
        "padding": gzip.compress(b"x", mtime=0) + bytes(7_000_000),
        "wide": ('"' + "\u00e9" * 1_900_000 + '"').encode("utf-32"),
        "picture": b"\xff" * 7_000_000,
    }[kind]
    headers: dict[str, Any] = {
        "brackets": {"content_type": "application/json"},
        "text": {"content_type": "text/plain; charset=gb18030"},
        "gzip": {"content_type": "application/json", "content_encoding": "gzip"},
        "members": {"content_encoding": "gzip"},
        "padding": {"content_encoding": "gzip"},
        "wide": {"content_type": "application/json"},
        "picture": {"content_type": "image/png"},
    }[kind]
    with measured_steps() as steps, contextlib.suppress(HttpResponseError):
        await read(body, limit=8_000_000, **headers)
    assert steps.longest_seconds < 0.045


@pytest.mark.parametrize("encoding", ["identity", "gzip"])
async def test_an_answer_is_charged_while_it_is_read(encoding: str) -> None:
    """With all its copies, and before it is inflated; where there is no memory, the request is an error."""
    ledger = Ledger(process_bytes=0, owner_bytes=100_000)
    roomy = Ledger(process_bytes=0, owner_bytes=0)
    body = b'"' + b"x" * 30_000 + b'"'
    sent = gzip.compress(body) if encoding == "gzip" else body

    async def read_charged(account: Account) -> None:
        headers = {"content-type": "application/json", "content-encoding": encoding}
        request = httpx.Request("GET", "http://host/x")
        response = httpx.Response(200, headers=headers, stream=httpx.ByteStream(sent), request=request)
        await read_answer(response, 50_000, account)

    with pytest.raises(HttpResponseError, match="ORG_MAX_MEMORY_BYTES") as caught:
        await read_charged(ledger.account("a"))
    assert caught.value.name == "MemoryBoundError"
    account = roomy.account("a")
    await read_charged(account)
    assert account.held("requests") >= COPIES * 30_000
