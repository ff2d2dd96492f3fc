"""Long-polling: GET fetches what waits for the client, POST brings what it sends."""

import structlog
import trio

from service.socketio.asgi import (
    BodyTooLargeError,
    CallerGoneError,
    Receive,
    Scope,
    Send,
    answer,
    cors_headers,
    read_body,
)
from service.socketio.connection import Connection
from service.socketio.errors import ProtocolError, SessionRefusedError
from service.socketio.frames import read_payload, write_payload
from service.socketio.session import BAD_REQUEST
from service.websockets.turns import wait_turn

FRAMES_AT_ONCE = 100
"""Frames of a payload after which others may run: about a millisecond."""

log = structlog.get_logger("socketio")


async def open_by_poll(connection: Connection, scope: Scope, send: Send) -> None:
    """Answer the request that began a session."""
    body = write_payload([connection.session.open_frame()]).encode()
    await answer(send, 200, body, cors_headers(scope))


async def serve_poll(connection: Connection, scope: Scope, receive: Receive, send: Send) -> None:
    """Answer a GET with what waits, as soon as something does.

    Raises:
        SessionRefusedError: the session takes no poll now.
    """
    session = connection.session
    try:
        session.begin_poll()
    except SessionRefusedError:
        connection.changed()
        raise
    payload: str | None = None

    async def watch_caller() -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        nursery.cancel_scope.cancel()

    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(watch_caller)
            payload = await connection.poll()
            nursery.cancel_scope.cancel()
    finally:
        if payload is None:  # the caller is gone, or the server ends: nobody hears the answer
            session.abandon_poll()
            connection.changed()
        else:
            session.end_poll()
    if payload is not None:
        await answer(send, 200, payload.encode("utf-8", "replace"), cors_headers(scope))


async def serve_post(connection: Connection, scope: Scope, receive: Receive, send: Send) -> None:
    """Take the packets of a POST.

    Raises:
        SessionRefusedError: the session takes no POST now, or these are no packets.
    """
    session = connection.session
    try:
        session.begin_post()
    except SessionRefusedError:
        connection.changed()
        raise
    try:
        body = await read_body(receive, connection.limit_bytes)
        await _take_payload(connection, body)
    except BodyTooLargeError:
        connection.end("transport error")
        await answer(send, 413, b"Payload too large", [*cors_headers(scope), (b"connection", b"close")])
    except CallerGoneError:
        connection.end("transport close")
    except (ProtocolError, UnicodeDecodeError) as error:
        log.debug("payload refused", sid=session.sid, error=str(error))
        connection.end("parse error")
        raise SessionRefusedError(*BAD_REQUEST) from error
    else:
        await answer(send, 200, b"ok", cors_headers(scope), content_type=b"text/html")
    finally:
        session.end_post()


async def _take_payload(connection: Connection, body: bytes) -> None:
    for number, frame in enumerate(read_payload(body.decode("utf-8")), start=1):
        await connection.receive(frame)
        if connection.session.ended is not None:
            return
        if number % FRAMES_AT_ONCE == 0:
            await wait_turn()
