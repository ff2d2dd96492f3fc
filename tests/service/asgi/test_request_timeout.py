"""A request takes bounded time, and what moves is not cut."""

import json
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pytest
import trio
from hypercorn.typing import ASGIReceiveCallable, ASGISendCallable, Scope

from service.asgi.request_timeout import RequestTimeout

Event = dict[str, Any]
Work = Callable[[ASGIReceiveCallable, ASGISendCallable], Awaitable[None]]

START: Any = {"type": "http.response.start", "status": 200, "headers": []}
END: Any = {"type": "http.response.body", "body": b"", "more_body": False}
LINES = b"Application/X-NDJSON ; charset=utf-8"


async def _answer(
    work: Work, content_type: bytes = b"", body: Sequence[tuple[float, bool]] = (), seconds: float = 120
) -> list[Event]:
    """What a caller gets of an application that does ``work``, whose pieces of body come after so many seconds."""
    pieces = list(body)
    sent: list[Event] = []

    async def receive() -> Any:
        if not pieces:
            return {"type": "http.disconnect"}
        delay, is_last = pieces.pop(0)
        await trio.sleep(delay)
        return {"type": "http.request", "body": b"x", "more_body": not is_last}

    async def send(event: Any) -> None:
        sent.append(event)

    async def application(scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        del scope
        await work(receive, send)

    scope: Any = {"type": "http", "method": "POST", "path": "/x", "headers": [(b"content-type", content_type)]}
    await RequestTimeout(application, seconds)(scope, receive, send)
    return sent


async def _never(receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
    del receive, send
    await trio.sleep_forever()


async def _read_all(receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
    while True:
        event = await receive()
        if event["type"] != "http.request" or not event["more_body"]:
            break
    await send(START)
    await send(END)


async def test_a_reply_that_does_not_come_is_a_clear_503(autojump_clock: trio.abc.Clock) -> None:
    """After the time of a request its caller hears why, what to look at, and when to come back."""
    del autojump_clock
    start, body = await _answer(_never)
    assert trio.current_time() == pytest.approx(120, abs=0.01)
    headers = dict(start["headers"])
    assert (start["status"], headers[b"retry-after"]) == (503, b"5")
    assert int(headers[b"content-length"]) == len(body["body"])
    said = json.loads(body["body"])
    assert said["code"] == "request.timeout"
    assert "REQUEST_TIMEOUT_SECONDS" in said["error"]


async def test_a_slow_ordinary_body_does_not_stretch_the_time(autojump_clock: trio.abc.Clock) -> None:
    """Bytes that trickle in keep an ordinary request open no longer."""
    del autojump_clock
    start, _ = await _answer(_read_all, b"application/json", [(50, False)] * 9)
    assert start["status"] == 503
    assert trio.current_time() == pytest.approx(120, abs=0.01)


async def test_a_stream_that_progresses_is_not_cut(autojump_clock: trio.abc.Clock) -> None:
    """A stream of lines may come for hours; its time begins at its end."""
    del autojump_clock
    start, _ = await _answer(_read_all, LINES, [(100, False)] * 99 + [(100, True)])
    assert start["status"] == 200
    assert trio.current_time() == pytest.approx(10_000, abs=0.01)


async def test_after_a_stream_the_time_runs(autojump_clock: trio.abc.Clock) -> None:
    """What follows on the last piece is bounded as with any request."""
    del autojump_clock

    async def read_and_hang(receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        del send
        while (await receive())["type"] == "http.request":
            pass
        await trio.sleep_forever()

    start, _ = await _answer(read_and_hang, LINES, [(1000, False), (0, True)])
    assert start["status"] == 503
    assert trio.current_time() == pytest.approx(1120, abs=0.01)


async def test_a_reply_that_has_begun_goes_on(autojump_clock: trio.abc.Clock) -> None:
    """A long reply is not cut half-way."""
    del autojump_clock

    async def trickle(receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        del receive
        await send(START)
        await trio.sleep(500)
        await send(END)

    assert [event["type"] for event in await _answer(trickle)] == [START["type"], END["type"]]


async def test_without_a_bound_nothing_is_cut(autojump_clock: trio.abc.Clock) -> None:
    """0 stands for no bound."""
    del autojump_clock
    start, _ = await _answer(_read_all, b"application/json", [(10_000, True)], seconds=0)
    assert start["status"] == 200
