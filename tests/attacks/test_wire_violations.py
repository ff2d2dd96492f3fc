"""Clients that break the WebSocket protocol: each hears a Close frame with the right code, others nothing."""

from collections.abc import Iterator

import pytest
import trio

from service.websockets.meter import LITTLE_AT_ONCE
from tests.attacks.raw_websocket import KEY, LOST, connect, frame, opened, request, text
from tests.service.serving import Process, start_process

SOCKETIO = "/socket.io/?EIO=4&transport=websocket"
PATHS = ("/ws", SOCKETIO)
UNKNOWN = '{"event":"none","id":1}'


@pytest.fixture(scope="module")
def process() -> Iterator[Process]:
    """A service; at its end nothing may stand in its log that was no client's fault."""
    with start_process({"LOG_FORMAT": "json"}) as running:
        yield running
        status, log = running.end()
        assert status == 0
        assert "Traceback" not in log
        assert "exception" not in log
        assert "connection ended by an error" not in log


VIOLATIONS: dict[str, tuple[bytes, int]] = {
    **{f"reserved bit {bit:#x}": (frame(0x81 | bit, b"{}"), 1002) for bit in (0x10, 0x20, 0x40, 0x70)},
    **{f"reserved bit {bit:#x} of a ping": (frame(0x89 | bit), 1002) for bit in (0x10, 0x20, 0x40)},
    **{f"opcode {opcode}": (frame(0x80 | opcode), 1002) for opcode in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15)},
    "the first byte of an unknown opcode alone": (b"\x83", 1002),
    "unmasked text": (frame(0x81, b"{}", mask=None), 1002),
    "unmasked ping": (frame(0x89, mask=None), 1002),
    "unmasked close": (frame(0x88, b"\x03\xe8", mask=None), 1002),
    **{f"control frame {opcode} in pieces": (frame(opcode), 1002) for opcode in (8, 9, 10)},
    **{f"control frame {opcode} of 126 bytes": (frame(0x80 | opcode, b"x" * 126), 1002) for opcode in (8, 9, 10)},
    "control frame of 64 KiB": (frame(0x89, b"x" * 65_536), 1002),
    "the head of a control frame with a long length": (b"\x89\xfe", 1002),
    "continuation of nothing": (frame(0x80, b"x"), 1002),
    "piece of a continuation of nothing": (frame(0x00, b"x"), 1002),
    "continuation after a whole message": (frame(0x89) + frame(0x80, b"x"), 1002),
    "text within a text": (frame(0x01, b"{") + frame(0x81, b"}"), 1002),
    "bytes within a text": (frame(0x01, b"{") + frame(0x82, b"}"), 1002),
    "text within bytes": (frame(0x02, b"{") + frame(0x01, b"}"), 1002),
    "short length in two bytes": (frame(0x81, b"{}", width=2), 1002),
    "short length in eight bytes": (frame(0x81, b"{}", width=8), 1002),
    "medium length in eight bytes": (frame(0x81, b"x" * 200, width=8), 1002),
    "length with its highest bit": (b"\x81\xff" + (1 << 63).to_bytes(8) + b"mask", 1002),
    "all bits of a length": (b"\x81\xff" + b"\xff" * 8, 1002),
    "nothing but ones": (b"\xff" * 100, 1002),
    "an HTTP request": (b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n", 1002),
    "bad text": (frame(0x81, b"\xff\xfe"), 1007),
    "cut text": (frame(0x81, "€".encode()[:2]), 1007),
    "a surrogate": (frame(0x81, b"\xed\xa0\x80"), 1007),
    "an overlong character": (frame(0x81, b"\xc0\xaf"), 1007),
    "beyond the last character": (frame(0x81, b"\xf5\x80\x80\x80"), 1007),
    "bad text in the first piece, which no other follows": (frame(0x01, b"\xff"), 1007),
    "bad text in the last piece": (frame(0x01, b"{") + frame(0x80, b"\xff"), 1007),
    "text that ends within a character": (frame(0x01, "€".encode()[:2]) + frame(0x80), 1007),
    "close with one byte": (frame(0x88, b"\x03"), 1002),
    **{
        f"close with {code}": (frame(0x88, code.to_bytes(2)), 1002)
        for code in (0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65_535)
    },
    "close with a bad reason": (frame(0x88, b"\x03\xe8\xff"), 1007),
    "close with a cut reason": (frame(0x88, b"\x03\xe8" + "€".encode()[:2]), 1007),
    "a message that says to be large": (b"\x81\xff" + (1 << 62).to_bytes(8) + b"mask", 1009),
    "the length alone of a large message": (b"\x82\xff" + (10**9).to_bytes(8), 1009),
    "pieces that together are large": (frame(0x01, b"x" * 600_000) + frame(0x80, b"x" * 600_000), 1009),
    "pings without end": (frame(0x89) * 50 * LITTLE_AT_ONCE, 1008),
    "pongs without end": (frame(0x8A) * 50 * LITTLE_AT_ONCE, 1008),
    "empty pieces without end": (frame(0x01) + frame(0x00) * 50 * LITTLE_AT_ONCE, 1008),
}
"""Whatever is wrong below the messages: the bytes after the handshake, and the code to close with."""

