"""What one caller sends ends his own connection at most."""

import httpx
import pytest
import trio

from service.guarded_connections import GuardedTCPServer
from tests.service.serving import start_process

UPGRADE = (
    b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
CLOSE_FRAME = b"\x88\x80\0\0\0\0"
TEXT_FRAME = b"\x81\x82\0\0\0\x0040"


async def send_to(url: str, content: bytes) -> bytes:
    """Send bytes in one piece; what comes back until the other side closes."""
    host, port = url.removeprefix("http://").split(":")
    stream = await trio.open_tcp_stream(host, int(port))
    async with stream:
        await stream.send_all(content)
        received = b""
        with trio.move_on_after(5):
            try:
                async for chunk in stream:
                    received += chunk
            except trio.BrokenResourceError:
                pass
        return received


async def test_a_frame_before_the_upgrade_does_not_end_the_service() -> None:
    """Whoever does not wait for the answer to his upgrade loses his connection, and nobody else notices."""
    with start_process() as process:
        for content in (UPGRADE + TEXT_FRAME, UPGRADE + CLOSE_FRAME + TEXT_FRAME, UPGRADE + b"\xff" * 100):
            await send_to(process.url, content)
            async with httpx.AsyncClient(base_url=process.url) as client:
                assert (await client.get("/health")).status_code == 200
        assert process.process.poll() is None


async def test_what_is_cancelled_stays_cancelled() -> None:
    """The guard takes errors, and neither cancellation nor Ctrl-C."""
    error: BaseException = ValueError("a mistake")

    class Raising(GuardedTCPServer):
        def __init__(self) -> None:
            pass

    async def run(_: object) -> None:
        raise error

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("hypercorn.trio.tcp_server.TCPServer.run", run)
        await Raising().run()
        error = KeyboardInterrupt()
        with pytest.raises(KeyboardInterrupt):
            await Raising().run()


async def test_whoever_sends_on_after_his_answer_is_let_go() -> None:
    """An upload that was refused at its beginning does not hold its connection when the rest comes anyway."""
    with start_process({"MAX_BODY_BYTES": "1024"}) as process:
        head = b"POST /api/graphs HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n"
        received = await send_to(process.url, head + b"400\r\n" + b"x" * 1024 + b"\r\n" + b"1\r\nx\r\n" * 20_000)
        assert received.startswith(b"HTTP/1.1 413")
        exit_status, log = process.end()
        assert exit_status == 0
        assert "error" not in log
