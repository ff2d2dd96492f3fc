"""Compressed bodies: decoded in pieces, within the bounds of all bodies."""

import gzip
import json
import zlib
from collections.abc import AsyncIterator, Callable

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

from service.asgi.inflated_body import PIECE_BYTES, Inflater
from service.problems import UnreadableBodyError
from tests.service.chosen import settings_with
from tests.service.serving import Service, open_service, single

PASS = single("symbia.core.passthrough")


def raw_deflate(data: bytes) -> bytes:
    maker = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return maker.compress(data) + maker.flush()


FORMS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "x-gzip": gzip.compress,
    "deflate": zlib.compress,
}


def inflated(encoding: str, *pieces: bytes) -> bytes:
    """All that a decoder makes of compressed pieces; none of its own is larger than it may be."""
    inflater = Inflater(encoding)
    decoded = []
    for piece in pieces:
        inflater.feed(piece)
        while (part := inflater.piece()) is not None:
            assert len(part) <= PIECE_BYTES
            decoded.append(part)
    inflater.end()
    return b"".join(decoded)


@given(st.binary(max_size=300), st.integers(1, 2_000), st.sampled_from(["gzip", "deflate", "raw"]), st.data())
def test_what_was_compressed_comes_out(data: bytes, times: int, form: str, draw: st.DataObject) -> None:
    """In whatever pieces it comes, and in either of the forms that are called deflate."""
    compressed = (raw_deflate if form == "raw" else FORMS[form])(data * times)
    cut = draw.draw(st.integers(0, len(compressed)))
    encoding = "deflate" if form == "raw" else form
    assert inflated(encoding, compressed[:cut], compressed[cut:]) == data * times


def test_a_file_of_several_members_is_one_body() -> None:
    """As tools make it that append (RFC 1952, section 2.2)."""
    assert inflated("gzip", gzip.compress(b"a") + gzip.compress(b"") + gzip.compress(b"b")) == b"ab"


@pytest.mark.parametrize(
    ("encoding", "pieces", "what"),
    [
        ("gzip", [b"{}"], "no such thing"),
        ("gzip", [gzip.compress(b"a" * 1_000)[:-4]], "breaks off"),
        ("gzip", [gzip.compress(b"a"), b"more"], "no such thing"),
        ("deflate", [zlib.compress(b"a"), b"more"], "goes on"),
        ("deflate", [b"\xff" * 100], "no such thing"),
    ],
)
def test_what_is_no_such_format_is_an_error(encoding: str, pieces: list[bytes], what: str) -> None:
    """It says what is wrong; nothing is passed on as if it were whole."""
    with pytest.raises(UnreadableBodyError, match=what):
        inflated(encoding, *pieces)


def message(value: object) -> bytes:
    return json.dumps({"nodeId": "only", "port": "in", "value": value}).encode()


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "GZIP", "identity, gzip"])
async def test_a_compressed_body_is_taken_as_any_other(encoding: str) -> None:
    """One message, a stream of lines, and a graph."""
    async with open_service() as service:
        compress = FORMS[encoding.lower().removeprefix("identity, ")]
        headers = {"Content-Encoding": encoding, "Content-Type": "application/json"}
        loaded = await service.client.post(
            "/api/graphs", content=compress(json.dumps(PASS).encode()), headers=headers
        )
        assert loaded.status_code == 201, loaded.text
        execution = await service.start(PASS, completion="manual")
        path = f"/api/executions/{execution}/inject"
        one = await service.client.post(f"{path}?wait=5000", content=compress(message("x" * 9)), headers=headers)
        assert one.json()["outputs"]["only:out"]["value"] == "x" * 9, one.text
        lines = compress(b"\n".join(message(number) for number in range(10_000)))
        streamed = await service.client.post(
            path, content=lines, headers={**headers, "Content-Type": "application/x-ndjson"}
        )
        assert streamed.json()["accepted"] == 10_000, streamed.text


@pytest.mark.parametrize("encoding", ["br", "zstd", "gzip, gzip", "compress", "x" * 1_000])
async def test_another_encoding_is_refused_with_those_that_are_taken(encoding: str) -> None:
    """415, and not a complaint about what the bytes look like."""
    async with open_service() as service:
        reply = await service.client.post("/api/graphs", content=b"x", headers={"Content-Encoding": encoding})
        assert (reply.status_code, reply.json()["code"]) == (415, "body.unsupported_encoding")
        assert reply.headers["Accept-Encoding"] == "gzip, deflate"
        assert len(reply.content) < 300


@pytest.mark.parametrize("kind", ["application/json", "application/x-ndjson"])
async def test_a_body_that_breaks_off_is_refused(kind: str) -> None:
    """The sentence says that it is the encoding; of a stream it says what was taken in before."""
    async with open_service() as service:
        execution = await service.start(PASS, completion="manual")
        reply = await service.client.post(
            f"/api/executions/{execution}/inject",
            content=gzip.compress(message(1) * 3)[:-9],
            headers={"Content-Encoding": "gzip", "Content-Type": kind},
        )
        assert (reply.status_code, reply.json()["code"]) == (400, "body.unreadable")
        assert "breaks off" in reply.json()["error"]


async def bomb(megabytes: int) -> AsyncIterator[bytes]:
    """Very much white space in very few bytes."""
    maker = zlib.compressobj(9, wbits=zlib.MAX_WBITS | 16)
    for _ in range(megabytes):
        yield maker.compress(b" " * 2**20)
    yield maker.flush()


async def test_a_small_body_that_becomes_a_large_one_is_refused_by_its_size() -> None:
    """A hundred megabytes of spaces are refused, when they are too many; others are answered meanwhile."""
    async with open_service(settings_with(max_body_bytes=2_000_000)) as service:
        content = b"".join([piece async for piece in bomb(100)])
        assert len(content) < 200_000

        async def others(service: Service) -> None:
            for _ in range(20):
                assert (await service.client.get("/health")).status_code == 200

        async with trio.open_nursery() as nursery:
            nursery.start_soon(others, service)
            reply = await service.client.post(
                "/api/graphs",
                content=content,
                headers={"Content-Encoding": "gzip", "Content-Type": "application/json"},
            )
        assert (reply.status_code, reply.json()["code"]) == (413, "body.too_large")
