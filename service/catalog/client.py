"""The client of the catalog: one request, bounded in time and size, and what its answer means.

The catalog allows so many requests in a minute, and all services of the platform share them. So when one
request finds that it is down, or that too much was asked of it, the next does not go to find out the same: after a
failure the client is quiet for the time of a backoff, and whoever asks in that time hears at once why it is.
A catalog that is not there at all is looked for more often: that costs nobody anything, and graphs wait for it.
Writes are counted apart from reads, so that too many of them keep nobody from reading.
"""

import math
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import httpx
import msgspec
import trio

from engine.builtin.parts.connection_reason import kind_of
from engine.builtin.parts.retry_after import retry_after_seconds
from proto.codec import MalformedJsonError, decode, encode
from service.catalog.errors import (
    CatalogBusyError,
    CatalogRefusedError,
    CatalogUnavailableError,
    UnusableAnswerError,
)
from service.catalog.write_budget import WriteBudget
from service.observability.trace import HEADER, present_trace
from service.outbound.bounded_response import PLAIN, UnreadableAnswerError, read_bounded
from service.outbound.request_body import open_answer
from service.outbound.sibling_client import open_sibling_client
from service.siblings.backoff import ABSENT_SECONDS, Backoff
from service.siblings.status import SiblingStatus

ANSWER_BYTES = 32 * 1024 * 1024
"""A list of everything, sources included; a larger one is not read to its end."""

ANSWER_ELEMENTS = 200_000
"""Elements of an answer that is decoded whole, and tells of one resource; decoding more would keep everybody
waiting."""

REFUSAL_BYTES = 64 * 1024
"""Bytes of an answer that refuses; its words are a sentence."""

ERROR_CHARACTERS = 300
"""Characters of the catalog's own words that are passed on."""

_GATEWAY = frozenset({502, 503, 504})
NOT_MODIFIED = 304
"""The status of an answer that says that what is known still holds."""


