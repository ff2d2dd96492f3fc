"""Addresses: what is the public Internet, and which spellings are taken."""

import ipaddress
import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.addresses.ip import METADATA, SpellingError, is_name, parse_host, special_kind

SPECIAL = [
    # OWASP's cheat sheet on SSRF, its references on bypasses, and IANA's registries.
    *[("0.0.0.0", "of this network"), ("0.1.2.3", "of this network")],
    *[("127.0.0.1", "loopback"), ("127.255.255.254", "loopback"), ("::1", "loopback"), ("::", "unspecified")],
    *[("10.0.0.0", "private"), ("10.255.255.255", "private"), ("172.16.0.1", "private")],
    *[
        ("172.31.255.255", "private"),
        ("192.168.0.1", "private"),
        ("fd12:3456::1", "private"),
        ("fc00::", "private"),
    ],
    *[("100.64.0.1", "NAT"), ("100.127.255.255", "NAT")],
    *[
        ("169.254.1.1", "link-local"),
        ("fe80::1", "link-local"),
        ("febf::1", "link-local"),
        ("fec0::1", "site-local"),
    ],
    *[(str(address), "metadata") for address in sorted(METADATA, key=str)],
    *[("224.0.0.1", "multicast"), ("239.255.255.255", "multicast"), ("ff02::1", "multicast")],
    *[("240.0.0.1", "reserved"), ("255.255.255.255", "reserved"), ("192.0.0.1", "reserved")],
    *[("192.0.2.1", "documentation"), ("198.51.100.1", "documentation"), ("203.0.113.1", "documentation")],
    *[("2001:db8::1", "documentation"), ("3fff::1", "documentation"), ("198.18.0.1", "benchmarks")],
    *[("::ffff:8.8.8.8", "clothes"), ("::ffff:127.0.0.1", "clothes"), ("::8.8.8.8", "clothes")],
    *[("::ffff:0:8.8.8.8", "translated"), ("64:ff9b::8.8.8.8", "NAT64"), ("64:ff9b:1::1", "NAT64")],
    *[("2002:0808:0808::1", "6to4"), ("192.88.99.1", "6to4"), ("2001:0:808:808::1", "Teredo")],
    *[("2600::5efe:10.0.0.1", "ISATAP"), ("2600::200:5efe:8.8.8.8", "ISATAP")],
    *[("2001:10::1", "reserved"), ("100::1", "discarding"), ("5f00::1", "not global"), ("4000::1", "not global")],
]

PUBLIC = [
    *["1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255"],
    *["128.0.0.1", "169.253.255.255", "172.15.255.255", "172.32.0.0", "192.167.255.255", "192.169.0.0"],
    *["198.17.255.255", "198.20.0.0", "223.255.255.255", "2600::1", "2606:4700::1111", "2001:4860:4860::8888"],
]


@pytest.mark.parametrize(("text", "kind"), SPECIAL)
def test_a_special_address_is_named_for_what_it_is(text: str, kind: str) -> None:
    """Each address that is not the public Internet has the kind that its registry gives it."""
    assert kind in (special_kind(ipaddress.ip_address(text)) or "")


@pytest.mark.parametrize("text", PUBLIC)
def test_a_public_address_has_no_kind(text: str) -> None:
    """Public addresses, those at the edges of special networks among them, are the public Internet."""
    assert special_kind(ipaddress.ip_address(text)) is None


