"""The IP addresses that are the public Internet, and the spellings of addresses that are taken. Pure.

The tables follow IANA's registries of special-purpose addresses (RFC 6890 and what updates it). They stand here,
and not in ``ipaddress.is_global``, because that verdict changes between releases of Python, and because it calls
several transition addresses global: 6to4, NAT64 and ISATAP carry an IPv4 address inside, which a gateway unpacks
behind our back. No such address is taken, whatever it carries; the IPv4 address can be written as it is.
"""

import ipaddress
import re

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address

METADATA = frozenset(
    ipaddress.ip_address(text)
    for text in (
        "169.254.169.254",  # AWS, Google, Azure, and most others
        "169.254.170.2",  # AWS: credentials of a container
        "169.254.170.23",  # AWS: credentials of a pod
        "fd00:ec2::254",
        "fd00:ec2::23",
        "fd20:ce::254",  # Google
        "100.100.100.200",  # Alibaba
        "192.0.0.192",  # Oracle
        "168.63.129.16",  # Azure's host agent, in the middle of public addresses
    )
)
"""The addresses at which clouds hand credentials to whoever asks from inside."""

SPECIAL_IPV4 = tuple(
    (ipaddress.IPv4Network(network), kind)
    for network, kind in (
        ("0.0.0.0/8", "of this network"),
        ("10.0.0.0/8", "private"),
        ("100.64.0.0/10", "shared behind a carrier's NAT"),
        ("127.0.0.0/8", "loopback"),
        ("169.254.0.0/16", "link-local"),
        ("172.16.0.0/12", "private"),
        ("192.0.0.0/24", "reserved for protocols"),
        ("192.0.2.0/24", "for documentation"),
        ("192.88.99.0/24", "a 6to4 relay"),
        ("192.168.0.0/16", "private"),
        ("198.18.0.0/15", "for benchmarks"),
        ("198.51.100.0/24", "for documentation"),
        ("203.0.113.0/24", "for documentation"),
        ("224.0.0.0/4", "multicast"),
        ("240.0.0.0/4", "reserved"),
    )
)

SPECIAL_IPV6 = tuple(
    (ipaddress.IPv6Network(network), kind)
    for network, kind in (
        ("::/128", "unspecified"),
        ("::1/128", "loopback"),
        ("::ffff:0:0/96", "an IPv4 address in IPv6 clothes"),
        ("::ffff:0:0:0/96", "translated from IPv4"),
        ("::/96", "an IPv4 address in IPv6 clothes"),
        ("64:ff9b::/96", "translated to IPv4 (NAT64)"),
        ("64:ff9b:1::/48", "translated to IPv4 (NAT64)"),
        ("100::/64", "for discarding"),
        ("2001::/32", "a tunnel to IPv4 (Teredo)"),
        ("2001::/23", "reserved for protocols"),
        ("2001:db8::/32", "for documentation"),
        ("2002::/16", "a tunnel to IPv4 (6to4)"),
        ("3ffe::/16", "reserved"),
        ("3fff::/20", "for documentation"),
        ("fc00::/7", "private"),
        ("fe80::/10", "link-local"),
        ("fec0::/10", "site-local"),
        ("ff00::/8", "multicast"),
    )
)
_GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")
_ISATAP = frozenset({0x0000_5EFE, 0x0200_5EFE})  # RFC 5214: the upper half of the interface identifier

_NUMBER = re.compile(r"[0-9]+|0[xX][0-9a-fA-F]*")
_NAME = re.compile(r"[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*\.?")
NAME_CHARACTERS = 254
"""Characters of a host name, a final dot included (RFC 1035)."""


class SpellingError(ValueError):
    """The text is neither a host name nor an address in its one plain spelling; the message says why."""


def special_kind(address: IPAddress) -> str | None:
    """Return the kind of an address that is not the public Internet, such as ``private``; None of a public one."""
    if address in METADATA:
        return "a cloud's metadata service"
    if isinstance(address, ipaddress.IPv4Address):
        return next((kind for network, kind in SPECIAL_IPV4 if address in network), None)
    for network, kind in SPECIAL_IPV6:
        if address in network:
            return kind
    if address not in _GLOBAL_UNICAST:
        return "not global unicast"
    return "a tunnel to IPv4 (ISATAP)" if int(address) >> 32 & 0xFFFF_FFFF in _ISATAP else None


def parse_host(host: str) -> IPAddress | None:
    """Read the address that a host spells, without brackets; None for a name.

    A name whose last label is a number is no name (WHATWG URL, "ends in a number"): programs read ``127.1``,
    ``2130706433``, ``0x7f.1`` and ``0177.0.0.1`` as addresses, and not all of them as the same one.

    Raises:
        SpellingError: it is neither, or an address in another than its plain spelling, or has a zone.
    """
    if ":" in host:
        return _parse_ipv6(host)
    if not _NAME.fullmatch(host) or len(host) > NAME_CHARACTERS:
        raise SpellingError("it is neither a host name nor an address")
    if not _NUMBER.fullmatch(host.removesuffix(".").rpartition(".")[2]):
        return None
    try:
        return ipaddress.IPv4Address(host)
    except ValueError as error:
        raise SpellingError("an IPv4 address is written as four decimal numbers, such as 192.0.2.1") from error


def _parse_ipv6(host: str) -> ipaddress.IPv6Address:
    try:
        address = ipaddress.IPv6Address(host)
    except ValueError as error:
        raise SpellingError("it is no IPv6 address") from error
    if address.scope_id is not None:
        raise SpellingError("an address with a zone names an interface of this machine")
    return address


def is_name(text: str) -> bool:
    """Return whether a text is a host name, and not an address in any spelling."""
    try:
        return parse_host(text) is None
    except SpellingError:
        return False


def is_loopback(host: str) -> bool:
    """Return whether an address or name can only mean this machine. Accept brackets around an IPv6 address."""
    bare = host.removeprefix("[").removesuffix("]")
    if bare.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(bare).is_loopback
    except ValueError:
        return False
