"""Stand-ins for what is reached over HTTP: a case answers in place of servers, and nothing leaves the process."""

from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any

import httpx
import msgspec

from engine.builtin.parts.redirects import open_following
from engine.testing.matching import find_mistakes, fits
from proto import codec

ANSWER_LIMIT_BYTES = 16 * 1024 * 1024
"""Bytes of an answer that comes from the network."""

KEPT_REQUESTS = 10_000
"""Requests of one case that are remembered."""


class Request(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The requests that a stand-in answers; each field may be a pattern, and what is absent fits all.

    Attributes:
        url: as it is requested, with its query.
        method: in capital letters.
        headers: these among others; their names are in small letters.
        body: what is sent: decoded where it is JSON, otherwise its text.
    """

    url: Any = msgspec.UNSET
    method: Any = msgspec.UNSET
    headers: dict[str, Any] = {}
    body: Any = msgspec.UNSET


class Answer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The answer of a stand-in.

    Attributes:
        status: of the answer.
        headers: of the answer.
        body: a text as it stands, anything else as JSON.
        error: why there is no answer: the connection fails with these words.
    """

    status: int = 200
    headers: dict[str, str] = {}
    body: Any = msgspec.UNSET
    error: str = ""


class StandIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One request and its answer.

    Attributes:
        request: what it answers; a text is a method and a URL, or a URL.
        answer: what it says.
        answers: what it says the first time, the second time and so on; the last one holds for all others.
    """

    request: str | Request
    answer: Answer | None = None
    answers: tuple[Answer, ...] = ()


class Sent(msgspec.Struct, frozen=True):
    """A request that was made.

    Attributes:
        method: in capital letters.
        url: with its query.
        headers: their names are in small letters.
        body: decoded where it is JSON, otherwise its text; null where there is none.
    """

    method: str
    url: str
    headers: dict[str, str]
    body: Any


class NoStandInError(httpx.ConnectError):
    """A request that no stand-in of the case answers."""


class StandIns(httpx.AsyncBaseTransport):
    """A transport that answers in place of servers.

    Args:
        network: the transport of requests that no stand-in answers; they are refused where there is none.

    Attributes:
        sent: the requests of the case, in order.
        used: which stand-ins have answered, by their place.
        under_way: requests that are out in the network.
    """

    def __init__(self, network: httpx.AsyncBaseTransport | None = None) -> None:
        self._network = network
        self._stand_ins: Sequence[StandIn] = ()
        self.sent: list[Sent] = []
        self.used: dict[int, int] = {}
        self.under_way = 0

    def begin(self, stand_ins: Sequence[StandIn]) -> None:
        """Answer for another case from now on."""
        self._stand_ins = stand_ins
        self.sent = []
        self.used = {}

    def open_client(self) -> httpx.AsyncClient:
        """Open a client of the HTTP component, which reaches the stand-ins only."""
        return open_following(_Shared(self))

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Answer one request.

        Raises:
            NoStandInError: the case says nothing of it.
            httpx.ConnectError: the case says that it fails.
        """
        content = await request.aread()
        sent = Sent(request.method, str(request.url), dict(request.headers), _body_of(content))
        if len(self.sent) < KEPT_REQUESTS:
            self.sent.append(sent)
        for index, stand_in in enumerate(self._stand_ins):
            if _answers(stand_in.request, sent):
                number = self.used[index] = self.used.get(index, 0) + 1
                answers = stand_in.answers or ((stand_in.answer or Answer()),)
                return _response(answers[min(number, len(answers)) - 1])
        if self._network is not None:
            return await self._ask(self._network, request)
        raise NoStandInError(f"no stand-in of the case answers {sent.method} {sent.url} (http)")

    async def _ask(self, network: httpx.AsyncBaseTransport, request: httpx.Request) -> httpx.Response:
        """Return the answer of the network, which is there as a whole: until then time goes."""
        self.under_way += 1
        try:
            answer = await network.handle_async_request(request)
            parts, size = [], 0
            async for part in answer.aiter_raw():
                size += len(part)
                if size > ANSWER_LIMIT_BYTES:
                    raise httpx.ReadError(f"the answer is larger than {ANSWER_LIMIT_BYTES:,} bytes")
                parts.append(part)
            await answer.aclose()
        finally:
            self.under_way -= 1
        return httpx.Response(answer.status_code, headers=answer.headers, stream=_Body(b"".join(parts)))

    async def aclose(self) -> None:
        """Close the way to the network, where there is one."""
        if self._network is not None:
            await self._network.aclose()


class _Shared(httpx.AsyncBaseTransport):
    """The transport of one client; that of all clients outlives it."""

    def __init__(self, stand_ins: StandIns) -> None:
        self._stand_ins = stand_ins

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        return await self._stand_ins.handle_async_request(request)


def find_mistakes_of(stand_in: StandIn) -> Iterator[str]:
    """Return what is wrong with a stand-in itself."""
    if stand_in.answer is not None and stand_in.answers:
        yield "answer and answers stand side by side; leave one out"
    for answer in (*stand_in.answers, *((stand_in.answer,) if stand_in.answer else ())):
        if not 200 <= answer.status <= 599:
            yield f"status is a number from 200 to 599, not {answer.status}"
    if isinstance(stand_in.request, Request):
        for name in ("url", "method", "body"):
            value = getattr(stand_in.request, name)
            if value is not msgspec.UNSET:
                yield from find_mistakes(value, f"request.{name}")
        yield from find_mistakes({"$subset": stand_in.request.headers}, "request.headers")


def _answers(request: str | Request, sent: Sent) -> bool:
    if isinstance(request, str):
        return request in {sent.url, f"{sent.method} {sent.url}"}
    pairs = ((request.url, sent.url), (request.method, sent.method), (request.body, sent.body))
    return all(wanted is msgspec.UNSET or fits(wanted, got) for wanted, got in pairs) and fits(
        {"$subset": request.headers}, sent.headers
    )


def _body_of(content: bytes) -> Any:
    if not content:
        return None
    try:
        return codec.decode(content, len(content))
    except ValueError:
        return content.decode(errors="replace")


def _response(answer: Answer) -> httpx.Response:
    if answer.error:
        raise httpx.ConnectError(answer.error)
    headers, content = answer.headers, b""
    if isinstance(answer.body, str):
        content = answer.body.encode("utf-8", "surrogatepass")
    elif answer.body is not msgspec.UNSET:
        headers, content = {"content-type": "application/json", **headers}, codec.encode(answer.body)
    return httpx.Response(answer.status, headers=headers, stream=_Body(content))


class _Body(httpx.AsyncByteStream):
    """A body that is read as one from a server is."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    async def __aiter__(self) -> AsyncIterator[bytes]:
        if self._content:
            yield self._content
