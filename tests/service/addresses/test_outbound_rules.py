"""The rules on what may be reached: ports, exceptions, and the sentences of a refusal."""

import ipaddress
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from service.addresses.ip import METADATA, IPAddress, special_kind
from service.addresses.outbound_rules import (
    DEFAULT_PORTS,
    AllowList,
    OutboundRules,
    PortSet,
    read_allow_list,
    read_ports,
)

PUBLIC = ipaddress.IPv4Address("8.8.8.8")
PRIVATE = ipaddress.IPv4Address("10.1.2.3")


def not_own(_address: IPAddress) -> bool:
    return False


def verdict(host: str, address: str | IPAddress, port: int = 443, allow: str = "", **rules: Any) -> str | None:
    """Why an address of a host is refused, or None."""
    chosen = OutboundRules(allow=read_allow_list(allow), **rules)
    return chosen.refusal(host, ipaddress.ip_address(address), port, not_own)


@pytest.mark.parametrize("port", [80, 443, 1024, 8080, 65_535])
def test_the_public_internet_may_be_reached(port: int) -> None:
    """The ports of the web, and those that every user of a machine may open, are open by default."""
    assert verdict("example.org", PUBLIC, port) is None


@pytest.mark.parametrize("port", [0, 1, 22, 25, 53, 79, 81, 389, 465, 1023, 65_536])
def test_other_ports_are_refused(port: int) -> None:
    """The refusal names the port, the set, and what would allow it."""
    assert verdict("example.org", PUBLIC, port) == (
        f"example.org, which has the address 8.8.8.8, is refused: port {port} is not one of OUTBOUND_PORTS "
        f"(80,443,1024-65535). To allow it, add example.org:{port} to OUTBOUND_ALLOW"
    )


def test_a_refusal_says_which_address_of_which_name_and_what_to_do() -> None:
    """A name and a literal address are both told in full."""
    assert verdict("db.example", PRIVATE, 8080) == (
        "db.example, which has the address 10.1.2.3, is refused: 10.1.2.3 is private. "
        "To allow it, add db.example:8080 to OUTBOUND_ALLOW"
    )
    assert verdict("fd00::1", "fd00::1") == (
        "fd00::1 is refused: fd00::1 is private. To allow it, add [fd00::1]:443 to OUTBOUND_ALLOW"
    )


@given(address=st.ip_addresses(), port=st.integers(0, 65_535))
def test_what_a_refusal_advises_allows(address: IPAddress, port: int) -> None:
    """The entry that a refusal names, put into the list, lifts it, for names and literal addresses alike."""
    for host in ("service.example", str(address)):
        if port and (refused := verdict(host, address, port, public=False)):
            entry = refused.rpartition(" add ")[2].removesuffix(" to OUTBOUND_ALLOW")
            assert verdict(host, address, port, entry, public=False) is None


@given(address=st.ip_addresses(), port=st.sampled_from([80, 443, 8080]))
def test_without_exceptions_only_the_public_internet_may_be_reached(address: IPAddress, port: int) -> None:
    """The verdict is that of the address, whatever the name."""
    refused = verdict("any.example", address, port)
    assert (refused is None) == (special_kind(address) is None)


@pytest.mark.parametrize(
    ("allow", "host", "address", "port", "allowed"),
    [
        ("db.example", "db.example", "10.1.2.3", 443, True),
        ("DB.Example.", "db.EXAMPLE.", "10.1.2.3", 443, True),
        ("db.example", "db.example", "10.1.2.3", 22, False),
        ("db.example:22", "db.example", "10.1.2.3", 22, True),
        ("db.example:22", "db.example", "10.1.2.3", 443, False),
        ("db.example", "sub.db.example", "10.1.2.3", 443, False),
        ("db.example", "evil-db.example", "10.1.2.3", 443, False),
        ("db.example", "10.1.2.3", "10.1.2.3", 443, False),
        ("10.1.2.3", "db.example", "10.1.2.3", 443, True),
        ("10.1.2.3", "10.1.2.3", "10.1.2.3", 443, True),
        ("10.1.2.3", "10.1.2.4", "10.1.2.4", 443, False),
        ("10.1.0.0/16", "any.example", "10.1.255.1", 443, True),
        ("10.1.0.0/16", "any.example", "10.2.0.1", 443, False),
        ("10.1.0.0/16:8080", "any.example", "10.1.0.1", 8080, True),
        ("10.1.0.0/16:8080", "any.example", "10.1.0.1", 443, False),
        ("fd00::1", "fd00::1", "fd00::1", 443, True),
        ("[fd00::1]:22", "fd00::1", "fd00::1", 22, True),
        ("[fd00::/8]:22", "any.example", "fd00::9", 22, True),
        ("a.example, , 127.0.0.1:5006,", "localhost", "127.0.0.1", 5006, True),
        ("127.0.0.1", "localhost", "::1", 443, False),
        ("127.0.0.1", "any.example", "::ffff:127.0.0.1", 443, False),
    ],
)
def test_an_exception_allows_what_it_names_and_nothing_else(
    allow: str, host: str, address: str, port: int, allowed: bool
) -> None:
    """Names are exact, networks count by address, and a port given is the only one."""
    assert (verdict(host, address, port, allow) is None) is allowed


