"""The place where outgoing connections are made, and judged: the heart of the outbound guard.

Graphs and components are untrusted, and so are the URLs in them. A check of the URL before the request is not
enough: the name may have another address a moment later (DNS rebinding), and an answer may redirect anywhere. So
the check stands where the connection is made. A name is resolved once, all its addresses are judged, and one of
these very addresses is connected to; every hop of a redirect passes here again. The Host header and the name that
the certificate must bear stay what the URL says.

One refused address refuses the name: honest public services have no private addresses beside their public ones.
"""

import functools
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Iterable, Sequence

import httpcore
import trio

from engine.builtin.parts.http_refusal import RequestRefusedError
from service.addresses.ip import IPAddress, SpellingError, parse_host
from service.addresses.outbound_rules import OutboundRules

CONNECT_SECONDS = 10.0
"""The time for finding a host's addresses and connecting to one of them, TLS excluded."""

STAGGER_SECONDS = 0.25
"""The time between attempts at the addresses of one host, while none has failed or succeeded (RFC 8305)."""

ADDRESS_LIMIT = 8
"""Addresses of one host that are tried."""

RESOLVER_THREADS = 16
"""Names looked up at once. One slow name server must not occupy the threads that others need."""

Resolve = Callable[[str, int], Awaitable[Sequence[IPAddress]]]
"""The addresses of a name, the preferred ones first; raises OSError when there are none."""


class OutboundRefusedError(RequestRefusedError):
    """The guard refuses a request; the message says which address of which name, why, and how to allow it."""


class SystemResolver:
    """A resolver that asks the machine, in threads of its own."""

    def __init__(self) -> None:
        self._threads = trio.CapacityLimiter(RESOLVER_THREADS)

    async def __call__(self, name: str, port: int) -> list[IPAddress]:
        found = await trio.to_thread.run_sync(
            functools.partial(socket.getaddrinfo, name, port, type=socket.SOCK_STREAM),
            abandon_on_cancel=True,
            limiter=self._threads,
        )
        return [ipaddress.ip_address(place[0]) for *_, place in found]


def is_own(address: IPAddress) -> bool:
    """Return whether an address is one of this machine's, so that it would be the sender's, too. Send nothing."""
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((str(address), 9))
            return ipaddress.ip_address(probe.getsockname()[0]) == address
    except OSError:  # no route, so that no connection will come about either
        return False


class GuardedBackend(httpcore.AsyncNetworkBackend):
    """The maker of a pool's connections, to addresses that the rules let it reach.

    Args:
        rules: what may be reached.
        resolve: finds the addresses of names.
        is_own: tells this machine's addresses.
    """

    def __init__(
        self, rules: OutboundRules, resolve: Resolve, is_own: Callable[[IPAddress], bool] = is_own
    ) -> None:
        self._rules = rules
        self._resolve = resolve
        self._is_own = is_own
        self._network = httpcore.TrioBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109  the signature is httpcore's
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Connect to one of a host's addresses.

        Raises:
            OutboundRefusedError: the host must not be reached.
            httpcore.ConnectError: it has no address, or none of them answers.
            httpcore.ConnectTimeout: it took longer than ``timeout``, or than CONNECT_SECONDS.
        """
        del local_address, socket_options  # our pools ask for neither
        seconds = CONNECT_SECONDS if timeout is None else min(timeout, CONNECT_SECONDS)
        try:
            with trio.fail_after(seconds):
                addresses = await self._addresses(host, port)
                for address in addresses:
                    refusal = self._rules.refusal(host, address, port, self._is_own)
                    if refusal is not None:
                        raise OutboundRefusedError(refusal)
                return await self._connect(addresses[:ADDRESS_LIMIT], port)
        except trio.TooSlowError as error:
            raise httpcore.ConnectTimeout(f"no connection to {host} within {seconds:g} s") from error

    async def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,  # noqa: ASYNC109  the signature is httpcore's
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Refuse: no URL names a socket file."""
        del timeout, socket_options
        raise OutboundRefusedError(f"the socket file {path} is refused: only hosts may be reached")

    async def sleep(self, seconds: float) -> None:
        """Wait, between attempts of a pool."""
        await trio.sleep(seconds)

    async def _addresses(self, host: str, port: int) -> Sequence[IPAddress]:
        try:
            literal = parse_host(host)
        except SpellingError as error:
            raise OutboundRefusedError(f"the host {host[:100]!r} is refused: {error}") from error
        if literal is not None:
            return [literal]
        try:
            addresses = list(dict.fromkeys(await self._resolve(host, port)))
        except (OSError, UnicodeError) as error:
            raise httpcore.ConnectError(f"{host} has no address: {error}") from error
        if not addresses:
            raise httpcore.ConnectError(f"{host} has no address")
        return addresses

    async def _connect(self, addresses: Sequence[IPAddress], port: int) -> httpcore.AsyncNetworkStream:
        """Make the first connection that comes about, one attempt beginning after another (RFC 8305, in short)."""
        streams: list[httpcore.AsyncNetworkStream] = []
        failures: list[httpcore.ConnectError] = []

        async def attempt(address: IPAddress, failed: trio.Event) -> None:
            try:
                stream = await self._network.connect_tcp(str(address), port)  # an address, so nothing is looked up
            except httpcore.ConnectError as error:
                failures.append(error)
                failed.set()
                return
            streams.append(stream)
            nursery.cancel_scope.cancel()

        async with trio.open_nursery() as nursery:
            for address in addresses:
                failed = trio.Event()
                nursery.start_soon(attempt, address, failed)
                with trio.move_on_after(STAGGER_SECONDS):
                    await failed.wait()
        if not streams:
            raise failures[0]
        for late in streams[1:]:  # two in the same moment
            await late.aclose()
        return streams[0]