ACCEPTED: dict[str, tuple[bytes, int]] = {
    **{
        f"close with {code}": (frame(0x88, code.to_bytes(2) + b"done"), code)
        for code in (1000, 1001, 1002, 1003, 1007, 1011, 1014, 3000, 4999)
    },
    "close without a code": (frame(0x88), 1005),
    "pings and pieces between pieces": (
        frame(0x01, b"{") + frame(0x89, b"x" * 125) + frame(0x00) + frame(0x8A) + frame(0x88, b"\x03\xe8"),
        1000,
    ),
    "close while a message is under way": (frame(0x01, b"{") + frame(0x88, b"\x03\xe8"), 1000),
    "what follows a close": (frame(0x88, b"\x03\xe8") + b"\xff" * 1000, 1000),
    "a mask of zeros": (frame(0x88, b"\x03\xe8", mask=bytes(4)), 1000),
}

MESSAGES: dict[str, tuple[bytes, int]] = {
    "bytes": (frame(0x82, b"{}"), 1003),
    "empty bytes": (frame(0x82), 1003),
    "empty text": (frame(0x81), 1007),
    "no JSON": (text("nonsense"), 1007),
    "too deep": (text("[" * 1000), 1007),
    "no event": (text("{}"), 1008),
    "an endless id": (text('{"event":"x","id":"%s"}' % ("x" * 1000)), 1008),
    "an id that cannot be repeated": (text('{"event":"x","id":%s}' % ("9" * 30)), 1008),
}
"""Whatever is wrong with a message at /ws."""


async def _end_of(process: Process, path: str, content: bytes, *, cut: bool = False) -> int:
    """The code with which a WebSocket ends, on which some bytes are sent."""
    async with opened(process.url, path) as websocket, trio.open_nursery() as nursery:

        async def send() -> None:
            await websocket.send(content)
            if cut:
                await websocket.stream.send_eof()

        nursery.start_soon(send)
        with trio.fail_after(20):
            code, _ = await websocket.wait_end()
        nursery.cancel_scope.cancel()
    return code


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("case", VIOLATIONS)
async def test_a_violation_is_answered_with_its_code(process: Process, path: str, case: str) -> None:
    """Before the connection ends the client hears why (RFC 6455, sections 5 and 7.4)."""
    content, code = VIOLATIONS[case]
    assert await _end_of(process, path, content) == code


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("case", ["reserved bit 0x10", "opcode 3", "bad text", "close with 999", "unmasked ping"])
async def test_a_violation_that_comes_byte_by_byte_is_the_same(process: Process, path: str, case: str) -> None:
    """Where pieces begin and end does not matter."""
    content, code = VIOLATIONS[case]
    async with opened(process.url, path) as websocket:
        for index in range(len(content)):
            await websocket.send(content[index : index + 1])
            await trio.sleep(0.001)
        with trio.fail_after(5):
            assert (await websocket.wait_end())[0] == code


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("case", ACCEPTED)
async def test_what_is_allowed_is_no_violation(process: Process, path: str, case: str) -> None:
    """A client's Close frame is answered with its own code, whatever came before."""
    content, code = ACCEPTED[case]
    assert await _end_of(process, path, content) == code


@pytest.mark.parametrize("case", MESSAGES)
async def test_what_is_no_message_is_answered_with_its_code(process: Process, case: str) -> None:
    """The frame is right and its content is not; the code says which content was expected."""
    content, code = MESSAGES[case]
    assert await _end_of(process, "/ws", content) == code


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    "half",
    [b"", b"\x81", b"\x81\xfe\x01", b"\x81\xfe\x01\x00mas", frame(0x81, b"x" * 300)[:100], frame(0x01, b"{")],
)
async def test_who_ends_without_a_close_frame_is_told_so(process: Process, path: str, half: bytes) -> None:
    """Also in the middle of a frame: whoever closes their sending side still hears a Close frame."""
    assert await _end_of(process, path, half, cut=True) == 1002


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("case", ["a ping", "a close", "a violation"])
async def test_frames_may_come_with_the_handshake(process: Process, path: str, case: str) -> None:
    """What follows the request in the same piece waits for its answer, and is then read like anything else."""
    content, code = {
        "a ping": (frame(0x89, b"early") + frame(0x88, b"\x03\xe8"), 1000),
        "a close": (frame(0x88, b"\x03\xe9"), 1001),
        "a violation": (frame(0x83), 1002),
    }[case]
    async with connect(process.url) as websocket:
        await websocket.send(request(path) + content)
        await websocket.read_head()
        assert websocket.status == 101
        with trio.fail_after(5):
            assert (await websocket.wait_end())[0] == code