@pytest.mark.parametrize("address", sorted(map(str, METADATA)))
def test_a_metadata_service_is_opened_by_its_own_address_only(address: str) -> None:
    """Neither a name that points there nor a network around it opens it, and the refusal says what does."""
    around = "0.0.0.0/0,::/0,metadata.example,metadata.example:80"
    refused = verdict("metadata.example", address, 80, around)
    entry = f"[{address}]:80" if ":" in address else f"{address}:80"
    assert f"add {entry} to OUTBOUND_ALLOW" in (refused or "")
    assert verdict("metadata.example", address, 80, entry) is None


def test_this_machines_own_public_address_is_refused() -> None:
    """What listens on all addresses of this machine is not meant for graphs, whatever the address."""
    refused = OutboundRules().refusal("here.example", PUBLIC, 443, lambda _: True)
    assert "8.8.8.8 is this machine's own" in (refused or "")


def test_without_the_public_internet_only_exceptions_may_be_reached() -> None:
    """A public host that is not named is refused, and a named one is not."""
    assert "only what OUTBOUND_ALLOW names" in (verdict("api.example", PUBLIC, public=False) or "")
    assert verdict("api.example", PUBLIC, allow="api.example", public=False) is None


@pytest.mark.parametrize(
    "text",
    [
        *["127.1", "2130706433", "0x7f.1", "10.0.0.1/8", "10.0.0.0/33", "10.0.0.0/x", "a b", "http://a.example"],
        *["a.example:", "a.example:0", "a.example:65536", "a.example:x", "a.example:80:80", "[a.example]:80"],
        *["[fd00::1", "fd00::1]:80", "[10.0.0.1]:80", "fe80::1%eth0", "*.example", "a.example:٣", "a.example;b"],
    ],
)
def test_a_wrong_exception_is_refused(text: str) -> None:
    """No entry is half understood."""
    with pytest.raises(ValueError):  # noqa: PT011  the setting's own sentence is made elsewhere
        read_allow_list(f"good.example,{text}")


@pytest.mark.parametrize(
    "text", ["", "0", "65536", "80-", "-80", "443-80", "80;443", "80,", "http", "٨٠", "1-2-3"]
)
def test_wrong_ports_are_refused(text: str) -> None:
    """No set of ports is half understood."""
    with pytest.raises(ValueError):  # noqa: PT011  as above
        read_ports(text)


@given(ranges=st.lists(st.tuples(st.integers(1, 65_535), st.integers(1, 65_535)), min_size=1))
def test_ports_read_back_as_they_are_written(ranges: list[tuple[int, int]]) -> None:
    """The text of a set of ports is that set, and holds exactly the ports between its ends."""
    ports = PortSet(tuple((min(pair), max(pair)) for pair in ranges))
    assert read_ports(str(ports)) == ports
    assert all(first in ports and last in ports for first, last in ports.ranges)
    assert 0 not in ports


def test_the_default_ports_read_back() -> None:
    """What the documentation shows can be set."""
    assert read_ports(str(DEFAULT_PORTS)) == DEFAULT_PORTS


@example(text="::/32")
@given(text=st.text(max_size=60) | st.text("a1.:/[]-,0", max_size=30))
def test_any_text_is_an_allow_list_that_reads_back_or_is_refused(text: str) -> None:
    """Reading raises ValueError alone, and what was read is what its text says."""
    try:
        allow = read_allow_list(text)
    except ValueError:
        return
    assert read_allow_list(str(allow)) == allow
    assert (allow == AllowList()) == (not text.replace(",", " ").strip())