class CatalogResponse(msgspec.Struct, frozen=True):
    """An answer of the catalog: ``status`` is of 2xx, or 304 where that was asked for."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """Return the decoded body.

        Raises:
            MalformedJsonError: it is no JSON.
        """
        return decode(self.body, ANSWER_ELEMENTS)


class CatalogClient:
    """A client of the catalog. Made by :func:`open_catalog_client`.

    Args:
        client: sends the requests; its base URL is the catalog's, without ``/api``.
        token: what the catalog knows its own services by; ``internal`` where empty, as the platform has it.
        timeout_seconds: for a whole request, from looking for a connection to the last byte.
        status: is told how it goes.
        backoff: says how long to be quiet.

    Attributes:
        budget: the writes that may still be made.
    """

    def __init__(
        self,
        client: httpx.AsyncClient,
        token: str,
        timeout_seconds: float,
        status: SiblingStatus,
        backoff: Backoff,
    ) -> None:
        self.budget = WriteBudget()
        self._client = client
        self._token = token or "internal"
        self._timeout_seconds = timeout_seconds
        self._status = status
        self._backoff = backoff
        self._quiet_until = 0.0
        self._reason = ""

    def quiet_seconds(self) -> float:
        """Return for how many seconds from now nobody goes to the catalog; 0 where everybody may."""
        return max(0.0, self._quiet_until - trio.current_time())

    def settled(self) -> None:
        """Note that all that was wanted of the catalog has been done: the next failure is a first one."""
        self._backoff.reset()
        self._status.succeeded()

    async def get(self, path: str, params: Mapping[str, str] | None = None, *, etag: str = "") -> CatalogResponse:
        """Read something; ``etag`` is of an earlier answer, which may still hold (status 304).

        Raises:
            CatalogUnavailableError: nobody can say.
            UnusableAnswerError: what comes is too large; whether that says something of the catalog, or of this
                one thing that somebody has put there, is for whoever asked.
            CatalogRefusedError: it is not there, or not for us.
        """
        return await self._ask("GET", path, params=params, headers={"If-None-Match": etag} if etag else {})

    async def write(self, method: str, path: str, body: Any) -> Any:
        """Create or change something; the decoded answer.

        Raises:
            CatalogUnavailableError: as ``get``.
            CatalogBusyError: there were too many writes; ``budget`` knows.
            CatalogRefusedError: the catalog does not want it.
        """
        content_type = {"Content-Type": "application/json"}
        try:
            answer = await self._ask(method, path, headers=content_type, content=encode(body))
        except CatalogBusyError as error:
            self.budget.refused(error.asked_seconds)
            raise
        try:
            return answer.json()
        except MalformedJsonError as error:
            raise self.unavailable("its answer is no JSON") from error

    def unavailable(
        self, reason: str, asked_seconds: float = 0.0, *, is_absent: bool = False
    ) -> CatalogUnavailableError:
        """Leave the catalog alone for a while; return the error to raise.

        Args:
            reason: the reason, for people.
            asked_seconds: how long the catalog asks to be left alone.
            is_absent: whether nothing answers for it, so that asking again costs nobody anything.
        """
        if not self.quiet_seconds():  # of several who fail together, one counts
            wait = self._backoff.next_seconds(asked_seconds, ABSENT_SECONDS if is_absent else math.inf)
            self._quiet_until = trio.current_time() + wait
            self._reason = reason
            self._status.failed(reason, retry_in_seconds=wait)
        return CatalogUnavailableError(reason)

    async def _ask(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str],
        params: Mapping[str, str] | None = None,
        content: bytes | None = None,
    ) -> CatalogResponse:
        if self.quiet_seconds():
            raise CatalogUnavailableError(self._reason)
        sent = {**PLAIN, "X-Service-Auth": self._token, **headers, **_context()}
        try:
            with trio.fail_after(self._timeout_seconds):
                async with open_answer(
                    self._client, method, path, params=params, headers=sent, content=content
                ) as response:
                    body = await _read(response)
        except trio.TooSlowError as error:
            raise self.unavailable(f"no answer within {self._timeout_seconds:g} s") from error
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise self.unavailable(f"no connection ({kind_of(error)})", is_absent=True) from error
        except UnreadableAnswerError as error:
            raise UnusableAnswerError(str(error)) from error
        return self._judge(method, response, body)

    def _judge(self, method: str, response: httpx.Response, body: bytes) -> CatalogResponse:
        status = response.status_code
        if method != "GET":
            self.budget.spent(response.headers)
        if response.is_success or status == NOT_MODIFIED:
            return CatalogResponse(status, response.headers, body)
        asked_seconds = retry_after_seconds(response.headers, datetime.now(UTC))
        if status == httpx.codes.TOO_MANY_REQUESTS:
            if method != "GET":
                raise CatalogBusyError(asked_seconds)
            raise self.unavailable("it is asked too often (status 429)", asked_seconds)
        is_gone = status in _GATEWAY or (method == "GET" and response.is_server_error)
        if is_gone or not (response.is_client_error or response.is_server_error):
            is_absent = status in _GATEWAY and not asked_seconds
            raise self.unavailable(f"it answers with status {status}", asked_seconds, is_absent=is_absent)
        raise CatalogRefusedError(status, _words(body))


def _context() -> dict[str, str]:
    """Return the headers that say who asks, and for which request."""
    headers = {"x-symbia-caller": "runtime", "x-symbia-origin": "internal"}
    trace_id = present_trace()
    return {**headers, HEADER.decode(): trace_id} if trace_id else headers


async def _read(response: httpx.Response) -> bytes:
    """Read the body of an answer; of a refusal what there is of it, because its status says enough.

    Raises:
        UnreadableAnswerError: the answer is no refusal, and too large or encoded.
        httpx.HTTPError: likewise, and it breaks off.
    """
    if not response.is_error:
        return await read_bounded(response, ANSWER_BYTES)
    try:
        return await read_bounded(response, REFUSAL_BYTES)
    except (UnreadableAnswerError, httpx.HTTPError):
        return b""


def _words(body: bytes) -> str:
    """Return the catalog's words about a refusal; "" where it does not say them as it should."""
    try:
        told = decode(body)
    except MalformedJsonError:
        return ""
    words = (told.get("error") or told.get("message")) if isinstance(told, dict) else ""
    return words[:ERROR_CHARACTERS] if isinstance(words, str) else ""


def base_url(url: str) -> str:
    """Return the catalog's base URL, by the platform's rule: without ``/api`` at the end, which paths bring."""
    return url.rstrip("/").removesuffix("/api").rstrip("/")


def segment(text: str) -> str:
    """Return a text as one segment of a path."""
    return quote(text, safe="")


@asynccontextmanager
async def open_catalog_client(
    url: str,
    token: str,
    timeout_seconds: float,
    status: SiblingStatus,
    random: Callable[[], float],
    transport: httpx.AsyncBaseTransport | None = None,
) -> AsyncIterator[CatalogClient]:
    """Open a client of the catalog at ``url``; ``transport`` goes there in another way than over the network."""
    async with open_sibling_client(timeout_seconds, base_url=base_url(url), transport=transport) as client:
        yield CatalogClient(client, token, timeout_seconds, status, Backoff(random))
