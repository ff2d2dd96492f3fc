"""Replies below the framework are made in one place, and look like all others."""

import re
from pathlib import Path
from typing import Any

import service
from proto.codec import decode
from service.asgi.json_reply import refuse_websocket, send_json, send_refusal
from service.problems import StoppingError, error_reply

SERVICE = Path(service.__file__).parent
MADE = re.compile(r'"type": "(?:websocket\.)?http\.response\.start", "status"')
"""The beginning of a reply that is made by hand."""


class Sent:
    """Takes what an application sends."""

    def __init__(self) -> None:
        self.events: list[Any] = []

    async def send(self, event: Any) -> None:
        self.events.append(event)


async def test_a_reply_says_what_it_is() -> None:
    """Headers of its own come first; it has a status, JSON, and its length in bytes."""
    sent = Sent()
    await send_json(sent.send, 426, {"word": "größer"}, [(b"upgrade", b"websocket")])
    start, body = sent.events
    assert start["type"] == "http.response.start"
    assert start["status"] == 426
    length = str(len('{"word":"größer"}'.encode())).encode()
    assert start["headers"] == [
        (b"upgrade", b"websocket"),
        (b"content-type", b"application/json"),
        (b"content-length", length),
    ]
    assert decode(body["body"]) == {"word": "größer"}


async def test_a_refusal_is_that_of_the_table() -> None:
    """Status, headers and body are what the routes answer to the same error, for requests and for WebSockets."""
    error = StoppingError("The service is stopping")
    expected = error_reply(error)
    for answer, prefix in ((send_refusal, ""), (refuse_websocket, "websocket.")):
        sent = Sent()
        await answer(sent.send, error)
        start, body = sent.events
        assert (start["type"], body["type"]) == (f"{prefix}http.response.start", f"{prefix}http.response.body")
        assert start["status"] == expected.status
        assert decode(body["body"])["code"] == expected.body.code
        headers = dict(start["headers"])
        assert all(headers[name.lower().encode()] == value.encode() for name, value in expected.headers.items())
        assert (headers.get(b"connection") == b"close") == bool(prefix)


def test_no_other_file_makes_one_by_hand() -> None:
    """The Socket.IO server is the exception: it is a program of its own, and answers in texts."""
    found = {
        path.relative_to(SERVICE).as_posix()
        for path in SERVICE.rglob("*.py")
        if MADE.search(path.read_text(encoding="utf-8"))
    }
    assert found - {"socketio/asgi.py"} == {"asgi/json_reply.py"}
