"""A stream of messages on its way into an execution: as fast as the graph takes it, and refused with a place."""

import math
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress

import msgspec
import trio
from quart import Response
from werkzeug.exceptions import RequestTimeout

from engine.errors import InboxFullError, InvalidInjectionError
from engine.views import RuntimeView
from proto.problem import ErrorBody, Problem
from service.http.bodies import reply
from service.http.ndjson import BadLineError, LineTooLongError, MessageLines, NumberedMessage, in_turns
from service.memory.transit import TransitLoad
from service.problems import UnreadableBodyError, error_reply, within_bounds

IDLE_SECONDS = 300.0
"""The longest silence of a stream: messages may come rarely, but nobody may hold a connection for ever."""

LINE_SECONDS = 60.0
"""The longest time in which a line of more than ``LONG_LINE_BYTES`` comes whole: as long as an ordinary body."""

LONG_LINE_BYTES = 64 * 1024
"""Shorter ones may come as slowly as they like: what the stream itself is charged covers them."""

LINGER_SECONDS = 2.0
"""The time for which the rest of a refused stream is still read, so that a caller who is writing comes to read
the reply."""


class BrokenStreamBody(ErrorBody, frozen=True, omit_defaults=True):
    """The refusal of a stream of lines, of which some may have been taken in.

    Attributes:
        accepted: messages that were taken in before.
        line: the line that was refused, counted from 1; 0 where none is to blame.
    """

    accepted: int = 0
    line: int = 0


class StreamReceipt(msgspec.Struct):
    """The count of messages taken in so far."""

    accepted: int = 0
    queued: bool = False
    last_line: int = 0


async def inject_stream(
    runtime: RuntimeView,
    execution_id: str,
    stream: AsyncIterator[bytes],
    receipt: StreamReceipt,
    max_line_bytes: int,
    load: TransitLoad | None = None,
) -> None:
    """Take in a stream of lines as it comes; ``receipt`` is kept up to date, also where this raises.

    Args:
        runtime: as the caller may see it.
        execution_id: the execution.
        stream: pieces of any length.
        receipt: of what was taken in.
        max_line_bytes: the longest line.
        load: is charged the line whose end has not come.

    Raises:
        BadLineError: a line is no message.
        RequestTimeout: nothing came for ``IDLE_SECONDS``, or a long line not whole in ``LINE_SECONDS``.
        EngineError: a message is refused, or the line is more than may be held.
    """
    lines = MessageLines(max_line_bytes)
    long_since = math.inf
    base_bytes = load.held_bytes if load is not None else 0
    try:
        pieces = aiter(stream)
        while (piece := await _next(pieces, long_since + LINE_SECONDS)) is not None:
            for part in in_turns(piece):
                messages = lines.feed(part)
                if messages or lines.kept_bytes <= LONG_LINE_BYTES:
                    long_since = math.inf
                if lines.kept_bytes > LONG_LINE_BYTES:
                    long_since = min(long_since, trio.current_time())
                if load is not None:
                    load.hold(base_bytes + lines.kept_bytes)
                await _inject_numbered(runtime, execution_id, messages, receipt)
        await _inject_numbered(runtime, execution_id, lines.end(), receipt)
    except BadLineError as error:
        await _inject_numbered(runtime, execution_id, error.before, receipt)
        receipt.last_line = error.number
        raise


async def _next(pieces: AsyncIterator[bytes], deadline: float) -> bytes | None:
    """Read the next piece of a stream that keeps coming; None at its end."""
    with trio.move_on_at(min(deadline, trio.current_time() + IDLE_SECONDS)) as scope:
        piece = await anext(pieces, None)
    if scope.cancelled_caught:
        raise RequestTimeout
    return piece


async def _inject_numbered(
    runtime: RuntimeView, execution_id: str, numbered: Sequence[NumberedMessage], receipt: StreamReceipt
) -> None:
    """Take in messages in order, waiting for as long as some of them are taken.

    Raises:
        EngineError: one of them is refused; those before it have been taken in.
    """
    messages = [message for _, message in numbered]
    start = 0
    while start < len(messages):
        try:
            taken = await runtime.execution(execution_id).inject(messages[start:])
        except InboxFullError as error:
            if not error.accepted:
                receipt.last_line = numbered[start][0]
                raise
            start += error.accepted  # it is slow, and it moves
            receipt.accepted += error.accepted
        except InvalidInjectionError as error:
            good = error.first
            if good:
                await _inject_numbered(runtime, execution_id, numbered[start : start + good], receipt)
            receipt.last_line = numbered[start + good][0]
            raise
        except Exception as error:
            accepted = getattr(error, "accepted", 0)
            receipt.accepted += accepted
            receipt.last_line = numbered[start + accepted][0]
            raise
        else:
            start += taken.accepted
            receipt.accepted += taken.accepted
            receipt.queued = taken.queued
    await trio.lowlevel.checkpoint()  # a sender as fast as this must not keep others waiting


async def read_on(stream: AsyncIterator[bytes]) -> None:
    """Read what is left of a refused stream, for a while."""
    with trio.move_on_after(LINGER_SECONDS), suppress(UnreadableBodyError):  # its body may be what is wrong
        async for _ in stream:
            pass


def refusal_of_stream(error: Exception, receipt: StreamReceipt) -> Response:
    """Make the reply to a stream that was refused half-way."""
    if isinstance(error, BadLineError):
        code = "body.line_too_long" if isinstance(error, LineTooLongError) else "body.unreadable"
        problem = Problem(code="body.line", path=f"lines[{error.number}]", message=str(error))
        status, headers = 400, {}
        body = BrokenStreamBody(str(error), code, (problem,), receipt.accepted, receipt.last_line)
    else:
        answer = error_reply(error)
        status, headers = answer.status, answer.headers
        sentence = f"Line {receipt.last_line}: {answer.body.error}" if receipt.last_line else answer.body.error
        place = f"lines[{receipt.last_line}]."
        problems = tuple(_at_line(problem, place) for problem in answer.body.problems[:1])
        body = BrokenStreamBody(sentence, answer.body.code, problems, receipt.accepted, receipt.last_line)
    return reply(within_bounds(body), status, headers)


def _at_line(problem: Problem, place: str) -> Problem:
    return msgspec.structs.replace(problem, path=place + problem.path.rpartition("].")[2])