@given(address=st.ip_addresses())
def test_what_python_does_not_call_global_is_special(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> None:
    """Our tables refuse everything that the standard library's do."""
    assert address.is_global or special_kind(address) is not None
    assert not address.is_multicast or special_kind(address) is not None


@given(carried=st.ip_addresses(v=4))
def test_no_ipv6_address_that_carries_an_ipv4_address_is_public(carried: ipaddress.IPv4Address) -> None:
    """Mapped, compatible, translated and tunnelled forms are special, whatever they carry."""
    low, high = int(carried) & 0xFFFF, int(carried) >> 16
    flipped = int(carried) ^ 0xFFFF_FFFF
    forms = [
        *(f"::ffff:{carried}", f"::{carried}", f"::ffff:0:{carried}", f"64:ff9b::{carried}"),
        *(f"64:ff9b:1::{carried}", f"2002:{high:x}:{low:x}::1", f"2600:1:2:3:0:5efe:{high:x}:{low:x}"),
        f"2001:0:4136:e378:8000:63bf:{flipped >> 16:x}:{flipped & 0xFFFF:x}",
    ]
    assert [form for form in forms if special_kind(ipaddress.IPv6Address(form)) is None] == []


@given(address=st.ip_addresses())
def test_the_plain_spelling_is_read(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> None:
    """An address as the standard library writes it is that address."""
    assert parse_host(str(address)) == address


@given(address=st.ip_addresses(v=6))
def test_every_spelling_of_an_ipv6_address_is_the_same_address(address: ipaddress.IPv6Address) -> None:
    """Long, short, and upper-case spellings mean one address, so that none is judged by its looks."""
    assert {parse_host(text) for text in (address.exploded, address.compressed, str(address).upper())} == {address}


@st.composite
def spellings(draw: st.DrawFn) -> str:
    """An IPv4 address as inet_aton reads it: one to four parts, each decimal, octal or hexadecimal."""
    number = draw(st.integers(0, 2**32 - 1))
    count = draw(st.integers(1, 4))
    parts = [number >> shift & 0xFF for shift in (24, 16, 8)[: count - 1]]
    parts.append(number & ((1 << 8 * (5 - count)) - 1))
    forms = ("{:d}", "0{:o}", "0x{:x}", "0X{:X}", "000{:o}")
    return ".".join(draw(st.sampled_from(forms)).format(part) for part in parts)


@given(text=spellings())
def test_an_odd_spelling_is_refused_or_means_what_the_system_takes_it_for(text: str) -> None:
    """Octal, hexadecimal, single-number and short forms never pass as a name, nor as another address."""
    try:
        assert parse_host(text) == ipaddress.IPv4Address(socket.inet_aton(text))
    except SpellingError:
        assert text != str(ipaddress.IPv4Address(socket.inet_aton(text)))


@pytest.mark.parametrize(
    "host",
    [
        *["2130706433", "017700000001", "0x7f000001", "0x7f.1", "127.1", "127.0.1", "0177.0.0.1", "127.0.0.01"],
        *["0127.0.0.1", "127.0.0.1.", "127.0.0.0x1", "1.2.3.4.5", "256.1.1.1", "example.0x", "example.1"],
        *["127%2e0.0.1", "127.0.0.1%00.example", "a b", "a/b", "a@b", "", ".", "a..b", ".a", "127。0。0。1"],
        *["①.0.0.1", "٣.0.0.1", "fe80::1%eth0", "fe80::1%25eth0", "::1%1", "[::1]", ":::", "1::2::3", "a" * 255],
        *["localhost\x00", "exa\nmple"],
    ],
)
def test_what_is_neither_name_nor_plain_address_is_refused(host: str) -> None:
    """Nothing that one program reads as a name and another as an address gets through, nor any zone."""
    with pytest.raises(SpellingError):
        parse_host(host)


@pytest.mark.parametrize(
    "host", ["localhost", "a.example", "a.example.", "a_b.example", "1.example", "0x1.example"]
)
def test_a_name_is_a_name(host: str) -> None:
    """Names, also such as begin with a number, are left to the resolver."""
    assert parse_host(host) is None
    assert is_name(host)


@given(host=st.text() | st.text("0123456789abcdefx.:%[]-"))
def test_any_text_is_a_name_an_address_or_refused(host: str) -> None:
    """Reading a host raises nothing but its one error."""
    try:
        assert parse_host(host) is None or not is_name(host)
    except SpellingError:
        assert not is_name(host)
