"""Files of recordings that are small as bytes and large once they are read: taken in in slices, or refused.

Each goes over a socket to a real service, and what was taken in is read again by every route.
"""

import hashlib
import struct
from collections.abc import Iterable

import msgspec
import pytest

from engine.journal.foreign import ENTRIES_LIMIT
from engine.journal.head import Head, RecordedEdge, RecordedNode, encode_head
from engine.journal.records import digest_of, encode_chunk
from tests.attacks.test_json_bodies import watched_service

HEAD = Head(
    execution_id="e",
    graph_id="g",
    graph={"name": "n"},
    graph_version=1,
    level="full",
    began_ms=1,
    is_from_start=True,
    seed=1,
    parameters={},
    components=(),
    lacking=(),
    nodes=(RecordedNode("a", "c", ("in",), ("out",)), RecordedNode("b", "c", ("in",), ("out",))),
    edges=(RecordedEdge((0, 0), (1, 0)),),
)
MANY, FEW = 99_000, 10_000
LARGE = b"[" + b"1," * 4_000_000 + b"1]"
DIGEST = digest_of(LARGE)
NESTED = b"[" * 9_000
OCTETS = {"Content-Type": "application/octet-stream"}


def file_of(chunks: Iterable[bytes], head: Head = HEAD) -> bytes:
    parts = [b"SYMBIA-RECORDING 1\n"]
    for kind, body in ((b"H", encode_head(head)), *((b"C", chunk) for chunk in chunks)):
        parts.append(struct.pack("<cI", kind, len(body)) + body)
    content = b"".join(parts)
    return content + struct.pack("<cI", b"E", 32) + hashlib.sha256(content).digest()


def emitted(number: int, cause: int) -> object:
    return (2, number, 0.0, 0, 0, 0, cause, b"1", 0)


TAKEN = {
    "invocations": [encode_chunk([(3, 1 + part * MANY, 0.0, 0, [1] * MANY) for part in range(3)])],
    "values made of all others": [
        *[
            encode_chunk([(1, 0.0, [(0, (0, b"1", number, -1, 0)) for number in range(first, first + FEW)])])
            for first in range(1, MANY, FEW)
        ],
        encode_chunk([(12, 2 * MANY, 0.0, 0, 1, MANY, list(range(1, MANY)))]),
        *[
            encode_chunk([emitted(number, 2 * MANY) for number in range(first, first + FEW)])
            for first in range(2 * MANY + 1, 3 * MANY, FEW)
        ],
    ],
    "lists of numbers": [
        encode_chunk([(11, 1 + number, 0.0, list(range(MANY)))]) for number in range(20)
    ],
    "texts": [encode_chunk([(9, 1, 0.0, "x" * 10_000_000)])],
    "one value ten thousand times": [
        encode_chunk([(0, DIGEST, LARGE)]),
        encode_chunk([(2, number, 0.0, 0, 0, 0, 0, DIGEST, 0) for number in range(1, 10_000)]),
    ],
    "small chunks": [encode_chunk([(9, number, 0.0, "")]) for number in range(1, 5_000)],
}  # fmt: skip


@pytest.mark.parametrize("name", TAKEN)
async def test_what_is_taken_in_is_read_in_slices(name: str) -> None:
    """Nobody waits for it, whoever asks for a page of it, or for what came of what."""
    async with watched_service() as (service, _):
        reply = await service.client.post(
            "/api/recordings", content=file_of(TAKEN[name]), headers=OCTETS, timeout=60
        )
        assert reply.status_code == 201, reply.text
        summary = reply.json()
        path = f"/api/recordings/{summary['id']}"
        page = await service.client.get(f"{path}/history", params={"limit": 1000}, timeout=60)
        assert page.status_code == 200
        assert len(page.content) < 6_000_000
        await service.client.get(f"{path}/history", params={"from": summary["last"]}, timeout=60)
        lineage = f"/api/executions/{summary['id']}/messages/{summary['last']}/lineage"
        assert (await service.client.get(lineage, timeout=60)).status_code in {200, 404}
        assert (await service.client.delete(path)).status_code == 204


REFUSED = {
    "a list of numbers": ([encode_chunk([(3, 1, 0.0, 0, [1] * (ENTRIES_LIMIT + 1))])], "a chunk cannot be read"),
    "a large chunk of small things": (
        [encode_chunk([(3, 1, 0.0, 0, [1] * 60_000)] * 100)],
        "more than 100,000 entries",
    ),
    "empty chunks": ([b""] * 100_000, "none of them is empty"),
    "no JSON": ([encode_chunk([(2, 1, 0.0, 0, 0, 0, 0, b"{", 0)])], "a value in it is refused"),
    "no UTF-8": ([encode_chunk([(2, 1, 0.0, 0, 0, 0, 0, b'"\xff"', 0)])], "a value in it is refused"),
    "nesting": ([encode_chunk([(2, 1, 0.0, 0, 0, 0, 0, NESTED + b"]" * 9000, 0)])], "a value in it is refused"),
    "a large value that is no JSON": (
        [encode_chunk([(0, digest_of(NESTED), NESTED)])],
        "a value in it is refused",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
async def test_what_would_become_too_much_is_refused(name: str) -> None:
    """With one sentence, and nothing of it is kept."""
    chunks, complaint = REFUSED[name]
    async with watched_service() as (service, _):
        reply = await service.client.post("/api/recordings", content=file_of(chunks), headers=OCTETS, timeout=60)
        assert (reply.status_code, reply.json()["code"]) == (400, "recording.invalid")
        assert complaint in reply.json()["error"]
        assert (await service.client.get("/api/recordings")).json()["total"] == 0


async def test_a_head_at_its_bounds_is_read_in_slices() -> None:
    """As large as may be: nodes, edges and values."""
    ports = tuple([str(number) for number in range(80)])
    nodes = tuple([RecordedNode(str(number), "c", ports, ports) for number in range(1000)])
    edges = tuple([RecordedEdge((number % 1000, 0), (number % 1000, 1)) for number in range(15_000)])
    graph = {"name": "n", "metadata": [[]] * 30_000}
    head = msgspec.structs.replace(HEAD, nodes=nodes, edges=edges, graph=graph)
    async with watched_service() as (service, _):
        reply = await service.client.post(
            "/api/recordings", content=file_of([encode_chunk([(9, 1, 0.0, "")])], head), headers=OCTETS, timeout=60
        )
        assert reply.status_code == 201, reply.text