@pytest.mark.parametrize("path", PATHS)
async def test_nobody_is_sent_more_pongs_than_he_reads(process: Process, path: str) -> None:
    """Of pings that came together the last is answered (RFC 6455, section 5.5.3)."""
    async with opened(process.url, path) as websocket:
        await websocket.send(b"".join(frame(0x89, b"%d" % number) for number in range(200)))
        payloads: list[bytes] = []
        with trio.fail_after(5):
            while not payloads or payloads[-1] != b"199":
                opcode, payload = await websocket.next_frame()
                assert opcode != -1
                if opcode == 10:
                    payloads.append(payload)
    assert len(payloads) < 20


BAD_KEYS = (
    b"",
    b"short",
    b"x" * 24,
    KEY + b"=",
    KEY[:-1],
    b"A" * 20 + b"====",
    b"QUJD",
    b"dGhlIHNhbXBsZSBub25jZQ!=",
)


@pytest.mark.parametrize("path", [*PATHS, "/health"])
@pytest.mark.parametrize("key", BAD_KEYS)
async def test_a_key_is_sixteen_bytes_in_base64(process: Process, path: str, key: bytes) -> None:
    """Anything else is answered with 400, in JSON, and the connection ends."""
    assert await _status_of(process, request(path, key=key)) == 400


@pytest.mark.parametrize("path", [*PATHS, "/health"])
@pytest.mark.parametrize("version", [b"", b"0", b"8", b"12", b"14", b"013", b"13, 8", b"thirteen"])
async def test_another_version_is_told_the_right_one(process: Process, path: str, version: bytes) -> None:
    """With 426 and ``Sec-WebSocket-Version: 13`` (RFC 6455, section 4.4)."""
    async with connect(process.url) as websocket:
        await websocket.send(request(path, version=version))
        await websocket.read_head()
        assert websocket.status == 426
        assert b"sec-websocket-version: 13" in websocket.head.lower()


OTHER_REQUESTS: dict[str, bytes] = {
    "two keys": request(more=b"Sec-WebSocket-Key: " + KEY + b"\r\n"),
    "no key": request().replace(b"Sec-WebSocket-Key", b"X-Key"),
    "a body": request(more=b"Content-Length: 5\r\n") + b"hello",
    "chunks": request(more=b"Transfer-Encoding: chunked\r\n") + b"0\r\n\r\n",
    "HTTP/1.0": request().replace(b"HTTP/1.1", b"HTTP/1.0"),
}


@pytest.mark.parametrize("case", OTHER_REQUESTS)
async def test_a_request_that_no_websocket_can_be_made_of_is_refused(process: Process, case: str) -> None:
    """With 400, and never with 101."""
    assert await _status_of(process, OTHER_REQUESTS[case]) == 400


@pytest.mark.parametrize(
    "content",
    [
        request().replace(b"GET", b"POST"),
        request().replace(b"Connection: Upgrade", b"Connection: keep-alive"),
        request().replace(b"Upgrade: websocket", b"Upgrade: h3c"),
        request().replace(b"Upgrade: websocket\r\n", b""),
    ],
)
async def test_a_request_for_something_else_gets_no_websocket(process: Process, content: bytes) -> None:
    """It is an ordinary request, and is told what this place is."""
    assert await _status_of(process, content, ends=False) == 426


async def test_tokens_are_compared_as_tokens(process: Process) -> None:
    """Case and company do not matter."""
    content = request().replace(b"Connection: Upgrade", b"Connection: keep-alive, UPGRADE")
    assert await _status_of(process, content.replace(b"Upgrade: websocket", b"Upgrade: WebSocket")) == 101


async def _status_of(process: Process, content: bytes, *, ends: bool = True) -> int:
    async with connect(process.url) as websocket:
        await websocket.send(content)
        with trio.fail_after(5):
            await websocket.read_head()
            if ends and websocket.status != 101:
                assert (await websocket.wait_end())[0] == LOST
        return websocket.status


async def test_the_service_is_unmoved(process: Process) -> None:
    """After all of that a client is served as before."""
    async with opened(process.url) as websocket:
        await websocket.send(text(UNKNOWN))
        with trio.fail_after(5):
            frames = [await websocket.next_frame() for _ in range(2)]
    assert any(b'"ack":1' in payload for _, payload in frames)
