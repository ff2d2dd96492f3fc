"""The HTTP clients with which graphs and components reach the outside.

A guarded client reaches the public Internet, and of the network that the service stands in only what the operator
has named (:mod:`service.addresses.outbound_rules`). Connections are judged in :mod:`service.outbound.backend`;
here stand the rules on URLs and answers, and the choice that the setting ``OUTBOUND`` makes.
"""

import functools
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager

import httpcore
import httpx
import msgspec

from engine.builtin.io_http_request import open_client as open_unguarded_client
from engine.builtin.parts.redirects import open_following, trusted_authorities, without_body
from engine.builtin.parts.repeating import IDLE_SECONDS, send_repeating
from service.addresses.outbound_rules import OutboundMode, OutboundRules
from service.outbound.backend import GuardedBackend, OutboundRefusedError, Resolve, SystemResolver

ANSWER_LIMIT_BYTES = 16 * 1024 * 1024
"""Body of an answer as it arrives. Whoever asks has a smaller bound; this one holds where somebody forgot."""

TIMEOUT_SECONDS = 30.0
"""The time for each step of an exchange, where the asker bounds neither the step nor the whole."""

MAX_CONNECTIONS = 16
MAX_IDLE_CONNECTIONS = 4
"""Connections of one client. An instance of a component has one, and asks one thing after another."""

_TWINS: dict[type[Exception], type[httpx.TransportError]] = {
    httpcore.ConnectTimeout: httpx.ConnectTimeout,
    httpcore.ReadTimeout: httpx.ReadTimeout,
    httpcore.WriteTimeout: httpx.WriteTimeout,
    httpcore.PoolTimeout: httpx.PoolTimeout,
    httpcore.TimeoutException: httpx.TimeoutException,
    httpcore.ConnectError: httpx.ConnectError,
    httpcore.ReadError: httpx.ReadError,
    httpcore.WriteError: httpx.WriteError,
    httpcore.NetworkError: httpx.NetworkError,
    httpcore.LocalProtocolError: httpx.LocalProtocolError,
    httpcore.RemoteProtocolError: httpx.RemoteProtocolError,
    httpcore.ProtocolError: httpx.ProtocolError,
    httpcore.ProxyError: httpx.ProxyError,
    httpcore.UnsupportedProtocol: httpx.UnsupportedProtocol,
}
"""The first row that fits counts: the special ones stand before the general ones."""


@contextmanager
def translated_errors() -> Iterator[None]:
    """Raise httpcore's errors as httpx's, which is what users of a client know."""
    try:
        yield
    except tuple(_TWINS) as error:
        twin = next(twin for kind, twin in _TWINS.items() if isinstance(error, kind))
        raise twin(str(error)) from error


class BoundedBody(httpx.AsyncByteStream):
    """The body of an answer, refused where it becomes larger than ANSWER_LIMIT_BYTES."""

    def __init__(self, answer: httpcore.Response) -> None:
        self._answer = answer

    async def __aiter__(self) -> AsyncIterator[bytes]:
        size = 0
        try:
            with translated_errors():
                async for part in self._answer.aiter_stream():
                    size += len(part)
                    if size > ANSWER_LIMIT_BYTES:
                        await self.aclose()  # so that the next read fails; leaving here would abandon generators
                    else:
                        yield part
        except httpx.ReadError:
            if size <= ANSWER_LIMIT_BYTES:
                raise
        if size > ANSWER_LIMIT_BYTES:
            raise OutboundRefusedError(f"the answer is refused: it is larger than {ANSWER_LIMIT_BYTES} bytes")

    async def aclose(self) -> None:
        await self._answer.aclose()


