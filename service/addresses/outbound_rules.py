"""The rules for outgoing requests: ports, a list of exceptions, and the verdict on one address. Pure.

A name is judged by the addresses that it has at the moment of the connection, never by its looks.
"""

import ipaddress
import re
from collections.abc import Callable
from typing import Literal

import msgspec

from service.addresses.ip import METADATA, IPAddress, is_name, special_kind

OutboundMode = Literal["guarded", "listed", "open", "off"]

_PORT_LIMIT = 65_535
_PORT_RANGE = re.compile(r"([0-9]{1,5})(?:-([0-9]{1,5}))?", re.ASCII)
_WITH_PORT = re.compile(r"(?:\[([^\[\]]*)\]|([^:\[\]]*))(?::([0-9]{1,5}))?", re.ASCII)
_MAX_ENTRIES = 1_000

ALLOW_EXPECTED = (
    "host names, addresses and networks, each with or without a port, such as orders.internal,10.1.0.0/16:8080"
)
PORTS_EXPECTED = "ports and ranges of ports, such as 80,443,8000-8999"


class PortSet(msgspec.Struct, frozen=True):
    """Ports, as ranges with both ends included; ``str`` gives the text that :func:`read_ports` reads."""

    ranges: tuple[tuple[int, int], ...]

    def __contains__(self, port: int) -> bool:
        return any(first <= port <= last for first, last in self.ranges)

    def __str__(self) -> str:
        return ",".join(str(first) if first == last else f"{first}-{last}" for first, last in self.ranges)


DEFAULT_PORTS = PortSet(((80, 80), (443, 443), (1024, _PORT_LIMIT)))
"""The ports of web servers, and those that every user of a machine may open. Below 1024 live mail, remote
shells, name and directory services, which a request in HTTP could only be sent to in order to confuse them."""


class Allowed(msgspec.Struct, frozen=True):
    """One exception: a name or a network, at one port or at all ports that are open to everybody.

    Attributes:
        name: a host name in lower case without a final dot; empty for a network.
        network: addresses, by whatever name they were found; None for a name.
        port: the only port, which need be in no port set; None for those of the port set.
    """

    name: str = ""
    network: ipaddress.IPv4Network | ipaddress.IPv6Network | None = None
    port: int | None = None

    def covers(self, name: str, address: IPAddress, port: int, ports: PortSet) -> bool:
        """Return whether it lets ``name``, which has this address, be reached at this port.

        A metadata service is only opened by its own address: a name may be somebody else's to point, and a
        network is written without thinking of it.
        """
        if port != self.port if self.port is not None else port not in ports:
            return False
        if self.network is None:
            return name == self.name and address not in METADATA
        return address in self.network and (self.network.num_addresses == 1 or address not in METADATA)

    def __str__(self) -> str:
        host = self.name or str(self.network)
        if self.network is not None and self.network.num_addresses == 1:
            host = str(self.network.network_address)
        if self.port is None:
            return host
        return f"[{host}]:{self.port}" if ":" in host else f"{host}:{self.port}"


class AllowList(msgspec.Struct, frozen=True):
    """The exceptions; ``str`` gives the text that :func:`read_allow_list` reads."""

    entries: tuple[Allowed, ...] = ()

    def covers(self, name: str, address: IPAddress, port: int, ports: PortSet) -> bool:
        """Return whether any exception lets ``name`` be reached at this address and port."""
        return any(entry.covers(name, address, port, ports) for entry in self.entries)

    def __str__(self) -> str:
        return ",".join(map(str, self.entries))


class OutboundRules(msgspec.Struct, frozen=True, kw_only=True):
    """The destinations that requests may go to.

    Attributes:
        ports: the ports at which hosts may be reached that no exception gives a port of their own.
        allow: what may be reached beyond the public Internet.
        public: whether the public Internet may be reached at all, or only what ``allow`` names.
    """

    ports: PortSet = DEFAULT_PORTS
    allow: AllowList = AllowList()
    public: bool = True

    def refusal(self, host: str, address: IPAddress, port: int, is_own: Callable[[IPAddress], bool]) -> str | None:
        """Return why a host must not be reached at an address, and what would allow it; None where it may be.

        The sentence names the address: whoever operates the service must see what a name has become.

        Args:
            host: the name or address in the URL.
            address: one that it has.
            port: where it is to be reached.
            is_own: whether an address is one of this machine's.
        """
        if self.allow.covers(host.lower().removesuffix("."), address, port, self.ports):
            return None
        kind = special_kind(address) or ("this machine's own" if is_own(address) else None)
        shown = host if host == str(address) else f"{host}, which has the address {address},"
        if kind is not None:
            why = f"{address} is {kind}"
        elif not self.public:
            why = "only what OUTBOUND_ALLOW names may be reached"
        elif port not in self.ports:
            why = f"port {port} is not one of OUTBOUND_PORTS ({self.ports})"
        else:
            return None
        entry = _entry(address if address in METADATA else host, port)
        return f"{shown} is refused: {why}. To allow it, add {entry} to OUTBOUND_ALLOW"


def _entry(host: object, port: int) -> str:
    return f"[{host}]:{port}" if ":" in str(host) else f"{host}:{port}"


def read_ports(text: str) -> PortSet:
    """Ports as they are written into OUTBOUND_PORTS.

    Raises:
        ValueError: it is not what PORTS_EXPECTED says.
    """
    return PortSet(tuple(_read_range(part.strip()) for part in text.split(",")))


def _read_range(text: str) -> tuple[int, int]:
    match = _PORT_RANGE.fullmatch(text)
    if match is None:
        raise ValueError(text)
    first = int(match[1])
    last = int(match[2] or match[1])
    if not 1 <= first <= last <= _PORT_LIMIT:
        raise ValueError(text)
    return first, last


def read_allow_list(text: str) -> AllowList:
    """Exceptions as they are written into OUTBOUND_ALLOW; a comma too many is forgiven.

    Raises:
        ValueError: it is not what ALLOW_EXPECTED says.
    """
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if len(parts) > _MAX_ENTRIES:
        raise ValueError(text)
    return AllowList(tuple(_read_entry(part) for part in parts))


def _read_entry(text: str) -> Allowed:
    if "%" in text:
        raise ValueError(text)  # a zone, which connections to hosts never have
    if text.count(":") > 1 and not text.startswith("["):  # IPv6 without brackets, and so without a port
        return Allowed(network=ipaddress.IPv6Network(text))
    match = _WITH_PORT.fullmatch(text)
    if match is None:
        raise ValueError(text)
    bracketed, plain, port_text = match.groups()
    port = None if port_text is None else _read_range(port_text)[0]
    if bracketed is not None:
        return Allowed(network=ipaddress.IPv6Network(bracketed), port=port)
    if is_name(plain):
        return Allowed(name=plain.lower().removesuffix("."), port=port)
    return Allowed(network=ipaddress.IPv4Network(plain), port=port)
