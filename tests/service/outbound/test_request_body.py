"""Bodies of requests that are cancelled half-way."""

import gc

import httpx
import pytest
import trio
import trio.testing

from service.outbound.request_body import WholeBody, open_answer

BODY = b"x" * 32 * 1024 * 1024  # more than any socket takes before somebody reads


@pytest.mark.usefixtures("autojump_clock")
async def test_a_cancelled_request_leaves_nothing_behind() -> None:
    """A server that reads nothing: the request ends in the middle of its body, and nothing is left to collect."""

    async def idle(_: trio.SocketStream) -> None:
        await trio.sleep_forever()

    async with trio.open_nursery() as nursery:
        listeners = await nursery.start(trio.serve_tcp, idle, 0)
        port = listeners[0].socket.getsockname()[1]
        async with httpx.AsyncClient() as client:
            with trio.move_on_after(1) as scope:
                async with open_answer(client, "POST", f"http://127.0.0.1:{port}/", headers={}, content=BODY):
                    raise AssertionError("nobody answers")
            assert scope.cancelled_caught
        gc.collect()  # warnings are errors here
        await trio.lowlevel.checkpoint()
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize("content", [b"", b"words"])
async def test_a_body_comes_whole_and_more_than_once(content: bytes) -> None:
    """Whoever sends a request again, after a redirect or on another connection, sends the same."""
    body = WholeBody(content)
    for _ in range(2):
        assert b"".join([piece async for piece in body]) == content