class GuardedTransport(httpx.AsyncBaseTransport):
    """The transport of one client's requests, each redirect being a request of its own.

    Args:
        rules: what may be reached, by scheme; other schemes are refused.
        resolve: finds the addresses of names.
    """

    def __init__(self, rules: Mapping[str, OutboundRules], resolve: Resolve) -> None:
        self._pools = {scheme: _open_pool(GuardedBackend(each, resolve)) for scheme, each in rules.items()}

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request.

        Raises:
            OutboundRefusedError: it must not be sent, or its answer is too large.
            httpx.TransportError: the connection failed.
        """
        url = request.url
        pool = self._pools.get(url.scheme)
        if pool is None:
            raise OutboundRefusedError(f"{url.scheme[:20]}:// is refused: only {_listed(self._pools)} may be used")
        if url.userinfo:  # a name before the @ is also how a URL is made to look like another
            raise OutboundRefusedError(f"the URL of {url.host} holds credentials: send them in a header instead")
        answer = await send_repeating(functools.partial(self._send, pool), request)
        if answer.has_redirect_location:
            await answer.aclose()
            return without_body(answer.status_code, answer.headers.raw, answer.extensions)
        return answer

    async def _send(self, pool: httpcore.AsyncConnectionPool, request: httpx.Request) -> httpx.Response:
        url = request.url
        core = httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path)
        sent = httpcore.Request(
            request.method,
            core,
            headers=request.headers.raw,
            content=request.stream,
            extensions=request.extensions,
        )
        with translated_errors():
            answer = await pool.handle_async_request(sent)
        return httpx.Response(
            answer.status, headers=answer.headers, stream=BoundedBody(answer), extensions=answer.extensions
        )

    async def aclose(self) -> None:
        """Close all connections."""
        for pool in self._pools.values():
            await pool.aclose()


class ClosedTransport(httpx.AsyncBaseTransport):
    """A transport that sends nothing."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Refuse.

        Raises:
            OutboundRefusedError: always.
        """
        raise OutboundRefusedError(f"{request.url.host} is refused: OUTBOUND=off, so that nothing may be reached")


class Outside(msgspec.Struct, frozen=True):
    """The clients that a service opens.

    Attributes:
        open_client: for the requests of graphs.
        open_source_client: for the sources of components, which run here: by https, where nobody on the way can
            change them, and by http only from where the operator has named.
    """

    open_client: Callable[[], httpx.AsyncClient]
    open_source_client: Callable[[], httpx.AsyncClient]


UNGUARDED = Outside(open_unguarded_client, open_unguarded_client)
"""The outside of graphs and components of the person at the keyboard."""


def open_outside(mode: OutboundMode, rules: OutboundRules, resolve: Resolve | None = None) -> Outside:
    """Open what ``OUTBOUND`` asks for. Read the trusted authorities now, before anybody waits for them.

    Args:
        mode: the setting.
        rules: what the other settings say; ``mode`` decides on the public Internet.
        resolve: finds the addresses of names; the machine's resolver when absent.
    """
    if mode == "off":
        return Outside(*(functools.partial(_client, ClosedTransport()),) * 2)
    trusted_authorities()
    if mode == "open":
        return UNGUARDED
    resolve = resolve or SystemResolver()
    rules = msgspec.structs.replace(rules, public=mode == "guarded")
    listed = msgspec.structs.replace(rules, public=False)

    def opener(by_scheme: Mapping[str, OutboundRules]) -> Callable[[], httpx.AsyncClient]:
        return lambda: _client(GuardedTransport(by_scheme, resolve))

    return Outside(opener({"http": rules, "https": rules}), opener({"http": listed, "https": rules}))


def _open_pool(backend: GuardedBackend) -> httpcore.AsyncConnectionPool:
    return httpcore.AsyncConnectionPool(
        ssl_context=trusted_authorities(),
        max_connections=MAX_CONNECTIONS,
        max_keepalive_connections=MAX_IDLE_CONNECTIONS,
        keepalive_expiry=IDLE_SECONDS,
        network_backend=backend,
    )


def _client(transport: httpx.AsyncBaseTransport) -> httpx.AsyncClient:
    return open_following(transport, timeout=TIMEOUT_SECONDS)


def _listed(words: Iterable[str]) -> str:
    return " and ".join(f"{word}://" for word in words)
