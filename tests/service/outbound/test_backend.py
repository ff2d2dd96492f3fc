"""Connections: resolved once, judged, pinned; on real sockets, with a resolver of the test's own."""

import ipaddress

import httpcore
import pytest
import trio

from service.addresses.ip import IPAddress
from service.addresses.outbound_rules import OutboundRules, read_allow_list
from service.outbound.backend import (
    ADDRESS_LIMIT,
    CONNECT_SECONDS,
    GuardedBackend,
    OutboundRefusedError,
    SystemResolver,
    is_own,
)
from tests.engine.builtin.http_server import answer, serving
from tests.fakes.resolver import FakeResolver


def backend(resolve: FakeResolver, allow: str = "") -> GuardedBackend:
    return GuardedBackend(OutboundRules(allow=read_allow_list(allow)), resolve)


def port_of(url: str) -> int:
    return int(url.rpartition(":")[2])


async def connects(guarded: GuardedBackend, host: str, port: int) -> str:
    """The address that a connection leads to."""
    stream = await guarded.connect_tcp(host, port)
    try:
        return str(stream.get_extra_info("server_addr")[0])
    finally:
        await stream.aclose()


async def test_a_name_is_resolved_once_and_its_address_pinned() -> None:
    """One question, and the connection leads to the very address that was judged."""
    names = FakeResolver(answers={"a.example": (["127.0.0.1"], ["127.0.0.2"])})
    async with serving() as server:
        assert await connects(backend(names, "127.0.0.1"), "a.example", port_of(server.url)) == "127.0.0.1"
    assert names.asked == ["a.example"]


async def test_an_address_is_not_looked_up() -> None:
    """A literal address asks no resolver."""
    names = FakeResolver()
    async with serving() as server:
        assert await connects(backend(names, "127.0.0.1"), "127.0.0.1", port_of(server.url)) == "127.0.0.1"
    assert names.asked == []


async def test_a_name_that_changes_its_address_is_judged_anew() -> None:
    """What rebinding hopes for: the second answer is inside, and refused for what it is now."""
    names = FakeResolver(answers={"a.example": (["127.0.0.1"], ["169.254.169.254"])})
    async with serving() as server:
        guarded = backend(names, "127.0.0.1")
        await connects(guarded, "a.example", port_of(server.url))
        with pytest.raises(OutboundRefusedError, match=r"a\.example, which has the address 169\.254\.169\.254"):
            await connects(guarded, "a.example", port_of(server.url))


@pytest.mark.parametrize("answers", [["127.0.0.1", "10.0.0.1"], ["10.0.0.1", "127.0.0.1"], ["127.0.0.1", "::1"]])
async def test_one_refused_address_refuses_the_name(answers: list[str]) -> None:
    """Wherever it stands among the answers."""
    async with serving() as server:
        with pytest.raises(OutboundRefusedError):
            await connects(backend(FakeResolver(*answers), "127.0.0.1"), "a.example", port_of(server.url))


async def test_a_silent_address_gives_way_to_the_next() -> None:
    """Where nobody listens at the first address of a name, the second is tried."""
    names = FakeResolver("127.0.0.2", "127.0.0.1")
    async with serving() as server:
        assert await connects(backend(names, "127.0.0.0/8"), "a.example", port_of(server.url)) == "127.0.0.1"


async def test_only_some_addresses_of_a_name_are_tried() -> None:
    """A name with very many addresses does not make us knock on all of them."""
    silent = [f"127.0.0.{number}" for number in range(2, ADDRESS_LIMIT + 2)]
    async with serving() as server:
        with pytest.raises(httpcore.ConnectError):
            await connects(
                backend(FakeResolver(*silent, "127.0.0.1"), "127.0.0.0/8"), "a.example", port_of(server.url)
            )


async def test_a_name_without_addresses_is_no_refusal() -> None:
    """An unknown name is an ordinary failure to connect."""
    with pytest.raises(httpcore.ConnectError, match=r"a\.example has no address: the name is not known"):
        await backend(FakeResolver()).connect_tcp("a.example", 443)


@pytest.mark.usefixtures("autojump_clock")
async def test_a_resolver_that_does_not_answer_is_given_up() -> None:
    """A slow name server holds nobody for longer than CONNECT_SECONDS, whatever the client allows."""

    async def silent(_name: str, _port: int) -> list[IPAddress]:
        await trio.sleep_forever()
        raise AssertionError

    began = trio.current_time()
    with pytest.raises(httpcore.ConnectTimeout, match=r"a\.example within 10 s"):
        await GuardedBackend(OutboundRules(), silent).connect_tcp("a.example", 443, timeout=None)
    assert trio.current_time() - began == pytest.approx(CONNECT_SECONDS)
    with pytest.raises(httpcore.ConnectTimeout, match="within 2 s"):
        await GuardedBackend(OutboundRules(), silent).connect_tcp("a.example", 443, timeout=2)


async def test_no_socket_file_is_reached() -> None:
    """The other door of a network backend is closed."""
    with pytest.raises(OutboundRefusedError, match=r"socket file /run/a\.sock"):
        await backend(FakeResolver()).connect_unix_socket("/run/a.sock")


async def test_the_public_address_of_this_machine_is_not_reached() -> None:
    """What listens on all addresses is not reached through the public one either."""
    here = ipaddress.ip_address("8.8.8.8")
    guarded = GuardedBackend(OutboundRules(), FakeResolver("8.8.8.8"), lambda address: address == here)
    with pytest.raises(OutboundRefusedError, match=r"8\.8\.8\.8 is this machine's own"):
        await guarded.connect_tcp("a.example", 443)


def test_this_machine_knows_its_own_addresses() -> None:
    """Its loopback address is its own; an address of the documentation is not."""
    assert is_own(ipaddress.ip_address("127.0.0.1"))
    assert not is_own(ipaddress.ip_address("192.0.2.1"))
    assert not is_own(ipaddress.ip_address("2001:db8::1"))


async def test_the_machine_resolves_its_own_name() -> None:
    """The resolver of the service asks the machine; localhost is a loopback address everywhere."""
    found = await SystemResolver()("localhost", 80)
    assert found
    assert all(address.is_loopback for address in found)


async def test_a_name_that_no_resolver_takes_is_no_refusal() -> None:
    """A label that is longer than DNS can carry has no address, and raises what a backend raises."""
    guarded = GuardedBackend(OutboundRules(), SystemResolver())
    with pytest.raises(httpcore.ConnectError, match="no address"):
        await guarded.connect_tcp("a" * 64, 443)


async def test_names_are_looked_up_in_threads_of_their_own() -> None:
    """Lookups go on while every default thread is taken, and so slow ones cannot take them all either."""
    threads = trio.to_thread.current_default_thread_limiter()
    threads.total_tokens = 1
    async with threads:
        with trio.fail_after(20):
            assert await SystemResolver()("localhost", 80)


async def test_a_connection_carries_a_request() -> None:
    """What comes back is a stream that a pool can speak HTTP over."""
    async with serving(answer(b"hello")) as server:
        guarded = backend(FakeResolver("127.0.0.1"), "a.example")
        async with httpcore.AsyncConnectionPool(network_backend=guarded) as pool:
            reply = await pool.request("GET", f"http://a.example:{port_of(server.url)}/path")
        assert reply.content == b"hello"
        assert server.requests[0].headers["host"] == f"a.example:{port_of(server.url)}"
